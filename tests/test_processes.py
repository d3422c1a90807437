"""Runs that are stopped, killed, crowded out or refused by the disk leave nothing that could pass for a finished run."""

import os
import resource
import shutil
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
    """Return a run that holds its folder and has begun to work."""
    process = start(LONG, folder)
    deadline = time.monotonic() + 120
    while not (folder / "run" / "scenario.yaml").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert finish(SHORT, folder)[0] == 0
    return folder / "run"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """Return a finished run that a test may spoil."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_so_and_leaves_no_lock_and_no_manifest(tmp_path: Path, number: int, code: int) -> None:
    process = under_way(tmp_path)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines()[-1] == "Stopped; finished blocks of a run are kept, `--resume` goes on."
    assert "Traceback" not in errors
    assert not list((tmp_path / "run").glob("**/*.part"))
    assert not {".lock", ".lock-holder", "manifest.json"} & set(os.listdir(tmp_path / "run"))


STOPPED_IN_A_CALLBACK = """
import os, signal, time
from titranc.sim import failures
class Foreign:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)
failures.heed_requests_to_stop()
try:
    Foreign()
    time.sleep(30)
except failures.Stopped as stopped:
    raise SystemExit(failures.explained(stopped)[1])
"""


def test_a_request_to_stop_is_heard_where_no_exception_can_pass() -> None:
    program = [sys.executable, "-c", STOPPED_IN_A_CALLBACK]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (143, "")


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
    assert "--resume" in errors


@pytest.mark.slow
def test_a_run_that_lacks_only_its_manifest_is_unfinished_and_can_be_resumed(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    assert finish(["report", "run"], copy.parent)[0] == 4
    assert finish(SHORT, copy.parent)[0] == 3
    assert finish([*SHORT, "--resume"], copy.parent)[0] == 0
    assert finish(["report", "run"], copy.parent)[0] == 0


def test_a_folder_belongs_to_one_run_at_a_time_and_the_second_hears_who_holds_it(tmp_path: Path) -> None:
    first = under_way(tmp_path)
    code, errors = finish(SHORT, tmp_path)
    held = first.poll() is None
    first.kill()
    first.communicate()
    assert held
    assert code == 3
    assert f"another run is writing here (process {first.pid} on {os.uname().nodename}, since " in errors


CLAIM_AGAIN_AND_AGAIN = """
import time
from pathlib import Path
from titranc.sim import storage
claims = doubles = 0
until = time.monotonic() + 2
while time.monotonic() < until:
    try:
        with storage.claimed(Path("run"), resume=True):
            claims += 1
            doubles += Path("here").exists()
            Path("here").touch()
            Path("here").unlink(missing_ok=True)
    except storage.FolderInUse:
        continue
print(claims, doubles)
"""


def test_of_many_who_claim_a_folder_at_once_one_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM_AGAIN_AND_AGAIN]
    claimants = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    claims, doubles = zip(*(map(int, one.communicate(timeout=60)[0].split()) for one in claimants), strict=True)
    assert sum(claims) > 100
    assert sum(doubles) == 0


def limit_files_to_2000_bytes() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


@pytest.mark.slow
def test_a_file_that_may_grow_no_further_ends_the_run(tmp_path: Path, finished: Path) -> None:
    # The finished run has compiled the model: the limit is for the tables.
    code, errors = finish(SHORT, tmp_path, limit_files_to_2000_bytes)
    assert code == 5
    assert "Traceback" not in errors
    assert "free space or choose another folder" in errors
    assert "patients.parquet" in errors
    assert " bytes)" in errors
    assert not list((tmp_path / "run").glob("**/*.part"))
    assert not {".lock", "manifest.json"} & set(os.listdir(tmp_path / "run"))
    assert finish(["explain", "run"], tmp_path)[0] == 4
    assert finish([*SHORT, "--resume"], tmp_path)[0] == 0


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


def without_a_table(run: Path) -> None:
    (run / "doses.parquet").unlink()


def with_one_bit_turned(run: Path) -> None:
    table = bytearray((run / "outcomes.parquet").read_bytes())
    table[len(table) // 2] ^= 1
    (run / "outcomes.parquet").write_bytes(table)


def with_another_scenario(run: Path) -> None:
    text = (run / "scenario.yaml").read_text()
    (run / "scenario.yaml").write_text(text.replace("seed: ", "seed: 1"))


def with_a_manifest_of_something_else(run: Path) -> None:
    (run / "manifest.json").write_text('{"tables": 3}')


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (without_a_table, "doses.parquet: missing"),
        (with_one_bit_turned, "outcomes.parquet: its digest is not the one"),
        (with_another_scenario, "scenario.yaml: its digest is not the one"),
        (with_a_manifest_of_something_else, "manifest.json: not a manifest"),
    ],
)
def test_a_report_of_a_spoilt_run_is_refused(copy: Path, spoil: Callable[[Path], None], named: str) -> None:
    spoil(copy)
    before = (copy / "report.html").stat().st_mtime_ns
    code, errors = finish(["report", "run"], copy.parent)
    assert (code, "Traceback" in errors) == (4, False)
    assert named in errors
    assert (copy / "report.html").stat().st_mtime_ns == before


@pytest.mark.parametrize("words", [["--patient", "7"], ["--visit", "999"], ["--patient", "-1"]])
def test_a_patient_or_visit_that_is_not_there_is_answered_with_what_is(finished: Path, words: list[str]) -> None:
    code, errors = finish(["explain", "run", *words], finished.parent)
    assert code == 2
    assert words[1] in errors
    assert "a whole number, 0 to" in errors


@pytest.mark.slow
def test_the_wait_for_the_compiler_is_told_once(tmp_path: Path) -> None:
    cold = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = [
        subprocess.run(
            [*PROGRAM, *SHORT[:-1], f"run{i}"], cwd=tmp_path, env=os.environ | cold, capture_output=True, check=True
        ).stderr.decode()
        for i in range(2)
    ]
    assert ["Compiling the model" in text for text in told] == [True, False]
