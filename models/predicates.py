"""When a rule applies: each function is the `when` of a rule, named by the rule as data.

A predicate takes the situation at the visit; those of standing rules look at the dose left in force.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

from titranc.models.clinic_view import Csf3rFinding
from titranc.models.situation import Situation
from titranc.models.titration import lower_by_step


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
    return now.seen.uncontrolled_infection and _long_above_non_responder_line(now)


def csf3r_mutation_found(now: Situation) -> bool:
    """A CSF3R mutation is known."""
    return now.seen.csf3r is not Csf3rFinding.NONE


def marrow_due(now: Situation) -> bool:
    """A marrow examination falls due before the latest day on which the next visit may be."""
    last = now.seen.last_marrow_day
    next_visit = now.seen.day + now.values["visit_maintenance_days"]
    return last is None or next_visit - last > now.values["marrow_interval_days"]


PREDICATES: dict[str, Predicate] = {
    predicate.__name__: predicate
    for predicate in (
        otherwise,
        not_started,
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
        comfortable_above_risk_line,
        dose_above_risk_line_recently,
        dose_above_critical_line,
        dose_in_monitoring_band,
        low_responder,
        low_above_non_responder_line,
        infection_above_non_responder_line,
        csf3r_mutation_found,
        marrow_due,
    )
}
