"""How fast this machine is: a cohort under the guideline, timed by kind of work."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from titranc.sim import compiling, trial
from titranc.sim.scenario import load_scenario

PATIENTS, YEARS = 500, 15.0
BIG_PATIENTS, BIG_YEARS = 100_000, 15.0
DAYS_PER_YEAR = 365.25
ENVIRONMENT, ENVIRONMENT_PATIENTS, ENVIRONMENT_EPISODES = "titranc/SCN-v0", 1024, 20
ENVIRONMENT_DOSE_UG_PER_KG_DAY, ENVIRONMENT_YEARS = 6.0, 1.0
ENVIRONMENT_SETTINGS: dict[str, dict[str, Any]] = {
    "the guideline told at each visit": {},
    "without tell_guideline": {"tell_guideline": False},
    "with lives": {"lives": True},
}
# The exit code of input that is refused.
REFUSED = 2


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


def environment_speed(patients: int = ENVIRONMENT_PATIENTS, **asked: Any) -> dict[str, float]:
    """Return patient-steps per second of the Gymnasium environment, one patient at a time and all at once, and their ratio.

    Whole episodes under one dose, admissions among them; half of the single ones before the others and half behind, so that a
    machine that slows down slows both. Raises ImportError without Gymnasium, naming the extra to install.
    """
    from titranc.sim import environment

    environment.register()
    import gymnasium

    single = gymnasium.make(ENVIRONMENT, horizon_years=ENVIRONMENT_YEARS, **asked)
    together = gymnasium.make_vec(ENVIRONMENT, num_envs=patients, horizon_years=ENVIRONMENT_YEARS, **asked)
    half = ENVIRONMENT_EPISODES // 2
    _episode(single, 0)
    first = [_episode(single, seed) for seed in range(half)]
    all_steps, all_seconds = _episode(together, 0)
    later = [_episode(single, seed) for seed in range(half, ENVIRONMENT_EPISODES)]
    steps, seconds = (sum(part) for part in zip(*first, *later, strict=True))
    one, many = steps / seconds, patients * all_steps / all_seconds
    return {"single_steps_per_second": one, "vector_patient_steps_per_second": many, "ratio": many / one}


def _episode(env: Any, seed: int) -> tuple[int, float]:
    """Follow the patients of an environment to the end of the episode; return the steps, and the seconds they took."""
    begun = time.perf_counter()
    env.reset(seed=seed)
    steps, over, action = 0, False, env.action_space.low + ENVIRONMENT_DOSE_UG_PER_KG_DAY
    while not over:
        _, _, ended, cut_off, _ = env.step(action)
        steps, over = steps + 1, bool(np.any(cut_off) or np.all(ended))
    return steps, time.perf_counter() - begun


def show_environment(*, as_json: bool) -> None:
    """Print the speed of the environment for a reader, or as JSON."""
    errors = Console(stderr=True)
    compiling.make_ready(errors.print)
    try:
        found = {name: environment_speed(**asked) for name, asked in ENVIRONMENT_SETTINGS.items()}
    except ImportError as missing:
        errors.print(str(missing), markup=False)
        raise SystemExit(REFUSED) from missing
    if as_json:
        print(json.dumps({"patients": ENVIRONMENT_PATIENTS, "settings": found}, indent=1))
        return
    table = Table(box=None, header_style="bold")
    table.add_column("steps per second")
    for column in ("one patient", f"{ENVIRONMENT_PATIENTS} in one ward", "ratio"):
        table.add_column(column, justify="right")
    for name, speed in found.items():
        one, many = speed["single_steps_per_second"], speed["vector_patient_steps_per_second"]
        table.add_row(name, f"{one:,.0f}", f"{many:,.0f}", f"{speed['ratio']:.1f}")
    console = Console()
    console.print(f"{ENVIRONMENT}, a visit every fortnight for a year, admissions among them, one process")
    console.print(table)


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
