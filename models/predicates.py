"""When a rule applies: each function is the `when` of a rule, named by the rule as data.

A predicate takes the situation at the visit; those of standing rules look at the dose left in force.
"""

from __future__ import annotations

import math
from itertools import islice
from statistics import median
from typing import Protocol

from titranc.models.dosing import Schedule
from titranc.models.findings import Csf3rFinding
from titranc.models.situation import Situation
from titranc.models.titration import lower_by_step

# The dose is withheld for a reason of its own, and comes back as it was.
CONTRAINDICATIONS = frozenset({"no-gcsf-in-chest-radiotherapy", "no-gcsf-around-chemotherapy", "no-routine-gcsf"})


class Predicate(Protocol):
    """A named question about the chart."""

    __name__: str

    def __call__(self, now: Situation, /) -> bool:
        """Return whether the rule applies."""
        ...


def otherwise(_: Situation) -> bool:
    """Always."""
    return True


def not_started(now: Situation) -> bool:
    """Treatment has not begun."""
    return not now.started


def to_start(now: Situation) -> bool:
    """Treatment has not begun, and a count is low enough to begin it; one of some days ago serves, a diagnosis lasts."""
    anc = now.seen.count.anc_1e9_per_l if now.seen.count.usable else None
    return not now.started and anc is not None and anc < now.values["start_below_1e9_per_l"]


def count_not_usable(now: Situation) -> bool:
    """The count is missing, stale, early or implausible."""
    return now.anc is None


def held(now: Situation) -> bool:
    """Treatment is on hold."""
    return now.on_hold


def held_and_back_in_target(now: Situation) -> bool:
    """Treatment is on hold and the count is below the upper end of the target."""
    return now.on_hold and now.anc is not None and now.anc < now.values["target_high_1e9_per_l"]


def above_never_aim(now: Situation) -> bool:
    """The count is above the level that is never aimed at."""
    return now.anc is not None and now.anc > now.values["never_aim_above_1e9_per_l"]


def confirmed_above_target(now: Situation) -> bool:
    """The last counts were all above the target."""
    enough = int(now.values["counts_to_lower"])
    return now.last_counts_above(enough, now.values["target_high_1e9_per_l"])


def below_target(now: Situation) -> bool:
    """The present count is below the target."""
    return now.anc is not None and now.anc < now.values["target_low_1e9_per_l"]


def above_target(now: Situation) -> bool:
    """The present count is above the target."""
    return now.anc is not None and now.anc > now.values["target_high_1e9_per_l"]


def confirmed_below_target(now: Situation) -> bool:
    """Concordant low counts at this dose, the step interval over, and room below the ceiling."""
    return now.low_and_due and now.dose < now.values["max_dose_ug_per_kg_day"]


def confirmed_below_target_at_ceiling(now: Situation) -> bool:
    """Concordant low counts with no room below the ceiling."""
    return now.low_and_due and now.dose >= now.values["max_dose_ug_per_kg_day"]


def must_wait_at_line(now: Situation) -> bool:
    """The next step would cross 15 or 20 before the present dose has had its time."""
    if not confirmed_below_target(now) or now.line_ahead() is None:
        return False
    return now.days_at_dose < now.values["days_at_line_before_crossing"]


def confirmed_below_target_and_crossing(now: Situation) -> bool:
    """The next step leads above the critical line."""
    if not confirmed_below_target(now):
        return False
    return now.dose + now.values["step_ug_per_kg_day"] > now.values["critical_line_ug_per_kg_day"]


def confirmed_below_target_and_doubling_crosses(now: Situation) -> bool:
    """Twice the dose leads above the critical line."""
    return confirmed_below_target(now) and 2 * now.dose > now.values["critical_line_ug_per_kg_day"]


def comfortable_above_risk_line(now: Situation) -> bool:
    """Comfortable counts for weeks at a dose above a risk line, and one step lower has not lately failed."""
    comfortable = now.anc is not None and now.anc >= now.values["comfortable_anc_1e9_per_l"]
    if not comfortable or now.line_below() is None or not _comfortable_for_weeks(now):
        return False
    lower = lower_by_step(now).ug_per_kg_day
    return all(lower > failed for failed in now.failed_doses())


def _comfortable_for_weeks(now: Situation) -> bool:
    """Whether the latest unbroken run of comfortable counts has as many counts and days as asked for."""
    counts, days = now.values["comfortable_counts"], now.values["comfortable_days"]
    for number, (day, anc) in enumerate(now.counts(), start=1):
        if anc < now.values["comfortable_anc_1e9_per_l"]:
            return False
        if number >= counts and now.seen.count.day - day >= days:
            return True
    return False


