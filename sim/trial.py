"""A run: from a scenario to a folder of tables, block by block, stopped and resumed as it may be."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from titranc.models import catalogue
from titranc.models.clinic_view import Policy
from titranc.sim import parts, storage
from titranc.sim.block_simulation import Progress, simulate_block
from titranc.sim.blocks import BLOCK_PATIENTS, Block, blocks_of
from titranc.sim.cohort_tables import LIVED, SUMMARISED, merged_counts, summary_table
from titranc.sim.columns import AGGREGATES, TEMPORARY_AT
from titranc.sim.contrasts import contrasts
from titranc.sim.digests import ContentDigest
from titranc.sim.executors import notes_of
from titranc.sim.provenance import provenance
from titranc.sim.scenario import Scenario
from titranc.sim.scenario_differences import differences
from titranc.sim.streams import SCHEME_VERSION

# In these a low count passes by itself.
PASSING_CAUSES = ("chemotherapy", "transplant", "drug-induced")

NOTICE = "Simulation for teaching and research only, never for the treatment of a patient."
PACKAGES = ("numpy", "pandas", "scipy", "numba", "simpy", "pyarrow", "matplotlib")
MAX_RELATIVE_ERROR = {"fast": 1e-3, "default": 1e-4, "reference": 1e-8}


@dataclass(frozen=True)
class How:
    """Where and in what portions the work is done; nothing of it changes a result."""

    workers: int = 1
    scheduler: str | None = None
    resume: bool = False
    block_patients: int | None = None


@dataclass(frozen=True)
class Result:
    """A finished run: its folder and its manifest."""

    folder: Path
    manifest: dict[str, Any]

    def table(self, name: str, *, most_parts: int | None = None) -> pd.DataFrame:
        """Return a table of the run, or its first parts, the digests checked."""
        return parts.read_parts(self.folder, self.manifest["tables"][name], most_parts=most_parts)


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Return a table of a finished run, its digests checked, or raise IntegrityFailure."""
    tables = storage.read_manifest(folder)["tables"]
    if name not in tables:
        raise storage.IntegrityFailure(f"{folder}: no table {name} in this run; it has {', '.join(sorted(tables))}")
    return parts.read_parts(folder, tables[name])


def run(scenario: Scenario, folder: Path, progress: Progress = lambda share: None, how: How | None = None) -> Result:
    """Run a scenario into `folder`, or go on with the run that stopped there.

    Raises FolderInUse, IntegrityFailure (to resume what is another run) or WorkersLost; what is finished is kept.
    """
    how = how or How()
    how = replace(how, block_patients=block_size(scenario, how))
    with storage.claimed(folder, resume=how.resume):
        started, clock = datetime.now(UTC), time.perf_counter()
        asked = scenario.to_yaml()
        _refuse_another_scenario(folder, asked)
        storage.settle_identity(folder, _identity(scenario, asked, how))
        storage.write_whole(folder / storage.SCENARIO_NAME, asked.encode())
        blocks = blocks_of(scenario.cohort.n, block_size(scenario, how))
        notes = _work_through(scenario, folder.absolute(), blocks, progress, how)
        entries, told = _finish_tables(scenario, folder, [notes[block.index] for block in blocks])
        manifest = _manifest(scenario, folder.name, entries, started, time.perf_counter() - clock)
        manifest |= told | {"work": _work_done(notes.values(), how)}
        storage.write_manifest(folder, manifest)
    return Result(folder, manifest)


