"""How a patient takes doses over the years: less in adolescence, none on a drug holiday."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 365.25
ADOLESCENCE_YEARS = (12.0, 18.0)


@dataclass(frozen=True, slots=True)
class Habits:
    """`adolescent_fold` multiplies the doses taken from 12 to 18 years; a holiday is a first day and a length in days."""

    adolescent_fold: float
    holidays: tuple[tuple[int, int], ...]

    def daily_fold(self, age_start_years: float, horizon_days: int) -> NDArray[np.float64]:
        """Return by how much the share of doses taken is multiplied on each day, [days]."""
        age = age_start_years + np.arange(horizon_days) / DAYS_PER_YEAR
        young, grown = ADOLESCENCE_YEARS
        fold = np.where((age >= young) & (age < grown), self.adolescent_fold, 1.0)
        for first, days in self.holidays:
            fold[first : first + days] = 0.0
        return fold
