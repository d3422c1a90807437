"""The kernel against scipy: same equations, patients, doses and days; work against error, ratios from one run.

    python tests/benchmarks/bench_kernel.py [--picture tests/benchmarks/work_precision.png]

Prints Markdown tables. Errors are the largest relative error of the daily ANC over all patients and days, against this
kernel at a tolerance of 1e-12, itself checked against scipy's DOP853 at 1e-12.
"""

from __future__ import annotations

import argparse
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.integrate import odeint, solve_ivp

from titranc.models import granulopoiesis, integrator
from titranc.models.granulopoiesis import D, N, parameter_array
from titranc.models.integrator import TOLERANCE, Bodies, DosePlan
from titranc.sim.cohort import draw_patients
from titranc.sim.scenario import load_scenario
from titranc.sim.streams import Streams

PATIENTS, DAYS, BURN_IN_DAYS, SCIPY_PATIENTS, SCIPY_DAYS = 208, 200, 200, 4, 40
TOLERANCES = (1e-3, 2e-4, 6e-5, TOLERANCE["default"], 3e-6, 1e-6, 1e-7, TOLERANCE["reference"])
SCIPY_RTOL = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
COLOURS = ("#1b6ca8", "#e07b39", "#5a9e4b", "#b8b8b8", "#8a6fb0", "#8c564b", "#c98bb9")


