"""The gate between what a policy asks for and what is ordered.

Every policy passes it, the guideline too: it knows no rule of titration, only what may never happen. What it refuses it
says; the answer to a bad request is the last safe dose, never an error and never more drug.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from titranc.models.clinic_view import Decision, Observation
from titranc.models.dosing import NO_DOSE, Regimen, Schedule
from titranc.models.guideline import SafetyLimits

LONGEST_WAIT_DAYS = 365


RULE_ID = "order-gate"


class Refusal(NamedTuple):
    """What the gate does not let through, and what it puts in its place (empty for the dose in force)."""

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True, slots=True)
class Order:
    """What is given until the next visit, and what the gate changed (empty when nothing)."""

    regimen: Regimen
    next_visit_days: int
    refused: tuple[Refusal, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the gate changed, in words, each with what it put in its place."""
        return tuple(map(str, self.refused))


def order(seen: Observation, asked: Decision, limits: SafetyLimits) -> Order:
    """Return the order that a decision becomes under the edition's limits and the product's own ceiling."""
    before = seen.regimen or NO_DOSE
    regimen, found = asked.regimen, []
    for check in (_too_much, _too_soon_or_blind):
        regimen, refusal = check(seen, before, regimen, asked, limits)
        found.append(refusal)
    wait, refusal = _wait(asked.next_visit_days)
    return Order(regimen, wait, tuple(one for one in (*found, refusal) if one is not None))


def _too_much(
    seen: Observation, before: Regimen, asked: Regimen, decision: Decision, limits: SafetyLimits
) -> tuple[Regimen, Refusal | None]:
    """Cut a dose to the lowest ceiling that holds: the drug's, the edition's, or the line that needs an exception."""
    hard = limits.most_of(asked.product)
    if asked.schedule is Schedule.ONCE:
        # A single dose that lasts for weeks is held to its product's own limit, not to those of a daily dose.
        soft = hard
    else:
        excepted = bool(limits.exception_rules & set(decision.rule_ids))
        resumed = _held(seen) if _is_resumption(seen, asked, limits) else before
        already = resumed.ug_per_kg_day > limits.exception_above_ug_per_kg_day
        soft = math.inf if excepted or already else limits.exception_above_ug_per_kg_day
        soft = min(soft, limits.ceiling_ug_per_kg_day)
    ceiling = min(hard, soft)
    if asked.ug_per_kg_day <= ceiling and asked.dose.ug_per_kg * asked.injections_per_day <= hard:
        return asked, None
    cut = asked.with_average(
        min(ceiling, hard * asked.ug_per_kg_day / (asked.dose.ug_per_kg * asked.injections_per_day))
    )
    what = f"{asked.ug_per_kg_day:g} ug/kg/day is above the ceiling of {ceiling:g}"
    return cut, Refusal(what, f"cut to {cut.ug_per_kg_day:g}")


def _too_soon_or_blind(
    seen: Observation, before: Regimen, asked: Regimen, decision: Decision, limits: SafetyLimits
) -> tuple[Regimen, Refusal | None]:
    """Keep the dose in force when it would rise without a usable low count or before the interval is over."""
    if asked.ng_per_kg_day <= before.ng_per_kg_day or _is_resumption(seen, asked, limits):
        return asked, None
    changes = [visit.day for visit in seen.history if visit.changed]
    if not changes:
        return asked, None
    anc = seen.count.anc_1e9_per_l
    if not seen.count.usable or anc is None:
        return before, Refusal(f"no rise on a {seen.count.status.value} count")
    if not _is_fresh(seen, limits):
        return before, Refusal(
            f"no rise on a count {seen.day - seen.count.day} days old; valid for {limits.count_valid_days:g}"
        )
    if limits.rise_needs_low_count and anc >= limits.target_low_1e9_per_l:
        return before, Refusal(f"no rise at a count of {anc:g}, which is not below {limits.target_low_1e9_per_l:g}")
    elapsed = seen.day - changes[-1]
    if elapsed < limits.step_interval_days:
        return before, Refusal(f"no rise {elapsed:g} days after a change; allowed after {limits.step_interval_days:g}")
    return asked, None


def _is_fresh(seen: Observation, limits: SafetyLimits) -> bool:
    """Whether the blood of the count was drawn lately enough, and not after the decision."""
    return 0 <= seen.day - seen.count.day <= limits.count_valid_days


def _is_resumption(seen: Observation, asked: Regimen, limits: SafetyLimits) -> bool:
    """Whether a held treatment goes on at no more than what was held, on a usable count."""
    if seen.regimen is None or seen.regimen.ng_per_kg_day > 0:
        return False
    if not seen.count.usable or not _is_fresh(seen, limits):
        return False
    return asked.ng_per_kg_day <= _held(seen).ng_per_kg_day


def _held(seen: Observation) -> Regimen:
    """Return the regimen that was held."""
    return next((visit.before for visit in reversed(seen.history) if visit.before.ng_per_kg_day > 0), NO_DOSE)


def _wait(days: float) -> tuple[int, Refusal | None]:
    """Return a next visit between tomorrow and a year from now."""
    if isinstance(days, (int, float)) and math.isfinite(days) and 1 <= days <= LONGEST_WAIT_DAYS:
        return int(days), None
    return 1, Refusal(f"next visit in {days!r} days is not allowed (1 to {LONGEST_WAIT_DAYS})", "tomorrow")
