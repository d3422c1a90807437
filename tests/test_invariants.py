"""What a controller may never do, checked by a reader who knows only the tables of a run and the numbers of the edition.

Nothing here comes from the controller: the numbers are read from the data file, the chart is put together from `visits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from titranc.models import catalogue, order_gate
from titranc.models.clinic_view import Count, CountStatus, Decision, Observation, PastVisit
from titranc.models.dosing import Regimen
from titranc.sim import trial
from titranc.sim.scenario import load_scenario

EDITION = Path(catalogue.__file__).with_name("guidelines") / "source.yaml"
VALUES = {name: entry["value"] for name, entry in YAML(typ="safe").load(EDITION)["values"].items()}
HARD_CEILING = 120.0
TINY = 0.003  # half the injections of a day are whole nanograms

RUNS = {
    "as written": [],
    "hardly responding": ["cohort.parameters.gcsf_insensitivity={lognormal: {median: 150, cv: 0.5}}"],
    "poor adherence and a poor laboratory": [
        "adherence.doses_taken=0.5", "assay.lost_share=0.15", "assay.implausible_share=0.1",
        "laboratory.turnaround_hours=30",
    ],
    "a low ceiling and a long interval": [
        "policy.overrides={max_dose_ug_per_kg_day: 14, step_interval_days: 9, start_dose_ug_per_kg_day: 3}"
    ],
    "once daily, small steps": ["policy.overrides={injections_per_day: 1, step_ug_per_kg_day: 1.0}"],
}  # fmt: skip


@pytest.fixture(scope="module", params=RUNS, ids=lambda name: name.replace(" ", "-"))
def run(request: pytest.FixtureRequest) -> tuple[dict[str, pd.DataFrame], dict[str, float]]:
    changes = ["cohort.n=24", "horizon_years=2", *RUNS[request.param]]
    scenario = load_scenario("scn_child", changes)
    return trial.simulate(scenario, "x"), VALUES | dict(scenario.policy.overrides)


@pytest.fixture(scope="module")
def visits(run: tuple[dict[str, pd.DataFrame], dict[str, float]]) -> pd.DataFrame:
    """The visits with what a reader adds to them: whether the dose rose, and days since it was last changed."""
    table = run[0]["visits"].copy()
    before, after = table["dose_before_ug_per_kg_day"], table["dose_after_ug_per_kg_day"]
    table["rose"], table["fell"] = after > before + TINY, after < before - TINY
    changed_on = table["day"].where(table["rose"] | table["fell"])
    table["last_change"] = changed_on.groupby(table["patient_id"]).shift().groupby(table["patient_id"]).ffill()
    table["first"] = table["visit_no"] == 0
    held = before.where(before > 0).groupby(table["patient_id"]).ffill()
    table["resumed"] = table["rose"] & (before == 0) & ~table["first"] & (after <= held + TINY)
    table["raised"] = table["rose"] & ~table["first"] & ~table["resumed"]
    return table


@pytest.fixture(scope="module")
def values(run: tuple[dict[str, pd.DataFrame], dict[str, float]]) -> dict[str, float]:
    return run[1]


def test_every_dose_is_finite_and_below_every_ceiling(visits: pd.DataFrame, values: dict[str, float]) -> None:
    dose = visits["dose_after_ug_per_kg_day"]
    assert dose.between(0, min(HARD_CEILING, values["max_dose_ug_per_kg_day"]) + TINY).all()


def test_a_rise_follows_a_valid_low_count(visits: pd.DataFrame, values: dict[str, float]) -> None:
    raised = visits[visits["raised"]]
    assert (raised["lab_status"] == "valid").all()
    assert (raised["anc_reported_1e9_per_l"] < values["target_low_1e9_per_l"]).all()


def test_no_rise_on_a_count_that_is_none(visits: pd.DataFrame) -> None:
    blind = visits[visits["lab_status"] != "valid"]
    assert not (blind["rose"] & ~blind["first"]).any()


def test_a_rise_is_one_step_and_no_sooner_than_the_interval(visits: pd.DataFrame, values: dict[str, float]) -> None:
    raised = visits[visits["raised"]]
    step = raised["dose_after_ug_per_kg_day"] - raised["dose_before_ug_per_kg_day"]
    assert (step <= values["step_ug_per_kg_day"] + TINY).all()
    assert (raised["day"] - raised["last_change"] >= values["step_interval_days"]).all()


def test_a_count_above_ten_holds_and_two_above_five_lower(visits: pd.DataFrame, values: dict[str, float]) -> None:
    valid = visits[(visits["lab_status"] == "valid") & ~visits["first"] & (visits["dose_before_ug_per_kg_day"] > 0)]
    above_ten = valid[valid["anc_reported_1e9_per_l"] > values["never_aim_above_1e9_per_l"]]
    assert (above_ten["dose_after_ug_per_kg_day"] == 0).all()
    seen = visits[visits["lab_status"] == "valid"]
    high = seen["anc_reported_1e9_per_l"] > values["target_high_1e9_per_l"]
    twice = high & high.groupby(seen["patient_id"]).shift(fill_value=False) & (seen["visit_no"] > 1)
    lowered = seen[twice & (seen["dose_before_ug_per_kg_day"] > 0)]
    assert lowered["fell"].all()


def test_the_first_order_is_the_start_dose(visits: pd.DataFrame, values: dict[str, float]) -> None:
    first = visits[visits["first"]]
    assert first["dose_after_ug_per_kg_day"].to_numpy() == pytest.approx(values["start_dose_ug_per_kg_day"], abs=TINY)


def test_flags_follow_the_lines(visits: pd.DataFrame, values: dict[str, float]) -> None:
    dose, flags = visits["dose_after_ug_per_kg_day"], visits["flags"].str.split()
    assert flags[dose > values["risk_line_ug_per_kg_day"]].apply(lambda names: "MDS_MONITOR" in names).all()
    critical = dose > values["critical_line_ug_per_kg_day"]
    assert (flags.apply(lambda names: "CRITICAL" in names) == critical).all()
    band = (dose >= values["risk_line_ug_per_kg_day"]) & (dose < values["critical_line_ug_per_kg_day"])
    assert (flags.apply(lambda names: "TIGHT_MONITORING" in names) == band).all()


def test_monitoring_lasts_six_months_after_the_line(visits: pd.DataFrame, values: dict[str, float]) -> None:
    for _, own in visits.groupby("patient_id"):
        above = own.loc[own["dose_after_ug_per_kg_day"] > values["risk_line_ug_per_kg_day"], "day"]
        for day in above:
            after = own[(own["day"] >= day) & (own["day"] <= day + values["monitor_after_line_days"])]
            assert after["flags"].str.contains("MDS_MONITOR").all()


def test_a_rise_above_fifteen_names_the_rule_that_allows_it(visits: pd.DataFrame, values: dict[str, float]) -> None:
    crossing = visits[visits["raised"] & (visits["dose_after_ug_per_kg_day"] > values["critical_line_ug_per_kg_day"])]
    assert crossing["rule_ids"].str.split().str[0].eq("scn-raise-above-15").all()
    assert (crossing["reason"].str.len() > 20).all()


def test_a_changed_dose_and_a_changing_rule_go_together(visits: pd.DataFrame) -> None:
    kept = visits["action"].isin(["keep"])
    assert (kept == ~(visits["rose"] | visits["fell"]))[~visits["first"] & visits["gate"].eq("")].all()
    assert visits["rule_ids"].str.len().gt(0).all()


def test_a_low_count_is_answered_in_time(visits: pd.DataFrame, values: dict[str, float]) -> None:
    """Liveness: two low counts at the dose, the interval over, room above, nothing in the way: the dose rises."""
    for _, own in visits.groupby("patient_id"):
        low_before, changed = False, 0
        for row in own.itertuples():
            low = row.lab_status == "valid" and row.anc_reported_1e9_per_l < values["target_low_1e9_per_l"]
            dose = row.dose_before_ug_per_kg_day
            room = dose + TINY < values["max_dose_ug_per_kg_day"] and dose > 0
            due = row.day - changed >= max(values["step_interval_days"], values["days_at_line_before_crossing"])
            if low and low_before and room and due:
                assert row.rose, (row.patient_id, row.day)
            low_before = (low or (low_before and row.lab_status != "valid")) and not (row.rose or row.fell)
            changed = row.day if row.rose or row.fell or row.first else changed


def test_referrals_are_made_where_they_are_due(
    run: tuple[dict[str, pd.DataFrame], dict[str, float]], values: dict[str, float]
) -> None:
    visits, events = run[0]["visits"], run[0]["events"]
    line, days = values["non_responder_line_ug_per_kg_day"], values["days_to_judge_response"]
    for patient_id, own in visits.groupby("patient_id"):
        of_patient = events[events["patient_id"] == patient_id]["event"]
        long_above, since = [], None
        for row in own.itertuples():
            above = row.dose_before_ug_per_kg_day > line
            since = (row.day if since is None else since) if above and row.visit_no else None
            if row.dose_after_ug_per_kg_day > line and since is None:
                since = row.day
            low = row.lab_status == "valid" and row.anc_reported_1e9_per_l < values["target_low_1e9_per_l"]
            long_above.append(since is not None and row.day - since >= days and low and above)
        assert of_patient.eq("hsct_non_responder").sum() == any(long_above)
        assert of_patient.eq("hsct_low_responder").sum() <= 1


def test_the_weight_of_the_day_makes_the_dose(visits: pd.DataFrame) -> None:
    exact = visits["dose_after_ug_per_kg_day"] * visits["weight_kg"]
    assert visits["dose_after_ug_day"].to_numpy() == pytest.approx(exact.to_numpy(), abs=0.002)


def test_nothing_is_given_beyond_what_was_ordered(run: tuple[dict[str, pd.DataFrame], dict[str, float]]) -> None:
    tables = run[0]
    assert (tables["doses"]["doses_taken"] <= tables["doses"]["doses_ordered"]).all()
    ordered = tables["visits"].groupby("patient_id")["dose_after_ug_per_kg_day"].max()
    given = tables["trajectory"].groupby("patient_id")["dose_given_ug_per_kg"].max()
    assert (given <= ordered.reindex(given.index) * 1.05).all()


def courses() -> st.SearchStrategy[list[tuple[int, float, CountStatus]]]:
    anc = st.one_of(st.floats(0, 0.99), st.floats(0, 60), st.sampled_from([0.0, 0.5, 1.0, 5.0, 10.0, 1e6]))
    visit = st.tuples(st.integers(1, 40), anc, st.sampled_from([*CountStatus, *[CountStatus.VALID] * 6]))
    return st.lists(visit, min_size=1, max_size=25)


def chart_of(
    course: list[tuple[int, float, CountStatus]], asked_for: list[float]
) -> Iterator[tuple[Observation, Regimen]]:
    """Follow a fuzzed course under the guideline, or under `asked_for` when given; yield what was seen and ordered."""
    edition, regimen, day = catalogue.guideline("source"), None, 0
    history: list[PastVisit] = []
    for index, (wait, anc, status) in enumerate(course):
        count = Count(day, None if status is CountStatus.MISSING else anc, status)
        seen = Observation(day, 5.0 + day / 365, 18.0, "scn", count, regimen, tuple(history))
        decision = edition.decide(seen)
        if asked_for:
            wish = Regimen.daily(asked_for[index % len(asked_for)], 1)
            decision = Decision(wish, 7, "keep", ("mine",), "A plug-in asked for it.")
        ordered = order_gate.order(seen, decision, edition.limits, HARD_CEILING).regimen
        yield seen, ordered
        before = regimen or Regimen.daily(0.0, 1)
        history.append(PastVisit(day, count, before, ordered, decision.rule_ids))
        regimen, day = ordered, day + wait


@settings(max_examples=150, deadline=None)
@given(courses(), st.lists(st.floats(0, 1e7), max_size=4))
def test_no_course_and_no_plug_in_gets_a_forbidden_order(
    course: list[tuple[int, float, CountStatus]], asked_for: list[float]
) -> None:
    last_change, held = 0, 0.0
    for seen, ordered in chart_of(course, asked_for):
        dose, before = ordered.ug_per_kg_day, seen.regimen.ug_per_kg_day if seen.regimen else 0.0
        assert 0 <= dose <= VALUES["max_dose_ug_per_kg_day"]
        if seen.regimen is not None and dose > before:
            assert seen.count.status is CountStatus.VALID
            if not (before == 0 and dose <= held):
                assert seen.count.anc_1e9_per_l is not None
                assert seen.count.anc_1e9_per_l < VALUES["target_low_1e9_per_l"]
                assert seen.day - last_change >= VALUES["step_interval_days"]
        if asked_for and dose > VALUES["critical_line_ug_per_kg_day"]:
            assert max(before, held if before == 0 else 0) > VALUES["critical_line_ug_per_kg_day"]
        last_change = seen.day if dose != before or seen.regimen is None else last_change
        held = before if before > 0 else held
