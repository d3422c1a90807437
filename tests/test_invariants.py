"""What a controller may never do, checked by a reader who knows only the tables of a run and the numbers of the edition.

Nothing here comes from the controller: numbers are read from the data files, the chart is put together from `visits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from titranc.sim import trial
from titranc.sim.scenario import load_scenario

DATA = resources.files("titranc.models")
EDITION = YAML(typ="safe").load((DATA / "guidelines" / "source.yaml").read_text())
FILGRASTIM = YAML(typ="safe").load((DATA / "drugs" / "filgrastim.yaml").read_text())
HARD_CEILING = FILGRASTIM["absolute_maximum_ug_per_kg_day"]["value"]
RULES = {rule["id"]: rule for shelf in ("dose_rules", "standing_rules", "shown_rules") for rule in EDITION[shelf]}
TINY = 0.003  # the injections of a day are whole nanograms

RUNS = {
    "as written": [],
    "hardly responding": ["cohort.parameters.gcsf_insensitivity={lognormal: {median: 150, cv: 0.5}}"],
    "very sensitive": [
        "cohort.parameters.gcsf_insensitivity={lognormal: {median: 1, cv: 0.3}}",
        "cohort.parameters.apoptosis_hazard=1.5",
    ],
    "poor adherence and a poor laboratory": [
        "adherence.doses_taken=0.5", "assay.lost_share=0.15", "assay.implausible_share=0.1",
        "laboratory.turnaround_hours=30",
    ],
    "a low ceiling and a long interval": [
        "policy.overrides={max_dose_ug_per_kg_day: 14, step_interval_days: 9, start_dose_ug_per_kg_day: 3}"
    ],
    "once daily, small steps": ["policy.overrides={injections_per_day: 1, step_ug_per_kg_day: 1.0}"],
    "results four days old": ["laboratory.turnaround_hours=96"],
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A finished run as a reader finds it."""

    tables: dict[str, pd.DataFrame]
    values: dict[str, float]
    visits: pd.DataFrame

    def on_treatment(self) -> pd.DataFrame:
        """The visits after the first."""
        return self.visits[~self.visits["first"]]


@cache
def case_of(name: str) -> Case:
    scenario = load_scenario("scn_child", ["cohort.n=28", "horizon_years=2.5", *RUNS[name]])
    tables = trial.simulate(scenario, "x")
    values = {key: entry["value"] for key, entry in EDITION["values"].items()} | dict(scenario.policy.overrides)
    fresh = scenario.laboratory.turnaround_hours <= 24 * values["count_valid_days"]
    return Case(tables, values, read(tables["visits"], fresh))


def read(visits: pd.DataFrame, fresh: bool) -> pd.DataFrame:
    """The visits from the start of treatment on, with what a reader adds to them: whether the dose rose or fell, since when.

    A count is valid when the laboratory says so and its blood was drawn lately enough (`fresh`).
    """
    table = visits.sort_values(["patient_id", "day"], kind="stable", ignore_index=True)
    begun = table.groupby("patient_id")["dose_after_ug_per_kg_day"].cummax() > 0
    table = table[begun].reset_index(drop=True)
    patient, before, after = (
        table[name] for name in ("patient_id", "dose_before_ug_per_kg_day", "dose_after_ug_per_kg_day")
    )
    table["before"], table["after"], table["anc"] = before, after, table["anc_reported_1e9_per_l"]
    table["valid"], table["first"] = fresh & (table["lab_status"] == "valid"), ~table["patient_id"].duplicated()
    table["rose"], table["fell"] = after > before + TINY, after < before - TINY
    changed_on = table["day"].where(table["rose"] | table["fell"])
    table["last_change"] = changed_on.groupby(patient).shift().groupby(patient).ffill()
    table["held"] = before.where(before > 0).groupby(patient).ffill()
    table["on_hold"] = (before == 0) & ~table["first"]
    table["resumed"] = table["rose"] & table["on_hold"] & (after <= table["held"] + TINY)
    table["raised"] = table["rose"] & ~table["first"] & ~table["resumed"]
    table["led_by"] = table["rule_ids"].str.split().str[0]
    return table


@pytest.fixture(scope="session", params=RUNS, ids=lambda name: name.replace(" ", "-"))
def case(request: pytest.FixtureRequest) -> Case:
    return case_of(request.param)


