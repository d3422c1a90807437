"""The command line answers: done, or one message and its exit code, and nothing half-written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from titranc.sim import benchmark

ROOT = Path(__file__).parents[1]


def titranc(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = "from titranc.sim.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip


def test_a_run_writes_tables_scenario_manifest_and_report_and_tells_its_story(tmp_path: Path) -> None:
    done = titranc("run", "scn_child", "--set", "horizon_years=0.5", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "runs" / "scn_child").iterdir()} == {
        "patients.parquet", "visits.parquet", "doses.parquet", "trajectory.parquet", "events.parquet",
        "outcomes.parquet", "summary.parquet", "anc_days.parquet", "dose_days.parquet", "blocks", "run.json", "scenario.yaml", "manifest.json", "report.html",
    }  # fmt: skip
    assert "Teaching and research only" in done.stdout
    story = titranc("explain", "runs/scn_child", "--patient", "0", folder=tmp_path)
    assert story.returncode == 0, story.stderr
    assert "scn-start" in story.stdout


def test_an_existing_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "mine.txt").write_text("mine")
    refused = titranc("run", "scn_child", "--set", "horizon_years=0.1", "--out", "kept", folder=tmp_path)
    assert refused.returncode == 3
    assert "not empty" in refused.stderr
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("schema_version: 1\ntitle: x\ncohort: {disease: scn, age_yers: 2}\n", "age_years"),
        ("schema_version: 1\ntitle: x\ncohort: {disease: scn, age_years: 250}\n", "250"),
        ("schema_version: 1\ntitle: x\ntitle: y\n", "title"),
        (
            "schema_version: 1\ntitle: x\ncohort: {disease: scn, age_years: 2}\npolicy: {kind: fixed, dose_mg_per_kg: 5}\n",
            "thousandfold",
        ),
    ],
)
def test_a_wrong_scenario_gets_one_message_and_code_2(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    refused = titranc("run", "wrong.yaml", folder=tmp_path)
    assert refused.returncode == 2
    assert "wrong.yaml" in refused.stderr
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_an_altered_table_is_found_before_it_is_explained(tmp_path: Path) -> None:
    assert titranc("run", "scn_child", "--set", "horizon_years=0.1", "--out", "run", folder=tmp_path).returncode == 0
    table = tmp_path / "run" / "visits.parquet"
    table.write_bytes(table.read_bytes()[:-1])
    refused = titranc("explain", "run", folder=tmp_path)
    assert refused.returncode == 4
    assert "visits.parquet" in refused.stderr


def test_a_patient_who_is_not_there_is_answered(tmp_path: Path) -> None:
    assert titranc("run", "scn_child", "--set", "horizon_years=0.1", "--out", "run", folder=tmp_path).returncode == 0
    refused = titranc("explain", "run", "--patient", "7", folder=tmp_path)
    assert refused.returncode == 2
    assert "patient" in refused.stderr


def test_the_rules_are_shown_with_line_citation_and_audit_row(tmp_path: Path) -> None:
    shown = titranc("guideline", "show", "source", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for word in ("scn-raise", "L40", "Donadieu", "hsct-non-respo"):
        assert word in shown.stdout


@pytest.mark.parametrize("words", [["--help"], ["scenario", "check", "scn_child"]])
def test_help_and_checks_load_no_heavy_library(words: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom titranc.sim.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', [m for m in ('numpy', 'pandas', 'numba', 'scipy', 'matplotlib', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "LOADED []" in done.stdout


def test_the_machine_is_measured() -> None:
    found = benchmark.measured(patients=8, years=0.5)
    per_day = found["microseconds_per_patient_day"]
    assert set(per_day) == {"bodies", "clinic", "writing", "all"}
    assert all(cost > 0 for cost in per_day.values())
    assert found["patient_years_per_second"] == pytest.approx(1e6 / 365.25 / per_day["all"])
