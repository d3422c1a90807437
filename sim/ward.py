"""The ward: the bodies of a block of patients, advanced together, and the doses that reach them.

An order stands until the next visit, so the body's way there is settled once it is written. A blood count that is asked
for sends every body with a settled way along it, all in one compiled call. Time is whole minutes, drug whole nanograms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.dosing import NANOGRAMS_PER_MICROGRAM, Regimen, injection_ng
from titranc.models.granulopoiesis import D, parameter_array
from titranc.models.integrator import RECORDS, Bodies
from titranc.models.patient import Patient
from titranc.sim.streams import Purpose, Streams

MINUTES_PER_DAY = 1440
DAYS_PER_YEAR = 365.25
# How far bodies may run ahead of the day that is asked for: far enough to fill the lanes, so near that none runs alone.
AHEAD_DAYS = 7
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
        records: int = len(RECORDS),
    ) -> None:
        self.patients, self.clocks, self.vial_rounding_ug = patients, clocks, vial_rounding_ug
        self.horizon_days, self.records, self.seconds = horizon_days, records, 0.0
        self.minutes = np.array(sorted({minute for clock in clocks for minute in clock.minutes}), dtype=np.int64)
        self._columns = [np.searchsorted(self.minutes, clock.minutes) for clock in clocks]
        n, slots = len(patients), len(self.minutes)
        self.weight_kg = np.stack([_weights(patient, horizon_days) for patient in patients])
        self.taken = np.stack([_doses_taken(patient, streams, horizon_days, slots) for patient in patients])
        self.order_ng, self.next_order_ng = np.zeros((n, slots), np.int64), np.zeros((n, slots), np.int64)
        self.next_from_minute = np.zeros(n, np.int64)
        self.day, self.settled_to_day = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.due_ng = np.zeros((n, horizon_days, slots), np.int64)
        self.mornings = np.full((n, horizon_days + 1, records), np.nan)
        self.bodies = Bodies(parameter_array([patient.parameters for patient in patients]), accuracy=accuracy)
        self.untreated = self.bodies.burn_in(int(catalogue.disease(patients[0].disease).burn_in_days.value))
        self.mornings[:, 0] = self.untreated[:records].T

    def true_anc(self, body: int, day: int) -> float:
        """Return the ANC (10^9/L) in the blood on the morning of `day`, before that morning's dose."""
        if day > self.day[body]:
            self._go_on(day + AHEAD_DAYS)
        return float(self.mornings[body, day, ANC])

    def prescribe(self, body: int, regimen: Regimen, minute: int, until_day: int) -> int:
        """Order a regimen for the injections due from `minute` to the morning of `until_day`, when it will be reviewed.

        Returns one injection in whole nanograms.
        """
        amount = injection_ng(
            regimen.dose, float(self.weight_kg[body, minute // MINUTES_PER_DAY]), self.vial_rounding_ug[body]
        )
        self.order_ng[body] = self.next_order_ng[body]
        self.next_order_ng[body] = 0
        for slot in self.clocks[body].slots_of(regimen):
            self.next_order_ng[body, self._columns[body][slot]] = amount
        self.next_from_minute[body] = minute
        self.settled_to_day[body] = min(until_day, self.horizon_days)
        return amount

    def close(self) -> None:
        """Let every body go on to the end, under the order that stands."""
        self.settled_to_day[:] = self.horizon_days
        self._go_on(self.horizon_days)

    def _go_on(self, until_day: int) -> None:
        """Advance every body as far as its orders are settled, but not beyond `until_day`."""
        goals = np.minimum(self.settled_to_day, until_day)
        bodies = np.flatnonzero(goals > self.day)
        first = self.day[bodies]
        n_days = goals[bodies] - first
        step = np.arange(n_days.max(initial=0))
        days = np.minimum(first[:, None] + step, self.horizon_days - 1)
        on_the_way = step < n_days[:, None]
        due_ng = np.where(on_the_way[:, :, None], self._due(bodies, days), 0)
        given_ng = np.where(self.taken[bodies[:, None], days], due_ng, 0)
        amount = given_ng / (NANOGRAMS_PER_MICROGRAM * self.weight_kg[bodies[:, None], days])[:, :, None]
        minute = np.broadcast_to(self.minutes, (len(bodies), len(self.minutes)))
        depots = [D] * len(self.minutes)
        begun = time.perf_counter()
        found = self.bodies.advance_some(bodies, n_days, amount, minute, depots, self.records)
        self.seconds += time.perf_counter() - begun
        rows, steps = np.nonzero(on_the_way)
        when = days[rows, steps]
        self.due_ng[bodies[rows], when] = due_ng[rows, steps]
        self.mornings[bodies[rows], when + 1] = found[rows, steps]
        self.day[bodies] = goals[bodies]

    def _due(self, bodies: Integers, days: Integers) -> Integers:
        """Return the nanograms due at each injection time of these days [bodies, days], [bodies, days, slots]."""
        when = days[:, :, None] * MINUTES_PER_DAY + self.minutes
        begun = when >= self.next_from_minute[bodies, None, None]
        return np.where(begun, self.next_order_ng[bodies, None, :], self.order_ng[bodies, None, :])

    @property
    def failed(self) -> Flags:
        """Which bodies the solver could not follow, or left with a number that is none."""
        return self.bodies.failed


def _weights(patient: Patient, horizon_days: int) -> Floats:
    ages = patient.age_start_years + np.arange(horizon_days + 1) / DAYS_PER_YEAR
    return np.asarray(patient.growth.weight_kg(ages), dtype=np.float64)


def _doses_taken(patient: Patient, streams: Streams, horizon_days: int, slots: int) -> Flags:
    """Return for each injection time whether a dose due then is given; four columns are drawn for every patient."""
    luck = streams.generator(Purpose.ADHERENCE, patient.patient_id).random((horizon_days, 4))
    return luck[:, :slots] < patient.doses_taken_share
