"""A measure of a virtual study: one row of values a patient, the statistic of them, and its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Statistic = Callable[[Values], float]
REPLICATES = 400
CONFIDENCE = 0.95


def mean(values: Values) -> float:
    """Return the mean of the first column."""
    return float(values[:, 0].mean())


def median(values: Values) -> float:
    """Return the median of the first column."""
    return float(np.median(values[:, 0]))


def percentage(values: Values) -> float:
    """Return the share of patients with a true first column, in percent."""
    return 100 * mean(values)


def ratio(values: Values) -> float:
    """Return the sum of the first column over the sum of the second; not-a-number without any."""
    below = float(values[:, 1].sum())
    return float(values[:, 0].sum()) / below if below else float("nan")


def reduction(values: Values) -> float:
    """Return by how much the first column lies below the second in sum, in percent."""
    return 100 * (1 - ratio(values))


def difference(values: Values) -> float:
    """Return the difference between the medians of the first and the second column."""
    return float(np.median(values[:, 0]) - np.median(values[:, 1]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A simulated number with its bootstrap interval and Monte Carlo standard error."""

    value: float
    low: float
    high: float
    error: float
    patients: int


@dataclass(frozen=True, slots=True)
class Sample:
    """Values [patients, columns] and the statistic that is compared."""

    values: Values
    statistic: Statistic

    @classmethod
    def of(cls, statistic: Statistic, *columns: ArrayLike) -> Sample:
        """Return the sample of patients in whom every column is known."""
        values = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
        return cls(values[np.isfinite(values).all(axis=1)], statistic)

    def estimate(self) -> Estimate:
        """Return the statistic with its percentile bootstrap over patients; one exact value has no error."""
        n = len(self.values)
        if n == 0:
            unknown = float("nan")
            return Estimate(unknown, unknown, unknown, unknown, 0)
        value = self.statistic(self.values)
        if n == 1:
            return Estimate(value, value, value, 0.0, n)
        draw = np.random.default_rng(0)
        again = np.array([self.statistic(self.values[draw.integers(n, size=n)]) for _ in range(REPLICATES)])
        tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
        low, high = np.nanquantile(again, tails)
        return Estimate(value, float(low), float(high), float(np.nanstd(again)), n)
