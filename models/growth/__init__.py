"""How a person grows: weight and height for age, at a z-score kept for life.

LMS curves give the median M, the spread S and the skewness L of a measure at an age; a person at z-score z measures
M (1 + L S z)^(1/L), or M exp(S z) where L is 0. L, M and S are linear between the tabled months, so the change of
tables (WHO below 24 months, CDC from 24) is spread over the last three months of the second year; weight never falls
there, height may by a few millimetres because the children are measured standing from then on. The tables end at 20
years; an adult keeps the values of that age. Beyond z = 2 the curve goes on in a straight line, as in CDC's modified
z-scores: the LMS formula itself would make some heavy adolescents weigh several hundred kilograms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from titranc.models.documents import read_document

Numbers = NDArray[np.float64]
MONTHS_PER_YEAR = 12.0
SEXES = ("female", "male")


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of one person: sex and the z-scores of weight and height, kept for life.

    Ages are in years, one or an array. Raises ValueError for an unknown sex or a z-score beyond the widest allowed.

    >>> round(Growth("female", 0.0, 0.0).weight_kg(2.0), 1)
    12.1
    """

    sex: str
    weight_z: float
    height_z: float

    def __post_init__(self) -> None:
        if self.sex not in SEXES:
            raise ValueError(f"sex: {self.sex!r} is not allowed; allowed: one of {', '.join(SEXES)}")
        for name, z in (("weight_z", self.weight_z), ("height_z", self.height_z)):
            if not abs(z) <= largest_z():
                raise ValueError(
                    f"{name}: {z!r} is not allowed; allowed: a number from -{largest_z():g} to {largest_z():g}"
                )

    @overload
    def weight_kg(self, age_years: float) -> float: ...
    @overload
    def weight_kg(self, age_years: Numbers) -> Numbers: ...
    def weight_kg(self, age_years: float | Numbers) -> float | Numbers:
        """Return the weight in kg at an age in years (WHO 2006, CDC 2000)."""
        return _plain(_measure("weight_kg", self.sex, age_years, self.weight_z))

    @overload
    def height_cm(self, age_years: float) -> float: ...
    @overload
    def height_cm(self, age_years: Numbers) -> Numbers: ...
    def height_cm(self, age_years: float | Numbers) -> float | Numbers:
        """Return the height in cm at an age in years: lying below two years, standing from two (WHO 2006, CDC 2000)."""
        return _plain(_measure("height_cm", self.sex, age_years, self.height_z))

    @overload
    def body_surface_m2(self, age_years: float) -> float: ...
    @overload
    def body_surface_m2(self, age_years: Numbers) -> Numbers: ...
    def body_surface_m2(self, age_years: float | Numbers) -> float | Numbers:
        """Return the body surface in m^2 at an age in years (Mosteller 1987)."""
        weight = _measure("weight_kg", self.sex, age_years, self.weight_z)
        height = _measure("height_cm", self.sex, age_years, self.height_z)
        return _plain(np.sqrt(height * weight / _rule("surface_divisor")))


def z_of_weight(sex: str, age_years: float, weight_kg: float) -> float:
    """Return the z-score of a weight in kg at an age in years; the inverse of Growth.weight_kg.

    >>> abs(z_of_weight("female", 2.0, Growth("female", 1.5, 0.0).weight_kg(2.0)) - 1.5) < 1e-12
    True
    """
    skewness, median, spread = (float(part) for part in _curve("weight_kg", sex, age_years))
    edge = _rule("linear_beyond_z") * (1.0 if weight_kg > median else -1.0)
    at_edge = float(_lms_value(skewness, median, spread, edge))
    if abs(weight_kg - median) > abs(at_edge - median):
        return edge * (weight_kg - median) / (at_edge - median)
    ratio = weight_kg / median
    return float(np.log(ratio) / spread if skewness == 0 else (ratio**skewness - 1) / (skewness * spread))


@cache
def largest_z() -> float:
    """Return the widest z-score a person may have, in either direction."""
    return _rule("largest_z")


def _measure(measure: str, sex: str, age_years: ArrayLike, z: float) -> Numbers:
    skewness, median, spread = _curve(measure, sex, age_years)
    limit = _rule("linear_beyond_z")
    if abs(z) <= limit:
        return _lms_value(skewness, median, spread, z)
    edge = limit if z > 0 else -limit
    return median + (_lms_value(skewness, median, spread, edge) - median) * (z / edge)


def _lms_value(skewness: ArrayLike, median: ArrayLike, spread: ArrayLike, z: float) -> Numbers:
    skewness, median, spread = (np.asarray(part, dtype=np.float64) for part in (skewness, median, spread))
    power = np.where(skewness == 0, 1.0, skewness)
    skewed = (1 + power * spread * z) ** (1 / power)
    return np.asarray(median * np.where(skewness == 0, np.exp(spread * z), skewed))


def _curve(measure: str, sex: str, age_years: ArrayLike) -> tuple[Numbers, Numbers, Numbers]:
    """Return L, M and S at an age; held at the first and last tabled month outside them."""
    months, *columns = _table(measure, sex)
    at = np.asarray(age_years, dtype=np.float64) * MONTHS_PER_YEAR
    skewness, median, spread = (np.asarray(np.interp(at, months, column)) for column in columns)
    return skewness, median, spread


@cache
def _table(measure: str, sex: str) -> tuple[Numbers, ...]:
    by_reference = _data()[measure][sex]
    rows = [row for reference in ("who_2006", "cdc_2000") for row in by_reference[reference]]
    return tuple(np.array(rows, dtype=np.float64).T)


@cache
def _rule(name: str) -> float:
    return float(_data()["rules"][name]["value"])


@cache
def _data() -> dict[str, Any]:
    return read_document(Path(__file__).with_name("lms.yaml")).data


def _plain(values: Numbers) -> float | Numbers:
    return float(values) if values.ndim == 0 else values
