"""Doses that carry their unit.

A dose is a whole number of nanograms per kilogram, so that a ledger of ordered, taken and missed doses adds up exactly,
and so that milligrams, negative amounts, not-a-number and a thousandfold slip have no way to be written down.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum

NANOGRAMS_PER_MICROGRAM = 1000
HOURS_PER_DAY = 24
DAYS_PER_WEEK = 7
THREE_DAYS_OF_THE_WEEK = (0, 2, 4)
INJECTIONS_PER_DAY = (1, 2)

_CHART_DOSE = re.compile(r"^\s*(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>\S+?)\s+(?P<schedule>[a-z ]+?)\s*$")
_MICROGRAM_SPELLINGS = frozenset({"ug/kg", "mcg/kg", "µg/kg", "μg/kg"})


class Schedule(StrEnum):
    """How often a dose is given; days and hours are those of the chart, on which visits are in the morning."""

    TWICE_DAILY = "twice daily"
    ONCE_DAILY = "once daily"
    ALTERNATE_DAYS = "every other day"
    THREE_A_WEEK = "three times a week"
    ONCE = "once"


# Injections on a day of treatment; average injections a day as a ratio of whole numbers; hours between injections.
_INJECTIONS = {schedule: 2 if schedule is Schedule.TWICE_DAILY else 1 for schedule in Schedule}
_PER_DAY = {
    Schedule.TWICE_DAILY: (2, 1),
    Schedule.ONCE_DAILY: (1, 1),
    Schedule.ALTERNATE_DAYS: (1, 2),
    Schedule.THREE_A_WEEK: (3, 7),
    Schedule.ONCE: (1, 1),
}
_EVERY_HOURS = {
    Schedule.TWICE_DAILY: 12,
    Schedule.ONCE_DAILY: 24,
    Schedule.ALTERNATE_DAYS: 48,
    Schedule.THREE_A_WEEK: 56,
    Schedule.ONCE: 0,
}
_DAILY = {1: Schedule.ONCE_DAILY, 2: Schedule.TWICE_DAILY}


class DoseRefused(ValueError):
    """A dose that may not be expressed; the message names the field, the value and what is allowed."""


@dataclass(frozen=True, slots=True, order=True)
class Dose:
    """One administration, in nanograms per kilogram of body weight."""

    ng_per_kg: int

    def __post_init__(self) -> None:
        if type(self.ng_per_kg) is not int or self.ng_per_kg < 0:
            raise DoseRefused(f"dose: {self.ng_per_kg!r} is not a whole, non-negative number of ng/kg")

    @classmethod
    def from_ug_per_kg(cls, amount: float, *, field: str = "dose_ug_per_kg") -> Dose:
        """Return the dose of `amount` ug/kg, or raise DoseRefused naming `field`.

        >>> Dose.from_ug_per_kg(6.0)
        Dose(ng_per_kg=6000)
        """
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not math.isfinite(amount) or amount < 0:
            raise DoseRefused(f"{field}: {amount!r} is not allowed; allowed: a number from 0 on (ug/kg)")
        return cls(round(amount * NANOGRAMS_PER_MICROGRAM))

    @property
    def ug_per_kg(self) -> float:
        """Micrograms per kilogram."""
        return self.ng_per_kg / NANOGRAMS_PER_MICROGRAM


@dataclass(frozen=True, slots=True)
class Regimen:
    """A dose of a product and how often it is given.

    `ng_per_kg_day` and `ug_per_kg_day` are what that makes in a day, on average (of a single dose: on its day);
    `injections_per_day` are those of a day of treatment; `is_daily` tells whether every day is one.

    >>> Regimen.parse("6 ug/kg twice daily").ug_per_kg_day
    12.0
    """

    dose: Dose
    schedule: Schedule = Schedule.ONCE_DAILY
    product: str = "filgrastim"
    ng_per_kg_day: int = field(init=False, repr=False, compare=False)
    ug_per_kg_day: float = field(init=False, repr=False, compare=False)
    injections_per_day: int = field(init=False, repr=False, compare=False)
    is_daily: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise DoseRefused(f"schedule: {self.schedule!r} is not allowed; allowed: one of {', '.join(Schedule)}")
        times, days = _PER_DAY[self.schedule]
        whole_day = round(self.dose.ng_per_kg * times / days)
        object.__setattr__(self, "ng_per_kg_day", whole_day)
        object.__setattr__(self, "ug_per_kg_day", whole_day / NANOGRAMS_PER_MICROGRAM)
        object.__setattr__(self, "injections_per_day", _INJECTIONS[self.schedule])
        object.__setattr__(self, "is_daily", self.schedule in (Schedule.ONCE_DAILY, Schedule.TWICE_DAILY))

    @classmethod
    def daily(
        cls,
        ug_per_kg_day: float,
        injections_per_day: int,
        *,
        product: str = "filgrastim",
        field: str = "dose_ug_per_kg_day",
    ) -> Regimen:
        """Return the regimen of `ug_per_kg_day` in equal injections, or raise DoseRefused naming `field`."""
        if injections_per_day not in _DAILY:
            raise DoseRefused(f"injections_per_day: {injections_per_day!r} is not allowed; allowed: 1 or 2")
        return cls.average(ug_per_kg_day, _DAILY[injections_per_day], product=product, field=field)

    @classmethod
    def average(
        cls, ug_per_kg_day: float, schedule: Schedule, *, product: str = "filgrastim", field: str = "dose_ug_per_kg_day"
    ) -> Regimen:
        """Return the regimen whose average day is `ug_per_kg_day`, or raise DoseRefused naming `field`.

        >>> str(Regimen.average(2.0, Schedule.ALTERNATE_DAYS))
        '4 ug/kg every other day'
        """
        whole_day = Dose.from_ug_per_kg(ug_per_kg_day, field=field)
        times, days = _PER_DAY[schedule]
        return cls(Dose(whole_day.ng_per_kg * days // times), schedule, product)

    @classmethod
    def parse(cls, text: str, *, field: str = "regimen") -> Regimen:
        """Read a dose as it stands on a chart, such as `6 ug/kg twice daily`; any other unit is refused."""
        match = _CHART_DOSE.match(text)
        if match is None or match["schedule"] not in list(Schedule):
            raise DoseRefused(
                f"{field}: {text!r} is not a dose; write for example `6 ug/kg twice daily` ({', '.join(Schedule)})"
            )
        if match["unit"] not in _MICROGRAM_SPELLINGS:
            raise DoseRefused(
                f"{field}: the unit {match['unit']!r} is not allowed; allowed: ug/kg. G-CSF is dosed in micrograms: "
                "a dose in milligrams would be a thousandfold overdose"
            )
        return cls(Dose.from_ug_per_kg(float(match["amount"]), field=field), Schedule(match["schedule"]))

    def with_average(self, ug_per_kg_day: float) -> Regimen:
        """Return the same product on the same schedule at another average dose."""
        return Regimen.average(ug_per_kg_day, self.schedule, product=self.product)

    def falls_on(self, day: int, first_day: int) -> bool:
        """Return whether an injection falls on `day` of a regimen that began on `first_day`."""
        since = day - first_day
        if self.schedule is Schedule.ALTERNATE_DAYS:
            return since % 2 == 0
        if self.schedule is Schedule.THREE_A_WEEK:
            return since % DAYS_PER_WEEK in THREE_DAYS_OF_THE_WEEK
        return since == 0 if self.schedule is Schedule.ONCE else True

    @property
    def every_hours(self) -> int:
        """Hours between injections, on average where they differ; 0 for a single dose."""
        return _EVERY_HOURS[self.schedule]

    def __str__(self) -> str:
        return f"{self.dose.ug_per_kg:g} ug/kg {self.schedule}"


NO_DOSE = Regimen(Dose(0))


def injection_ng(dose: Dose, weight_kg: float, vial_rounding_ug: float) -> int:
    """Return one injection in whole nanograms: ug/kg times weight, to the nearest vial step when there is one.

    A dose above zero is never rounded away: it is at least one step.
    """
    exact = round(dose.ng_per_kg * weight_kg)
    step = round(vial_rounding_ug * NANOGRAMS_PER_MICROGRAM)
    if step == 0 or exact == 0:
        return exact
    return max(1, round(exact / step)) * step