def dose_above_risk_line_recently(now: Situation) -> bool:
    """The dose lies above the risk line or did so within the months of monitoring."""
    line, since = now.values["risk_line_ug_per_kg_day"], now.seen.day - now.values["monitor_after_line_days"]
    if now.dose > line or (now.last_change and now.last_change.after.ug_per_kg_day > line):
        return True
    return any(visit.before.ug_per_kg_day > line for visit in now.changes_since(since))


def dose_above_critical_line(now: Situation) -> bool:
    """The dose lies above 15 ug/kg/day."""
    return now.dose > now.values["critical_line_ug_per_kg_day"]


def dose_in_monitoring_band(now: Situation) -> bool:
    """The dose lies in [8, 15) ug/kg/day."""
    return now.values["risk_line_ug_per_kg_day"] <= now.dose < now.values["critical_line_ug_per_kg_day"]


def low_responder(now: Situation) -> bool:
    """A dose in [15, 20] holds the target where a lower one has failed."""
    band = now.values["critical_line_ug_per_kg_day"] <= now.dose <= now.values["non_responder_line_ug_per_kg_day"]
    if not band or now.anc is None or now.changed_today or now.days_at_dose < now.values["days_to_judge_response"]:
        return False
    latest = list(islice(now.counts(), 2))
    holds = len(latest) == 2 and all(anc >= now.values["target_low_1e9_per_l"] for _, anc in latest)
    return holds and any(failed < now.dose for failed in now.failed_doses())


def _long_above_non_responder_line(now: Situation) -> bool:
    return now.above_for(now.values["non_responder_line_ug_per_kg_day"], now.values["days_to_judge_response"])


def low_above_non_responder_line(now: Situation) -> bool:
    """Above 20 ug/kg/day for long enough, and the count is low."""
    return below_target(now) and _long_above_non_responder_line(now)


def infection_above_non_responder_line(now: Situation) -> bool:
    """Above 20 ug/kg/day for long enough, and an infection is not controlled."""
    return now.seen.findings.uncontrolled_infection and _long_above_non_responder_line(now)


def csf3r_mutation_found(now: Situation) -> bool:
    """A CSF3R mutation is known."""
    return now.seen.findings.csf3r is not Csf3rFinding.NONE


def marrow_due(now: Situation) -> bool:
    """A marrow examination falls due before the latest day on which the next visit may be."""
    last = now.seen.last_marrow_day
    next_visit = now.seen.day + now.values["visit_maintenance_days"]
    return last is None or next_visit - last > now.values["marrow_interval_days"]


def chest_radiotherapy(now: Situation) -> bool:
    """Radiotherapy of the chest is in progress."""
    return now.seen.findings.chest_radiotherapy


def chemotherapy_close(now: Situation) -> bool:
    """Chemotherapy falls due within the clear time, or was given within it."""
    following, clear = now.seen.findings.next_chemotherapy_day, now.values["chemotherapy_clear_days"]
    return now.days_since_chemotherapy < clear or (following is not None and following - now.seen.day <= clear)


def pneumonia_without_neutropenia(now: Situation) -> bool:
    """Pneumonia, a count that is no neutropenia, and no treatment that is running for another reason."""
    neutropenic = now.anc is None or now.anc < now.values["pneumonia_neutropenia_1e9_per_l"]
    return now.seen.findings.pneumonia and not neutropenic and now.dose == 0


def stable_benign_without_infection(now: Situation) -> bool:
    """No severe infection now, nor again and again before."""
    found = now.seen.findings
    return not found.severe_infection and not found.recurrent_severe_infections


def withheld_and_clear(now: Situation) -> bool:
    """The dose was withheld for a reason that is over, and the count is not above the target."""
    if not now.on_hold or now.last_change is None or now.last_change.rule_ids[0] not in CONTRAINDICATIONS:
        return False
    return now.anc is not None and now.anc < now.values["target_high_1e9_per_l"]


def off_treatment(now: Situation) -> bool:
    """Nothing is being given."""
    return now.dose == 0


def cycle_not_complete(now: Situation) -> bool:
    """The counts at this dose do not make a full cycle."""
    return now.counting_cycle


def cycle_above_target(now: Situation) -> bool:
    """The middle count of a full cycle lies above the target, and there is a step to go down."""
    return median(now.cycle) > now.values["target_high_1e9_per_l"] and now.dose > now.values["step_ug_per_kg_day"]


def cycle_below_goal(now: Situation) -> bool:
    """Too few counts of a full cycle reach the target, and there is room below the ceiling."""
    due = now.days_at_dose >= now.values["step_interval_days"] and now.dose < now.values["max_dose_ug_per_kg_day"]
    return due and now.cycle_share < now.values["cycle_goal_share"]


