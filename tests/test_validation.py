"""Published numbers beside simulated ones: the rule of acceptance, the protocols, the table and its page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.models.documents import InputRefused, read_document
from titranc.models.integrator import RECORDS
from titranc.models.shelves import MODELS_FOLDER
from titranc.sim import validating
from titranc.sim.scenario import load_scenario
from titranc.sim.validation import acceptance
from titranc.sim.validation.course_measures import below_in_a_row, days_below_a_cycle
from titranc.sim.validation.measures import OF_BODY, OF_TABLES, estimate
from titranc.sim.validation.samples import Estimate, Sample, mean, median, percentage, ratio
from titranc.sim.validation.soundness import drug_balance, solver_errors
from titranc.sim.validation.studies import Studies, Virtual
from titranc.sim.validation.table import accepted, by_area, in_words, validation_table
from titranc.sim.validation.targets import BY_CONSTRUCTION, FITTED, Target, study, targets

STUDIES = list(read_document(MODELS_FOLDER / "evidence" / "targets.yaml").data["studies"])
# Rows on which the digest of their names falls, and which no parameter was chosen by.
HELD_OUT = {
    "SCN-R08", "SCN-R13", "SCN-I01", "SCN-I15", "SCN-L09", "CYC-04", "CYC-05", "CHE-11", "CHE-19", "CHE-24", "CHE-48", "FNE-07",
    "FNE-09", "ENG-19", "ENG-22",
}  # fmt: skip


def target(**changes: object) -> Target:
    plain = {
        "id": "X-1", "area": "x", "population": "", "intervention": "", "endpoint": "", "unit": "%", "grade": "A",
        "citation": "", "link": "", "kind": "level", "measure": {"name": "column"},
    }  # fmt: skip
    return Target(**(plain | changes))  # type: ignore[arg-type]


def at(value: float) -> Estimate:
    return Estimate(value, value, value, 0.0, 100)


# The rows


def test_every_published_row_has_a_study_or_a_reason_and_a_source() -> None:
    rows = targets()
    assert len({row.id for row in rows}) == len(rows) == 181
    for row in rows:
        assert bool(row.measure) != bool(row.left_out), row.id
        assert row.citation, row.id
        assert row.link, row.id
        assert row.grade in "ABC", row.id


def test_a_grade_c_row_never_counts() -> None:
    recalled = [row for row in targets() if row.grade == "C"]
    assert len(recalled) >= 5
    assert not any(row.gates for row in recalled)


def test_the_rows_held_out_are_a_fifth_of_those_that_test_the_model_and_the_same_ones() -> None:
    tests = [row for row in targets() if row.gates and not row.role]
    assert {row.id for row in tests if row.held_out} == HELD_OUT
    assert 0.15 < len(HELD_OUT) / len(tests) < 0.3


def test_what_was_fitted_or_is_an_input_cannot_be_held_out() -> None:
    digest_falls_on = target(id="SCN-R02")
    assert digest_falls_on.held_out
    for role in (FITTED, BY_CONSTRUCTION):
        assert not dataclasses.replace(digest_falls_on, role=role).held_out


@pytest.mark.parametrize("name", STUDIES)
def test_every_protocol_is_a_scenario_that_can_be_read(name: str) -> None:
    for cohort in study(name):
        scenario = load_scenario(cohort.scenario, [*cohort.changes, f"cohort.n={cohort.patients}"])
        assert scenario.cohort.n == cohort.patients


def test_every_study_is_used_and_every_measure_exists() -> None:
    simulated = [row for row in targets() if row.measure]
    assert {row.study for row in simulated} - {""} == set(STUDIES)
    for row in simulated:
        name = row.measure["name"]
        assert name in (OF_TABLES if row.study else OF_BODY), row.id
        within = acceptance.bounds(row)
        assert within.accepted_low <= within.low <= within.high <= within.accepted_high, row.id


# The rule of acceptance


@pytest.mark.parametrize(
    ("row", "value", "verdict"),
    [
        (target(kind="proportion", published=90, n=120), 84.0, acceptance.INSIDE),
        (target(kind="proportion", published=90, n=120), 80.5, acceptance.ACCEPTED),
        (target(kind="proportion", published=90, n=120), 80.0, acceptance.OUTSIDE),
        (target(kind="proportion", published=20), 22.9, acceptance.ACCEPTED),
        (target(kind="proportion", published=20), 23.1, acceptance.OUTSIDE),
        (target(kind="time", published=7, unit="d"), 8.0, acceptance.ACCEPTED),
        (target(kind="time", published=7, unit="d"), 8.1, acceptance.OUTSIDE),
        (target(kind="time", published=15, low=10, high=22, unit="d"), 18.0, acceptance.INSIDE),
        (target(kind="level", published=8, unit="ug/kg/d"), 6.0, acceptance.ACCEPTED),
        (target(kind="level", published=8, unit="ug/kg/d"), 5.9, acceptance.OUTSIDE),
        (target(kind="level", published=0.34, low=0.30, high=0.37, unit="x"), 0.36, acceptance.INSIDE),
        (target(kind="at_least", published=90), 99.0, acceptance.INSIDE),
        (target(kind="at_least", published=90), 86.9, acceptance.OUTSIDE),
        (target(kind="at_most", published=6), 8.9, acceptance.ACCEPTED),
        (target(kind="range", low=0, high=7), 7.1, acceptance.OUTSIDE),
    ],
)
def test_the_rule_of_acceptance(row: Target, value: float, verdict: str) -> None:
    assert acceptance.verdict(row, at(value)) == verdict


def test_how_far_off_a_number_is() -> None:
    row = target(published=10.0, unit="x")
    assert acceptance.factor_off(row, at(9.0)) == 1
    assert acceptance.factor_off(row, at(5.0)) == acceptance.factor_off(row, at(20.0)) == 2
    assert acceptance.factor_off(row, at(0.0)) == np.inf
    assert acceptance.factor_off(target(kind="range", low=0, high=7), at(14.0)) == 2


def test_not_a_number_is_outside() -> None:
    assert acceptance.verdict(target(published=10.0), at(float("nan"))) == acceptance.OUTSIDE


def test_a_study_too_small_for_its_interval_is_told() -> None:
    row = target(kind="proportion", published=50, low=40, high=60)
    assert acceptance.too_coarse(row, Estimate(50, 37, 63, 6.7, 50))
    assert not acceptance.too_coarse(row, Estimate(50, 37, 63, 6.6, 50))


# Samples


def test_the_error_of_a_sample_is_that_of_its_statistic() -> None:
    values = np.random.default_rng(1).standard_normal(2500)
    own = Sample.of(mean, values).estimate()
    assert own.error == pytest.approx(1 / 50, rel=0.15)
    assert own.low < 0 < own.high
    assert Sample.of(percentage, values > 0).estimate().error == pytest.approx(1.0, rel=0.15)
    assert Sample.of(median, values).estimate().error == pytest.approx(1.2533 / 50, rel=0.2)


def test_what_is_unknown_of_a_patient_is_left_out_of_all_columns() -> None:
    own = Sample.of(ratio, [1.0, np.nan, 3.0], [2.0, 2.0, 6.0]).estimate()
    assert (own.value, own.patients) == (0.5, 2)
    assert np.isnan(Sample.of(mean, [np.nan]).estimate().value)


# What is read off a study


def of_mornings(*courses: list[float]) -> Virtual:
    rows = [
        {"arm": "a", "cohort": 0, "patient_id": who, "day": day, RECORDS[0]: count}
        for who, course in enumerate(courses)
        for day, count in enumerate(course)
    ]
    return Virtual({"trajectory": pd.DataFrame(rows)})


def test_mornings_below_a_limit_must_follow_one_another() -> None:
    virtual = of_mornings([2, 0.9, 2, 0.9, 2], [2, 0.9, 0.8, 2, 2], [2, 2, 2, 2, 2])
    assert below_in_a_row(virtual, 1.0, 2).estimate().value == pytest.approx(100 / 3)
    assert below_in_a_row(virtual, 1.0, 1).estimate().value == pytest.approx(200 / 3)


def test_each_cycle_of_chemotherapy_counts_by_itself() -> None:
    virtual = of_mornings([0.1, 3, 0.4, 0.4, 3, 3, 0.4, 0.1], [0.1, 3, 3, 0.4, 3, 3, 3, 0.1])
    two = days_below_a_cycle(virtual, 0.5, "median", first_day=1, every_days=3, cycles=2)
    assert two.estimate().value == 1.0
    assert two.estimate().patients == 4


# Virtual studies


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    chosen = [
        row
        for row in targets()
        if row.area
        in ("growth", "drug and effect", "chemotherapy", "engraftment", "cyclic disease", "autoimmune disease")
        and row.study not in ("lung_cancer_cde", "cyclic_lives")
    ]
    return validation_table(chosen, Studies(scale=0.12))


@pytest.mark.slow
def test_small_studies_already_reproduce_most_of_what_was_published(small: pd.DataFrame) -> None:
    gating = small[small["gates"]]
    assert accepted(gating).mean() > 0.75
    assert len(gating) > 55


def test_every_number_beside_an_interval_has_one_of_its_own(small: pd.DataFrame) -> None:
    simulated = small[small["verdict"] != acceptance.LEFT_OUT]
    assert (simulated["simulated_low"] <= simulated["simulated"]).all()
    assert (simulated["simulated"] <= simulated["simulated_high"]).all()
    assert (simulated[simulated["study"] != ""]["patients"] > 20).all()


def test_a_wrong_strength_of_chemotherapy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table can fail: with a regimen three times as strong the trial's days below 0.5 are not met."""
    from titranc.sim.validation import studies

    (row,) = (row for row in targets() if row.id == "CHE-10")
    right = study("breast_docetaxel_doxorubicin_1")
    wrong = tuple(
        type(cohort)(cohort.scenario, (*cohort.changes, "cohort.traits={chemotherapy_exposure: {fixed: 1.9}}"), 20)
        for cohort in right
    )
    assert acceptance.verdict(row, estimate(row, Studies(scale=0.1))) != acceptance.OUTSIDE
    monkeypatch.setattr(studies, "study", lambda name: wrong)
    assert acceptance.verdict(row, estimate(row, Studies())) == acceptance.OUTSIDE


