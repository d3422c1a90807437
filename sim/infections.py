"""Infections: a hazard that follows the count day by day, and what each infection does to body, clinic and patient."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from titranc.models import outcomes
from titranc.sim.course_sections import Infection
from titranc.sim.streams import Purpose, Streams
from titranc.sim.ward import ANC, DAYS_PER_YEAR, MINUTES_PER_DAY, Ward

if TYPE_CHECKING:
    from titranc.sim.fate import Person

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
# An infection is there just before the morning on which the patient comes for it.
BEFORE_MORNING_MINUTES = 2
LONGEST_DAYS = 60


class Course(NamedTuple):
    """What an infection will be, all drawn when it begins."""

    severe: bool
    fatal: bool
    pneumonia: bool
    days: int
    hospital_days: int
    temperature_c: float


class Infections:
    """The hazards of the bodies of a ward; a body whose accumulated hazard reaches its threshold falls ill."""

    def __init__(
        self, ward: Ward, streams: Streams, numbers: Sequence[outcomes.Numbers], at_risk: Sequence[bool]
    ) -> None:
        n = len(ward.patients)
        self.ward, self.streams, self.numbers = ward, streams, numbers
        self.used, self.memory, self.added_fold = np.zeros(n), np.zeros(n), np.zeros(n)
        self.prophylaxis_fold = np.ones(n)
        self.threshold, self.of_body = np.full(n, np.inf), np.zeros(n, np.int64)
        self.well_from_day = np.zeros(n, np.int64)
        self.found: list[tuple[int, int]] = []
        for body in np.flatnonzero(at_risk).tolist():
            self.threshold[body] = self._next_threshold(body)
            self.memory[body] = outcomes.scarcity(ward.mornings[body, 0, ANC], numbers[body])

    def watch(self, bodies: Integers, from_day: Integers, to_day: Integers) -> Integers:
        """Add up the hazard of these days; return the morning on which each body is to stop, ill or not."""
        width = int((to_day - from_day).max())
        days = from_day[:, None] + np.arange(width)
        lived = days < to_day[:, None]
        anc = self.ward.mornings[bodies[:, None], np.minimum(days, self.ward.horizon_days), ANC]
        numbers = self.numbers[int(bodies[0])]
        # Days that were not lived have no count.
        scarce = outcomes.scarcity(np.where(lived, anc, 1.0), numbers)
        memory = self._memories(bodies, scarce, lived, numbers)
        rate = outcomes.infection_rate(scarce, memory, self.added_fold[bodies][:, None], numbers)
        rate *= self.prophylaxis_fold[bodies][:, None] / DAYS_PER_YEAR
        well = lived & (days >= self.well_from_day[bodies][:, None])
        total = self.used[bodies][:, None] + np.cumsum(np.where(well, rate, 0.0), axis=1)
        struck = total >= self.threshold[bodies][:, None]
        first = np.where(struck.any(axis=1), struck.argmax(axis=1) + 1, width)
        reached = np.minimum(from_day + first, to_day)
        rows, last = np.arange(len(bodies)), reached - from_day - 1
        self.used[bodies], self.memory[bodies] = total[rows, last], memory[rows, last]
        ill = struck.any(axis=1)
        self.found += zip(bodies[ill].tolist(), reached[ill].tolist(), strict=True)
        return np.asarray(reached)

    def _memories(
        self, bodies: Integers, scarce: Floats, lived: NDArray[np.bool_], numbers: outcomes.Numbers
    ) -> Floats:
        memories, memory = np.empty_like(scarce), self.memory[bodies]
        for day in range(scarce.shape[1]):
            memory = np.where(lived[:, day], outcomes.next_memory(memory, scarce[:, day], numbers), memory)
            memories[:, day] = memory
        return memories

    def taken_ill(self) -> list[tuple[int, int]]:
        """Return who was found to fall ill since this was asked last, and on which morning."""
        found, self.found = self.found, []
        return found

    def begin(self, person: Person, day: int) -> Course:
        """Draw what an infection will be, and begin to wait for the next one when it is over."""
        body, numbers = person.body, self.numbers[person.body]
        anc = float(self.ward.mornings[body, day, ANC])
        age = person.patient.age_start_years + day / DAYS_PER_YEAR
        luck = self.streams.generator(Purpose.INFECTION, person.patient.patient_id, 2 * int(self.of_body[body]) + 1)
        severe_at, fatal_at, pneumonia_at = luck.random(3)
        length, stay, fever = luck.standard_normal(3)
        ills = person.patient.traits.get("major_comorbidities", 0.0)
        severe = bool(severe_at < outcomes.severe_share(anc, person.severe_fold, numbers))
        course = Course(
            severe=severe,
            fatal=bool(severe and fatal_at < outcomes.death_share(anc, age, person.death_fold, numbers, ills)),
            pneumonia=bool(severe and pneumonia_at < numbers["pneumonia_share"]),
            days=_days(numbers["severe_days_median" if severe else "mild_days"], numbers["days_log_sd"], length),
            hospital_days=_days(numbers["hospital_days_median"], numbers["days_log_sd"], stay) if severe else 0,
            temperature_c=_fever(numbers, fever, severe=severe),
        )
        self.of_body[body] += 1
        self.used[body], self.threshold[body] = 0.0, self._next_threshold(body)
        self.well_from_day[body] = day + course.days
        return course

    def _next_threshold(self, body: int) -> float:
        patient_id = self.ward.patients[body].patient_id
        return float(
            self.streams.generator(Purpose.INFECTION, patient_id, 2 * int(self.of_body[body])).standard_exponential()
        )


def _days(median: float, log_sd: float, normal: float) -> int:
    return int(min(max(round(median * math.exp(log_sd * normal)), 2), LONGEST_DAYS))


def _fever(numbers: outcomes.Numbers, normal: float, *, severe: bool) -> float:
    centre = numbers["fever_severe_c" if severe else "fever_mild_c"]
    return round(min(max(centre + numbers["fever_spread_c"] * normal, 37.0), 41.5), 1)


def infect(
    env: simpy.Environment, person: Person, infections: Infections, day: int
) -> Generator[simpy.Event, None, None]:
    """Let a patient fall ill on the morning of a day, come to the clinic, and recover or die."""
    yield env.timeout(day * MINUTES_PER_DAY - BEFORE_MORNING_MINUTES - env.now)
    if person.fate.is_over or person.ward.horizon_days <= day:
        return
    course, ward = infections.begin(person, day), person.ward
    fate, numbers = person.fate, infections.numbers[person.body]
    fate.infections += 1
    fate.severe_infections += course.severe
    fate.hospital_days += course.hospital_days
    fate.antibiotic_days += course.days
    ward.change(person.body, day, "gcsf_production_fold", numbers["gcsf_production_fold"])
    ward.change(person.body, day + course.days, "gcsf_production_fold", 1.0)
    person.life.catch(
        Infection(
            day=day,
            days=course.days,
            temperature_c=course.temperature_c,
            severe=course.severe,
            pneumonia=course.pneumonia,
            controlled=not course.fatal,
            high_risk=course.severe,
        )
    )
    kind = "pneumonia" if course.pneumonia else "infection"
    words = f"{'severe ' if course.severe else ''}{kind}, {course.temperature_c:g} C, {course.days} days"
    person.happens(day, "infection", "warning" if course.severe else "info", words)
    ward.cut(person.body, day)
    person.come()
    if course.fatal:
        after = int(numbers["death_after_days"])
        yield env.timeout(after * MINUTES_PER_DAY)
        person.die(day + after, "sepsis")
