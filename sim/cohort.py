"""Draws the patients: patient k depends on the seed and on k, never on how many others there are."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from titranc.models import catalogue
from titranc.models.distributions import Distribution, centre, sample
from titranc.models.growth import Growth, z_of_weight
from titranc.models.habits import Habits
from titranc.models.patient import Graft, Patient
from titranc.sim.scenario import Scenario
from titranc.sim.streams import Purpose, Streams

LARGEST_Z = 3.0
MOST_DRAWS = 1000
DAYS_PER_YEAR = 365.25
YOUNGEST_YEARS, OLDEST_YEARS = 0.0, 90.0


def draw_patients(scenario: Scenario, streams: Streams, patient_ids: Iterable[int]) -> list[Patient]:
    """Return the patients with these numbers.

    An age drawn outside 0 to 90 years, or a z-score beyond 3, is drawn again: the cohort then has the distribution cut off
    there, where the nearer end would make a crowd of newborns or of the very heavy.
    """
    return [_Draw(scenario, streams, patient_id).patient() for patient_id in patient_ids]


class _Draw:
    """The draws of one person; each belongs to a name, so that adding one moves no other."""

    def __init__(self, scenario: Scenario, streams: Streams, patient_id: int) -> None:
        self.cohort, self.adherence, self.years = scenario.cohort, scenario.adherence, scenario.horizon_years
        self.streams, self.patient_id = streams, patient_id

    def patient(self) -> Patient:
        """Return the person whole."""
        diagnosis = catalogue.disease(self.cohort.disease)
        rare = diagnosis.refractory
        refractory = self._uniform(Purpose.BIOLOGY, "refractory") < (rare.share.value if rare else 0.0)
        traits = self._traits(diagnosis)
        age_years, sex = self._age_years(), self._sex()
        return Patient(
            patient_id=self.patient_id,
            disease=self.cohort.disease,
            genotype=self.cohort.genotype,
            sex=sex,
            age_start_years=age_years,
            growth=self._growth(sex, age_years),
            parameters=self._parameters(diagnosis, refractory),
            refractory=bool(refractory),
            doses_taken_share=self._value(Purpose.PERSON, "doses_taken", self.adherence.doses_taken),
            burn_in_days=self._burn_in_days(diagnosis),
            start=_graft(diagnosis, traits),
            traits=traits,
            remission_day=self._remission_day(diagnosis, traits),
            habits=self._habits(),
        )

    def _parameters(self, diagnosis: catalogue.Disease, refractory: bool) -> dict[str, float]:
        own = {name: entry.distribution for name, entry in diagnosis.parameters.items()}
        drawn = {name: self._parameter(name, given) for name, given in (own | self.cohort.parameters).items()}
        rare = diagnosis.refractory
        if rare and refractory:
            drawn[rare.multiplies] = min(drawn[rare.multiplies] * rare.by.value, _declared_range(rare.multiplies)[1])
        other = diagnosis.unresponsive
        if other and other.parameter not in drawn:
            answers = self._uniform(Purpose.BIOLOGY, "unresponsive") >= other.share.value
            drawn[other.parameter] = catalogue.physiology()[other.parameter].value if answers else other.value.value
        return drawn

    def _traits(self, diagnosis: catalogue.Disease) -> dict[str, float]:
        own: dict[str, float | Distribution] = {name: entry.distribution for name, entry in diagnosis.traits.items()}
        return {name: self._value(Purpose.BIOLOGY, name, given) for name, given in (own | self.cohort.traits).items()}

    def _burn_in_days(self, diagnosis: catalogue.Disease) -> int:
        """Return the days lived before the first visit: where the disease comes and goes, not the same for all."""
        phase = diagnosis.phase_days
        more = self._uniform(Purpose.BIOLOGY, "phase_days") * phase.value if phase else 0.0
        return int(diagnosis.burn_in_days.value + more)

    def _remission_day(self, diagnosis: catalogue.Disease, traits: Mapping[str, float]) -> int | None:
        if diagnosis.remission is None or self._uniform(Purpose.BIOLOGY, "remits") >= diagnosis.remission.share.value:
            return None
        return int(traits["remission_after_days"])

    def _habits(self) -> Habits | None:
        """Return how doses are taken over the years, when that is not the same all along."""
        given = self.adherence
        if given.adolescent_fold == 1 and given.holidays_per_year == 0:
            return None
        luck = self.streams.generator(Purpose.HOLIDAY, self.patient_id)
        days, holidays = 0.0, []
        while given.holidays_per_year and days < self.years * DAYS_PER_YEAR:
            days += luck.exponential(DAYS_PER_YEAR / given.holidays_per_year)
            holidays.append((int(days), given.holiday_days))
            days += given.holiday_days
        return Habits(given.adolescent_fold, tuple(holidays))

    def _parameter(self, name: str, given: float | Distribution) -> float:
        """Return a parameter of the body; one drawn outside its declared range is drawn again."""
        if isinstance(given, (int, float)):
            return float(given)
        generator, (low, high) = self._generator(Purpose.BIOLOGY, name), _declared_range(name)
        draws = (sample(given, float(generator.random())) for _ in range(MOST_DRAWS))
        value = next((value for value in draws if low <= value <= high), None)
        # A distribution that hardly touches the range ends at its nearer edge.
        return min(max(centre(given), low), high) if value is None else value

    def _age_years(self) -> float:
        given = self.cohort.age_years
        if isinstance(given, (int, float)):
            return float(given)
        generator = self._generator(Purpose.PERSON, "age_years")
        return _first_within(YOUNGEST_YEARS, OLDEST_YEARS, lambda: sample(given, float(generator.random())))

    def _sex(self) -> str:
        if self.cohort.sex != "mixed":
            return self.cohort.sex
        return "female" if self._uniform(Purpose.PERSON, "sex") < 0.5 else "male"

    def _growth(self, sex: str, age_years: float) -> Growth:
        height_z, weight_z = self.cohort.height_z, self.cohort.weight_z
        if self.cohort.weight_kg is not None:
            weight_z = z_of_weight(sex, age_years, self.cohort.weight_kg)
        return Growth(
            sex=sex,
            weight_z=self._z("weight_z") if weight_z is None else weight_z,
            height_z=self._z("height_z") if height_z is None else height_z,
        )

    def _z(self, name: str) -> float:
        return _first_within(-LARGEST_Z, LARGEST_Z, self._generator(Purpose.PERSON, name).standard_normal)

    def _value(self, purpose: Purpose, name: str, given: float | Distribution) -> float:
        if isinstance(given, (int, float)):
            return float(given)
        return sample(given, self._uniform(purpose, name))

    def _uniform(self, purpose: Purpose, name: str) -> float:
        return float(self._generator(purpose, name).random())

    def _generator(self, purpose: Purpose, name: str) -> np.random.Generator:
        return self.streams.generator(purpose, self.patient_id, zlib.crc32(name.encode()))


def _graft(diagnosis: catalogue.Disease, traits: Mapping[str, float]) -> Graft | None:
    emptied = diagnosis.emptied_marrow
    if emptied is None:
        return None
    return Graft(traits["graft_progenitors"], emptied.marrow_share.value, emptied.anc_1e9_per_l.value)


def _declared_range(name: str) -> tuple[float, float]:
    entry = catalogue.physiology()[name]
    if entry.low is None or entry.high is None:
        raise ValueError(f"{name}: no range is declared in models/physiology.yaml")
    return entry.low, entry.high


def _first_within(low: float, high: float, draw: Callable[[], float]) -> float:
    while not low <= (drawn := draw()) <= high:
        continue
    return float(drawn)
