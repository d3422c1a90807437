"""Doses that carry their unit.

A dose is a whole number of nanograms per kilogram, so that a ledger of ordered, taken and missed doses adds up exactly,
and so that milligrams, negative amounts, not-a-number and a thousandfold slip have no way to be written down.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

NANOGRAMS_PER_MICROGRAM = 1000
HOURS_PER_DAY = 24
INJECTIONS_PER_DAY = (1, 2)

_CHART_DOSE = re.compile(r"^\s*(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>\S+?)\s+(?P<schedule>once daily|twice daily)\s*$")
_SCHEDULES = {"once daily": 1, "twice daily": 2}
_MICROGRAM_SPELLINGS = frozenset({"ug/kg", "mcg/kg", "µg/kg", "μg/kg"})


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
            raise DoseRefused(f"{field}: {amount!r} is not allowed; allowed: a finite number of ug/kg, 0 or more")
        return cls(round(amount * NANOGRAMS_PER_MICROGRAM))

    @property
    def ug_per_kg(self) -> float:
        """Micrograms per kilogram."""
        return self.ng_per_kg / NANOGRAMS_PER_MICROGRAM


@dataclass(frozen=True, slots=True)
class Regimen:
    """A dose and how often it is given: `injections_per_day` administrations of `dose`, evenly spaced.

    `ng_per_kg_day` and `ug_per_kg_day` are what that makes in a day.

    >>> Regimen.parse("6 ug/kg twice daily").ug_per_kg_day
    12.0
    """

    dose: Dose
    injections_per_day: int = 1
    ng_per_kg_day: int = field(init=False, repr=False, compare=False)
    ug_per_kg_day: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.injections_per_day not in INJECTIONS_PER_DAY:
            raise DoseRefused(f"injections_per_day: {self.injections_per_day!r} is not allowed; allowed: 1 or 2")
        whole_day = self.dose.ng_per_kg * self.injections_per_day
        object.__setattr__(self, "ng_per_kg_day", whole_day)
        object.__setattr__(self, "ug_per_kg_day", whole_day / NANOGRAMS_PER_MICROGRAM)

    @classmethod
    def daily(cls, ug_per_kg_day: float, injections_per_day: int, *, field: str = "dose_ug_per_kg_day") -> Regimen:
        """Return the regimen of `ug_per_kg_day` in equal injections, or raise DoseRefused naming `field`."""
        whole_day = Dose.from_ug_per_kg(ug_per_kg_day, field=field)
        return cls(Dose(whole_day.ng_per_kg // injections_per_day), injections_per_day)

    @classmethod
    def parse(cls, text: str, *, field: str = "regimen") -> Regimen:
        """Read a dose as it stands on a chart, such as `6 ug/kg twice daily`; any other unit is refused."""
        match = _CHART_DOSE.match(text)
        if match is None:
            raise DoseRefused(f"{field}: {text!r} is not a dose; write for example `6 ug/kg twice daily`")
        if match["unit"] not in _MICROGRAM_SPELLINGS:
            raise DoseRefused(
                f"{field}: the unit {match['unit']!r} is not allowed; allowed: ug/kg. G-CSF is dosed in micrograms: "
                "a dose in milligrams would be a thousandfold overdose"
            )
        return cls(Dose.from_ug_per_kg(float(match["amount"]), field=field), _SCHEDULES[match["schedule"]])

    @property
    def every_hours(self) -> int:
        """Hours between injections."""
        return HOURS_PER_DAY // self.injections_per_day

    def __str__(self) -> str:
        times = "once daily" if self.injections_per_day == 1 else "twice daily"
        return f"{self.dose.ug_per_kg:g} ug/kg {times}"


NO_DOSE = Regimen(Dose(0), 1)


def injection_ng(dose: Dose, weight_kg: float, vial_rounding_ug: float) -> int:
    """Return one injection in whole nanograms: ug/kg times weight, to the nearest vial step when there is one.

    A dose above zero is never rounded away: it is at least one step.
    """
    exact = round(dose.ng_per_kg * weight_kg)
    step = round(vial_rounding_ug * NANOGRAMS_PER_MICROGRAM)
    if step == 0 or exact == 0:
        return exact
    return max(1, round(exact / step)) * step
