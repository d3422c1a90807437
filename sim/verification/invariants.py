"""The invariants: each a sentence, whom it holds for, and a reading of the tables that finds what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from titranc.sim.verification.chart import TINY, Chart

# A table, the rows of it to which an invariant applies, and those that break it.
Found = tuple[pd.DataFrame, "pd.Series[bool]", "pd.Series[bool]"]
Reading = Callable[[Chart], Found]
CHRONIC = ("scn", "idiopathic", "autoimmune")
CORRECTED = ("source", "scnir", "eu_label", "us_label", "welte")
WITHHELD = (
    "no-gcsf-in-chest-radiotherapy",
    "no-gcsf-around-chemotherapy",
    "no-routine-gcsf",
    "autoimmune-remission-test",
)


@dataclass(frozen=True)
class Invariant:
    """What must hold, for which diseases and editions (empty: all), under any policy or only under a guideline."""

    id: str
    says: str
    reading: Reading
    diseases: Collection[str] = ()
    editions: Collection[str] = ()
    any_policy: bool = False

    def holds_for(self, chart: Chart) -> bool:
        """Return whether the run claims it."""
        of_disease = not self.diseases or chart.disease in self.diseases
        of_edition = not self.editions or chart.edition in self.editions
        return of_disease and of_edition and (self.any_policy or chart.titrates)


def _rows(table: pd.DataFrame, applies: pd.Series[bool], holds: pd.Series[bool]) -> Found:
    return table, applies, applies & ~holds


def _everywhere(table: pd.DataFrame) -> pd.Series[bool]:
    return pd.Series(True, index=table.index)


def _dose_within_maximum(chart: Chart) -> Found:
    dose = chart.visits["after"]
    holds = dose.notna() & (dose >= 0) & (dose <= chart.maximum_ug_per_kg_day + TINY)
    return _rows(chart.visits, _everywhere(chart.visits), holds)


def _dose_within_ceiling(chart: Chart) -> Found:
    repeated = chart.visits["every_hours"] > 0
    return _rows(chart.visits, repeated, chart.visits["after"] <= chart.values["max_dose_ug_per_kg_day"] + TINY)


def _micrograms_follow_weight(chart: Chart) -> Found:
    visits, step = chart.visits, float(chart.scenario["drug"]["vial_rounding_ug"])
    daily = visits["every_hours"].isin([0, 12, 24])
    times = 24 / visits["every_hours"].replace(0, 24).clip(lower=1)
    exact = visits["after"] * visits["weight_kg"]
    off = (visits["dose_after_ug_day"] - exact).abs()
    return _rows(visits, daily & (visits["after"] > 0), off <= (step if step else 0.01) * times + 1e-6 * exact)


def _raises_on_low_counts(chart: Chart) -> Found:
    visits = chart.visits
    low = visits["valid"] & (visits["anc"] < chart.values["target_low_1e9_per_l"])
    return _rows(visits, visits["raised"], low)


def _no_rise_without_count(chart: Chart) -> Found:
    visits = chart.visits
    return _rows(visits, ~visits["valid"], ~visits["rose"] | visits["begun"])


def _no_raise_in_target(chart: Chart) -> Found:
    visits = chart.visits
    return _rows(visits, visits["valid"] & (visits["anc"] >= chart.values["target_low_1e9_per_l"]), ~visits["raised"])


def _target_at_most_ten(chart: Chart) -> Found:
    sound = chart.values["target_high_1e9_per_l"] <= 10 and chart.values["never_aim_above_1e9_per_l"] <= 10
    return _rows(chart.visits, _everywhere(chart.visits), pd.Series(sound, index=chart.visits.index))


def _every_change_has_its_word(chart: Chart) -> Found:
    visits = chart.visits
    changed = visits["rose"] | visits["fell"]
    kept = visits["action"].isin(["keep", "withhold", "stop", "hold"])
    named = visits["rule_ids"].str.len() > 0
    return _rows(
        visits, _everywhere(visits), named & (~visits["rose"] | ~kept) & (changed | visits["action"].ne("increase"))
    )


def _doses_add_up(chart: Chart) -> Found:
    doses = chart.doses
    adds_up = doses["doses_taken"] + doses["doses_missed"] == doses["doses_ordered"]
    return _rows(doses, _everywhere(doses), adds_up & (doses["doses_missed"] >= 0))


def _raises_keep_the_interval(chart: Chart) -> Found:
    visits = chart.visits
    return _rows(visits, visits["raised"], visits["days_at_dose"] >= chart.values["step_interval_days"])


def _low_counts_lead_to_a_raise(chart: Chart) -> Found:
    visits, values = chart.visits, chart.values
    low = values["target_low_1e9_per_l"]
    twice = (
        visits["valid"]
        & (visits["anc"] < low)
        & (visits["last_anc"] < low)
        & (visits["last_day"] > visits["last_change"])
    )
    long_enough = visits["days_at_dose"] >= max(7.0, values["step_interval_days"])
    step, waits = values["step_ug_per_kg_day"], visits["days_at_dose"] < values["days_at_line_before_crossing"]
    lines = [values["critical_line_ug_per_kg_day"], values["non_responder_line_ug_per_kg_day"]]
    at_line = pd.concat([(visits["before"] <= line) & (line < visits["before"] + step) for line in lines], axis=1).any(
        axis=1
    )
    room = (visits["before"] > 0) & (visits["before"] < values["max_dose_ug_per_kg_day"] - TINY)
    return _rows(visits, twice & long_enough & room & ~(at_line & waits), visits["rose"])


def _severe_is_below_half(chart: Chart) -> Found:
    visits = chart.visits
    severe = visits["valid"] & (visits["anc"] < chart.values["neutropenia_1e9_per_l"])
    return _rows(visits, _everywhere(visits), severe == _flagged(visits, "SEVERE_NEUTROPENIA"))


def _starts_as_the_edition_says(chart: Chart) -> Found:
    visits = chart.visits
    sound = (visits["after"] - chart.values["start_dose_ug_per_kg_day"]).abs() <= TINY
    return _rows(visits, visits["begun"], sound)


def _nobody_is_clamped_to_the_usual_range(chart: Chart) -> Found:
    named = chart.visits["rule_ids"].str.split().apply(lambda rules: "usual-range" in rules)
    return _rows(chart.visits, _everywhere(chart.visits), ~named.astype(bool))


def _two_high_counts_lower(chart: Chart) -> Found:
    visits, high = chart.visits, chart.values["target_high_1e9_per_l"]
    twice = visits["valid"] & (visits["anc"] > high) & (visits["last_anc"] > high) & (visits["before"] > 0)
    return _rows(visits, twice, visits["fell"])


def _above_ten_holds(chart: Chart) -> Found:
    visits = chart.visits
    above = visits["valid"] & (visits["anc"] > chart.values["never_aim_above_1e9_per_l"]) & (visits["before"] > 0)
    return _rows(visits, above, visits["after"] == 0)


def _raises_by_one_step(chart: Chart) -> Found:
    visits, values = chart.visits, chart.values
    wanted = (visits["before"] + values["step_ug_per_kg_day"]).clip(upper=values["max_dose_ug_per_kg_day"])
    return _rows(visits, visits["raised"], (visits["after"] - wanted).abs() <= TINY)


def _flagged(visits: pd.DataFrame, flag: str) -> pd.Series[bool]:
    return visits["flags"].str.split().apply(lambda flags: flag in flags).astype(bool)


def _above_eight_is_monitored(chart: Chart) -> Found:
    visits, line = chart.visits, chart.values["risk_line_ug_per_kg_day"]
    last_above = visits["day"].where(visits[["before", "after"]].max(axis=1) > line)
    since = visits["day"] - last_above.groupby(visits["patient_id"]).ffill()
    return _rows(visits, since <= chart.values["monitor_after_line_days"], _flagged(visits, "MDS_MONITOR"))


def _above_fifteen_is_an_exception(chart: Chart) -> Found:
    visits, line = chart.visits, chart.values["critical_line_ug_per_kg_day"]
    above, crossed = visits["after"] > line, visits["raised"] & (visits["before"] <= line)
    return _rows(visits, above, _flagged(visits, "CRITICAL") & (~crossed | (visits["led_by"] == "scn-raise-above-15")))


def _bands_are_disjoint(chart: Chart) -> Found:
    visits, values = chart.visits, chart.values
    within = (visits["after"] >= values["risk_line_ug_per_kg_day"]) & (
        visits["after"] < values["critical_line_ug_per_kg_day"]
    )
    return _rows(visits, _everywhere(visits), within == _flagged(visits, "TIGHT_MONITORING"))


def _cycles_are_judged_whole(chart: Chart) -> Found:
    visits = chart.visits
    changed = (visits["raised"] | (visits["fell"] & (visits["after"] > 0))) & ~visits["led_by"].isin(WITHHELD)
    small = (visits["after"] - visits["before"]).abs() <= 2 + TINY
    return _rows(visits, changed, (visits["days_at_dose"] >= chart.values["cycle_days"]) & small)


def _small_steps(chart: Chart) -> Found:
    visits, most = chart.visits, {"idiopathic": 2.0, "autoimmune": 2.5}[chart.disease]
    return _rows(visits, visits["raised"], visits["after"] - visits["before"] <= most + TINY)


def _given(chart: Chart) -> pd.DataFrame:
    return chart.trajectory[chart.trajectory["dose_given_ug_per_kg"] > 0] if len(chart.trajectory) else chart.trajectory


def _nothing_around_chemotherapy(chart: Chart) -> Found:
    days = chart.trajectory
    close = days["day"].isin([day + shift for day in chart.chemotherapy_days for shift in (-1, 0)])
    return _rows(days, close, days["dose_given_ug_per_kg"] == 0)


def _nothing_in_chest_radiotherapy(chart: Chart) -> Found:
    days, period = chart.trajectory, chart.course.get("chest_radiotherapy")
    during = days["day"].between(period["from_day"], period["to_day"]) if period else ~_everywhere(days)
    return _rows(days, during, days["dose_given_ug_per_kg"] == 0)


def _chemotherapy_starts_in_its_window(chart: Chart) -> Found:
    visits = chart.visits
    last = visits["day"].apply(
        lambda day: max((one for one in chart.chemotherapy_days if one <= day), default=-1_000_000)
    )
    since = visits["day"] - last
    late = visits["led_by"] == "chemotherapy-late-start"
    return _rows(visits, visits["rose"], since.between(1, 3) | late)


def _episodes_have_one_dose(chart: Chart) -> Found:
    visits = chart.visits
    fixed = (visits["after"] == 0) | ((visits["after"] - chart.values["start_dose_ug_per_kg_day"]).abs() <= TINY)
    return _rows(visits, visits["every_hours"] > 0, fixed)


def _pegfilgrastim_once_a_cycle(chart: Chart) -> Found:
    given = _given(chart)
    if chart.scenario["drug"]["product"] != "pegfilgrastim" or given.empty:
        return _rows(given, ~_everywhere(given), _everywhere(given))
    cycle = given["day"].apply(lambda day: sum(one <= day for one in chart.chemotherapy_days))
    first = ~given.assign(cycle=cycle).duplicated(["patient_id", "cycle"])
    return _rows(given, _everywhere(given), first)


def _transplant_waits_for_day_five(chart: Chart) -> Found:
    visits = chart.visits
    return _rows(visits, visits["begun"], visits["day"] >= chart.values["transplant_start_day"])


def _fever_starts_need_fever(chart: Chart) -> Found:
    visits = chart.visits
    started = visits["led_by"] == "febrile-neutropenia-start"
    low = visits["valid"] & (visits["anc"] < chart.values["fever_anc_1e9_per_l"])
    return _rows(visits, started, _flagged(visits, "FEBRILE_NEUTROPENIA") & low & _infected(chart, severe=True))


def _infected(chart: Chart, *, severe: bool) -> pd.Series[bool]:
    """Return at which visits an infection (severe: a severe one) is in progress."""
    infections = [one for one in chart.course.get("infections", []) if one["severe"] or not severe]
    during = [chart.visits["day"].between(one["day"], one["day"] + one["days"] - 1) for one in infections]
    return pd.concat(during, axis=1).any(axis=1) if during else ~_everywhere(chart.visits)


def _fever_brings_antibiotics(chart: Chart) -> Found:
    events = chart.events
    begun = events[events["event"] == "febrile_neutropenia"]
    antibiotics = events[events["event"].isin(["iv_antibiotic", "oral_antibiotic"])].groupby("patient_id")["day"].min()
    first = begun.groupby("patient_id").head(1)
    held = first["patient_id"].map(antibiotics) == first["day"]
    return _rows(first, _everywhere(first), held.astype(bool))


def _routine_only_with_infections(chart: Chart) -> Found:
    visits = chart.visits
    again_and_again = bool((chart.course.get("findings") or {}).get("recurrent_severe_infections"))
    return _rows(visits, visits["after"] > 0, _infected(chart, severe=True) | again_and_again)


def _stable_rule_spares_congenital_disease(chart: Chart) -> Found:
    return _rows(chart.visits, _everywhere(chart.visits), chart.visits["led_by"] != "no-routine-gcsf")


def _referrals_are_single(chart: Chart) -> Found:
    referrals = chart.events[chart.events["event"].str.startswith("hsct")]
    return _rows(referrals, _everywhere(referrals), ~referrals.duplicated(["patient_id", "event"]))


def _dose_at(chart: Chart, event: str) -> pd.DataFrame:
    events = chart.events[chart.events["event"] == event][["arm", "patient_id", "day", "rule_ids"]]
    return events.merge(chart.visits, on=["arm", "patient_id", "day"], suffixes=("_of_event", ""))


def _non_responders_had_their_time(chart: Chart) -> Found:
    rows, values = _dose_at(chart, "hsct_non_responder"), chart.values
    above = rows["before"] > values["non_responder_line_ug_per_kg_day"]
    low = rows["valid"] & (rows["anc"] < values["target_low_1e9_per_l"])
    by_infection = rows["rule_ids_of_event"] == "hsct-poor-infection-control"
    return _rows(rows, _everywhere(rows), above & (low | by_infection))


def _low_responders_lie_in_their_band(chart: Chart) -> Found:
    rows, values = _dose_at(chart, "hsct_low_responder"), chart.values
    within = rows["after"].between(values["critical_line_ug_per_kg_day"], values["non_responder_line_ug_per_kg_day"])
    return _rows(rows, _everywhere(rows), within & (rows["anc"] >= values["target_low_1e9_per_l"]))


def _marrow_once_a_year(chart: Chart) -> Found:
    marrow = chart.events[chart.events["event"] == "marrow"].sort_values(["patient_id", "day"])
    gap = marrow.groupby("patient_id")["day"].diff().fillna(marrow["day"])
    return _rows(marrow, _everywhere(marrow), gap <= chart.values["marrow_interval_days"])


def _prophylaxis_follows_t_cells(chart: Chart) -> Found:
    begun = chart.events[chart.events["event"].isin(["pneumocystis_prophylaxis", "herpes_prophylaxis"])]
    findings = chart.course.get("findings") or {}
    cd4 = findings.get("cd4_per_ul")
    low = bool(findings.get("on_steroids")) or (cd4 is not None and cd4 < chart.values["cd4_low_per_ul"])
    return _rows(begun, _everywhere(begun), pd.Series(low, index=begun.index))


INVARIANTS = (
    Invariant("T-01", "A dose is finite, not negative, and never above the product's maximum.", _dose_within_maximum, any_policy=True),
    Invariant("T-02", "Micrograms are the dose per kg times the weight of the visit.", _micrograms_follow_weight, any_policy=True),
    Invariant("T-03", "The dose is raised on a valid low count only.", _raises_on_low_counts, CHRONIC),
    Invariant("T-05", "Without a valid count the dose does not rise.", _no_rise_without_count, (*CHRONIC, "cyclic")),
    Invariant("T-06", "In the target the dose is not raised.", _no_raise_in_target, CHRONIC),
    Invariant("T-07", "The target ends at 10 or lower.", _target_at_most_ten),
    Invariant("T-08", "Every visit names its rule, and a rise is called one.", _every_change_has_its_word),
    Invariant("T-09", "The dose stays at or below the edition's ceiling.", _dose_within_ceiling),
    Invariant("T-10", "Doses taken and missed make those ordered.", _doses_add_up, any_policy=True),
    Invariant("T-13", "Raises keep the interval.", _raises_keep_the_interval, (*CHRONIC, "cyclic")),
    Invariant("T-14", "Low counts for long enough lead to a raise.", _low_counts_lead_to_a_raise, CHRONIC, ("source", "scnir")),
    Invariant("S20", "Congenital and cyclic disease are treated though stable.", _stable_rule_spares_congenital_disease, ("scn", "cyclic")),
    Invariant("S26", "Severe is an ANC below 0.5, and nothing else.", _severe_is_below_half),
    Invariant("S37", "Treatment starts with the dose of the edition.", _starts_as_the_edition_says, ("scn", "cyclic", "idiopathic", "autoimmune")),
    Invariant("S38", "Nobody is held to the usual range.", _nobody_is_clamped_to_the_usual_range, ("scn",)),
    Invariant("S39", "Two counts above the target lower the dose.", _two_high_counts_lower, CHRONIC, CORRECTED),
    Invariant("S40", "A raise is one step.", _raises_by_one_step, CHRONIC, ("source", "scnir")),
    Invariant("S41a", "Above 8, and for six months after, the patient is monitored.", _above_eight_is_monitored, ("scn",)),
    Invariant("S41b", "Above 15 only by the recorded exception.", _above_fifteen_is_an_exception, ("scn",)),
    Invariant("S48", "Cyclic disease changes after whole cycles, in small steps.", _cycles_are_judged_whole, ("cyclic",), CORRECTED),
    Invariant("S54", "Idiopathic and autoimmune disease rise in small steps.", _small_steps, ("idiopathic", "autoimmune"), ("source", "scnir")),
    Invariant("S58", "After chemotherapy G-CSF starts between 24 and 72 hours, or late by its own rule.", _chemotherapy_starts_in_its_window, ("chemotherapy",)),
    Invariant("S58a", "An episode has one dose.", _episodes_have_one_dose, ("chemotherapy", "transplant_autologous", "transplant_allogeneic")),
    Invariant("S60", "Pegfilgrastim is given once a cycle.", _pegfilgrastim_once_a_cycle, ("chemotherapy",), any_policy=False),
    Invariant("S64", "After a transplant G-CSF waits for day five.", _transplant_waits_for_day_five, ("transplant_autologous", "transplant_allogeneic")),
    Invariant("S69", "Fever starts G-CSF only with a low count and a severe infection.", _fever_starts_need_fever),
    Invariant("S74", "Benign disease is treated only with infections.", _routine_only_with_infections, ("idiopathic", "autoimmune"), CORRECTED),
    Invariant("S76", "Nothing is injected during chest radiotherapy.", _nothing_in_chest_radiotherapy, any_policy=True),
    Invariant("S77", "Nothing is injected within 24 hours of chemotherapy.", _nothing_around_chemotherapy, ("chemotherapy", "healthy"), any_policy=True),
    Invariant("S83", "Prophylaxis follows the T cells, not the count.", _prophylaxis_follows_t_cells, (), CORRECTED),
    Invariant("S93", "Febrile neutropenia brings an antibiotic the same day.", _fever_brings_antibiotics),
    Invariant("S121", "A referral of a kind is made once.", _referrals_are_single),
    Invariant("S123", "Non-responders were above 20 and low.", _non_responders_had_their_time, ("scn",)),
    Invariant("S124", "Low responders lie in 15 to 20 and in target.", _low_responders_lie_in_their_band, ("scn",)),
    Invariant("S125", "The band of tight monitoring is 8 to below 15.", _bands_are_disjoint, ("scn",)),
    Invariant("S132", "The marrow is looked at every year.", _marrow_once_a_year, ("scn",)),
    Invariant("S141", "A count above 10 holds the drug.", _above_ten_holds, CHRONIC, CORRECTED),
)  # fmt: skip