def cohort(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return parameters, states without drug, and doses (ug/kg a day, log-uniform over 2 to 20) of the patients."""
    scenario = load_scenario("scn_child", [f"cohort.n={PATIENTS}"])
    people = draw_patients(scenario, Streams(seed), range(PATIENTS))
    parameters = parameter_array([person.parameters for person in people])
    bodies = Bodies(parameters, accuracy="reference")
    bodies.burn_in(BURN_IN_DAYS)
    dose = np.exp(np.random.default_rng(seed).uniform(np.log(2), np.log(20), PATIENTS))
    return parameters, bodies.state, dose


def plan_of(dose: np.ndarray, days: int, times_per_day: int) -> DosePlan:
    amount = np.broadcast_to(dose / times_per_day, (days, times_per_day, len(dose))).copy()
    minute = np.repeat(np.arange(times_per_day)[:, None] * 1440 // times_per_day, len(dose), axis=1)
    return DosePlan(amount, minute, ("D",) * times_per_day)


def kernel(parameters: np.ndarray, state: np.ndarray, plan: DosePlan, tolerance: float) -> tuple[np.ndarray, float]:
    """Return the daily ANC [days, n] and the best of three times in microseconds per patient-day."""
    times = []
    for _ in range(3):
        bodies = Bodies(parameters, state=state)
        bodies.tolerance = tolerance
        begun = time.perf_counter()
        anc = bodies.advance(len(plan.amount), plan)[:, 0]
        times.append(time.perf_counter() - begun)
    return anc, min(times) / anc.size * 1e6


def one_lane() -> types.ModuleType:
    """Return the very same equations compiled for one patient, as a solver that follows one patient would have them."""
    source = Path(granulopoiesis.__file__).read_text()
    module = types.ModuleType("one_lane")
    module.__file__ = granulopoiesis.__file__
    sys.modules["one_lane"] = module
    exec(compile(source.replace("LANES = 16 if JIT else 1", "LANES = 1"), module.__file__, "exec"), module.__dict__)
    return module


class Counted:
    """The compiled rates of one patient, counting how often they are asked for."""

    def __init__(self, equations: types.ModuleType, parameters: np.ndarray) -> None:
        self.calls, self.derivatives = 0, equations.derivatives
        self.workspace = np.zeros(equations.FIRST_FREE_ROW)
        self.workspace[equations.C_ROW :] = equations.constants(parameters)[:, 0]
        self.stage = self.workspace[: equations.N_STATES]
        self.rate = self.workspace[equations.RATE_ROW : equations.RATE_ROW + equations.N_STATES]

    def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
        self.calls += 1
        self.stage[:] = y
        self.derivatives(self.workspace, True)
        return self.rate.copy()


Solver = Callable[[Counted, np.ndarray, float], np.ndarray]


def by_solve_ivp(method: str) -> Solver:
    def day(rates: Counted, state: np.ndarray, rtol: float) -> np.ndarray:
        return np.asarray(solve_ivp(rates, (0.0, 1.0), state, method=method, rtol=rtol, atol=rtol * 1e-4).y[:, -1])

    return day


def by_odeint(rates: Counted, state: np.ndarray, rtol: float) -> np.ndarray:
    return np.asarray(odeint(rates, state, [0.0, 1.0], rtol=rtol, atol=rtol * 1e-4, tfirst=True)[-1])


SOLVERS = {
    "LSODA (odeint)": by_odeint,
    "RK45": by_solve_ivp("RK45"),
    "RK23": by_solve_ivp("RK23"),
    "DOP853": by_solve_ivp("DOP853"),
    "BDF": by_solve_ivp("BDF"),
    "Radau": by_solve_ivp("Radau"),
}


def scipy_course(solver, equations, parameters, state, dose, rtol):  # type: ignore[no-untyped-def]
    """Return the daily ANC [days, n], microseconds and calls of the rates per patient-day; one dose each morning."""
    anc, calls, begun = np.empty((SCIPY_DAYS, SCIPY_PATIENTS)), 0, time.perf_counter()
    for body in range(SCIPY_PATIENTS):
        rates, y = Counted(equations, parameters[:, body : body + 1]), state[:, body].copy()
        for day in range(SCIPY_DAYS):
            y[D] += dose[body]
            y = solver(rates, y, rtol)
            anc[day, body] = y[N]
        calls += rates.calls
    return anc, (time.perf_counter() - begun) / anc.size * 1e6, calls / anc.size


def error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found / exact - 1)))


def kernel_table(times_per_day: int, seed: int) -> pd.DataFrame:
    parameters, state, dose = cohort(seed)
    plan = plan_of(dose, DAYS, times_per_day)
    exact, _ = kernel(parameters, state, plan, 1e-12)
    rows = []
    for tolerance in TOLERANCES:
        anc, cost = kernel(parameters, state, plan, tolerance)
        named = next((name for name, value in TOLERANCE.items() if value == tolerance), "")
        rows.append((tolerance, named, cost, error(anc, exact)))
    return pd.DataFrame(rows, columns=["tolerance", "mode", "us per patient-day", "largest relative error"])


def scipy_table(seed: int) -> pd.DataFrame:
    """Return work and error of scipy's solvers, and of the kernel on the same patients in company of the others."""
    parameters, state, dose = cohort(seed)
    equations = one_lane()
    some = slice(0, SCIPY_PATIENTS)
    plan = plan_of(dose, SCIPY_DAYS, 1)
    exact, _ = kernel(parameters, state, plan, 1e-12)
    check, *_ = scipy_course(SOLVERS["DOP853"], equations, parameters, state, dose, 1e-12)
    print(f"kernel at 1e-12 against DOP853 at 1e-12: {error(check, exact[:, some]):.1e}\n")
    rows = [
        ("titranc", tolerance, cost, np.nan, error(anc[:, some], exact[:, some]))
        for tolerance in TOLERANCES
        for anc, cost in [kernel(parameters, state, plan, tolerance)]
    ]
    for name, solver in SOLVERS.items():
        for rtol in SCIPY_RTOL[:4] if name in ("RK23", "BDF", "Radau") else SCIPY_RTOL:
            anc, cost, calls = scipy_course(solver, equations, parameters, state, dose, rtol)
            rows.append((name, rtol, cost, calls, error(anc, exact[:, some])))
    columns = ["solver", "tolerance", "us per patient-day", "calls of the rates per day", "largest relative error"]
    return pd.DataFrame(rows, columns=columns)


def ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return what each of scipy's solvers costs, at the loosest setting as exact as the default mode, in kernels."""
    kernel_rows = table[table["solver"] == "titranc"]
    ours = kernel_rows[kernel_rows["tolerance"] == TOLERANCE["default"]].iloc[0]
    rows = []
    for name in SOLVERS:
        good = table[(table["solver"] == name) & (table["largest relative error"] <= ours["largest relative error"])]
        if len(good):
            best = good.loc[good["us per patient-day"].idxmin()]
            rows.append((name, best["tolerance"], best["us per patient-day"] / ours["us per patient-day"]))
    return pd.DataFrame(rows, columns=["solver", "tolerance", "times the kernel's cost"])


def draw(table: pd.DataFrame, picture: Path) -> None:
    """Draw work against error, once as calls of the rates and once as time."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", sharex=True)
    for colour, (name, rows) in zip(COLOURS, table.groupby("solver", sort=False), strict=True):
        for axis, column in zip(axes, ("calls of the rates per day", "us per patient-day"), strict=True):
            shown = rows.dropna(subset=[column])
            weight = 2.4 if name == "titranc" else 1.2
            axis.loglog(
                shown["largest relative error"], shown[column], color=colour, marker="o", ms=4, lw=weight, label=name
            )
            axis.set(xlabel="largest relative error of the daily ANC", ylabel=column)
    for axis in axes:
        axis.axvline(1e-4, color="0.6", lw=0.8, ls=":")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title("Work: a fifth-order explicit pair needs no more than stiff solvers do", loc="left", fontsize=10)
    axes[1].set_title("Time: sixteen patients at once, compiled (Tsitouras 5(4))", loc="left", fontsize=10)
    axes[1].legend(frameon=False, fontsize=8, loc="center left")
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--picture", type=Path)
    arguments.add_argument("--seed", type=int, default=21)
    chosen = arguments.parse_args()
    integrator.warm_up()
    for times in (1, 2):
        print(f"### {PATIENTS} patients, {DAYS} days, {times} injection(s) a day\n")
        print(kernel_table(times, chosen.seed).to_markdown(index=False, floatfmt=".2g"), "\n")
    table = scipy_table(chosen.seed)
    print(table.to_markdown(index=False, floatfmt=".3g"), "\n")
    print(ratios(table).to_markdown(index=False, floatfmt=".3g"))
    if chosen.picture:
        draw(table, chosen.picture)


if __name__ == "__main__":
    main()
