"""What an agent sees and what it may ask for: the numbers of a chart, never the true count.

Every number comes from the observation that any policy gets; nothing here reads a body.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from titranc.models.clinic_view import Observation

COUNTS = 3
# Below one cell in the differential of a count; the log of a count of zero is that of this.
SMALLEST_ANC_1E9_PER_L = 0.01
LARGEST_ANC_1E9_PER_L = 1000.0
# What "never" and "no count yet" look like, and the most that any number of days can be.
LONGEST_DAYS = 11_000.0
DAYS_PER_MONTH = 365.25 / 12
STEPS = (-2, -1, 0, 1, 2)

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]


class Field(NamedTuple):
    """One number of the observation: name with its unit, and the ends of its range."""

    name: str
    low: float
    high: float


_LOGS = (math.log10(SMALLEST_ANC_1E9_PER_L), math.log10(LARGEST_ANC_1E9_PER_L))


def fields(ceiling_ug_per_kg_day: float) -> tuple[Field, ...]:
    """Return the numbers of the observation in their order.

    Counts are the last three that the clinic could act upon, newest first, as log10 of 10^9/L; where there are fewer, 0
    (a count of 1) and the longest of days stand for what is missing. `last_usable` tells whether the sample of this visit
    gave such a count (1) or not (0). Doses are averages a day; the mean is over all days since the first visit.
    """
    return (
        Field("last_log10_anc_1e9_per_l", *_LOGS),
        Field("second_log10_anc_1e9_per_l", *_LOGS),
        Field("third_log10_anc_1e9_per_l", *_LOGS),
        Field("last_usable", 0.0, 1.0),
        Field("last_count_age_days", 0.0, LONGEST_DAYS),
        Field("second_count_age_days", 0.0, LONGEST_DAYS),
        Field("third_count_age_days", 0.0, LONGEST_DAYS),
        Field("dose_ug_per_kg_day", 0.0, ceiling_ug_per_kg_day),
        Field("mean_dose_ug_per_kg_day", 0.0, ceiling_ug_per_kg_day),
        Field("days_at_dose", 0.0, LONGEST_DAYS),
        Field("age_years", 0.0, 120.0),
        Field("weight_kg", 0.0, 300.0),
        Field("months_on_treatment", 0.0, LONGEST_DAYS / DAYS_PER_MONTH),
        Field("days_since_severe_infection", 0.0, LONGEST_DAYS),
    )


FIELD_NAMES = tuple(field.name for field in fields(1.0))
COLUMN = {name: column for column, name in enumerate(FIELD_NAMES)}


def ends(ceiling_ug_per_kg_day: float) -> tuple[Vectors, Vectors]:
    """Return the least and the most that each number can be, [fields] each."""
    known = fields(ceiling_ug_per_kg_day)
    return np.array([field.low for field in known], np.float32), np.array([field.high for field in known], np.float32)


def observation_space(ceiling_ug_per_kg_day: float) -> spaces.Space[Any]:
    """Return the space of one observation, a Box of [fields]."""
    return spaces.Box(*ends(ceiling_ug_per_kg_day), dtype=np.float32)


def action_space(ceiling_ug_per_kg_day: float, *, discrete: bool) -> spaces.Space[Any]:
    """Return the space of one action: a dose in ug/kg/day, [1], or the number of one of five steps."""
    if discrete:
        return spaces.Discrete(len(STEPS))
    return spaces.Box(0.0, ceiling_ug_per_kg_day, (1,), np.float32)


class ChartReader:
    """Reads the charts of n patients into vectors, visit by visit."""

    def __init__(self, n: int, ceiling_ug_per_kg_day: float) -> None:
        self.low, self.high = ends(ceiling_ug_per_kg_day)
        self.log10_anc, self.count_day = np.zeros((n, COUNTS)), np.full((n, COUNTS), -LONGEST_DAYS)
        self.usable, self.seen_day = np.zeros(n), np.zeros(n)
        self.dose, self.given_ug_per_kg = np.zeros(n), np.zeros(n)
        self.changed_day, self.begun_day = np.zeros(n), np.full(n, np.inf)
        self.severe_day = np.full(n, -LONGEST_DAYS)
        self.age_years, self.weight_kg = np.zeros(n), np.zeros(n)

    def read(self, body: int, seen: Observation) -> None:
        """Read what is known of a patient when a decision is due."""
        count, anc = seen.count, seen.count.anc_1e9_per_l
        self.usable[body] = count.usable
        if count.usable and anc is not None:
            self.log10_anc[body, 1:], self.count_day[body, 1:] = self.log10_anc[body, :-1], self.count_day[body, :-1]
            self.log10_anc[body, 0] = math.log10(max(anc, SMALLEST_ANC_1E9_PER_L))
            self.count_day[body, 0] = count.day
        if seen.findings.severe_infection:
            self.note_severe_infection(body, seen.day)
        self.seen_day[body], self.age_years[body], self.weight_kg[body] = seen.day, seen.age_years, seen.weight_kg

    def note_severe_infection(self, body: int, day: int) -> None:
        """Note that the clinic saw a severe infection."""
        self.severe_day[body] = day

    def write(self, bodies: NDArray[np.int64], dose_ug_per_kg_day: Floats, day: int, until_day: int) -> None:
        """Write the doses that stand from a day until the next visit."""
        changed = bodies[dose_ug_per_kg_day != self.dose[bodies]]
        self.changed_day[changed] = day
        self.dose[bodies] = dose_ug_per_kg_day
        self.given_ug_per_kg[bodies] += dose_ug_per_kg_day * (until_day - day)
        beginning = bodies[(dose_ug_per_kg_day > 0) & np.isinf(self.begun_day[bodies])]
        self.begun_day[beginning] = day

    def vectors(self) -> Vectors:
        """Return what is known of each patient, [n, fields]."""
        day = self.seen_day
        columns = (
            *self.log10_anc.T,
            self.usable,
            *(day[:, None] - self.count_day).T,
            self.dose,
            self.given_ug_per_kg / np.maximum(day, 1),
            day - self.changed_day,
            self.age_years,
            self.weight_kg,
            np.maximum(day - self.begun_day, 0.0) / DAYS_PER_MONTH,
            day - self.severe_day,
        )
        return np.clip(np.stack(columns, axis=1).astype(np.float32), self.low, self.high)