def test_every_dose_is_finite_and_below_every_ceiling(case: Case) -> None:
    ceiling = min(HARD_CEILING, case.values["max_dose_ug_per_kg_day"])
    assert np.isfinite(case.visits["after"]).all()
    assert case.visits["after"].between(0, ceiling + TINY).all()


def test_a_rise_follows_a_valid_low_count(case: Case) -> None:
    raised = case.visits[case.visits["raised"]]
    assert raised["valid"].all()
    assert (raised["anc"] < case.values["target_low_1e9_per_l"]).all()


def test_without_a_usable_count_the_dose_stays(case: Case) -> None:
    treated = case.on_treatment()
    blind = treated[~treated["valid"]]
    assert (blind["after"] == blind["before"]).all()


def test_old_results_move_no_dose() -> None:
    treated = case_of("results four days old").on_treatment()
    assert treated["lab_status"].eq("valid").sum() > 100
    assert (treated["after"] == treated["before"]).all()


def test_a_rise_is_one_step_and_no_sooner_than_the_interval(case: Case) -> None:
    raised = case.visits[case.visits["raised"]]
    assert (raised["after"] - raised["before"] <= case.values["step_ug_per_kg_day"] + TINY).all()
    assert (raised["day"] - raised["last_change"] >= case.values["step_interval_days"]).all()


def test_a_rise_rests_on_concordant_counts_at_the_dose(case: Case) -> None:
    enough, low = int(case.values["counts_to_raise"]), case.values["target_low_1e9_per_l"]
    for _, own in case.visits[case.visits["valid"]].groupby("patient_id"):
        for row in own[own["raised"]].itertuples():
            here = own[(own["day"] > row.last_change) & (own["day"] <= row.day)]["anc"]
            assert len(here) >= enough
            assert (here.tail(enough) < low).all()


def test_no_way_down_leads_to_a_dose_that_failed_of_late(case: Case) -> None:
    """A count above the target is a way down of its own; it lowers whatever failed before."""
    chosen = case.visits["fell"] & (case.visits["anc"] <= case.values["target_high_1e9_per_l"])
    for patient_id, own in case.visits[case.visits["raised"]].groupby("patient_id"):
        for row in case.visits[chosen & (case.visits["patient_id"] == patient_id)].itertuples():
            lately = own[(own["day"] < row.day) & (own["day"] >= row.day - case.values["failed_dose_memory_days"])]
            assert (lately["before"] < row.after).all()


def test_nobody_is_bled_on_two_days_running(case: Case) -> None:
    assert (case.visits.groupby("patient_id")["day"].diff().dropna() >= 2).all()


def test_a_line_at_15_or_20_is_crossed_only_after_its_fourteen_days(case: Case) -> None:
    raised = case.visits[case.visits["raised"]]
    for name in ("critical_line_ug_per_kg_day", "non_responder_line_ug_per_kg_day"):
        line = case.values[name]
        crossing = raised[(raised["before"] <= line + TINY) & (raised["after"] > line + TINY)]
        assert (crossing["day"] - crossing["last_change"] >= case.values["days_at_line_before_crossing"]).all()


def test_the_dose_goes_down_by_a_step_a_share_or_to_nothing(case: Case) -> None:
    fell = case.visits[case.visits["fell"]]
    step = (fell["before"] - fell["after"] - case.values["step_ug_per_kg_day"]).abs() <= TINY
    share = (fell["after"] - (1 - case.values["lowering_share"]) * fell["before"]).abs() <= TINY
    assert (step | share | (fell["after"] == 0)).all()


def test_a_held_dose_goes_on_a_share_lower_and_only_below_the_upper_target(case: Case) -> None:
    resumed = case.visits[case.visits["resumed"]]
    lower = (1 - case.values["lowering_share"]) * resumed["held"]
    assert resumed["after"].to_numpy() == pytest.approx(lower.to_numpy(), abs=TINY)
    assert resumed["valid"].all()
    assert (resumed["anc"] < case.values["target_high_1e9_per_l"]).all()


def test_a_count_above_ten_holds_and_two_above_five_lower(case: Case) -> None:
    seen = case.visits[case.visits["valid"]]
    treated = ~seen["first"] & (seen["before"] > 0)
    assert (seen[treated & (seen["anc"] > case.values["never_aim_above_1e9_per_l"])]["after"] == 0).all()
    high = seen["anc"] > case.values["target_high_1e9_per_l"]
    twice = high & high.groupby(seen["patient_id"]).shift(fill_value=False) & (seen["visit_no"] > 1)
    assert seen[twice & treated]["fell"].all()


