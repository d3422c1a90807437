"""Whatever rests on a recalled number says so wherever it is shown."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from titranc.models import catalogue
from titranc.sim import guideline_tables, trial
from titranc.sim.report.explain import render_explanation
from titranc.sim.report.page import write_report
from titranc.sim.report.summary import render_summary
from titranc.sim.scenario import load_scenario

ADULT, CHILD = "scn_adult", "scn_child"
HEAVY = ["cohort.weight_z=2.5"]
MEDIAN = ["cohort.weight_z=0"]
RECALLED = {name: entry for name, entry in catalogue.edition("source").values.items() if entry.grade == "C"}


def printed(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined]


def run(folder: Path, name: str, changes: list[str]) -> dict[str, Any]:
    return trial.run(load_scenario(name, ["horizon_years=0.1", *changes]), folder).manifest


def tables_of(folder: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("visits", "events", "outcomes")}


@pytest.mark.parametrize(
    ("name", "changes", "rests_on"), [(ADULT, MEDIAN, "adult"), (CHILD, HEAVY, "tails"), (CHILD, MEDIAN, "")]
)
def test_weights_beyond_the_growth_curves_are_marked(
    tmp_path: Path, name: str, changes: list[str], rests_on: str
) -> None:
    manifest = run(tmp_path / "run", name, changes)
    screen = printed(render_summary(tables_of(tmp_path / "run"), manifest))
    page = write_report(tmp_path / "run").read_text()
    growth = page[page.index('id="growth"') : page.index('id="story"')]
    story = page[page.index('id="story"') : page.index('id="events"')]
    for mark in ("kg (C)", "ug a day (C)", "(C) = C: recalled"):
        assert (mark in screen) == bool(rests_on)
    assert ("(C)" in story) == bool(rests_on)
    assert ("C: recalled" in growth) == bool(rests_on)
    assert rests_on in growth


def test_every_recalled_number_of_a_run_is_marked_in_its_report(tmp_path: Path) -> None:
    manifest = run(tmp_path / "run", ADULT, HEAVY)
    page = write_report(tmp_path / "run").read_text()
    shelves = ("guideline_values", "parameters", "reference_parameters", "assay", "growth", "drug")
    grades = [entry["grade"] for shelf in shelves for entry in manifest[shelf].values()]
    assert set(grades) <= {"A", "B", "C", "calibrated"}
    assert grades.count("C") == len(RECALLED) + 2
    assert page.count("C, unverified</span>") == grades.count("C")


def test_a_number_of_the_scenario_is_not_graded_as_if_it_were_read(tmp_path: Path) -> None:
    changes = [
        "policy.overrides.visit_titrating_days=7",
        "cohort.parameters.maturation_days=4.5",
        "assay.cells_counted=100",
    ]
    manifest = run(tmp_path / "run", CHILD, changes)
    for shelf, name, value in (
        ("guideline_values", "visit_titrating_days", 7),
        ("reference_parameters", "maturation_days", 4.5),
        ("assay", "cells_counted", 100),
    ):
        assert manifest[shelf][name]["value"] == value
        assert manifest[shelf][name]["grade"] == "scenario"
    assert "This scenario, in the place of 3.5." in write_report(tmp_path / "run").read_text()


def test_numbers_that_an_arm_replaces_are_told_with_the_arm(tmp_path: Path) -> None:
    scenario = tmp_path / "arms.yaml"
    scenario.write_text(
        "extends: scn_child\ntitle: x\nhorizon_years: 0.1\narms:\n- {name: source}\n"
        "- {name: small, policy: {kind: guideline, overrides: {step_ug_per_kg_day: 1.0}}}\n"
    )
    values = trial.run(load_scenario(scenario), tmp_path / "run").manifest["guideline_values"]
    assert values["step_ug_per_kg_day"]["in_arms"] == {"small": 1.0}
    assert "in_arms" not in values["step_interval_days"]
    assert "2.5; 1 in arm small" in write_report(tmp_path / "run").read_text()


def test_the_edition_is_shown_with_its_marks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    guideline_tables.show_edition("source")
    lines = capsys.readouterr().out.splitlines()
    for name in RECALLED:
        assert any(name in line and "recalled, unverified" in line for line in lines), name
    assert any("twelve months (C" in line for line in lines)


def test_the_edition_is_read_on_a_narrow_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    guideline_tables.show_edition("source")
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    words = " ".join(told.split())
    for rule in catalogue.edition("source").rules:
        assert f"\nrule {rule.id}\n" in told, rule.id
        assert " ".join(rule.says.split()) in words, rule.id


def test_an_explanation_marks_the_interval_of_the_marrow_and_quotes_the_article(tmp_path: Path) -> None:
    manifest = run(tmp_path / "run", CHILD, [])
    words = " ".join(printed(render_explanation(tables_of(tmp_path / "run")["visits"], manifest, 0)).split())
    assert "twelve months (C: recalled, unverified)" in words
    assert "the article says “regular bone marrow examinations, flow cytometry, and cytogenetics”" in words