def test_the_count_by_area_is_the_count_of_the_rows(small: pd.DataFrame) -> None:
    areas = by_area(small)
    gating = small[small["gates"]]
    assert areas.loc["all", "rows"] == len(gating)
    assert areas.loc["all", "accepted"] == accepted(gating).sum()
    assert areas.loc["growth", "accepted"] == 7
    parts = list(areas.index)[list(areas.index).index("all") + 1 :]
    assert len(parts) == 4
    assert areas.loc[parts, "rows"].sum() == len(gating)
    assert areas.loc["an input read back", "rows"] == (gating["role"] == BY_CONSTRUCTION).sum()
    assert f"{accepted(gating).sum()} of {len(gating)}" in in_words(small)


# The ground it stands on


def test_the_solver_keeps_its_promise_in_every_disease() -> None:
    errors = solver_errors()
    assert len(errors) == 10
    assert errors["largest_relative_error"].between(1e-12, 1e-4).all()


def test_the_drug_that_goes_in_comes_out() -> None:
    assert drug_balance() < 1e-3


# The command


def test_the_command_writes_table_and_page_and_tells_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validating.validate(["growth", "measurement"], 0.1, 5, tmp_path / "v", report=True, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert {row["id"] for row in told["rows"]} >= {"GRO-01", "MEA-01", "MEA-03"}
    table = pd.read_csv(tmp_path / "v" / "validation.csv")
    assert len(table) == len(told["rows"]) == 10
    assert (table["verdict"] == acceptance.LEFT_OUT).sum() == 2
    page = (tmp_path / "v" / "validation.html").read_text(encoding="utf-8")
    assert "GRO-01" in page
    assert "aria-label" in page or "<title" in page
    assert "<script" not in page


def test_the_table_marks_grades_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validating.validate(["growth", "measurement"], 0.1, 5, tmp_path / "v", report=False, as_json=False)
    told = capsys.readouterr().out
    assert "GRO-05 Bi" in told
    assert "never the treatment of a patient" in told
    assert not (tmp_path / "v" / "validation.html").exists()


def test_an_area_that_is_not_there_is_answered(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="one of response in congenital disease"):
        validating.validate(["spleen"], 1.0, 5, tmp_path / "v", report=True, as_json=False)
    assert not (tmp_path / "v").exists()