def test_the_first_order_is_the_start_dose(case: Case) -> None:
    first = case.visits[case.visits["first"]]
    assert first["after"].to_numpy() == pytest.approx(case.values["start_dose_ug_per_kg_day"], abs=TINY)


def test_treatment_begins_with_the_first_usable_count_below_the_line_and_not_before(case: Case) -> None:
    visits = case.tables["visits"].sort_values(["patient_id", "day"])
    begun = visits.groupby("patient_id")["dose_after_ug_per_kg_day"].cummax() > 0
    low = (visits["lab_status"] == "valid") & (visits["anc_reported_1e9_per_l"] < case.values["start_below_1e9_per_l"])
    assert not low[~begun].any()
    starts = visits[begun].drop_duplicates("patient_id")
    assert low[starts.index].all()
    assert len(starts) > 20


def test_flags_follow_the_lines(case: Case) -> None:
    dose, flags, values = case.visits["after"], case.visits["flags"].str.split(), case.values
    risk, critical = values["risk_line_ug_per_kg_day"], values["critical_line_ug_per_kg_day"]
    assert flags[dose > risk].apply(lambda names: "MDS_MONITOR" in names).all()
    assert (flags.apply(lambda names: "CRITICAL" in names) == (dose > critical)).all()
    assert (flags.apply(lambda names: "TIGHT_MONITORING" in names) == ((dose >= risk) & (dose < critical))).all()


def test_monitoring_lasts_six_months_after_the_line_and_no_longer(case: Case) -> None:
    above = case.visits["after"] > case.values["risk_line_ug_per_kg_day"]
    flagged = case.visits["flags"].str.contains("MDS_MONITOR")
    for _, own in case.visits.groupby("patient_id"):
        # The dose was above the line up to the visit that follows the last one which left it there.
        until = own["day"].shift(-1).where(above[own.index]).ffill().shift(fill_value=np.nan)
        lately = own["day"] - until <= case.values["monitor_after_line_days"]
        assert (flagged[own.index] == (above[own.index] | lately)).all()


def test_a_rise_above_fifteen_names_the_rule_that_allows_it_and_says_why(case: Case) -> None:
    crossing = case.visits[case.visits["raised"] & (case.visits["after"] > case.values["critical_line_ug_per_kg_day"])]
    assert crossing["led_by"].eq("scn-raise-above-15").all()
    assert crossing["reason"].str.contains("exception").all()


def test_a_changed_dose_and_a_changing_rule_go_together(case: Case) -> None:
    moved = case.visits["rose"] | case.visits["fell"]
    acts = case.visits["led_by"].map(lambda name: RULES[name].get("then", "keep") != "keep")
    assert (moved == acts).all()
    assert (case.visits["gate"] == "").all()
    assert set(" ".join(case.visits["rule_ids"]).split()) <= set(RULES)


def test_a_low_count_is_answered_in_time(case: Case) -> None:
    """Liveness: two low counts at the dose, the interval over, room above, nothing in the way: the dose rises."""
    values = case.values
    due_after = max(values["step_interval_days"], values["days_at_line_before_crossing"])
    for _, own in case.visits.groupby("patient_id"):
        low_before, changed = False, 0
        for row in own.itertuples():
            low = row.valid and row.anc < values["target_low_1e9_per_l"]
            room = 0 < row.before < values["max_dose_ug_per_kg_day"] - TINY
            if low and low_before and room and row.day - changed >= due_after:
                assert row.rose, (row.patient_id, row.day)
            low_before = (low or (low_before and not row.valid)) and not (row.rose or row.fell)
            changed = row.day if row.rose or row.fell or row.first else changed


def days_of(case: Case, patient_id: int, event: str) -> list[int]:
    events = case.tables["events"]
    return list(events[(events["patient_id"] == patient_id) & (events["event"] == event)]["day"])


def test_a_non_responder_is_referred_once_on_the_first_day_it_is_so(case: Case) -> None:
    line, days = case.values["non_responder_line_ug_per_kg_day"], case.values["days_to_judge_response"]
    for patient_id, own in case.visits.groupby("patient_id"):
        due, since = [], None
        for row in own.itertuples():
            low = row.valid and row.anc < case.values["target_low_1e9_per_l"]
            if row.before > line and row.after > line and low and since is not None and row.day - since >= days:
                due.append(row.day)
            since = (row.day if since is None else since) if row.after > line else None
        assert days_of(case, patient_id, "hsct_non_responder") == due[:1]


