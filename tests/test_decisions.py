"""Decision and gate under any history of counts, and under any policy: what may never be ordered never is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from titranc.models import catalogue, order_gate
from titranc.models.clinic_view import Count, CountStatus, Decision, History, Observation, PastVisit
from titranc.models.dosing import Regimen

VALUES = {name: entry.value for name, entry in catalogue.edition("source").values.items()}
HARD_CEILING = catalogue.drug("filgrastim").absolute_maximum_ug_per_kg_day.value
CEILING, CRITICAL = VALUES["max_dose_ug_per_kg_day"], VALUES["critical_line_ug_per_kg_day"]

Sample = tuple[int, int, float, CountStatus]


def courses() -> st.SearchStrategy[list[Sample]]:
    """Visits of a course: days until the next, age of the count in days, the count, whether it may be acted upon."""
    anc = st.one_of(st.floats(0, 0.99), st.floats(0, 60), st.sampled_from([0.0, 0.5, 1.0, 5.0, 10.0, 1e6]))
    lag = st.sampled_from([0] * 8 + [1, 3, 4, 30])
    wait = st.sampled_from([1, 2, 3, 4, 4, 5, 5, 7, 14, 40])
    visit = st.tuples(wait, lag, anc, st.sampled_from([*CountStatus, *[CountStatus.VALID] * 6]))
    return st.lists(visit, min_size=1, max_size=25)


def followed(
    course: list[Sample], asked_for: list[float], rule: str
) -> Iterator[tuple[Observation, Decision, Regimen]]:
    """Follow a course under the guideline, or under `asked_for` when given; yield what was seen, asked and ordered."""
    edition, regimen, day = catalogue.guideline("source"), None, 0
    history: list[PastVisit] = []
    for index, (wait, lag, anc, status) in enumerate(course):
        count = Count(day - lag, None if status is CountStatus.MISSING else anc, status)
        seen = Observation(day, 5.0 + day / 365, 18.0, "scn", count, regimen, History(list(history)))
        decision = edition.decide(seen)
        if asked_for:
            wish = Regimen.daily(asked_for[index % len(asked_for)], 1)
            decision = Decision(wish, 7, "keep", (rule,), "A plug-in asked for it.")
        ordered = order_gate.order(seen, decision, edition.limits).regimen
        yield seen, decision, ordered
        history.append(PastVisit(day, count, regimen or Regimen.daily(0.0, 1), ordered, decision.rule_ids))
        regimen, day = ordered, day + wait


def forbidden(course: list[Sample], asked_for: list[float], rule: str = "mine") -> Iterator[str]:
    """Return what should never have been ordered on a course."""
    last_change, held = 0, 0.0
    for seen, decision, ordered in followed(course, asked_for, rule):
        dose, before = ordered.ug_per_kg_day, seen.regimen.ug_per_kg_day if seen.regimen else 0.0
        if not (math.isfinite(dose) and 0 <= dose <= min(CEILING, HARD_CEILING)):
            yield f"day {seen.day}: {dose} lies beyond the ceiling"
        if any(visit.changed for visit in seen.history) and dose > before:
            resumed, step = before == 0 and dose <= held, math.inf if asked_for else VALUES["step_ug_per_kg_day"]
            yield from forbidden_rise(seen, dose - before, resumed, seen.day - last_change, step)
        already = max(before, held if before == 0 else 0.0) > CRITICAL
        if dose > CRITICAL and not already and decision.rule_ids[0] != "scn-raise-above-15":
            yield f"day {seen.day}: {dose} above the line without the rule that allows it"
        last_change = seen.day if dose != before or seen.regimen is None else last_change
        held = before or held


def forbidden_rise(seen: Observation, rise: float, resumed: bool, days: int, step: float) -> Iterator[str]:
    """Return why the dose should not have risen by `rise` ug/kg/day, `days` after the last change."""
    anc, age = seen.count.anc_1e9_per_l, seen.day - seen.count.day
    if seen.count.status is not CountStatus.VALID or anc is None or age > VALUES["count_valid_days"]:
        yield f"day {seen.day}: rise on a {seen.count.status} count {age} days old"
    elif not resumed and anc >= VALUES["target_low_1e9_per_l"]:
        yield f"day {seen.day}: rise at {anc}"
    if not resumed and days < VALUES["step_interval_days"]:
        yield f"day {seen.day}: rise {days} days after a change"
    if not resumed and rise > step + 0.003:
        yield f"day {seen.day}: rise by {rise}"


@settings(max_examples=200, deadline=None)
@given(courses())
def test_the_guideline_orders_nothing_forbidden(course: list[Sample]) -> None:
    assert not list(forbidden(course, []))


@settings(max_examples=200, deadline=None)
@given(courses(), st.lists(st.floats(0, 1e7), min_size=1, max_size=4))
def test_no_plug_in_gets_a_forbidden_order(course: list[Sample], asked_for: list[float]) -> None:
    assert not list(forbidden(course, asked_for))


@settings(max_examples=200, deadline=None)
@given(courses(), st.lists(st.floats(0, 1e7), min_size=1, max_size=4))
def test_the_rule_that_may_pass_the_line_passes_no_other_limit(course: list[Sample], asked_for: list[float]) -> None:
    assert not list(forbidden(course, asked_for, "scn-raise-above-15"))


@settings(max_examples=200, deadline=None)
@given(courses())
def test_the_gate_never_has_to_correct_the_guideline(course: list[Sample]) -> None:
    for _, decision, ordered in followed(course, [], ""):
        assert ordered == decision.regimen
