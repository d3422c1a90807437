"""The ward: the bodies of a block of patients, advanced together, and the doses that reach them.

An order stands until the next visit, so the body's way there is settled once it is written. A blood count that is asked
for sends every body with a settled way along it, all in one compiled call. Time is whole minutes, drug whole nanograms.
"""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from titranc.models.dosing import NANOGRAMS_PER_MICROGRAM, NO_DOSE, Regimen, injection_ng
from titranc.models.granulopoiesis import parameter_array, with_grafts
from titranc.models.integrator import RECORDS, Bodies
from titranc.models.patient import Graft, Patient
from titranc.sim.injections import LARGEST_NUMBER_OF_HOURS, InjectionClock, Slots, Standing
from titranc.sim.streams import Purpose, Streams

MINUTES_PER_DAY = 1440
DAYS_PER_YEAR = 365.25
# How far bodies may run ahead of the day that is asked for: far enough to fill the lanes, so near that none runs alone.
AHEAD_DAYS = 7
NEVER = np.iinfo(np.int64).max
CYTOTOXIC_SLOT = 0
# Three cycles of cyclic neutropenia.
WATCHED_DAYS = 63
# Sorts behind every parameter.
GRAFT = "~graft"
ANC = RECORDS.index("anc_1e9_per_l")

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Change(NamedTuple):
    """From the morning of `day` on a parameter of a body has another value."""

    day: int
    name: str
    value: float


class Watch(Protocol):
    """What looks at the counts of bodies as they go, and may stop them."""

    def __call__(self, bodies: Integers, from_day: Integers, to_day: Integers) -> Integers:
        """Return for each body the morning, after `from_day` and not after `to_day`, on which it is to stop."""
        ...


