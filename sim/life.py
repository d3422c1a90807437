"""What befalls one patient besides the disease: infections, chemotherapy, radiotherapy, a drug, remission.

A scenario scripts it, the patient's own traits give it its size. The body feels it through the ward, the clinic sees it as
findings, and a SimPy process writes its beginnings and ends into the log. The patient comes to the clinic whenever
something visible begins or ends.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import simpy

from titranc.models import catalogue
from titranc.models.findings import Csf3rFinding, Findings
from titranc.models.patient import Patient
from titranc.sim.course_sections import Course, Infection
from titranc.sim.log import EventLog
from titranc.sim.ward import MINUTES_PER_DAY, Ward

STEP_DAYS = 7


class Happening(NamedTuple):
    """Something that begins or ends, as the log tells it."""

    day: int
    event: str
    severity: str
    detail: str


class Life:
    """The course of one patient over `horizon_days`."""

    def __init__(self, course: Course, patient: Patient, horizon_days: int) -> None:
        self.course, self.patient, self.horizon_days = course, patient, horizon_days
        self.chemotherapy_days = tuple(day for day in _cycles(course) if day < horizon_days)
        self.culprit_until = course.culprit_drug.to_day if course.culprit_drug else -1
        self._always = _lasting_findings(course)
        self._transplant_day = 0 if course.transplant else None
        self._days = sorted(
            {happening.day for happening in self.happenings()} | {day + 1 for day in self.chemotherapy_days}
        )
        self.uneventful = not self._days and course == Course()
        self._caught: Infection | None = None
        self.is_over = False

    def next_minute(self, after: int) -> int:
        """Return the morning, as a minute, of the next day on which something visible begins or ends."""
        place = bisect_right(self._days, after // MINUTES_PER_DAY)
        day = self._days[place] if place < len(self._days) else self.horizon_days
        return day * MINUTES_PER_DAY

    def findings(self, day: int) -> Findings:
        """Return what is found on a day."""
        if self.uneventful:
            return self._always
        infection = self._infection(day)
        radiotherapy = self.course.chest_radiotherapy
        return replace(
            self._always,
            **(_signs(infection) if infection else {}),
            chest_radiotherapy=radiotherapy is not None and radiotherapy.from_day <= day <= radiotherapy.to_day,
            last_chemotherapy_day=max((one for one in self.chemotherapy_days if one <= day), default=None),
            next_chemotherapy_day=min((one for one in self.chemotherapy_days if one > day), default=None),
            transplant_day=self._transplant_day,
            culprit_drug=self._culprit(day),
        )

    def _infection(self, day: int) -> Infection | None:
        """Return the infection of a day, scripted or caught."""
        caught = self._caught
        if caught is not None and caught.day <= day < caught.day + caught.days:
            return caught
        return next((one for one in self.course.infections if one.day <= day < one.day + one.days), None)

    def catch(self, infection: Infection) -> None:
        """Have an infection that no scenario scripted; the patient comes when it begins and when it is over."""
        self.uneventful, self._caught = False, infection
        self._come_on(infection.day)
        self._come_on(infection.day + infection.days)

    def begin_transplant(self, day: int) -> None:
        """Be a transplanted patient from a day on."""
        self.uneventful, self._transplant_day = False, day
        self._always = replace(self._always, csf3r=Csf3rFinding.NONE)
        self._come_on(day)

    def show_csf3r(self, finding: Csf3rFinding) -> None:
        """Let the clinic know from now on what an examination of the marrow found."""
        self._always = replace(self._always, csf3r=finding)

    def _come_on(self, day: int) -> None:
        if day < self.horizon_days and day not in self._days:
            insort(self._days, day)

    def _culprit(self, day: int) -> str:
        drug = self.course.culprit_drug
        return drug.name if drug and drug.from_day <= day <= self.culprit_until else ""

    def happenings(self) -> Iterator[Happening]:
        """Return all that visibly begins or ends, in no order."""
        for number, day in enumerate(self.chemotherapy_days, start=1):
            yield Happening(day, "chemotherapy", "info", f"cycle {number}")
        for infection in self.course.infections:
            kind = "pneumonia" if infection.pneumonia else "infection"
            detail = f"{'severe ' if infection.severe else ''}{kind}, {infection.temperature_c:g} C"
            yield Happening(infection.day, "infection", "warning", detail)
            yield Happening(infection.day + infection.days, "infection_over", "info", kind)
        if radiotherapy := self.course.chest_radiotherapy:
            yield Happening(radiotherapy.from_day, "chest_radiotherapy", "warning", f"until day {radiotherapy.to_day}")
            yield Happening(radiotherapy.to_day + 1, "chest_radiotherapy_over", "info", "")
        if drug := self.course.culprit_drug:
            yield Happening(drug.from_day, "culprit_drug", "info", drug.name)
            yield Happening(drug.to_day + 1, "culprit_drug_over", "info", drug.name)
        if transplant := self.course.transplant:
            yield Happening(0, "transplant", "info", transplant.kind)

    def feel(self, ward: Ward, body: int) -> None:
        """Let the body feel what is to come, and keep its injections away from chemotherapy and chest radiotherapy."""
        exposure = self.patient.traits.get("chemotherapy_exposure", 1.0)
        for day in self.chemotherapy_days:
            ward.expose(body, day, exposure)
            ward.block(body, day - 1, day)
        if radiotherapy := self.course.chest_radiotherapy:
            ward.block(body, radiotherapy.from_day, radiotherapy.to_day)
        for day, name, value in (*self._remission(), *self._inhibition(), *self._alarms()):
            if day < self.horizon_days:
                ward.change(body, day, name, value)

    def withdraw_culprit(self, ward: Ward, body: int, day: int) -> None:
        """Stop the drug that causes the neutropenia."""
        self.culprit_until = day - 1
        ward.forget_changes(body, "production_inhibition")
        ward.change(body, day, "production_inhibition", 0.0)

    def _remission(self) -> Iterator[tuple[int, str, float]]:
        """Return the steps in which a disease that ends by itself does so."""
        remission, begins = catalogue.disease(self.patient.disease).remission, self.patient.remission_day
        if remission is None or begins is None:
            return
        now = self.patient.parameters[remission.parameter]
        over = int(remission.over_days.value)
        for passed in range(STEP_DAYS, over + 1, STEP_DAYS):
            yield begins + passed, remission.parameter, now ** (1 - passed / over)

    def _inhibition(self) -> Iterator[tuple[int, str, float]]:
        """Return the steps in which a drug takes hold of the marrow and lets it go."""
        drug = self.course.culprit_drug
        if drug is None:
            return
        full, steps = self.patient.traits["production_inhibition"], max(1, drug.ramp_days // STEP_DAYS)
        for step in range(1, steps + 1):
            yield drug.from_day + (step - 1) * STEP_DAYS, "production_inhibition", full * step / steps
        yield drug.to_day + 1, "production_inhibition", 0.0

    def _alarms(self) -> Iterator[tuple[int, str, float]]:
        """Return how the scripted infections raise the body's own G-CSF, as caught ones do."""
        fold = catalogue.outcome_numbers("infection")["gcsf_production_fold"].value
        for infection in self.course.infections:
            yield infection.day, "gcsf_production_fold", fold
        for infection in self.course.infections:
            over = infection.day + infection.days
            if self._infection(over) is None:
                yield over, "gcsf_production_fold", 1.0


def tell(env: simpy.Environment, life: Life, body: int, log: EventLog) -> Generator[simpy.Event, None, None]:
    """Write what befalls a patient into the log when it happens."""
    for happening in sorted(life.happenings()):
        if happening.day >= life.horizon_days:
            return
        yield env.timeout(happening.day * MINUTES_PER_DAY - env.now)
        if life.is_over:
            return
        log.happening(body, happening.day, happening.event, happening.severity, happening.detail)


def _cycles(course: Course) -> range:
    given = course.chemotherapy
    if given is None:
        return range(0)
    return range(given.first_day, given.first_day + given.cycles * given.every_days, given.every_days)


def _lasting_findings(course: Course) -> Findings:
    given = course.findings.model_dump()
    return Findings(**(given | {"csf3r": Csf3rFinding(given["csf3r"])}))


def _signs(infection: Infection) -> dict[str, Any]:
    return {
        "temperature_c": infection.temperature_c,
        "fever_hours": infection.fever_hours,
        "severe_infection": infection.severe,
        "uncontrolled_infection": infection.severe and not infection.controlled,
        "pneumonia": infection.pneumonia,
        "high_risk": infection.high_risk,
    }
