"""What the reference body does at every hour of a day, as it stands or with some of its parameters changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from titranc.models.granulopoiesis import Floats, parameter_array, reference_parameters
from titranc.models.integrator import RECORDS, Bodies, DosePlan

HOURS, MINUTES = 24, 60
ANC, GCSF = RECORDS.index("anc_1e9_per_l"), RECORDS.index("gcsf_ng_per_ml")
MATURING, RESERVE = RECORDS.index("maturing_1e9_per_l"), RECORDS.index("reserve_1e9_per_l")
AS_IT_STANDS: Mapping[str, float] = {}


def hourly(
    dose_ug_per_kg_day: float,
    doses: int,
    days: int,
    *,
    depot: str = "D",
    changes: Mapping[str, float] = AS_IT_STANDS,
) -> Floats:
    """Return what is recorded each morning, [days, records, 24]: body i is injected at hour i.

    The morning of body 0 is the one before its next dose; together the bodies show all hours of a day.
    """
    plan = _plan(dose_ug_per_kg_day, doses, days, np.arange(HOURS), depot)
    return Bodies(parameter_array([changes] * HOURS)).advance(days, plan)


def mornings(
    dose_ug_per_kg_day: float,
    doses: int,
    days: int,
    *,
    depot: str = "D",
    changes: Mapping[str, float] = AS_IT_STANDS,
) -> Floats:
    """Return the count (10^9/L) before the dose of each day from the second on, [days]."""
    plan = _plan(dose_ug_per_kg_day, doses, days, np.zeros(1, dtype=np.int64), depot)
    found: Floats = Bodies(parameter_array([changes])).advance(days, plan)[:, ANC, 0]
    return found


def _plan(dose_ug_per_kg_day: float, doses: int, days: int, hours: NDArray[np.int64], depot: str) -> DosePlan:
    """Return one dose on each of the first `doses` days for as many bodies as there are hours, each at its own."""
    amount = np.zeros((days, 1, len(hours)))
    amount[:doses] = dose_ug_per_kg_day
    return DosePlan(amount, hours[None] * MINUTES, (depot,))


def half_life_hours(
    dose_ug_per_kg: float, from_hour: int, to_hour: int, *, changes: Mapping[str, float] = AS_IT_STANDS
) -> float:
    """Return the apparent half-life of free G-CSF between two hours of the day of a single dose of filgrastim."""
    found = hourly(dose_ug_per_kg, 1, 1, changes=changes)[0, GCSF]
    return float((to_hour - from_hour) / np.log2(found[HOURS - from_hour] / found[HOURS - to_hour]))


def transit_days(recorded: Floats, *, changes: Mapping[str, float] = AS_IT_STANDS) -> float:
    """Return how long a cell stays in maturation and reserve: what is there by what leaves, over the last day."""
    inside = (recorded[-1, MATURING] + recorded[-1, RESERVE]).mean()
    loss = (reference_parameters() | dict(changes))["neutrophil_loss_per_day"]
    return float(inside / (loss * recorded[-1, ANC].mean()))