class Ward:
    """The bodies of `patients`, one for each; `clocks[i]` says by product when patient i is injected."""

    def __init__(
        self,
        patients: Sequence[Patient],
        clocks: Sequence[Mapping[str, InjectionClock]],
        vial_rounding_ug: Sequence[float],
        horizon_days: int,
        streams: Streams,
        accuracy: str,
        records: int = len(RECORDS),
        *,
        chemotherapy: bool = False,
    ) -> None:
        self.patients, self.vial_rounding_ug = patients, vial_rounding_ug
        self.horizon_days, self.records, self.seconds = horizon_days, records, 0.0
        self.slots = Slots.of(clocks, chemotherapy=chemotherapy)
        n, minutes = len(patients), self.slots.minutes
        self._in_use = [self.slots.in_use(of_body) for of_body in clocks]
        self.weight_kg = np.stack([_weights(patient, horizon_days) for patient in patients])
        self.taken = np.stack([_doses_taken(patient, streams, horizon_days, minutes) for patient in patients])
        self.day, self.settled_to_day = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._standing = [Standing(NO_DOSE, np.zeros(len(minutes[self.slots.drugs]), np.int64), 0)] * n
        self.due_ng = np.zeros((n, horizon_days, len(minutes)), np.int64)
        # Begins as what one nanogram makes on that day, if it is given; `_settle` multiplies by the nanograms.
        self._given_ug_per_kg = self.taken / (NANOGRAMS_PER_MICROGRAM * self.weight_kg[:, :horizon_days, None])
        if chemotherapy:
            self._given_ug_per_kg[:, :, CYTOTOXIC_SLOT] = 0.0
        # Views of one body each: slicing these takes half the time of slicing the whole.
        self._due_ng_of = list(self.due_ng[:, :, self.slots.drugs])
        self._given_of = list(self._given_ug_per_kg[:, :, self.slots.drugs])
        self._minute_of_slot, self._minutes_of_drugs = np.tile(minutes, (n, 1)), minutes[self.slots.drugs]
        self._blocked: dict[int, Flags] = {}
        self._changes: list[list[Change]] = [[] for _ in patients]
        self._grafts: dict[int, Graft] = {}
        self._next_change_day = np.full(n, NEVER)
        self.ended_day = np.full(n, horizon_days)
        self.watch: Watch | None = None
        self.mornings = np.full((n, horizon_days + 1, records), np.nan)
        self.bodies = Bodies(parameter_array([patient.parameters for patient in patients]), accuracy=accuracy)
        self.untreated = self._begin()
        self.mornings[:, 0] = self.untreated[:records].T

    def _begin(self) -> Floats:
        """Let the bodies come to themselves, or begin as a graft does; return what is there, [records, n]."""
        days = np.array([patient.burn_in_days for patient in self.patients])
        found, self.anc_before = self.bodies.burn_in_watched(days, WATCHED_DAYS)
        grafts = [(body, patient.start) for body, patient in enumerate(self.patients) if patient.start]
        if grafts:
            self.bodies.state = with_grafts(self.bodies.state, grafts)
            for body, graft in grafts:
                found[RECORDS.index("anc_1e9_per_l"), body] = graft.anc_1e9_per_l
        return found

    def true_anc(self, body: int, day: int) -> float:
        """Return the ANC (10^9/L) in the blood on the morning of `day`, before that morning's dose."""
        if day > self.day[body]:
            self._go_on(day + AHEAD_DAYS, day)
        return float(self.mornings[body, day, ANC])

    def look_ahead(self, day: int) -> None:
        """Let every body reach the morning of a day, so that what happens to it before then is known in time."""
        if (self.day < np.minimum(day, self.ended_day)).any():
            self._go_on(day + AHEAD_DAYS, day)

    def extend(self, body: int, until_day: int) -> None:
        """Let the order that stands go on until the morning of a day, when the next one will be written."""
        self._settle(body, until_day)

    def cut(self, body: int, day: int) -> None:
        """Take back what falls due from the morning of a day on, which the body has not passed."""
        settled = int(self.settled_to_day[body])
        if day < settled:
            self._due_ng_of[body][day:settled] = 0
            taken = self.taken[body, day:settled, self.slots.drugs]
            per_ng = NANOGRAMS_PER_MICROGRAM * self.weight_kg[body, day:settled, None]
            self._given_of[body][day:settled] = taken / per_ng
            self.settled_to_day[body] = day

    def end(self, body: int, day: int) -> None:
        """End the follow-up of a body on the morning of a day; what it did afterwards did not happen."""
        self.cut(body, day)
        self.ended_day[body] = day
        self.mornings[body, day + 1 :] = np.nan

    def prescribe(self, body: int, regimen: Regimen, minute: int, until_day: int) -> int:
        """Order a regimen for the injections due from `minute` to the morning of `until_day`, when it will be reviewed.

        Returns one injection in whole nanograms.
        """
        today = minute // MINUTES_PER_DAY
        amount = injection_ng(regimen.dose, float(self.weight_kg[body, today]), self.vial_rounding_ug[body])
        if today > self.settled_to_day[body]:
            self._settle(body, today)
        before = self._standing[body]
        in_use = self._in_use[body].get((regimen.product, regimen.injections_per_day))
        if in_use is None:
            if amount:
                raise ValueError(f"{regimen.product}: no hour of injection is known for it in this arm")
            in_use = np.zeros(len(self._minutes_of_drugs), np.int64)
        from_minute = minute - today * MINUTES_PER_DAY
        # A regimen that goes on keeps its rhythm; a new one begins today when there is still an hour for it.
        missed = bool(from_minute) and from_minute > self._minutes_of_drugs[in_use > 0].max(initial=0)
        goes_on = regimen is before.regimen or regimen == before.regimen
        first_day = before.first_day if goes_on else today + bool(missed)
        self._standing[body] = Standing(regimen, amount * in_use, first_day)
        self._settle(body, until_day, before, from_minute)
        return amount

    def expose(self, body: int, day: int, exposure: float) -> None:
        """Give a cycle of chemotherapy on the morning of a day; `exposure` 1 is the reference cycle."""
        self._given_ug_per_kg[body, day, CYTOTOXIC_SLOT] = exposure

    def block(self, body: int, from_day: int, to_day: int) -> None:
        """Let no injection reach a body on these days, whatever is ordered."""
        blocked = self._blocked.setdefault(body, np.zeros(self.horizon_days, dtype=np.bool_))
        blocked[max(from_day, 0) : max(to_day + 1, 0)] = True

    def forget_changes(self, body: int, name: str) -> None:
        """Take back the changes of a parameter that have not come yet."""
        self._changes[body] = [change for change in self._changes[body] if change.name != name]
        self._next_change_day[body] = self._changes[body][0].day if self._changes[body] else NEVER

    def graft(self, body: int, day: int, graft: Graft, parameters: Mapping[str, float]) -> None:
        """Give a body an emptied marrow with a graft, and the parameters of the donor, on the morning of a day."""
        for name, value in parameters.items():
            self.change(body, day, name, value)
        self._grafts[body] = graft
        # Behind the parameters of that day, which it is made with.
        self.change(body, day, GRAFT, 0.0)

    def change(self, body: int, day: int, name: str, value: float) -> None:
        """Give a body another value of a parameter from the morning of `day` on, which it has not passed yet."""
        if day < self.day[body]:
            raise ValueError(f"day {day}: body {body} has already gone to day {self.day[body]}")
        insort(self._changes[body], Change(day, name, value))
        self._next_change_day[body] = self._changes[body][0].day

    def given_ug_per_kg(self, from_day: int, to_day: int) -> Floats:
        """Return what was given to each body on the days from `from_day` to before `to_day`, ug/kg, [n]."""
        return np.asarray(self._given_ug_per_kg[:, from_day:to_day, self.slots.drugs].sum(axis=(1, 2)))

    def close(self) -> None:
        """Let every body go on to the end, under the order that stands."""
        for body in range(len(self.patients)):
            self._settle(body, self.horizon_days)
        self.watch = None
        self._go_on(self.horizon_days, self.horizon_days)

    def _settle(self, body: int, until_day: int, before: Standing | None = None, from_minute: int = 0) -> None:
        """Write down what falls due under the standing order, up to the morning of `until_day`.

        On the first of these days the order `before` stands until `from_minute`.
        """
        first, end = int(self.settled_to_day[body]), min(until_day, int(self.ended_day[body]))
        if end <= first:
            return
        due_ng = self._due_ng_of[body][first:end]
        self._standing[body].write(due_ng, first)
        if from_minute and before is not None:
            earlier = np.zeros_like(due_ng[:1])
            before.write(earlier, first)
            np.copyto(due_ng[0], earlier[0], where=self._minutes_of_drugs < from_minute)
        if body in self._blocked:
            due_ng[self._blocked[body][first:end]] = 0
        given_ug_per_kg = self._given_of[body][first:end]
        given_ug_per_kg *= due_ng
        self.settled_to_day[body] = end

    def _go_on(self, until_day: int, behind_day: int) -> None:
        """Advance every body as far as its orders are settled, but not beyond `until_day`.

        Where bodies are watched, only those go that have not reached `behind_day`: they then go further at a time.
        """
        begun = time.perf_counter()
        while True:
            goals = np.minimum(np.minimum(self.settled_to_day, until_day), self._next_change_day)
            if self.watch is None:
                bodies = np.flatnonzero(goals > self.day)
            else:
                bodies = np.flatnonzero((goals > self.day) & (self.day < behind_day))
            self._follow(bodies, goals[bodies])
            changing = np.flatnonzero(self._next_change_day <= self.day)
            if not len(changing):
                break
            for body in changing:
                self._make_changes(int(body))
        self.seconds += time.perf_counter() - begun

    def _follow(self, bodies: Integers, goals: Integers) -> None:
        """Send bodies to their goals, or to the morning on which the watch stops them."""
        if self.watch is None or not len(bodies):
            self._send(bodies, goals)
            return
        before, remembered = self.day[bodies], self.bodies.remember(bodies)
        self._send(bodies, goals)
        reached = self.watch(bodies, before, goals)
        stopped = reached < goals
        if stopped.any():
            self.bodies.go_back(bodies[stopped], remembered[stopped])
            self.day[bodies[stopped]] = before[stopped]
            self._send(bodies[stopped], reached[stopped])

    def _send(self, bodies: Integers, goals: Integers) -> None:
        self.bodies.follow(
            bodies,
            self.day[bodies],
            goals,
            self._given_ug_per_kg,
            self._minute_of_slot,
            self.slots.depots,
            self.mornings,
        )
        self.day[bodies] = goals

    def _make_changes(self, body: int) -> None:
        """Give a body the values that are its own from this morning on."""
        changes = self._changes[body]
        while changes and changes[0].day <= self.day[body]:
            change = changes.pop(0)
            if change.name == GRAFT:
                self.bodies.graft(body, self._grafts[body])
                continue
            self.bodies.change(np.array([body]), change.name, np.array([change.value]))
        self._next_change_day[body] = changes[0].day if changes else NEVER

    @property
    def failed(self) -> Flags:
        """Which bodies the solver could not follow, or left with a number that is none."""
        observed = np.arange(self.horizon_days + 1) <= self.ended_day[:, None]
        lost = ~np.isfinite(self.mornings).all(axis=2) & observed
        return np.asarray(self.bodies.failed | lost.any(axis=1))


def _weights(patient: Patient, horizon_days: int) -> Floats:
    ages = patient.age_start_years + np.arange(horizon_days + 1) / DAYS_PER_YEAR
    return np.asarray(patient.growth.weight_kg(ages), dtype=np.float64)


def _doses_taken(patient: Patient, streams: Streams, horizon_days: int, minutes: Integers) -> Flags:
    """Return for each slot whether a dose due then is given; four hours' luck is drawn for every patient."""
    luck = streams.generator(Purpose.ADHERENCE, patient.patient_id).random((horizon_days, LARGEST_NUMBER_OF_HOURS))
    _, hour = np.unique(minutes, return_inverse=True)
    if patient.habits is None:
        return luck[:, hour] < patient.doses_taken_share
    fold = patient.habits.daily_fold(patient.age_start_years, horizon_days)
    return luck[:, hour] < patient.doses_taken_share * fold[:, None]
