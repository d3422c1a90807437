"""The lives of a block's patients: who they are to infection, clones and transplant, and the rounds that keep them in time.

Every evening the ward lets each body reach the next morning at least, so that what a count does to a patient is known
before the patient feels it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import simpy

from titranc.models import catalogue
from titranc.models.findings import Csf3rFinding
from titranc.models.patient import Patient
from titranc.sim.clinic import Case, Clinic
from titranc.sim.clones import Clone, watch_clones
from titranc.sim.course_sections import Outcomes
from titranc.sim.infections import Infections, infect
from titranc.sim.life import Life
from titranc.sim.log import EventLog
from titranc.sim.people import Fate
from titranc.sim.streams import Purpose, Streams
from titranc.sim.transplants import transplant
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, Ward

# After the last result of a day, before an infection of the next morning.
EVENING_MINUTE = 1430
PROTECTED_DAYS = 100
ENGRAFTED_DAYS = 60
UNLIMITED_BEDS = 1_000_000
PROPHYLAXIS = "antibacterial_prophylaxis"


@dataclass(eq=False)
class Person:
    """One body and all that makes a life of it; what the processes of a life speak to."""

    env: simpy.Environment
    case: Case
    clinic: Clinic
    streams: Streams
    log: EventLog
    chosen: Outcomes
    beds: simpy.Resource
    infections: Infections
    process: simpy.Process | None = None
    clone: Clone | None = None
    fate: Fate = field(default_factory=Fate)

    def __post_init__(self) -> None:
        own = catalogue.disease(self.patient.disease).outcomes
        self.severe_fold, self.death_fold = own.severe_fold.value, own.death_fold.value
        self.leukaemia_fold = own.leukaemia_fold.value
        self.need_numbers = numbers_of("need", self.chosen)
        self.transplant_numbers = numbers_of("transplant", self.chosen)
        self.can_be_transplanted = bool(own.transplant.value) and self.chosen.transplant.available

    @property
    def patient(self) -> Patient:
        """Who it is."""
        return self.case.patient

    @property
    def ward(self) -> Ward:
        """Where the body lies."""
        return self.case.ward

    @property
    def body(self) -> int:
        """Which body of the ward it is."""
        return self.case.body

    @property
    def life(self) -> Life:
        """What befalls the patient."""
        return self.case.life

    def bed(self) -> simpy.resources.resource.Request:
        """Ask for a bed of the transplant unit."""
        return self.beds.request()

    def happens(self, day: int, event: str, severity: str, detail: str) -> None:
        """Write down what befell the patient."""
        self.log.happening(self.body, day, event, severity, detail)

    def come(self) -> None:
        """Let the patient come to the clinic in the morning, if not there already."""
        if self.process is not None and self.process.is_alive and self.case.at_home:
            self.process.interrupt()

    def die(self, day: int, cause: str) -> None:
        """End a life, once."""
        if self.fate.is_over or day >= self.ward.horizon_days:
            return
        self.fate.death_day, self.fate.death_cause = day, cause
        self.happens(day, "death", "critical", cause.replace("_", "/") if cause == "mds_aml" else cause)
        self.ward.end(self.body, day)
        self.life.is_over = True
        self.come()

    def examine_marrow(self, day: int) -> Csf3rFinding:
        """Return what the marrow shows of clones."""
        if self.clone is None or self.fate.is_transplanted:
            return Csf3rFinding.NONE
        if self.clone.is_there(day) and self.fate.csf3r_found_day is None:
            self.fate.csf3r_found_day = day
            self.happens(day, "csf3r_found", "warning", "")
        return self.clone.finding(day)

    def refer(self, day: int, reason: str) -> None:
        """Refer for a transplant, once; nobody is referred whose disease is not treated so."""
        if self.fate.referred_day is not None or not self.can_be_transplanted:
            return
        self.fate.referred_day = day
        self.happens(day, "donor_search", "info", reason)
        self.env.process(transplant(self.env, self))

    def take(self, courses: Iterable[str]) -> None:
        """Take what is prescribed besides the dose; prophylaxis keeps infections off."""
        fold = self.infections.numbers[self.body]["prophylaxis_fold"]
        self.infections.prophylaxis_fold[self.body] = fold if PROPHYLAXIS in courses else 1.0

    def receive_graft(self, day: int, detail: str) -> None:
        """Go on as a transplanted patient, in the care of the transplant rules."""
        self.fate.transplant_days.append(day)
        self.happens(day, "transplant", "critical", detail)
        self.life.begin_transplant(day)
        # What infections do in the first months is part of the published deaths from the transplant.
        self.infections.well_from_day[self.body] = day + PROTECTED_DAYS
        self.infections.added_fold[self.body] = 0.0
        for name in ("gcsf_insensitivity", "amplification_max", "progenitor_supply_per_day"):
            self.ward.change(self.body, day + ENGRAFTED_DAYS, name, catalogue.physiology()[name].value)
        self.ward.cut(self.body, day)
        self.clinic.transplanted(self.case)
        self.come()


def numbers_of(group: str, chosen: Outcomes) -> dict[str, float]:
    """Return a group of the numbers of models/outcomes.yaml, with what the scenario replaces."""
    return catalogue.values(catalogue.outcome_numbers(group)) | chosen.overrides.get(group, {})


class Lives:
    """The people of a block, with the processes that run their lives."""

    def __init__(
        self,
        env: simpy.Environment,
        ward: Ward,
        streams: Streams,
        log: EventLog,
        members: Sequence[tuple[str, Case, Clinic, Outcomes]],
    ) -> None:
        chosen_of = [chosen for _, _, _, chosen in members]
        self.env, self.ward = env, ward
        numbers = [numbers_of("infection", chosen) for chosen in chosen_of]
        self.infections = Infections(ward, streams, numbers, [chosen.infections for chosen in chosen_of])
        beds: dict[str, simpy.Resource] = {}
        self.people = []
        for arm, case, clinic, chosen in members:
            unit = beds.setdefault(arm, simpy.Resource(env, chosen.transplant.beds or UNLIMITED_BEDS))
            self.people.append(Person(env, case, clinic, streams, log, chosen, unit, self.infections))
        for person in self.people:
            case, own = person.case, catalogue.disease(person.patient.disease).outcomes
            self.infections.added_fold[person.body] = own.infection_fold.value
            case.person = person
            if person.leukaemia_fold and person.chosen.leukaemia.dose_effect != "none":
                leukaemia = numbers_of("leukaemia", person.chosen)
                person.clone = Clone(person, streams, leukaemia, person.chosen.leukaemia.dose_effect)
        ward.watch = self.infections.watch

    def processes(self) -> list[Generator[simpy.Event, None, None]]:
        """Return the processes that run these lives."""
        clones = [person.clone for person in self.people if person.clone is not None]
        suffering = [person for person in self.people if person.chosen.adverse_events]
        return [self.rounds(), watch_clones(self.env, clones), *(suffer(self.env, person) for person in suffering)]

    def rounds(self) -> Generator[simpy.Event, None, None]:
        """See to it every evening that every body has reached the next morning, and that who falls ill does."""
        yield self.env.timeout(EVENING_MINUTE)
        while True:
            tomorrow = int(self.env.now) // MINUTES_PER_DAY + 1
            self.ward.look_ahead(tomorrow)
            for body, day in self.infections.taken_ill():
                self.env.process(infect(self.env, self.people[body], self.infections, day))
            yield self.env.timeout(MINUTES_PER_DAY)


def suffer(env: simpy.Environment, person: Person) -> Generator[simpy.Event, None, None]:
    """Let the adverse events of G-CSF come that this patient is to have, while it is given."""
    luck = person.streams.generator(Purpose.ADVERSE_EVENT, person.patient.patient_id)
    shares, years = numbers_of("adverse_events", person.chosen), numbers_of("adverse_event_years", person.chosen)
    whether, when = luck.random(len(shares)), luck.standard_exponential(len(shares))
    coming = [
        (round(float(after) * years[name] * DAYS_PER_YEAR) + 1, name)
        for (name, share), chance, after in zip(shares.items(), whether, when, strict=True)
        if chance < share
    ]
    for day, name in sorted(coming):
        if day >= person.ward.horizon_days:
            return
        yield env.timeout(day * MINUTES_PER_DAY - env.now)
        if person.fate.is_over or person.fate.is_transplanted:
            return
        if person.case.chart.regimen is not None and person.case.chart.regimen.ng_per_kg_day > 0:
            person.fate.adverse_events.append(name)
            person.happens(day, name, "warning", "adverse event of G-CSF")


def observed_days(ward: Ward) -> np.ndarray:
    """Return for how many days each body was followed, [n]."""
    return np.asarray(ward.ended_day)