def simulate(
    scenario: Scenario,
    run_id: str,
    progress: Progress = lambda share: None,
    policies: Mapping[str, Policy] | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the tables of a scenario, computed in memory; `progress` hears the share done, from 0 to 1.

    `policies` by name of an arm decide in the place of what the scenario says, behind the same guard and gate.
    """
    blocks = blocks_of(scenario.cohort.n, block_size(scenario))
    done = [
        simulate_block(scenario, run_id, block.patient_ids, _part_of(progress, block), policies).tables
        for block in blocks
    ]
    names = dict.fromkeys(name for tables in done for name in tables)
    return {name: pd.concat([tables[name] for tables in done if name in tables], ignore_index=True) for name in names}


def block_size(scenario: Scenario, how: How | None = None) -> int:
    """Return how many patients stand in one ward: a centre's, who wait for the same beds; as asked; or as memory holds.

    Every arm of a patient is a body of the ward, so that more arms leave room for fewer patients.
    """
    asked = how.block_patients if how else None
    return scenario.patients_per_centre or asked or max(BLOCK_PATIENTS // max(len(scenario.arms), 1), 1)


def content_digest(table: pd.DataFrame) -> str:
    """Return a text that is the same for the same rows, in whatever order and parts they stand."""
    return str(ContentDigest.of(table))


def _part_of(progress: Progress, block: Block) -> Progress:
    return lambda share: progress((block.index + share) / block.count)


def _refuse_another_scenario(folder: Path, asked: str) -> None:
    """Raise IntegrityFailure where the run that stopped in the folder had another scenario, saying in what it differs."""
    try:
        begun = (folder / storage.SCENARIO_NAME).read_text(encoding="utf-8")
    except OSError:
        return  # nothing has begun here, or all that is left of it is its identity
    if storage.text_sha256(begun) != storage.identity_of(folder).get("scenario"):
        return
    if changed := differences(begun, asked):
        raise storage.IntegrityFailure(
            f"{folder}: cannot go on: the scenario was another ({changed}); give it as it was, or start anew in another folder"
        )


def _identity(scenario: Scenario, asked: str, how: How) -> dict[str, Any]:
    return {
        "scenario": storage.text_sha256(asked),
        "version": metadata.version("titranc"),
        "random_scheme": SCHEME_VERSION,
        "patients": scenario.cohort.n,
        "block_patients": how.block_patients,
        **{name: metadata.version(name) for name in ("numpy", "scipy", "numba")},
    }


def _work_through(
    scenario: Scenario, folder: Path, blocks: list[Block], progress: Progress, how: How
) -> dict[int, dict[str, Any]]:
    """Return the note of every block, those of earlier attempts among them."""
    found = {block.index: note for block in blocks if (note := parts.finished_note(folder, block))}
    missing = [block for block in blocks if block.index not in found]
    alone = how.workers == 1 and how.scheduler is None
    work: Callable[[Block], dict[str, Any]] = partial(work_on, scenario, folder, progress if alone else None)
    for note in notes_of(work, missing, workers=how.workers, scheduler=how.scheduler):
        found[note["block"]] = note
        progress(len(found) / len(blocks))
    return found


def work_on(scenario: Scenario, folder: Path, progress: Progress | None, block: Block) -> dict[str, Any]:
    """Simulate a block and write its parts; return its note: digests, seconds, memory, never a table."""
    told = _part_of(progress, block) if progress else lambda share: None
    done = simulate_block(scenario, folder.name, block.patient_ids, told)
    clock = time.perf_counter()
    facts = {"block": block.index, "process": f"{platform.node()}-{os.getpid()}"}
    note = parts.write_block(folder, block, done.tables, _passing(scenario), facts)
    seconds = done.seconds | {"writing": done.seconds["writing"] + time.perf_counter() - clock}
    return note | {"seconds": seconds, "peak_mib": _peak_mib()}


def _finish_tables(
    scenario: Scenario, folder: Path, notes: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put together what belongs to the whole cohort.

    Returns the manifest's entries of all tables and what it tells of rules and numbers.
    """
    entries = parts.table_entries(notes)
    summarised = [*SUMMARISED, *(LIVED if scenario.simulates_lives else ())]
    outcomes = parts.read_parts(folder, entries["outcomes"], ["run_id", "arm", *summarised])
    patients = parts.read_parts(folder, entries["patients"], ["age_start_years", "weight_z"])
    whole = {"summary": summary_table(outcomes)}
    if len(scenario.arms) > 1:
        whole["contrasts"] = _contrasts(scenario, folder, entries)
    whole |= {name: _added_up(parts.each_part(folder, entries[name])) for name in AGGREGATES}
    entries = {name: entry for name, entry in entries.items() if name not in _passing(scenario)}
    entries |= {name: parts.whole_table(folder, name, table) for name, table in whole.items()}
    return entries, provenance(scenario, patients)


def _contrasts(scenario: Scenario, folder: Path, entries: dict[str, Any]) -> pd.DataFrame:
    """Return every arm against the reference, from the tables of all blocks."""
    outcomes = parts.read_parts(folder, entries["outcomes"])
    people = ["arm", "patient_id", "age_start_years", "sex", "doses_taken_share", "p_gcsf_insensitivity"]
    patients = parts.read_parts(folder, entries["patients"], people)
    return compared(scenario, patients, outcomes)


def compared(scenario: Scenario, patients: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts of a scenario's arms as it asks for them."""
    return contrasts(
        patients,
        outcomes,
        scenario.reference_arm,
        scenario.compare.ci,
        of_episodes=catalogue.disease(scenario.cohort.disease).cause in PASSING_CAUSES,
        matters=scenario.compare.matters,
    )


def _added_up(counts: Iterator[pd.DataFrame]) -> pd.DataFrame:
    """Add up the patient-days of all blocks, one after the other: the parts of a big run together would fill the memory."""
    total = next(counts)
    for part in counts:
        total = merged_counts(pd.concat([total, part], ignore_index=True))
    return merged_counts(total)


def _passing(scenario: Scenario) -> tuple[str, ...]:
    """Return the tables of a block that are needed only to put the cohort's together."""
    return (*AGGREGATES, *TEMPORARY_AT[scenario.output.level])


def _work_done(notes: Iterable[Mapping[str, Any]], how: How) -> dict[str, Any]:
    """Return what the work cost: seconds by kind over all processes, and the sum of their peaks of memory."""
    worked = [note for note in notes if "seconds" in note]
    peaks = {"this": _peak_mib()} if how.workers > 1 or how.scheduler else {}
    for note in worked:
        peaks[note["process"]] = max(peaks.get(note["process"], 0), note["peak_mib"])
    kinds = ("bodies", "clinic", "writing")
    return {
        "workers": how.workers,
        "block_patients": how.block_patients,
        "blocks_worked_on": len(worked),
        "seconds": {kind: round(sum(note["seconds"][kind] for note in worked), 3) for kind in kinds},
        "peak_mib_of_all_processes": sum(peaks.values()),
    }


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


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
        "scenario_sha256": storage.text_sha256(scenario.to_yaml()),
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
