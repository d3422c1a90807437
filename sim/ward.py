"""The ward: the bodies of a block of patients, advanced together, and the doses that reach them.

A body is asked for by its blood count. The ward then catches up with the calendar: all bodies go to that morning in one
compiled call, under the orders that stood when each injection fell due. Time is whole minutes, drug whole nanograms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.dosing import NANOGRAMS_PER_MICROGRAM, Regimen, injection_ng
from titranc.models.granulopoiesis import parameter_array
from titranc.models.integrator import RECORDS, Bodies, DosePlan
from titranc.models.patient import Patient
from titranc.sim.streams import Purpose, Streams

MINUTES_PER_DAY = 1440
DAYS_PER_YEAR = 365.25
ANC = RECORDS.index("anc_1e9_per_l")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class InjectionClock:
    """The minutes of the day at which a dose may fall due, and which of them a regimen uses."""

    minutes: tuple[int, ...]
    once_daily: tuple[int, ...]
    twice_daily: tuple[int, ...]

    @classmethod
    def of_hours(cls, once_daily: Sequence[int], twice_daily: Sequence[int]) -> InjectionClock:
        """Return the clock of injections at these hours after the morning visit."""
        minutes = tuple(sorted({60 * hour for hour in (*once_daily, *twice_daily)}))
        slots = {minute: slot for slot, minute in enumerate(minutes)}
        return cls(minutes, tuple(slots[60 * h] for h in once_daily), tuple(slots[60 * h] for h in twice_daily))

    def slots_of(self, regimen: Regimen) -> tuple[int, ...]:
        """Return the slots of the day that a regimen uses."""
        return self.once_daily if regimen.injections_per_day == 1 else self.twice_daily


class Ward:
    """The bodies of `patients`, one for each; `clocks[i]` says when patient i is injected."""

    def __init__(
        self,
        patients: Sequence[Patient],
        clocks: Sequence[InjectionClock],
        vial_rounding_ug: Sequence[float],
        horizon_days: int,
        streams: Streams,
        accuracy: str,
    ) -> None:
        self.patients, self.vial_rounding_ug, self.horizon_days, self.day = patients, vial_rounding_ug, horizon_days, 0
        self.minutes = np.array(sorted({minute for clock in clocks for minute in clock.minutes}), dtype=np.int64)
        self.clocks = clocks
        n, slots = len(patients), len(self.minutes)
        self.weight_kg = np.stack([_weights(patient, horizon_days) for patient in patients], axis=1)
        self.taken = np.stack([_doses_taken(patient, streams, horizon_days, slots) for patient in patients], axis=2)
        self.order_ng, self.next_order_ng = np.zeros((slots, n), np.int64), np.zeros((slots, n), np.int64)
        self.next_from_minute = np.full(n, np.iinfo(np.int64).max)
        self.due_ng = np.zeros((horizon_days, slots, n), np.int64)
        self.bodies = Bodies(parameter_array([patient.parameters for patient in patients]), accuracy=accuracy)
        self.mornings = np.full((horizon_days + 1, len(RECORDS), n), np.nan)
        self._burn_in()

    def _burn_in(self) -> None:
        days = int(catalogue.disease(self.patients[0].disease).burn_in_days.value)
        self.mornings[0] = self.bodies.burn_in(days)

    def true_anc(self, body: int, day: int) -> float:
        """Return the ANC (10^9/L) in the blood on the morning of `day`, before that morning's dose."""
        self.catch_up(day)
        return float(self.mornings[day, ANC, body])

    def prescribe(self, body: int, regimen: Regimen, minute: int) -> int:
        """Order a regimen for all injections due from `minute` on; return one injection in whole nanograms."""
        weight = self.weight_kg[minute // MINUTES_PER_DAY, body]
        amount = injection_ng(regimen.dose, weight, self.vial_rounding_ug[body])
        self.next_order_ng[:, body] = 0
        for slot in self.clocks[body].slots_of(regimen):
            column = int(np.searchsorted(self.minutes, self.clocks[body].minutes[slot]))
            self.next_order_ng[column, body] = amount
        self.next_from_minute[body] = minute
        return amount

    def catch_up(self, day: int) -> None:
        """Advance every body to the morning of `day`."""
        if day <= self.day:
            return
        days = np.arange(self.day, day)
        due_ng = self._due(days)
        given_ng = np.where(self.taken[days], due_ng, 0)
        amount = given_ng / (NANOGRAMS_PER_MICROGRAM * self.weight_kg[days][:, None, :])
        minute = np.repeat(self.minutes[:, None], len(self.patients), axis=1)
        plan = DosePlan(amount=amount, minute=minute, depot=("D",) * len(self.minutes))
        self.mornings[self.day + 1 : day + 1] = self.bodies.advance(len(days), plan)
        self.due_ng[days] = due_ng
        self._settle(day)

    def _due(self, days: Integers) -> Integers:
        """Return the nanograms due at each injection time, [days, slots, bodies]."""
        when = days[:, None, None] * MINUTES_PER_DAY + self.minutes[None, :, None]
        return np.where(when >= self.next_from_minute, self.next_order_ng, self.order_ng)

    def _settle(self, day: int) -> None:
        """Let the orders that have begun by the morning of `day` stand."""
        begun = self.next_from_minute <= day * MINUTES_PER_DAY
        self.order_ng[:, begun] = self.next_order_ng[:, begun]
        self.next_from_minute[begun] = np.iinfo(np.int64).max
        self.day = day

    @property
    def failed(self) -> Flags:
        """Which bodies the solver could not follow, or left with a number that is none."""
        return self.bodies.failed


def _weights(patient: Patient, horizon_days: int) -> Floats:
    ages = patient.age_start_years + np.arange(horizon_days + 1) / DAYS_PER_YEAR
    return np.asarray(patient.growth.weight_kg(ages), dtype=np.float64)


def _doses_taken(patient: Patient, streams: Streams, horizon_days: int, slots: int) -> Flags:
    """Return for each injection time whether a dose due then is given; two columns are drawn for every patient."""
    luck = streams.generator(Purpose.ADHERENCE, patient.patient_id).random((horizon_days, 4))
    return luck[:, :slots] < patient.doses_taken_share
