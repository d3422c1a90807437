"""What a report reads: a run's folder, and in it one patient's story.

Only the tables of the patient shown are loaded row by row; a cohort of any size costs its `patients` and `outcomes`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from titranc.sim import parquet_files


@dataclass(frozen=True)
class Run:
    """A finished run: manifest, resolved scenario, the tables with one row a patient, units of columns."""

    folder: Path
    manifest: dict[str, Any]
    scenario_text: str
    patients: pd.DataFrame
    outcomes: pd.DataFrame
    units: dict[str, str]


@dataclass(frozen=True)
class Story:
    """One patient under one arm: a row of `patients`, a row of `outcomes`, and the tables in order of time."""

    arm: str
    patient_id: int
    patient: pd.Series[Any]
    outcome: pd.Series[Any]
    visits: pd.DataFrame
    doses: pd.DataFrame
    trajectory: pd.DataFrame
    events: pd.DataFrame
    untreated: pd.DataFrame


def read_run(folder: Path) -> Run:
    """Read what a report needs of every patient; raises FileNotFoundError naming the file that is missing."""
    outcomes = parquet_files.read(folder / "outcomes.parquet")
    if outcomes.empty:
        raise ValueError(f"{folder / 'outcomes.parquet'}: no patient was followed, so there is nothing to report")
    return Run(
        folder=folder,
        manifest=json.loads((folder / "manifest.json").read_text(encoding="utf-8")),
        scenario_text=(folder / "scenario.yaml").read_text(encoding="utf-8"),
        patients=parquet_files.read(folder / "patients.parquet"),
        outcomes=outcomes,
        units=parquet_files.column_units(folder / "patients.parquet"),
    )


def first_story(run: Run) -> Story:
    """Read the story of the first patient of the first arm."""
    outcome = run.outcomes.iloc[0]
    arm, patient_id = str(outcome["arm"]), int(outcome["patient_id"])
    rows = run.patients[(run.patients["patient_id"] == patient_id) & (run.patients["arm"] == arm)]
    return Story(
        arm=arm,
        patient_id=patient_id,
        patient=rows.iloc[0],
        outcome=outcome,
        visits=_rows_of(run.folder, "visits", arm, patient_id, "day"),
        doses=_rows_of(run.folder, "doses", arm, patient_id, "day_start"),
        trajectory=_daily(run.folder, "trajectory", arm, patient_id),
        untreated=_daily(run.folder, "untreated", arm, patient_id),
        events=_rows_of(run.folder, "events", arm, patient_id, "day"),
    )


def optional_table(folder: Path, name: str, *, most_patients: int | None = None) -> pd.DataFrame:
    """Read a table, of the first patients only where asked; empty when the run has none of that name."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        return pd.DataFrame()
    if most_patients is None:
        return parquet_files.read(path)
    return parquet_files.read(path, lambda rows: rows["patient_id"] < most_patients, range(most_patients))


def _daily(folder: Path, table: str, arm: str, patient_id: int) -> pd.DataFrame:
    """Return a daily record, empty when the run has none."""
    nothing = pd.DataFrame({"day": [], "anc_1e9_per_l": []}, dtype=float)
    if not (folder / f"{table}.parquet").exists():
        return nothing
    found = _rows_of(folder, table, arm, patient_id, "day")
    return nothing if found.empty else found


def _rows_of(folder: Path, table: str, arm: str, patient_id: int, order: str) -> pd.DataFrame:
    found = parquet_files.read(
        folder / f"{table}.parquet",
        lambda rows: (rows["arm"] == arm) & (rows["patient_id"] == patient_id),
        range(patient_id, patient_id + 1),
    )
    return found if found.empty else found.sort_values(order, kind="stable", ignore_index=True)
