"""One block: its ward, its clinic and the SimPy environment that runs them, from a scenario to tables.

Arms share their patients and their luck: all arms of a patient stand in the same ward.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pandas as pd
import simpy

from titranc.models import catalogue
from titranc.models.clinic_view import Policy
from titranc.models.integrator import RECORDS
from titranc.models.policies import fixed as fixed_policy
from titranc.models.policies import guideline as guideline_policy
from titranc.sim.clinic import Clinic
from titranc.sim.cohort import draw_patients
from titranc.sim.columns import tables_at
from titranc.sim.injections import InjectionClock
from titranc.sim.log import EventLog
from titranc.sim.scenario import Scenario
from titranc.sim.streams import Streams
from titranc.sim.tables import build_tables
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, Ward

PROGRESS_DAYS = 28
Progress = Callable[[float], None]


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Leave the search for unreachable cycles until later: a block makes many objects and next to no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True)
class Simulated:
    """The tables of a block, and the seconds that its bodies, its clinic and its tables took."""

    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]


def simulate_block(scenario: Scenario, run_id: str, patient_ids: range, progress: Progress) -> Simulated:
    """Return the tables of these patients: a pure function of the scenario and their numbers."""
    begun = time.perf_counter()
    streams, arms = Streams(scenario.seed), scenario.resolved_arms()
    people = {arm.name: draw_patients(arm.scenario, streams, patient_ids) for arm in arms}
    bodies = [(arm, people[arm.name][i]) for i in range(len(patient_ids)) for arm in arms]
    clocks = {arm.name: {arm.scenario.drug.product: _clock(arm.scenario)} for arm in arms}
    days = round(scenario.horizon_years * DAYS_PER_YEAR)
    ward = Ward(
        patients=[patient for _, patient in bodies],
        clocks=[clocks[arm.name] for arm, _ in bodies],
        vial_rounding_ug=[arm.scenario.drug.vial_rounding_ug for arm, _ in bodies],
        horizon_days=days,
        streams=streams,
        accuracy=scenario.solver.accuracy,
        records=len(RECORDS) if patient_ids.start < _trajectory_patients(scenario) else 1,
    )
    log = EventLog(len(bodies), full="visits" in tables_at(scenario.output.level))
    clinics = {arm.name: _clinic(arm.name, arm.scenario, streams, log) for arm in arms}
    env = simpy.Environment(initial_time=0)
    courses = [clinics[arm.name].follow_up(env, ward, body, patient) for body, (arm, patient) in enumerate(bodies)] + [
        _tell(env, days, progress)
    ]
    with _no_garbage_collection(), ExitStack() as ends:
        for course in courses:
            env.process(course)
            # Environment and processes refer to each other: a course left open would keep the block alive.
            ends.callback(course.close)
        env.run(until=days * MINUTES_PER_DAY)
    ward.close()
    followed = time.perf_counter()
    tables = build_tables(
        run_id,
        [arm.name for arm, _ in bodies],
        ward,
        log,
        trajectory_patients=_trajectory_patients(scenario),
    )
    seconds = {
        "bodies": ward.seconds,
        "clinic": followed - begun - ward.seconds,
        "writing": time.perf_counter() - followed,
    }
    kept = [name for name in tables_at(scenario.output.level) if name != "trajectory" or len(tables[name])]
    return Simulated({name: tables[name] for name in kept}, seconds)


def _trajectory_patients(scenario: Scenario) -> int:
    return scenario.output.trajectory_patients if scenario.output.level == "trajectory" else 0


def _tell(env: simpy.Environment, days: int, progress: Progress) -> Generator[simpy.Event, None, None]:
    while True:
        progress(env.now / (days * MINUTES_PER_DAY))
        yield env.timeout(PROGRESS_DAYS * MINUTES_PER_DAY)


def _clock(scenario: Scenario) -> InjectionClock:
    hours = catalogue.drug(scenario.drug.product).injection_hours
    chosen: tuple[int, ...] = tuple(scenario.drug.injection_hours or ())
    return InjectionClock.of_hours(
        once_daily=chosen if len(chosen) == 1 else hours.once_daily,
        twice_daily=chosen if len(chosen) == 2 else hours.twice_daily,
    )


def _clinic(arm: str, scenario: Scenario, streams: Streams, log: EventLog) -> Clinic:
    policy, edition = _policy(scenario), catalogue.guideline(scenario.edition, scenario.edition_overrides)
    return Clinic(
        arm=arm,
        policy=policy,
        limits=edition.limits,
        hard_ceiling_ug_per_kg_day=catalogue.drug(scenario.drug.product).absolute_maximum_ug_per_kg_day.value,
        assay=catalogue.assay(
            within_subject_cv=scenario.assay.within_subject_cv,
            cells_counted=scenario.assay.cells_counted,
            lost_share=scenario.assay.lost_share,
            implausible_share=scenario.assay.implausible_share,
        ),
        turnaround_minutes=scenario.laboratory.turnaround_hours * 60,
        streams=streams,
        log=log,
    )


def _policy(scenario: Scenario) -> Policy:
    chosen = scenario.policy
    if chosen.kind == "fixed":
        return fixed_policy.build(chosen.dose_ug_per_kg_day, chosen.times_per_day, chosen.visit_every_days)
    return guideline_policy.build(chosen.edition, chosen.overrides)
