"""When a simulated number is taken for the published one: one rule for each kind of number, written before any run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from titranc.sim.validation.samples import Estimate
from titranc.sim.validation.targets import Target

WIDENED_PERCENTAGE_POINTS = 3.0
DAYS_OFF = 1.0
SHARE_OFF = 0.25
FACTOR_OFF = 2.0
INSIDE, ACCEPTED, OUTSIDE, LEFT_OUT = "inside the interval", "within the rule", "outside", "not simulated"


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval of the published number, and the wider one of the acceptance rule."""

    low: float
    high: float
    accepted_low: float
    accepted_high: float


def wilson(percent: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a percentage of n, in percent.

    >>> [round(bound, 1) for bound in wilson(90.0, 120)]
    [83.3, 94.2]
    """
    interval = stats.binomtest(round(percent / 100 * n), n).proportion_ci(method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


def bounds(target: Target) -> Bounds:
    """Return what was published and what is accepted of it; a bound on one side reaches to infinity on the other."""
    low, high = _published(target)
    if target.kind == "proportion":
        return Bounds(low, high, low - WIDENED_PERCENTAGE_POINTS, high + WIDENED_PERCENTAGE_POINTS)
    centre = target.published if target.published is not None else (low + high) / 2
    if target.kind == "time":
        return Bounds(low, high, min(low, centre - DAYS_OFF), max(high, centre + DAYS_OFF))
    if target.kind == "range":
        return Bounds(low, high, low, high)
    margin = WIDENED_PERCENTAGE_POINTS if target.unit == "%" else SHARE_OFF * abs(centre)
    if target.kind == "at_least":
        return Bounds(centre, np.inf, centre - margin, np.inf)
    if target.kind == "at_most":
        return Bounds(-np.inf, centre, -np.inf, centre + margin)
    return Bounds(low, high, min(low, (1 - SHARE_OFF) * centre), max(high, (1 + SHARE_OFF) * centre))


def _published(target: Target) -> tuple[float, float]:
    if target.low is not None and target.high is not None and target.low < target.high:
        return target.low, target.high
    value = target.published
    if value is None:
        raise ValueError(f"{target.id}: neither a value nor an interval was published")
    if target.kind == "proportion" and target.n:
        return wilson(value, target.n)
    return value, value


def verdict(target: Target, estimate: Estimate) -> str:
    """Return whether a simulated number lies inside the published interval, within the rule, or outside."""
    within = bounds(target)
    if within.low <= estimate.value <= within.high:
        return INSIDE
    return ACCEPTED if within.accepted_low <= estimate.value <= within.accepted_high else OUTSIDE


def factor_off(target: Target, estimate: Estimate) -> float:
    """Return by which factor a number is off, 1 or more; 1 for whatever is accepted, and where it means nothing.

    A number of nought has no factor, and a bound or a range is off from its nearest end.
    """
    if verdict(target, estimate) != OUTSIDE:
        return 1.0
    within = bounds(target)
    nearest = within.low if estimate.value < within.low else within.high
    centre = target.published if target.kind not in ("range", "at_least", "at_most") else nearest
    if not centre or estimate.value <= 0:
        return float("inf")
    return max(centre / estimate.value, estimate.value / centre)


def too_coarse(target: Target, estimate: Estimate) -> bool:
    """Return whether the Monte Carlo error exceeds a third of the published interval, where there is one."""
    low, high = _published(target)
    return high > low and estimate.error > (high - low) / 3
