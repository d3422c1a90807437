"""CPU seconds that commands take before a user sees something, byte code compiled.

    python tests/benchmarks/bench_startup.py

Prints a Markdown table: least and median of ten runs, user and system time together.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

ROUNDS = 10
PROGRAM = "from titranc.sim.cli import main; main()"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "titranc --help": ["-c", PROGRAM, "--help"],
    "titranc scenario check": ["-c", PROGRAM, "scenario", "check", "scn_child"],
    "titranc scenario list": ["-c", PROGRAM, "scenario", "list"],
}


def cpu_seconds(words: list[str]) -> float:
    """Return user and system seconds of one run of the interpreter."""
    # With this variable set every start would compile all sources again.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print("| command | least CPU s | median CPU s |\n|:--|--:|--:|")
    for name, words in COMMANDS.items():
        cpu_seconds(words)
        taken = [cpu_seconds(words) for _ in range(ROUNDS)]
        print(f"| `{name}` | {min(taken):.3f} | {statistics.median(taken):.3f} |")


if __name__ == "__main__":
    main()
