"""Whatever a policy asks for, what may never happen does not."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titranc.models import catalogue
from titranc.models.clinic_view import Count, CountStatus, Decision, History, Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.order_gate import Order, order

LIMITS = catalogue.guideline("source").limits
HARD = catalogue.drug("filgrastim").absolute_maximum_ug_per_kg_day.value


def asked(dose: float, rule: str = "mine", next_visit_days: float = 7) -> Decision:
    return Decision(Regimen.daily(dose, 1), next_visit_days, "increase", (rule,), "Because.")  # type: ignore[arg-type]


def seen(
    anc: float | None, dose: float = 5.0, *, day: int = 10, changed: int = 0, status: str = "valid"
) -> Observation:
    before = Regimen.daily(dose, 1)
    earlier = Regimen.daily(dose + 0.001, 1)
    history = History([PastVisit(changed, Count(changed, 0.1, CountStatus.VALID), earlier, before, ("change",))])
    return Observation(day, 2.0, 12.0, "scn", Count(day, anc, CountStatus(status)), before, history)


def gate(observation: Observation, decision: Decision) -> Order:
    return order(observation, decision, LIMITS)


def test_a_thousandfold_dose_becomes_the_ceiling_and_is_logged() -> None:
    ordered = gate(seen(0.2), asked(5000.0))
    assert ordered.regimen.ug_per_kg_day <= LIMITS.exception_above_ug_per_kg_day
    assert "5000" in ordered.refusals[0]


def test_the_drugs_ceiling_holds_even_under_a_rule_that_may_pass_the_line() -> None:
    exception = next(iter(LIMITS.exception_rules))
    lifted = catalogue.guideline("source", {"max_dose_ug_per_kg_day": 1e6}).limits
    ordered = order(seen(0.2), asked(1e5, exception), lifted)
    assert ordered.regimen.ug_per_kg_day == HARD


def test_the_critical_line_is_crossed_only_by_the_rule_that_allows_it() -> None:
    exception = next(iter(LIMITS.exception_rules))
    assert gate(seen(0.2, 14.5, day=30), asked(17.0)).regimen.ug_per_kg_day == 15.0
    assert gate(seen(0.2, 14.5, day=30), asked(17.0, exception)).regimen.ug_per_kg_day == 17.0


@pytest.mark.parametrize("status", ["missing", "stale", "implausible", "early"])
def test_no_rise_on_a_count_that_cannot_be_used(status: str) -> None:
    ordered = gate(seen(0.2, status=status), asked(7.5))
    assert ordered.regimen.ug_per_kg_day == 5.0
    assert status in ordered.refusals[0]


@pytest.mark.parametrize(("drawn", "dose"), [(7, 7.5), (6, 5.0), (11, 5.0)])
def test_no_rise_on_a_count_drawn_too_long_ago_or_later_than_now(drawn: int, dose: float) -> None:
    observation = replace(seen(0.2), count=Count(drawn, 0.2, CountStatus.VALID))
    assert gate(observation, asked(7.5)).regimen.ug_per_kg_day == dose


def test_a_held_dose_does_not_go_on_upon_an_old_count() -> None:
    held = seen(0.2, 0.0)
    history = History(
        [PastVisit(0, Count(0, 11.0, CountStatus.VALID), Regimen.daily(9.0, 1), Regimen.daily(0.0, 1), ("hold",))]
    )
    fresh, old = (replace(held, history=history, count=Count(day, 3.0, CountStatus.VALID)) for day in (10, 6))
    assert gate(fresh, asked(6.0)).regimen.ug_per_kg_day == 6.0
    assert gate(old, asked(6.0)).regimen.ug_per_kg_day == 0.0


def test_no_rise_sooner_than_the_interval() -> None:
    assert gate(seen(0.2, day=4), asked(7.5)).regimen.ug_per_kg_day == 5.0
    assert gate(seen(0.2, day=5), asked(7.5)).regimen.ug_per_kg_day == 7.5


def test_no_rise_at_a_count_in_the_target() -> None:
    assert gate(seen(1.0), asked(7.5)).regimen.ug_per_kg_day == 5.0


@pytest.mark.parametrize("wait", [0, -3, math.nan, math.inf, 400])
def test_a_visit_in_the_past_or_never_becomes_tomorrow(wait: float) -> None:
    ordered = gate(seen(2.0), asked(5.0, next_visit_days=wait))
    assert ordered.next_visit_days == 1
    assert ordered.refusals == (f"next visit in {wait!r} days is not allowed (1 to 365): tomorrow",)
    assert ordered.refused == ((f"next visit in {wait!r} days is not allowed (1 to 365)", "tomorrow"),)


def test_what_is_refused_and_what_stands_in_its_place_are_apart() -> None:
    (cut,) = gate(seen(0.2, 14.5, day=30), asked(17.0)).refused
    assert (str(cut), cut.what) == (f"{cut.what}: cut to 15", "17 ug/kg/day is above the ceiling of 15")
    (kept,) = gate(seen(1.0), asked(7.5)).refused
    assert (str(kept), kept.remedy) == (kept.what, "")


@given(
    st.floats(0, 1e9),
    st.floats(0, 300) | st.none(),
    st.floats(0, 30),
    st.integers(0, 400),
    st.sampled_from(CountStatus),
)
def test_nothing_gets_past_the_gate(
    dose: float, anc: float | None, before: float, day: int, status: CountStatus
) -> None:
    ordered = gate(seen(anc, before, day=day, status=status.value), asked(dose))
    given_dose = ordered.regimen.ug_per_kg_day
    assert math.isfinite(given_dose)
    assert 0 <= given_dose <= min(HARD, LIMITS.ceiling_ug_per_kg_day)
    if given_dose > Regimen.daily(before, 1).ug_per_kg_day:
        assert status is CountStatus.VALID
        assert anc is not None
        assert anc < 1.0
        assert day >= 5


def test_a_held_high_dose_goes_on_a_quarter_lower_and_not_at_the_line() -> None:
    high, none = Regimen.daily(30.0, 1), Regimen.daily(0.0, 1)
    history = History(
        [
            PastVisit(0, Count(0, 0.1, CountStatus.VALID), NO_DOSE, high, ("start",)),
            PastVisit(20, Count(20, 11.0, CountStatus.VALID), high, none, ("hold-above-10",)),
        ]
    )
    held = Observation(30, 2.0, 12.0, "scn", Count(30, 0.2, CountStatus.VALID), none, history)
    assert gate(held, asked(22.5)).regimen.ug_per_kg_day == 22.5
    assert gate(held, asked(30.5)).regimen.ug_per_kg_day == 15.0
