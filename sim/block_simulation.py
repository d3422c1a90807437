"""One block: its ward, its clinic and the SimPy environment that runs them, from a scenario to tables.

Arms share their patients and their luck: all arms of a patient stand in the same ward.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pandas as pd
import simpy

from titranc.models import catalogue
from titranc.models.clinic_view import Policy
from titranc.models.integrator import RECORDS
from titranc.models.patient import Patient
from titranc.models.policies.python_policy import guarded
from titranc.models.policies.standing_care import StandingCare
from titranc.sim.clinic import Case, Clinic, Consult, Stage
from titranc.sim.cohort import draw_patients
from titranc.sim.columns import tables_at
from titranc.sim.course_sections import Leukaemia, Outcomes, TransplantCare
from titranc.sim.fate import Lives
from titranc.sim.garbage import no_garbage_collection
from titranc.sim.injections import InjectionClock
from titranc.sim.life import Life, tell
from titranc.sim.log import EventLog
from titranc.sim.scenario import ResolvedArm, Scenario
from titranc.sim.scenario_sections import Drug
from titranc.sim.streams import Streams
from titranc.sim.tables import build_tables
from titranc.sim.transplants import ALLOGENEIC
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, Ward

PROGRESS_DAYS = 28
AFTER_TRANSPLANT = "filgrastim"
NO_OUTCOMES = Outcomes(
    infections=False,
    adverse_events=False,
    leukaemia=Leukaemia(dose_effect="none"),
    transplant=TransplantCare(available=False),
)
# Tables that are left out when none of the patients has days in them.
DAILY = ("trajectory", "untreated")
Progress = Callable[[float], None]
Course = Generator[simpy.Event, None, None]


@dataclass(frozen=True)
class Simulated:
    """The tables of a block, and the seconds that its bodies, its clinic and its tables took."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]


class BlockSimulation:
    """The patients of a block from admission on: one body for each of them in each arm, all in one ward.

    `policies` by name of an arm decide in the place of the scenario's; where somebody is to be consulted, `consult` is
    asked instead of any policy.
    """

    def __init__(
        self,
        scenario: Scenario,
        patient_ids: range,
        policies: Mapping[str, Policy] | None = None,
        consult: Consult | None = None,
    ) -> None:
        self.scenario, streams, arms = scenario, Streams(scenario.seed), scenario.resolved_arms()
        people = {arm.name: draw_patients(arm.scenario, streams, patient_ids) for arm in arms}
        self.bodies = [(arm, people[arm.name][i]) for i in range(len(patient_ids)) for arm in arms]
        self.days = round(scenario.horizon_years * DAYS_PER_YEAR)
        self.ward = _ward(scenario, self.bodies, self.days, streams, patient_ids.start)
        says = {arm.name: catalogue.edition(arm.scenario.edition).says() for arm in arms}
        full = "visits" in tables_at(scenario.output.level)
        self.log = EventLog(len(self.bodies), full=full, says=[says[arm.name] for arm, _ in self.bodies])
        own = policies or {}
        self.clinics = {
            arm.name: _clinic(arm.name, arm.scenario, streams, self.log, own.get(arm.name), consult) for arm in arms
        }
        self.env, self._ends = simpy.Environment(initial_time=0), ExitStack()
        self.cases, courses = [], list[Course]()
        for body, (arm, patient) in enumerate(self.bodies):
            life = Life(arm.scenario.course, patient, self.days)
            life.feel(self.ward, body)
            self.cases.append(Case(patient, life, self.ward, body, self.clinics[arm.name].stage))
            if not life.uneventful:
                courses.append(tell(self.env, life, body, self.log))
        members = [(arm, case) for (arm, _), case in zip(self.bodies, self.cases, strict=True)]
        self.lives = _lives(self.env, self.ward, streams, self.log, members, self.clinics)
        self._admit([*courses, *(self.lives.processes() if self.lives else [])])

    def _admit(self, courses: Sequence[Course]) -> None:
        """Begin every follow-up, then what befalls the patients."""
        for (arm, _), case in zip(self.bodies, self.cases, strict=True):
            process = self.env.process(self._closing(self.clinics[arm.name].follow_up(self.env, case)))
            if self.lives:
                self.lives.people[case.body].process = process
        for course in courses:
            self.env.process(self._closing(course))

    def _closing(self, course: Course) -> Course:
        """Return a course that is closed at the end.

        Environment and processes refer to each other: a course left open would keep the block alive.
        """
        self._ends.callback(course.close)
        return course

    @property
    def end_minute(self) -> int:
        """The minute at which follow-up ends."""
        return self.days * MINUTES_PER_DAY

    def run(self, progress: Progress) -> None:
        """Follow everybody to the end; `progress` hears the share done."""
        self.env.process(self._closing(self._tell(progress)))
        with no_garbage_collection():
            try:
                self.env.run(until=self.end_minute)
            finally:
                self._ends.close()
        self.ward.close()

    def run_until(self, day: int) -> None:
        """Follow everybody to the morning of a day."""
        self.env.run(until=day * MINUTES_PER_DAY)
        self.ward.look_ahead(day)

    def close(self) -> None:
        """End what goes on, with every body at the end of follow-up."""
        self._ends.close()
        self.ward.close()

    def _tell(self, progress: Progress) -> Course:
        while True:
            progress(self.env.now / self.end_minute)
            yield self.env.timeout(PROGRESS_DAYS * MINUTES_PER_DAY)

    def tables(self, run_id: str) -> dict[str, pd.DataFrame]:
        """Return the tables that the scenario's level of output keeps."""
        scenario = self.scenario
        tables = build_tables(
            run_id,
            [arm.name for arm, _ in self.bodies],
            self.ward,
            self.log,
            [person.fate for person in self.lives.people] if self.lives else None,
            trajectory_patients=_trajectory_patients(scenario),
            prices=[arm.scenario.outcomes.prices if arm.scenario.outcomes else None for arm, _ in self.bodies],
        )
        kept = [name for name in tables_at(scenario.output.level) if name not in DAILY or len(tables[name])]
        return {name: tables[name] for name in kept}


