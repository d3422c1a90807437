"""Runs that are stopped, killed, crowded out or refused by the disk leave nothing that could pass for a finished run."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "from titranc.sim.cli import main; main()"]
LONG = ["run", "scn_child", "-n", "2000", "--out", "run"]
SHORT = ["run", "scn_child", "--set", "horizon_years=0.1", "--out", "run"]


def start(words: list[str], folder: Path, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before
    )


def finish(words: list[str], folder: Path, before: Callable[[], None] | None = None) -> tuple[int, str]:
    process = start(words, folder, before)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def under_way(folder: Path) -> subprocess.Popen[str]:
    """Return a run that holds its folder."""
    process = start(LONG, folder)
    deadline = time.monotonic() + 120
    while not (folder / "run" / ".lock").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_leaves_no_lock_and_no_manifest(tmp_path: Path, number: int, code: int) -> None:
    process = under_way(tmp_path)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines()[-1] == "Stopped; what is finished is kept, `--resume` goes on."
    assert "Traceback" not in errors
    assert not list((tmp_path / "run").glob("**/*.part"))
    assert not {".lock", "manifest.json"} & set(os.listdir(tmp_path / "run"))


def test_a_killed_run_is_no_run_and_its_folder_is_not_taken_for_one(tmp_path: Path) -> None:
    process = under_way(tmp_path)
    process.kill()
    process.communicate()
    code, errors = finish(["report", "run"], tmp_path)
    assert code == 4
    assert "not a finished run" in errors
    code, errors = finish(SHORT, tmp_path)
    assert code == 3
    assert "an unfinished run is here" in errors


def test_a_folder_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    first = under_way(tmp_path)
    code, errors = finish(SHORT, tmp_path)
    first.kill()
    first.communicate()
    assert code == 3
    assert "another run is writing here" in errors


def test_a_file_that_may_grow_no_further_ends_the_run(tmp_path: Path) -> None:
    assert finish([*SHORT[:-1], "warm"], tmp_path)[0] == 0
    code, errors = finish(SHORT, tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)))
    assert code == 5
    assert "Traceback" not in errors
    assert "no finished run was left" in errors
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert finish(["explain", "run"], tmp_path)[0] == 4


@pytest.mark.parametrize(("out", "code"), [("/sys/titranc", 5), ("taken", 2), ("taken/run", 2)])
def test_a_place_that_takes_no_folder_is_refused(tmp_path: Path, out: str, code: int) -> None:
    (tmp_path / "taken").write_text("a file")
    found, errors = finish([*SHORT[:-1], out], tmp_path)
    assert found == code, errors
    assert "Traceback" not in errors
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_report_of_nothing_is_refused(tmp_path: Path) -> None:
    code, errors = finish(["report", "nowhere"], tmp_path)
    assert code == 4
    assert "nowhere" in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [["--patient", "7"], ["--visit", "999"], ["--patient", "-1"]])
def test_a_patient_or_visit_that_is_not_there_is_answered_with_what_is(tmp_path: Path, words: list[str]) -> None:
    assert finish(SHORT, tmp_path)[0] == 0
    code, errors = finish(["explain", "run", *words], tmp_path)
    assert code == 2
    assert words[1] in errors
    assert "a whole number, 0 to" in errors


def test_the_wait_for_the_compiler_is_told_once(tmp_path: Path) -> None:
    cold = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = [
        subprocess.run(
            [*PROGRAM, *SHORT[:-1], f"run{i}"], cwd=tmp_path, env=os.environ | cold, capture_output=True, check=True
        ).stderr.decode()
        for i in range(2)
    ]
    assert ["Compiling the model" in text for text in told] == [True, False]