def off_and_needed_again(now: Situation) -> bool:
    """Off treatment the last counts were all low, or a severe infection has come with a low one."""
    if not now.on_hold or now.anc is None or now.anc >= now.values["target_low_1e9_per_l"]:
        return False
    return now.low_and_due or now.seen.findings.severe_infection


def remission_test_due(now: Situation) -> bool:
    """Long enough on treatment at this dose or others, with the count in target and no severe infection."""
    low = now.anc is None or now.anc < now.values["target_low_1e9_per_l"]
    if now.seen.findings.severe_infection:
        return False
    return now.dose > 0 and not low and now.days_on_treatment >= now.values["remission_test_days"]


def recovered_on_treatment(now: Situation) -> bool:
    """On treatment, and the marrow has come back."""
    return now.dose > 0 and now.regimen.schedule is not Schedule.ONCE and now.recovered


def _window_open(now: Situation) -> bool:
    days, values = now.days_since_chemotherapy, now.values
    open_now = values["chemotherapy_clear_days"] <= days <= values["chemotherapy_window_days"]
    return open_now and now.dose == 0 and not now.treated_this_cycle


def filgrastim_window_open(now: Situation) -> bool:
    """From 24 to 72 hours after chemotherapy, not yet treated."""
    return not now.given_once and _window_open(now)


def peg_window_open(now: Situation) -> bool:
    """The same, where the product is one that is given once, and the next chemotherapy is far enough away."""
    following = now.seen.findings.next_chemotherapy_day
    near = following is not None and following - now.seen.day < now.values["peg_days_before_chemotherapy"]
    return now.given_once and not near and _window_open(now)


def single_dose_given(now: Situation) -> bool:
    """What is in force is a single dose."""
    return now.regimen.schedule is Schedule.ONCE


def filgrastim_window_missed(now: Situation) -> bool:
    """Later than 72 hours after chemotherapy, not treated this cycle, and the count is low."""
    late = now.values["chemotherapy_window_days"] < now.days_since_chemotherapy < math.inf
    low = now.anc is not None and now.anc < now.values["recovered_1e9_per_l"]
    return late and low and now.dose == 0 and not now.given_once and not now.treated_this_cycle


def transplant_window_open(now: Situation) -> bool:
    """From the start day after a transplant on, not yet treated."""
    day = now.seen.findings.transplant_day
    if day is None or now.dose > 0 or now.treated_this_cycle:
        return False
    return now.seen.day - day >= now.values["transplant_start_day"] and not now.recovered


def febrile_neutropenia(now: Situation) -> bool:
    """Fever by the definition of the run, with a low count."""
    return now.febrile_neutropenia


def febrile_neutropenia_severe(now: Situation) -> bool:
    """Febrile neutropenia at high risk with a documented severe infection, not treated yet."""
    found = now.seen.findings
    return now.dose == 0 and found.severe_infection and found.high_risk and now.febrile_neutropenia


def febrile_high_risk(now: Situation) -> bool:
    """Febrile neutropenia at high risk."""
    return now.seen.findings.high_risk and now.febrile_neutropenia


def febrile_low_risk(now: Situation) -> bool:
    """Febrile neutropenia at low risk, without a fluoroquinolone as prophylaxis or an intravenous drug in progress."""
    found = now.seen.findings
    weaker = "iv_antibiotic" in now.seen.courses
    return not found.high_risk and not found.fluoroquinolone_prophylaxis and not weaker and now.febrile_neutropenia


def febrile_low_risk_on_fluoroquinolone(now: Situation) -> bool:
    """Febrile neutropenia at low risk in somebody who takes a fluoroquinolone already."""
    found = now.seen.findings
    return not found.high_risk and found.fluoroquinolone_prophylaxis and now.febrile_neutropenia


def febrile_pneumonia(now: Situation) -> bool:
    """Febrile neutropenia with pneumonia."""
    return now.seen.findings.pneumonia and now.febrile_neutropenia


def afebrile_and_recovered(now: Situation) -> bool:
    """No raised temperature, no severe infection or pneumonia in progress, and a count of at least the line."""
    found = now.seen.findings
    ill = found.severe_infection or found.pneumonia or found.temperature_c >= now.values["fever_sustained_c"]
    return not ill and now.anc is not None and now.anc >= now.values["neutropenia_1e9_per_l"]


def seek_care(now: Situation) -> bool:
    """The temperature is one with which a patient is to be seen at once."""
    return now.seen.findings.temperature_c >= now.values["seek_care_c"]


def severe_neutropenia(now: Situation) -> bool:
    """The count is below the line of severe neutropenia."""
    return now.anc is not None and now.anc < now.values["neutropenia_1e9_per_l"]


