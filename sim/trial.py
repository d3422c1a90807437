"""A run: from a scenario to a folder of tables.

Arms share their patients and their luck: all arms of a patient stand in the same ward. A SimPy environment runs one
ward.
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import simpy

from titranc.models import catalogue
from titranc.models.clinic_view import Policy
from titranc.models.policies import fixed as fixed_policy
from titranc.models.policies import guideline as guideline_policy
from titranc.sim import storage
from titranc.sim.clinic import Clinic
from titranc.sim.cohort import draw_patients
from titranc.sim.log import EventLog
from titranc.sim.provenance import provenance
from titranc.sim.scenario import Scenario
from titranc.sim.streams import SCHEME_VERSION, Streams
from titranc.sim.tables import build_tables
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, InjectionClock, Ward

NOTICE = "Simulation for teaching and research only, never for the treatment of a patient."
BLOCK_PATIENTS = 200
PROGRESS_DAYS = 28
PACKAGES = ("numpy", "pandas", "scipy", "numba", "simpy", "pyarrow", "matplotlib")
MAX_RELATIVE_ERROR = {"fast": 1e-3, "default": 1e-4, "reference": 1e-8}

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Result:
    """The tables of a run and its manifest."""

    tables: dict[str, pd.DataFrame]
    manifest: dict[str, Any]


def run(scenario: Scenario, folder: Path, progress: Progress = lambda share: None) -> Result:
    """Run a scenario into an absent or empty folder; raise FolderInUse when there is something in it."""
    with storage.claimed(folder):
        started, clock = datetime.now(UTC), time.perf_counter()
        tables = simulate(scenario, folder.name, progress)
        storage.write_whole(folder / "scenario.yaml", scenario.to_yaml().encode())
        entries = {name: storage.write_table(folder, name, table) for name, table in tables.items()}
        manifest = _manifest(scenario, folder.name, entries, started, time.perf_counter() - clock)
        manifest |= provenance(scenario, tables["patients"])
        storage.write_manifest(folder, manifest)
    return Result(tables, manifest)


def simulate(scenario: Scenario, run_id: str, progress: Progress = lambda share: None) -> dict[str, pd.DataFrame]:
    """Return the tables of a scenario, computed in memory; `progress` hears the share done, from 0 to 1."""
    blocks = list(_blocks(scenario.cohort.n))
    parts = [
        simulate_block(scenario, run_id, block, _part_of(progress, index, len(blocks)))
        for index, block in enumerate(blocks)
    ]
    return {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}


def _part_of(progress: Progress, index: int, blocks: int) -> Progress:
    return lambda share: progress((index + share) / blocks)


def _blocks(n: int) -> Iterator[range]:
    for first in range(0, n, BLOCK_PATIENTS):
        yield range(first, min(n, first + BLOCK_PATIENTS))


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


def simulate_block(scenario: Scenario, run_id: str, patient_ids: range, progress: Progress) -> dict[str, pd.DataFrame]:
    """Return the tables of these patients: a pure function of the scenario and their numbers."""
    streams, arms = Streams(scenario.seed), scenario.resolved_arms()
    people = {arm.name: draw_patients(arm.scenario, streams, patient_ids) for arm in arms}
    bodies = [(arm, people[arm.name][i]) for i in range(len(patient_ids)) for arm in arms]
    days = round(scenario.horizon_years * DAYS_PER_YEAR)
    ward = Ward(
        patients=[patient for _, patient in bodies],
        clocks=[_clock(arm.scenario) for arm, _ in bodies],
        vial_rounding_ug=[arm.scenario.drug.vial_rounding_ug for arm, _ in bodies],
        horizon_days=days,
        streams=streams,
        accuracy=scenario.solver.accuracy,
    )
    log = EventLog(len(bodies), full=scenario.output.level in ("visit", "trajectory"))
    clinics = {arm.name: _clinic(arm.name, arm.scenario, streams, log) for arm in arms}
    env = simpy.Environment(initial_time=0)
    for body, (arm, patient) in enumerate(bodies):
        env.process(clinics[arm.name].follow_up(env, ward, body, patient))
    env.process(_tell(env, days, progress))
    with _no_garbage_collection():
        env.run(until=days * MINUTES_PER_DAY)
    ward.close()
    return build_tables(
        run_id,
        [arm.name for arm, _ in bodies],
        scenario.drug.product,
        ward,
        log,
        trajectory_patients=scenario.output.trajectory_patients if scenario.output.level == "trajectory" else 0,
    )


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


def _manifest(
    scenario: Scenario, run_id: str, entries: dict[str, Any], started: datetime, wall_seconds: float
) -> dict[str, Any]:
    return {
        "format_version": 1,
        "run_id": run_id,
        "title": scenario.title,
        "question": scenario.question,
        "notice": NOTICE,
        "version": metadata.version("titranc"),
        "seed": scenario.seed,
        "random_scheme": SCHEME_VERSION,
        "scenario_sha256": storage.content_sha256(scenario.to_yaml()),
        "solver": {
            "accuracy": scenario.solver.accuracy,
            "max_relative_error": MAX_RELATIVE_ERROR[scenario.solver.accuracy],
        },
        "started_utc": started.isoformat(timespec="seconds"),
        "finished_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(wall_seconds, 3),
        "packages": {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}},
        "machine": platform.machine(),
        "tables": entries,
    }
