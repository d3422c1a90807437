"""`titranc play`: a game through a real process, wrong lines answered, nothing hidden told too early."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from titranc.sim import session_files
from titranc.sim.session import Session

PROGRAM = [sys.executable, "-c", "from titranc.sim.cli import main; main()", "play"]
SHORT = ["scn_child", "--set", "horizon_years=1"]
GAME = "?\ng\n5\n\nw 14\n+\na 3\nr\n2.5\nu\nd\n"


def played(folder: Path, lines: str, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*PROGRAM, *words], cwd=folder, input=lines, capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, done.stdout, done.stderr


def test_a_game_to_the_debrief_saved_and_gone_on_with(tmp_path: Path) -> None:
    code, told, errors = played(tmp_path, GAME, *SHORT, "--save", "mine.json")
    assert (code, "Traceback" in errors) == (0, False)
    for words in (
        "never the treatment of a patient", "The guideline would order", "come again in 14 days",
        "The guideline decided at 3 visits", "a referral for transplant", "Taken back", "Debrief", "Saved: mine.json",
    ):  # fmt: skip
        assert words in told
    session = session_files.load(tmp_path / "mine.json")
    assert [str(act).split("(")[0] for act in session.acts] == ["Choice", "Choice", "Choice", "Autopilot"]
    code, told, _ = played(tmp_path, "\n", "--replay", "mine.json", "--save", "mine.json")
    assert code == 0
    assert session_files.load(tmp_path / "mine.json").visits().iloc[:-1].equals(session.visits())


def test_a_game_to_the_end_of_follow_up(tmp_path: Path) -> None:
    code, told, _ = played(tmp_path, "a end\n", *SHORT)
    assert code == 0
    assert "Follow-up is over on day 365" in told
    assert "You and the guideline never parted." in told


def test_what_ended_too_soon_is_taken_back_and_kept(tmp_path: Path) -> None:
    code, told, _ = played(tmp_path, "5\na end\n5\ns end.json\nu\n5\nq\n", *SHORT)
    assert code == 0
    assert "Follow-up is over. u takes the last choice back" in told
    assert len(session_files.load(tmp_path / "end.json").acts) == 2
    assert "Taken back" in told.partition("Saved: end.json")[2]


def test_no_line_is_wider_than_eighty_columns_or_cut(tmp_path: Path) -> None:
    _, told, _ = played(tmp_path, GAME + "banana\n99\na 40\n", *SHORT)
    assert max(len(line) for line in told.splitlines()) <= 80
    assert "…" not in told
    assert "[changed: horizon_years=1]" in told
    assert re.search(r"^  ! day .*\n    \S", told, re.MULTILINE)


def test_no_true_count_is_told_before_the_debrief(tmp_path: Path) -> None:
    _, told, _ = played(tmp_path, "5\na 12\ng\nq\n", *SHORT)
    before = told.partition("Debrief: the true count")[0]
    assert before != told
    session = Session.open(SHORT[0], ["horizon_years=1"])
    session.decide(5.0)
    session.autopilot(visits=12)
    reported = {f"{count:.2f}" for count in session.visits()["anc_reported_1e9_per_l"]}
    assert session.seen is not None
    reported |= {f"{session.seen.count.anc_1e9_per_l:.2f}"}
    true = {f"{row[1 + 7]:.2f}" for row in session.block.log.visits} - reported
    shown = set(re.findall(r"ANC (\d+\.\d\d)", before)) | set(re.findall(r"^ *\d+ +(\d+\.\d\d) ", before, re.MULTILINE))
    assert len(true) > 5
    assert shown
    assert not shown & true


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("banana", "is no order"), ("5 6", "is no order"), ("-3", "not allowed"), ("nan", "not allowed"), ("1e400", "not allowed"),
        ("w", "w takes whole days"), ("w 0", "w takes whole days"), ("w 9999", "w takes whole days"), ("w ²", "w takes whole days"),
        ("a 0", "a takes a number"), ("a x", "a takes a number"), ("u", "nothing to take back"), ("d", "Order something first"),
        ("s", "s takes the name"), ("s nowhere/x.json", "cannot be written"), ("s taken.txt", "left as it is"),
        ("99", "The safety gate refuses"), ("[red]x[/red]", "[red]x[/red]"), ("x" * 100_000, "is no order"), ("\x1b[31m", "is no order"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_answered_and_nothing_is_ordered(
    line: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from titranc.sim import playing

    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.txt").write_text("mine")
    lines = iter([f"{line}\n", ""])
    monkeypatch.setattr(
        playing.sys, "stdin", type("Piped", (), {"isatty": lambda s: False, "readline": lambda s: next(lines)})()
    )
    playing.play(*SHORT[:1], ["horizon_years=1"], 0, None, None)
    told = capsys.readouterr().out
    assert words in told.replace("\n", " ")
    assert "\x1b" not in told
    assert "Debrief" not in told
    assert (tmp_path / "taken.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["nonesuch"], "nonesuch"),
        (["scn_child", "--set", "horizon_years=900"], "horizon_years"),
        (["--replay", "foreign.json"], "foreign.json"),
        (["--replay", "nowhere.json"], "nowhere.json"),
        (["--save", "foreign.json"], "foreign.json"),
    ],
)
def test_what_cannot_be_played_is_refused(words: list[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "foreign.json").write_text('{"format": "another"}')
    code, told, errors = played(tmp_path, "5\n", *words)
    assert (code, told) == (2, "")
    assert named in errors
    assert "Traceback" not in errors
    assert (tmp_path / "foreign.json").read_text() == '{"format": "another"}'


@contextmanager
def at_a_terminal(
    folder: Path, program: list[str], typed: bytes = b""
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Give a process with a terminal of its own, `typed` already in it, and the terminal's other end."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(program, cwd=folder, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, typed)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def wait_for_prompts(terminal: int, prompts: int) -> None:
    seen = b""
    until = time.monotonic() + 60
    while seen.count(b"order> ") < prompts and time.monotonic() < until:
        seen += os.read(terminal, 4096)


@pytest.mark.parametrize("orders", [0, 1])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_at_the_desk_what_was_ordered_is_kept_and_nothing_half_written(
    number: int, code: int, orders: int, tmp_path: Path
) -> None:
    program = [*PROGRAM, *SHORT, "--save", "mine.json"]
    with at_a_terminal(tmp_path, program, b"5\n" * orders) as (process, terminal):
        wait_for_prompts(terminal, orders + 1)
        process.send_signal(number)
        assert process.wait(20) == code
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.json"] * orders
    assert not orders or len(session_files.load(tmp_path / "mine.json").acts) == 1


# The signal lands on a thread that is not reading, so that, as in the instant before a read, no read is broken off.
AWAY_FROM_THE_READ = f"""
import signal, sys, threading, time
from titranc.sim import playing
from titranc.sim.cli import main

def ask_to_stop():
    time.sleep(1)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

said = playing.Console.print
def print_and_start(console, *words, **how):
    said(console, *words, **how)
    if words == (playing.PROMPT,):
        threading.Thread(target=ask_to_stop, daemon=True).start()

playing.Console.print = print_and_start
sys.argv[1:] = {["play", *SHORT]!r}
main()
"""


def test_a_request_to_stop_that_breaks_off_no_read_is_heeded(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, [sys.executable, "-c", AWAY_FROM_THE_READ]) as (process, terminal):
        wait_for_prompts(terminal, 1)
        assert process.wait(20) == 128 + signal.SIGTERM
