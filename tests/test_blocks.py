"""The same tables whatever the blocks, the workers and the interruptions; a damaged part is found and made again."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from titranc.sim import storage, trial
from titranc.sim.block_simulation import simulate_block
from titranc.sim.digests import ContentDigest
from titranc.sim.scenario import load_scenario
from titranc.sim.scenario_differences import differences
from titranc.sim.ward import Ward

CHANGES = ["cohort.n=23", "horizon_years=0.5", "output.trajectory_patients=3"]
COMMAND = [sys.executable, "-c", "from titranc.sim.cli import main; main()", "run", "scn_child", "--out", "run"]


def digests(result: trial.Result) -> dict[str, str]:
    return {name: entry["content"] for name, entry in result.manifest["tables"].items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> trial.Result:
    return trial.run(load_scenario("scn_child", CHANGES), tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize(("block_patients", "workers"), [(1, 1), (4, 1), (7, 2), (23, 3)])
def test_blocks_and_workers_change_nothing(
    whole: trial.Result, tmp_path: Path, block_patients: int, workers: int
) -> None:
    how = trial.How(workers=workers, block_patients=block_patients)
    assert digests(trial.run(load_scenario("scn_child", CHANGES), tmp_path / "run", how=how)) == digests(whole)


def test_parts_make_up_the_table(whole: trial.Result, tmp_path: Path) -> None:
    how = trial.How(block_patients=5)
    found = trial.run(load_scenario("scn_child", CHANGES), tmp_path / "run", how=how)
    assert len(found.manifest["tables"]["visits"]["parts"]) == 5
    for name in ("visits", "outcomes", "summary", "anc_days"):
        assert found.table(name).drop(columns="run_id").equals(whole.table(name).drop(columns="run_id"))


@pytest.mark.parametrize("level", ["summary", "patient", "visit"])
def test_each_level_keeps_its_tables_and_says_the_same(whole: trial.Result, tmp_path: Path, level: str) -> None:
    scenario = load_scenario("scn_child", [*CHANGES, f"output.level={level}"])
    found = trial.run(scenario, tmp_path / "run", how=trial.How(block_patients=8))
    tables = {"summary": 3, "patient": 5, "visit": 8}
    assert len(found.manifest["tables"]) == tables[level]
    assert {path.name for path in (tmp_path / "run").glob("*.parquet")} == {
        f"{name}.parquet" for name in found.manifest["tables"]
    }
    assert digests(found) == {name: digests(whole)[name] for name in digests(found)}


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "note gone"])
def test_a_damaged_part_is_found_and_made_again(whole: trial.Result, tmp_path: Path, damage: str) -> None:
    scenario, folder = load_scenario("scn_child", CHANGES), tmp_path / "run"
    trial.run(scenario, folder, how=trial.How(block_patients=6))
    part, note = folder / "visits.parquet" / "00002.parquet", folder / "blocks" / "00002.json"
    data = bytearray(part.read_bytes())
    if damage == "cut":
        part.write_bytes(data[:-7])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        part.write_bytes(data)
    else:
        (part if damage == "gone" else note).unlink()
    if damage != "note gone":
        with pytest.raises(storage.IntegrityFailure, match="00002"):
            trial.read_table(folder, "visits")
    again = trial.run(scenario, folder, how=trial.How(block_patients=6, resume=True))
    assert digests(again) == digests(whole)
    assert again.manifest["work"]["blocks_worked_on"] >= 1


def test_resuming_another_run_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    trial.run(load_scenario("scn_child", CHANGES), folder)
    begun = load_scenario("scn_child", CHANGES)
    for change, words in (("seed=4", f"seed {begun.seed} -> 4"), ("cohort.n=9", f"cohort.n {begun.cohort.n} -> 9")):
        with pytest.raises(storage.IntegrityFailure, match="the scenario was another") as refused:
            trial.run(load_scenario("scn_child", [*CHANGES, change]), folder, how=trial.How(resume=True))
        assert f"({words})" in str(refused.value)
    (folder / "scenario.yaml").unlink()
    with pytest.raises(storage.IntegrityFailure, match="scenario was"):
        trial.run(load_scenario("scn_child", [*CHANGES, "seed=4"]), folder, how=trial.How(resume=True))


def test_two_scenarios_differ_in_what_is_said_of_each() -> None:
    base = load_scenario("scn_child").to_yaml()
    assert differences(base, base) == ""
    changed = load_scenario("scn_child", ["outcomes={}", "drug.vial_rounding_ug=30"]).to_yaml()
    told = differences(base, changed)
    assert told.startswith("drug.vial_rounding_ug 0.0 -> 30.0, outcomes.infections absent -> true, ")
    assert told.endswith(" more")
    assert differences(base, base.replace("title: ", "title: Another ", 1)).startswith("title ")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 2)])
def test_a_run_that_was_stopped_goes_on_to_the_same_tables(tmp_path: Path, number: int, workers: int) -> None:
    words = ["-n", "2000", "--set", "horizon_years=1", "--set", "output.level=patient", "--workers", str(workers)]
    process = subprocess.Popen([*COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True)
    notes = tmp_path / "run" / "blocks"
    while not list(notes.glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    (os.killpg if number == signal.SIGKILL else os.kill)(process.pid, number)
    process.communicate(timeout=10)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    kept = len(list(notes.glob("*.json")))
    assert kept < 4
    done = subprocess.run([*COMMAND, *words, "--resume"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["work"]["blocks_worked_on"] == 4 - kept
    scenario = load_scenario("scn_child", ["cohort.n=2000", "horizon_years=1", "output.level=patient"])
    outcomes = trial.simulate(scenario, "x")["outcomes"]
    assert manifest["tables"]["outcomes"]["content"] == trial.content_digest(outcomes)


def test_a_worker_that_is_killed_ends_the_run_with_code_6_and_keeps_what_is_finished(tmp_path: Path) -> None:
    words = ["-n", "3000", "--set", "horizon_years=1", "--set", "output.level=patient", "--workers", "2"]
    process = subprocess.Popen([*COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    notes = tmp_path / "run" / "blocks"
    while not list(notes.glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    found = subprocess.run(
        ["/usr/bin/env", "pgrep", "-P", str(process.pid), "-f", "spawn_main"],
        capture_output=True,
        text=True,
        check=True,
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 6
    assert "--resume" in errors
    assert list(notes.glob("*.json"))


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, *[w.process.pid for w in cluster.workers.values()], flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_tables(tmp_path: Path) -> None:
    (tmp_path / "cluster.py").write_text(CLUSTER)
    begin = [sys.executable, "cluster.py"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(begin, cwd=tmp_path, text=True, **pipes) as cluster:
        try:
            assert cluster.stdout is not None
            address, worker, _ = cluster.stdout.readline().split()
            words = ["-n", "3000", "--set", "horizon_years=1", "--set", "output.level=patient", "--scheduler", address]
            with subprocess.Popen([*COMMAND, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
                while not list((tmp_path / "run" / "blocks").glob("*.json")):
                    assert process.poll() is None, process.communicate()
                    time.sleep(0.05)
                os.kill(int(worker), signal.SIGKILL)
                _, errors = process.communicate(timeout=200)
                assert process.returncode == 0, errors
        finally:
            cluster.kill()
    found = json.loads((tmp_path / "run" / "manifest.json").read_text())
    scenario = load_scenario("scn_child", ["cohort.n=3000", "horizon_years=1", "output.level=patient"])
    assert found["tables"]["outcomes"]["content"] == trial.content_digest(trial.simulate(scenario, "x")["outcomes"])


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_answered(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "-n", "2", "--set", "horizon_years=0.1", "--scheduler", "tcp://127.0.0.1:9"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 6
    assert "no scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_digests_add_up_in_any_order() -> None:
    table = trial.simulate(load_scenario("scn_child", CHANGES), "x")["visits"]
    parts = [table.iloc[200:], table.iloc[:50], table.iloc[50:200].sample(frac=1, random_state=1)]
    assert sum((ContentDigest.of(part) for part in parts), ContentDigest()) == ContentDigest.of(table)
    changed = table.assign(day=table["day"].where(table.index != 7, 1_000_000))
    assert ContentDigest.of(changed) != ContentDigest.of(table)


def test_a_block_does_not_outlive_itself() -> None:
    """Wards that pile up filled the memory of a long run."""
    scenario = load_scenario("scn_child", CHANGES)
    for _ in range(2):
        simulate_block(scenario, "x", range(5), lambda share: None)
    assert not [found for found in gc.get_objects() if isinstance(found, Ward)]


def test_a_cohort_of_several_blocks_keeps_the_days_of_its_first_patients() -> None:
    options = ["cohort.n=501", "horizon_years=0.02", "output.trajectory_patients=3"]
    tables = trial.simulate(load_scenario("scn_child", options), "x")
    assert set(tables["trajectory"]["patient_id"]) == {0, 1, 2}
    assert tables["outcomes"]["patient_id"].nunique() == 501


def test_more_arms_leave_room_for_fewer_patients() -> None:
    one, seven = load_scenario("scn_child"), load_scenario("compare_policies")
    assert trial.block_size(one) > trial.block_size(seven) * (len(seven.arms) - 1) > 1
    assert trial.block_size(seven, trial.How(block_patients=9)) == 9