def culprit_support_needed(now: Situation) -> bool:
    """A drug that is needed has made the count low, and G-CSF is not given yet."""
    low = now.anc is not None and now.anc < now.values["support_below_1e9_per_l"]
    return bool(now.seen.findings.culprit_drug) and low and now.dose == 0


def culprit_to_withdraw(now: Situation) -> bool:
    """A drug that can be stopped has made the count low."""
    low = now.anc is not None and now.anc < now.values["support_below_1e9_per_l"]
    return bool(now.seen.findings.culprit_drug) and low


def count_at_or_below_820(now: Situation) -> bool:
    """The count is at or below the line from which the article starts prophylaxis."""
    return now.anc is not None and now.anc <= now.values["prophylaxis_anc_1e9_per_l"]


def t_cells_or_count_back(now: Situation) -> bool:
    """The count is back above the target's lower end, or CD4 is: the article's second reading."""
    cd4 = now.seen.findings.cd4_per_ul
    count = now.anc is not None and now.anc > now.values["target_low_1e9_per_l"]
    return count or (cd4 is not None and cd4 > now.values["cd4_low_per_ul"])


def t_cells_low(now: Situation) -> bool:
    """CD4 is low, or steroids weaken the T cells."""
    found = now.seen.findings
    return found.on_steroids or (found.cd4_per_ul is not None and found.cd4_per_ul < now.values["cd4_low_per_ul"])


def t_cells_back(now: Situation) -> bool:
    """Neither holds any more, and the least time of prophylaxis is over."""
    begun = now.seen.courses.get("pneumocystis_prophylaxis", now.seen.courses.get("herpes_prophylaxis"))
    long_enough = begun is None or now.seen.day - begun >= now.values["prophylaxis_least_days"]
    known = now.seen.findings.cd4_per_ul is not None
    return long_enough and known and not t_cells_low(now)


def recurrent_sinusitis(now: Situation) -> bool:
    """Sinusitis and other infections come again and again."""
    return now.seen.findings.recurrent_sinusitis


def haemoglobin_low(now: Situation) -> bool:
    """The haemoglobin lies below the line of transfusion."""
    found = now.seen.findings.haemoglobin_g_per_dl
    return found is not None and found < now.values["haemoglobin_low_g_per_dl"]


def transfused(now: Situation) -> bool:
    """A transfusion was given on an earlier day."""
    return now.seen.courses.get("transfusion", now.seen.day) < now.seen.day


def vitamin_d_low(now: Situation) -> bool:
    """Vitamin D is deficient."""
    return now.seen.findings.vitamin_d_deficient


def marrow_work_up_due(now: Situation) -> bool:
    """Neutropenia without a known cause has lasted, and the marrow has not been looked at within the interval."""
    if now.seen.findings.cause_known or not severe_neutropenia(now):
        return False
    last = now.seen.last_marrow_day
    looked_at = last is not None and now.seen.day - last < now.values["marrow_interval_days"]
    return not looked_at and now.severe_for(now.values["work_up_after_days"])


PREDICATES: dict[str, Predicate] = {
    predicate.__name__: predicate
    for predicate in (
        otherwise,
        not_started,
        to_start,
        count_not_usable,
        held,
        held_and_back_in_target,
        above_never_aim,
        confirmed_above_target,
        below_target,
        above_target,
        confirmed_below_target,
        confirmed_below_target_at_ceiling,
        must_wait_at_line,
        confirmed_below_target_and_crossing,
        confirmed_below_target_and_doubling_crosses,
        comfortable_above_risk_line,
        dose_above_risk_line_recently,
        dose_above_critical_line,
        dose_in_monitoring_band,
        low_responder,
        low_above_non_responder_line,
        infection_above_non_responder_line,
        csf3r_mutation_found,
        marrow_due,
        chest_radiotherapy,
        chemotherapy_close,
        pneumonia_without_neutropenia,
        stable_benign_without_infection,
        withheld_and_clear,
        off_treatment,
        cycle_not_complete,
        cycle_above_target,
        cycle_below_goal,
        off_and_needed_again,
        remission_test_due,
        recovered_on_treatment,
        filgrastim_window_open,
        peg_window_open,
        single_dose_given,
        filgrastim_window_missed,
        transplant_window_open,
        febrile_neutropenia,
        febrile_neutropenia_severe,
        febrile_high_risk,
        febrile_low_risk,
        febrile_low_risk_on_fluoroquinolone,
        febrile_pneumonia,
        afebrile_and_recovered,
        seek_care,
        severe_neutropenia,
        culprit_support_needed,
        culprit_to_withdraw,
        count_at_or_below_820,
        t_cells_or_count_back,
        t_cells_low,
        t_cells_back,
        recurrent_sinusitis,
        haemoglobin_low,
        transfused,
        vitamin_d_low,
        marrow_work_up_due,
    )
}
