"""The command that verifies a finished run: files against digests, tables against invariants, some patients anew."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from titranc.sim import parts, storage, trial
from titranc.sim.report.words import counted
from titranc.sim.scenario import load_scenario
from titranc.sim.verification.chart import read_charts
from titranc.sim.verification.verdict import Verdict, verdicts

MOST_AGAIN = 20
COMPARED = ("visits", "doses", "events", "outcomes")


def verify(folder: Path, *, as_json: bool) -> None:
    """Print what was looked at; raise IntegrityFailure when anything is not as it should be."""
    manifest = storage.read_manifest(folder)
    parts.check_files(folder, manifest)
    if "visits" not in manifest["tables"]:
        raise storage.IntegrityFailure(f"{folder}: this run kept no visits to verify; run with output.level=visit")
    found = list(verdicts(read_charts(folder)))
    again, different = simulated_again(folder)
    broken = [verdict.id for verdict in found if verdict.violations]
    if as_json:
        told = {
            "invariants": [vars(one) | {"verdict": one.word} for one in found],
            "simulated_again": again,
            "different": different,
        }
        print(json.dumps(told, indent=1))
    else:
        _tell(found, again, different)
    if broken or different:
        raise storage.IntegrityFailure(
            f"{folder}: {', '.join([*broken, *(f'table {name} differs' for name in different)])}"
        )


def simulated_again(folder: Path) -> tuple[int, list[str]]:
    """Simulate the first patients of a run once more from its resolved scenario; return how many, and the tables that differ."""
    scenario = load_scenario(folder / "scenario.yaml")
    # Patients who share beds can only be simulated together.
    n = min(scenario.cohort.n, scenario.patients_per_centre or MOST_AGAIN)
    cohort = scenario.cohort.model_copy(update={"n": n})
    tables = trial.simulate(scenario.model_copy(update={"cohort": cohort}), folder.name)
    return n, [name for name in COMPARED if _differs(tables[name], trial.read_table(folder, name), n)]


def _differs(again: pd.DataFrame, written: pd.DataFrame, n: int) -> bool:
    keys = ["arm", "patient_id"]
    both = [table[table["patient_id"] < n].drop(columns="run_id") for table in (again, written)]
    first, second = (table.sort_values(keys, kind="stable").reset_index(drop=True) for table in both)
    return not first.equals(second.astype(first.dtypes.to_dict()))


def _tell(found: list[Verdict], again: int, different: list[str]) -> None:
    table = Table(title="Invariants, read from the tables alone", title_justify="left")
    for name, where in (
        ("", "left"),
        ("what must hold", "left"),
        ("rows", "right"),
        ("applied", "right"),
        ("verdict", "left"),
    ):
        table.add_column(name, overflow="fold", justify=where)  # type: ignore[arg-type]
    for one in found:
        where = f": {one.violations} rows; {'; '.join(one.first)}" if one.violations else ""
        table.add_row(
            one.id, escape(one.says), f"{one.examined:,}", f"{one.applied:,}", f"{one.in_words}{escape(where)}"
        )
    console = Console()
    console.print(table)
    console.print("untested: it applied to fewer than 100 rows.")
    outcome = f"differ in {', '.join(different)}" if different else "are the same"
    console.print(f"Simulated again, the first {counted(again, 'patient')} {outcome}.")
