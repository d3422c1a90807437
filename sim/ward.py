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
from titranc.models.dosing import INJECTIONS_PER_DAY, NANOGRAMS_PER_MICROGRAM, Regimen, injection_ng
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
        self.minutes = np.array(
            sorted({minute for clock in clocks for times in INJECTIONS_PER_DAY for minute in clock.minutes(times)}),
            dtype=np.int64,
        )
        self._in_use = [
            {times: _slots_in_use(self.minutes, clock, times) for times in INJECTIONS_PER_DAY} for clock in clocks
        ]
        n, slots = len(patients), len(self.minutes)
        self.weight_kg = np.stack([_weights(patient, horizon_days) for patient in patients])
        self.taken = np.stack([_doses_taken(patient, streams, horizon_days, slots) for patient in patients])
        self.day, self.settled_to_day = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._standing_ng = [np.zeros(slots, np.int64)] * n
        self.due_ng = np.zeros((n, horizon_days, slots), np.int64)
        # Begins as what one nanogram makes on that day, if it is given; `_settle` multiplies by the nanograms.
        self._given_ug_per_kg = self.taken / (NANOGRAMS_PER_MICROGRAM * self.weight_kg[:, :horizon_days, None])
        # Views of one body each: slicing these takes half the time of slicing the whole.
        self._due_ng_of, self._given_of = list(self.due_ng), list(self._given_ug_per_kg)
        self._minute_of_slot = np.tile(self.minutes, (n, 1))
        self._depot_of_slot = np.full(slots, D, np.int64)
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
        today = minute // MINUTES_PER_DAY
        amount = injection_ng(regimen.dose, float(self.weight_kg[body, today]), self.vial_rounding_ug[body])
        if today > self.settled_to_day[body]:
            self._settle(body, today)
        before_ng = self._standing_ng[body]
        self._standing_ng[body] = amount * self._in_use[body][regimen.injections_per_day]
        self._settle(body, until_day, before_ng, minute - today * MINUTES_PER_DAY)
        return amount

    def close(self) -> None:
        """Let every body go on to the end, under the order that stands."""
        for body in range(len(self.patients)):
            self._settle(body, self.horizon_days)
        self._go_on(self.horizon_days)

    def _settle(self, body: int, until_day: int, before_ng: Integers | None = None, from_minute: int = 0) -> None:
        """Write down what falls due under the standing order, up to the morning of `until_day`.

        On the first of these days the order before, `before_ng`, stands until `from_minute`.
        """
        first, end = int(self.settled_to_day[body]), min(until_day, self.horizon_days)
        if end <= first:
            return
        due_ng = self._due_ng_of[body][first:end]
        due_ng[:] = self._standing_ng[body]
        if from_minute and before_ng is not None:
            np.copyto(due_ng[0], before_ng, where=self.minutes < from_minute)
        given_ug_per_kg = self._given_of[body][first:end]
        given_ug_per_kg *= due_ng
        self.settled_to_day[body] = end

    def _go_on(self, until_day: int) -> None:
        """Advance every body as far as its orders are settled, but not beyond `until_day`."""
        goals = np.minimum(self.settled_to_day, until_day)
        bodies = np.flatnonzero(goals > self.day)
        begun = time.perf_counter()
        self.bodies.follow(
            bodies, self.day[bodies], goals[bodies], self._given_ug_per_kg, self._minute_of_slot, self._depot_of_slot,
            self.mornings,
        )  # fmt: skip
        self.seconds += time.perf_counter() - begun
        self.day[bodies] = goals[bodies]

    @property
    def failed(self) -> Flags:
        """Which bodies the solver could not follow, or left with a number that is none."""
        return np.asarray(self.bodies.failed | ~np.isfinite(self.mornings).all(axis=(1, 2)))


def _weights(patient: Patient, horizon_days: int) -> Floats:
    ages = patient.age_start_years + np.arange(horizon_days + 1) / DAYS_PER_YEAR
    return np.asarray(patient.growth.weight_kg(ages), dtype=np.float64)


def _doses_taken(patient: Patient, streams: Streams, horizon_days: int, slots: int) -> Flags:
    """Return for each injection time whether a dose due then is given; four columns are drawn for every patient."""
    luck = streams.generator(Purpose.ADHERENCE, patient.patient_id).random((horizon_days, 4))
    return luck[:, :slots] < patient.doses_taken_share


def _slots_in_use(minutes: Integers, clock: InjectionClock, injections_per_day: int) -> Integers:
    """Return 1 for each of the ward's injection times at which a body is injected, else 0."""
    return np.isin(minutes, clock.minutes(injections_per_day)).astype(np.int64)
