"""How fast this machine is: a cohort under the guideline, timed by kind of work."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from titranc.sim import compiling, trial
from titranc.sim.scenario import load_scenario

PATIENTS, YEARS = 500, 15.0
BIG_PATIENTS, BIG_YEARS = 100_000, 15.0
DAYS_PER_YEAR = 365.25


def measured(patients: int = PATIENTS, years: float = YEARS) -> dict[str, Any]:
    """Return patient-years per second and microseconds per patient-day of one process, by kind of work.

    The cohort is `scn_child` with tables of patients written to a temporary folder.
    """
    changes = [f"cohort.n={patients}", f"horizon_years={years}", "output.level=patient"]
    scenario = load_scenario("scn_child", changes)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        work = trial.run(scenario, Path(folder) / "bench").manifest["work"]
        wall = time.perf_counter() - begun
    patient_days = patients * years * DAYS_PER_YEAR
    per_day = {kind: seconds / patient_days * 1e6 for kind, seconds in work["seconds"].items()}
    return {
        "patients": patients,
        "years": years,
        "accuracy": scenario.solver.accuracy,
        "patient_years_per_second": patients * years / wall,
        "microseconds_per_patient_day": {**per_day, "all": wall / patient_days * 1e6},
        "hours_for_100000_patients_15_years_one_process": BIG_PATIENTS * BIG_YEARS * wall / (patients * years) / 3600,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def show(*, as_json: bool) -> None:
    """Print the measurement for a reader, or as JSON."""
    errors = Console(stderr=True)
    compiling.make_ready(errors.print)
    found = measured()
    if as_json:
        print(json.dumps(found, indent=1))
        return
    table = Table(box=None, header_style="bold")
    table.add_column("work")
    table.add_column("us per patient-day", justify="right")
    for kind, cost in found["microseconds_per_patient_day"].items():
        table.add_row(kind, f"{cost:.2f}")
    console = Console()
    console.print(f"{found['patients']} patients, {found['years']:g} years, one process, {found['accuracy']} accuracy")
    console.print(table)
    hours = found["hours_for_100000_patients_15_years_one_process"]
    console.print(f"{found['patient_years_per_second']:,.0f} patient-years per second")
    console.print(
        f"100 000 patients for 15 years: {60 * hours:.0f} minutes in one process, "
        f"{60 * hours / (found['processors'] or 1):.0f} in {found['processors']} that do not get in each other's way"
    )