def simulate_block(
    scenario: Scenario,
    run_id: str,
    patient_ids: range,
    progress: Progress,
    policies: Mapping[str, Policy] | None = None,
) -> Simulated:
    """Return the tables of these patients: a pure function of the scenario and their numbers.

    `policies` by name of an arm take the place of the scenario's.
    """
    begun = time.perf_counter()
    block = BlockSimulation(scenario, patient_ids, policies)
    block.run(progress)
    followed = time.perf_counter()
    tables = block.tables(run_id)
    seconds = {
        "bodies": block.ward.seconds,
        "clinic": followed - begun - block.ward.seconds,
        "writing": time.perf_counter() - followed,
    }
    return Simulated(tables, seconds)


def _ward(
    scenario: Scenario, bodies: Sequence[tuple[ResolvedArm, Patient]], days: int, streams: Streams, first_patient: int
) -> Ward:
    arms = {arm.name: arm for arm, _ in bodies}.values()
    clocks = {arm.name: _clocks(arm.scenario) for arm in arms}
    return Ward(
        patients=[patient for _, patient in bodies],
        clocks=[clocks[arm.name] for arm, _ in bodies],
        vial_rounding_ug=[arm.scenario.drug.vial_rounding_ug for arm, _ in bodies],
        horizon_days=days,
        streams=streams,
        accuracy=scenario.solver.accuracy,
        records=len(RECORDS) if first_patient < _trajectory_patients(scenario) else 1,
        chemotherapy=any(arm.scenario.course.chemotherapy for arm in arms),
    )


def _trajectory_patients(scenario: Scenario) -> int:
    return scenario.output.trajectory_patients if scenario.output.level == "trajectory" else 0


def _lives(
    env: simpy.Environment,
    ward: Ward,
    streams: Streams,
    log: EventLog,
    cases: Sequence[tuple[ResolvedArm, Case]],
    clinics: Mapping[str, Clinic],
) -> Lives | None:
    """Return the lives of the bodies, where the scenario asks for lives."""
    chosen = [arm.scenario.outcomes for arm, _ in cases]
    if not any(chosen):
        return None
    return Lives(
        env,
        ward,
        streams,
        log,
        [
            (arm.name, case, clinics[arm.name], outcomes or NO_OUTCOMES)
            for (arm, case), outcomes in zip(cases, chosen, strict=True)
        ],
    )


def _clocks(scenario: Scenario) -> dict[str, InjectionClock]:
    """Return the hours of the arm's products."""
    clocks = {stage.drug.product: _clock(stage.drug) for stage in _stages(scenario)}
    return clocks if scenario.outcomes is None else {AFTER_TRANSPLANT: _clock(Drug(product=AFTER_TRANSPLANT))} | clocks


def _stages(scenario: Scenario) -> tuple[Scenario, ...]:
    """Return the scenario as it begins and, where there is a switch, as it goes on."""
    later = scenario.after_switch()
    return (scenario, later) if later else (scenario,)


def _clock(drug: Drug) -> InjectionClock:
    chosen, hours = tuple(drug.injection_hours or ()), catalogue.drug(drug.product).injection_hours
    return InjectionClock.of_hours(
        once_daily=chosen if len(chosen) == 1 else hours.once_daily,
        twice_daily=chosen if len(chosen) == 2 else hours.twice_daily,
    )


def _clinic(
    arm: str, scenario: Scenario, streams: Streams, log: EventLog, own: Policy | None, consult: Consult | None
) -> Clinic:
    first, *later = _stages(scenario)
    stage = _stage(first, 0)
    return Clinic(
        arm=arm,
        stage=stage if own is None else replace(stage, policy=StandingCare(guarded(own, arm), first.guideline())),
        later=tuple(_stage(stage, scenario.switch.from_day) for stage in later if scenario.switch),
        after_transplant=_after_transplant(scenario),
        assay=catalogue.assay(
            within_subject_cv=scenario.assay.within_subject_cv,
            cells_counted=scenario.assay.cells_counted,
            lost_share=scenario.assay.lost_share,
            implausible_share=scenario.assay.implausible_share,
        ),
        turnaround_minutes=scenario.laboratory.turnaround_hours * 60,
        streams=streams,
        log=log,
        consult=consult,
    )


def _stage(scenario: Scenario, from_day: int) -> Stage:
    policy, limits = scenario.policy_and_limits()
    return Stage(
        from_day=from_day,
        product=scenario.drug.product,
        policy=policy,
        limits=limits,
        doses_by_surface=catalogue.drug(scenario.drug.product).dosed_per == "m2",
    )


def _after_transplant(scenario: Scenario) -> Stage:
    """Return the rules for a transplanted patient, those of the source where the arm's edition has none."""
    edition = scenario.edition if ALLOGENEIC not in catalogue.edition(scenario.edition).refuses else "source"
    guideline = catalogue.guideline(edition, disease=ALLOGENEIC, product=AFTER_TRANSPLANT)
    return Stage(0, AFTER_TRANSPLANT, guideline, guideline.limits, disease=ALLOGENEIC)
