"""When injections fall due: the hours of the day, the depots that they go into, the rhythm of a regimen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.dosing import INJECTIONS_PER_DAY, Regimen
from titranc.models.granulopoiesis import STATES

Integers = NDArray[np.int64]
CYTOTOXIC_DEPOT = "X"
LARGEST_NUMBER_OF_HOURS = 4


@dataclass(frozen=True, slots=True)
class InjectionClock:
    """The minutes of the day at which a dose falls due, when it is given once daily and when twice."""

    once_daily: tuple[int, ...]
    twice_daily: tuple[int, ...]

    @classmethod
    def of_hours(cls, once_daily: Sequence[int], twice_daily: Sequence[int]) -> InjectionClock:
        """Return the clock of injections at these hours after the morning visit."""
        return cls(tuple(60 * hour for hour in once_daily), tuple(60 * hour for hour in twice_daily))

    def minutes(self, injections_per_day: int) -> tuple[int, ...]:
        """Return the minutes of the day at which so many injections are given."""
        return self.once_daily if injections_per_day == 1 else self.twice_daily


@dataclass(frozen=True)
class Slots:
    """The times of the day at which something may be given: minute [slots], ascending, product and depot of each.

    Where there is chemotherapy, slot 0 is its own: it is measured in cycles, given by the hospital and never missed. The
    slots of `drugs` are all others.
    """

    minutes: Integers
    products: tuple[str, ...]
    depots: Integers
    drugs: slice

    @classmethod
    def of(cls, clocks: Sequence[Mapping[str, InjectionClock]], *, chemotherapy: bool) -> Slots:
        """Return the slots that serve all bodies, each with its clocks by product."""
        wanted = sorted(
            {
                (minute, product)
                for of_body in clocks
                for product, clock in of_body.items()
                for times in INJECTIONS_PER_DAY
                for minute in clock.minutes(times)
            }
        )
        slots = [(minute, product, catalogue.drug(product).depot) for minute, product in wanted]
        if chemotherapy:
            slots.insert(0, (0, "", CYTOTOXIC_DEPOT))
        return cls(
            minutes=np.array([minute for minute, _, _ in slots], dtype=np.int64),
            products=tuple(product for _, product, _ in slots),
            depots=np.array([STATES.index(depot) for _, _, depot in slots], dtype=np.int64),
            drugs=slice(int(chemotherapy), None),
        )

    def in_use(self, clocks: Mapping[str, InjectionClock]) -> dict[tuple[str, int], Integers]:
        """Return by product and injections a day 1 for each slot of a drug at which a body is injected, else 0."""
        return {
            (product, times): self._at(product, clock.minutes(times))
            for product, clock in clocks.items()
            for times in INJECTIONS_PER_DAY
        }

    def _at(self, product: str, minutes: tuple[int, ...]) -> Integers:
        own = np.array([name == product for name in self.products])
        return np.asarray(np.isin(self.minutes, minutes) & own, dtype=np.int64)[self.drugs]


class Standing(NamedTuple):
    """An order that stands: the regimen, the nanograms of each slot of a drug on a day of treatment, the day it began."""

    regimen: Regimen
    amount_ng: Integers
    first_day: int

    def write(self, due_ng: Integers, from_day: int) -> None:
        """Write what falls due on the days from `from_day` on into `due_ng` [days, slots of drugs]."""
        due_ng[:] = self.amount_ng
        if self.regimen.is_daily:
            return
        for index in range(len(due_ng)):
            if not self.regimen.falls_on(from_day + index, self.first_day):
                due_ng[index] = 0
