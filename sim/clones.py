"""Clones in the marrow: CSF3R clones that come and go, the one that turns malignant, MDS and AML.

The rate of transformation follows the patient's innate need of G-CSF, the dose taken, or both (`dose_effect`); how much a
clone foretells follows from how often it is found in those who transform and in those who do not.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import simpy

from titranc.models import outcomes
from titranc.models.findings import Csf3rFinding
from titranc.sim.streams import Purpose, Streams
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY

if TYPE_CHECKING:
    from titranc.sim.fate import Person

STEP_DAYS = 28
CLONES, TRANSFORMATION, AFTERWARDS = range(3)


class Clone:
    """The clones of one patient: when CSF3R clones are there, and the hazard of transformation so far."""

    def __init__(self, person: Person, streams: Streams, numbers: outcomes.Numbers, dose_effect: str) -> None:
        self.person, self.numbers, self.dose_effect = person, numbers, dose_effect
        patient = person.patient
        self.fold = person.leukaemia_fold
        self.need = outcomes.need_of(patient.parameters, person.need_numbers) if self.fold else 0.0
        self.periods = _clone_periods(streams, patient.patient_id, numbers, person.ward.horizon_days)
        luck = streams.generator(Purpose.CLONE, patient.patient_id, TRANSFORMATION)
        self.hazard, self.threshold = 0.0, float(luck.standard_exponential())
        later = streams.generator(Purpose.CLONE, patient.patient_id, AFTERWARDS)
        self.marks = dict(zip(("runx1", "monosomy_7", "chromosome_21"), later.random(3).tolist(), strict=True))
        self.to_diagnosis, self.to_death = later.standard_exponential(2).tolist()

    def is_there(self, day: int) -> bool:
        """Whether a CSF3R clone is present on a day; one that was there at a transformation stays."""
        transformed = self.person.fate.transformed_day
        then = day if transformed is None else min(day, transformed)
        return any(first <= then < end for first, end in self.periods)

    def finding(self, day: int) -> Csf3rFinding:
        """Return what an examination of the marrow finds on a day."""
        if self.person.fate.transformed_day is not None:
            return Csf3rFinding.WITH_PROGRESSION
        return Csf3rFinding.ISOLATED if self.is_there(day) else Csf3rFinding.NONE

    def marks_of_transformation(self) -> str:
        """Return in words which mutations and chromosome changes came with the transformation."""
        names = {"runx1": "RUNX1", "monosomy_7": "loss of chromosome 7", "chromosome_21": "chromosome 21"}
        found = [words for name, words in names.items() if self.marks[name] < self.numbers[f"{name}_share"]]
        return ", ".join(found) or "other changes"


def _clone_periods(
    streams: Streams, patient_id: int, numbers: outcomes.Numbers, horizon_days: int
) -> list[tuple[float, float]]:
    luck, day, periods = streams.generator(Purpose.CLONE, patient_id, CLONES), 0.0, []
    while day < horizon_days:
        first = day + luck.exponential(DAYS_PER_YEAR / numbers["csf3r_gain_per_year"])
        day = first + luck.exponential(DAYS_PER_YEAR / numbers["csf3r_loss_per_year"])
        periods.append((first, day))
    return periods


def watch_clones(env: simpy.Environment, clones: Sequence[Clone]) -> Generator[simpy.Event, None, None]:
    """Add up everybody's hazard of transformation, four weeks at a time."""
    if not clones:
        return
    ward, taken = clones[0].person.ward, np.zeros(len(clones))
    bodies = np.array([clone.person.body for clone in clones])
    while True:
        yield env.timeout(STEP_DAYS * MINUTES_PER_DAY)
        day = int(env.now) // MINUTES_PER_DAY
        taken += ward.given_ug_per_kg(day - STEP_DAYS, day)[bodies]
        for clone, dose in zip(clones, taken / day, strict=True):
            if clone.person.fate.in_treatment_for_life:
                _grow(env, clone, day, float(dose))


def _grow(env: simpy.Environment, clone: Clone, day: int, mean_dose: float) -> None:
    years = (day - STEP_DAYS / 2) / DAYS_PER_YEAR
    rate = outcomes.leukaemia_rate(years, clone.need, mean_dose, clone.dose_effect, clone.numbers)
    rate *= clone.fold * outcomes.clone_fold(clone.is_there(day), years, clone.numbers)
    clone.hazard += float(rate) * STEP_DAYS / DAYS_PER_YEAR
    if clone.hazard >= clone.threshold:
        env.process(transform(env, clone, day))


def transform(env: simpy.Environment, clone: Clone, day: int) -> Generator[simpy.Event, None, None]:
    """Let a clone turn malignant, be diagnosed as MDS or AML, and kill unless a transplant comes first."""
    person, numbers = clone.person, clone.numbers
    person.fate.transformed_day = day
    person.happens(day, "clone_turns_malignant", "critical", clone.marks_of_transformation())
    yield env.timeout(round(clone.to_diagnosis * numbers["progression_days_mean"]) * MINUTES_PER_DAY)
    if person.fate.is_over or person.fate.is_transplanted:
        return
    day = int(env.now) // MINUTES_PER_DAY
    person.fate.mds_aml_day = day
    person.examine_marrow(day)
    person.happens(day, "mds_aml", "critical", clone.marks_of_transformation())
    person.refer(day, "MDS or AML")
    last = day + max(1, round(clone.to_death * DAYS_PER_YEAR / numbers["death_per_year"]))
    # Before the morning, so that nobody is seen on the day of death.
    yield env.timeout(last * MINUTES_PER_DAY - 1 - env.now)
    if not person.fate.is_transplanted:
        person.die(last, "mds_aml")