def test_a_low_responder_is_referred_once_on_the_first_day_it_is_so(case: Case) -> None:
    low, high = case.values["critical_line_ug_per_kg_day"], case.values["non_responder_line_ug_per_kg_day"]
    for patient_id, own in case.visits.groupby("patient_id"):
        due, failed, counts, since = [], [], [], 0
        for row in own.itertuples():
            counts += [row.anc] if row.valid else []
            holds = len(counts) >= 2 and min(counts[-2:]) >= case.values["target_low_1e9_per_l"]
            lately = [dose for day, dose in failed if row.day - day <= case.values["failed_dose_memory_days"]]
            needed = any(dose < row.after - TINY for dose in lately)
            judged = row.valid and row.day - since >= case.values["days_to_judge_response"] and row.before == row.after
            if low <= row.after <= high and judged and holds and needed:
                due.append(row.day)
            failed += [(row.day, row.before)] if row.raised else []
            if row.rose or row.fell:
                counts, since = [], row.day
        assert days_of(case, patient_id, "hsct_low_responder") == due[:1]


def test_the_marrow_is_examined_at_the_start_and_every_year(case: Case) -> None:
    end = case.visits["day"].max()
    for patient_id in case.visits["patient_id"].unique():
        days = days_of(case, patient_id, "marrow")
        assert days[0] == case.visits["day"].min()
        assert (np.diff([*days, end]) <= case.values["marrow_interval_days"]).all()


def test_an_event_names_one_rule_which_the_visit_names_too(case: Case) -> None:
    said = case.tables["visits"].set_index(["patient_id", "day"])["rule_ids"].str.split()
    for row in case.tables["events"].itertuples():
        assert row.rule_ids in said[(row.patient_id, row.day)]


def test_the_next_visit_is_near_while_titrating_and_monthly_above_the_risk_line(case: Case) -> None:
    wait, phase, values = case.visits["next_visit_days"], case.visits["phase"], case.values
    assert (wait[phase == "titrating"] <= np.ceil(values["visit_titrating_days"])).all()
    assert (wait[case.visits["after"] >= values["risk_line_ug_per_kg_day"]] <= values["visit_stable_days"]).all()
    assert (wait <= values["visit_maintenance_days"]).all()
    recent = case.visits["day"] - case.visits["last_change"] < values["titrating_after_change_days"]
    assert (phase[recent | case.visits["rose"] | case.visits["fell"]] == "titrating").all()
    assert (phase[case.visits["day"] < values["titrating_first_days"]] == "titrating").all()


def test_the_weight_of_the_day_makes_the_dose(case: Case) -> None:
    exact = case.visits["after"] * case.visits["weight_kg"]
    assert case.visits["dose_after_ug_day"].to_numpy() == pytest.approx(exact.to_numpy(), abs=0.002)


def test_nothing_is_given_beyond_what_was_ordered_on_any_day(case: Case) -> None:
    assert (case.tables["doses"]["doses_taken"] <= case.tables["doses"]["doses_ordered"]).all()
    for patient_id, days in case.tables["trajectory"].groupby("patient_id"):
        own = case.visits[case.visits["patient_id"] == patient_id].set_index("day")
        ordered = own["after"].reindex(days["day"]).ffill().fillna(0.0)
        allowed = np.maximum(ordered, own["before"].reindex(days["day"]).fillna(0.0))
        assert (days["dose_given_ug_per_kg"].to_numpy() <= allowed.to_numpy() + TINY).all()


def test_every_kind_of_decision_was_met_often_enough_to_be_checked() -> None:
    cases = [case_of(name) for name in RUNS]
    visits = pd.concat([case.tables["visits"] for case in cases], ignore_index=True)
    met = visits["rule_ids"].str.split().str[0].value_counts()
    rare = {"scn-start", "not-low-enough-to-start", "hold-above-10", "stay-on-hold", "resume-lower", "wait-at-line"}
    for rule in (rule for rule in EDITION["dose_rules"] if rule.get("diseases") and "scn" in rule["diseases"]):
        if rule["id"] == "resume-when-clear":
            continue  # after a contraindication, which test_diseases.py looks at
        assert met.get(rule["id"], 0) >= (20 if rule["id"] in rare else 100), (rule["id"], met.to_dict())
    events = pd.concat([case.tables["events"] for case in cases])["event"].value_counts()
    assert events["hsct_non_responder"] >= 20
    assert events["hsct_low_responder"] >= 3
