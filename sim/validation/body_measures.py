"""What is asked of one reference body alone: concentrations, apparent kinetics, dose and effect; and of growth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.integrate import solve_ivp

from titranc.models import granulopoiesis as body
from titranc.models.growth import Growth
from titranc.sim.validation.samples import Sample, Values, mean

MINUTES, HOURS = 1440.0, 24.0
PER_HOUR = 12
DEPOTS = {"filgrastim": (body.D, body.T), "pegfilgrastim": (body.DP, body.TP)}


@dataclass(frozen=True)
class Course:
    """A body under doses: time (days), free and total drug (ng/mL), count (10^9/L).

    `cleared_ng_per_ml_day` is how much of the drug leaves the blood; `absorbed_ng_per_ml` what one dose brings into it.
    """

    time_days: Values
    free_ng_per_ml: Values
    total_ng_per_ml: Values
    cleared_ng_per_ml_day: Values
    anc_1e9_per_l: Values
    absorbed_ng_per_ml: float


def _one(value: float) -> Sample:
    return Sample.of(mean, [value])


def _mean(values: Iterable[float]) -> Sample:
    return _one(float(np.mean(list(values))))


@cache
def course(
    dose_ug_per_kg: float,
    doses: int,
    days: int,
    product: str = "filgrastim",
    changes: tuple[tuple[str, float], ...] = (),
) -> Course:
    """Return the course of the reference body, its parameters `changes` apart, dosed once a day from the start."""
    parameters = body.parameter_array([dict(changes)])
    symbols = {str(entry["symbol"]): row[0] for entry, row in zip(body.declared().values(), parameters, strict=True)}
    state, (depot, drug) = _at_rest(parameters), DEPOTS[product]
    times, states = [], []
    for day in range(days):
        state[depot] += dose_ug_per_kg if day < doses else 0.0
        at = np.linspace(0, 1, int(HOURS) * PER_HOUR + 1)
        solved = solve_ivp(
            lambda _, y: body.rates(y, parameters), (0, 1), state, t_eval=at, method="LSODA", rtol=1e-6, atol=1e-9
        )
        times.append(day + at[:-1])
        states.append(solved.y[:, :-1])
        state = solved.y[:, -1].copy()
    every = np.concatenate(states, axis=1)
    share, total = np.array([_free(column, symbols) for column in every.T]), every[drug]
    cleared = (symbols["kel"] * share + symbols["kint"] * (1 - share)) * total
    absorbed = symbols["F"] * dose_ug_per_kg / symbols["V"]
    return Course(np.concatenate(times), share * total, total, cleared, every[body.N], absorbed)


def _at_rest(parameters: Values) -> Values:
    start = body.baseline_state(parameters)[:, 0]
    solved = solve_ivp(lambda _, y: body.rates(y, parameters), (0, 150), start, method="LSODA", rtol=1e-6, atol=1e-9)
    return np.asarray(solved.y[:, -1])


def _free(state: Values, p: Mapping[str, float]) -> float:
    """Return the free share of the drug, from the cells that carry its receptors."""
    flux = p["kN"] * p["N0"]
    survival = np.exp(-p["Lam0"] * (1 - p["omega"] / (1 + (p["EA"] / p["C0"]) ** p["gA"])))
    relative = (
        p["wB"] * state[body.B : body.M].sum() / (flux / survival * p["tauB"])
        + p["wM"] * state[body.M : body.N].sum() / (flux * (p["tauM"] + p["tauR"]))
        + p["wN"] * state[body.N] / p["N0"]
    )
    return body.free_share(state[body.T] + state[body.TP], p["Rt0"] * relative, p["KD"])


def parameter(of: str) -> Sample:
    """Return a parameter of the body as it stands in physiology.yaml."""
    return _one(body.reference_parameters()[of])


def half_life_hours(
    dose_ug_per_kg: float, from_hour: float, to_hour: float, product: str = "filgrastim", on_days: Sequence[int] = (1,)
) -> Sample:
    """Return the apparent half-life between two hours after the last dose of daily dosing, averaged over last days."""
    return _mean(_half_life_hours(dose_ug_per_kg, from_hour, to_hour, product, day) for day in on_days)


def _half_life_hours(dose_ug_per_kg: float, from_hour: float, to_hour: float, product: str, on_day: int) -> float:
    own = course(dose_ug_per_kg, on_day, on_day + int(np.ceil(to_hour / HOURS)), product)
    drug = np.maximum(own.free_ng_per_ml, np.finfo(float).tiny)
    at = np.interp([on_day - 1 + hour / HOURS for hour in (from_hour, to_hour)], own.time_days, np.log(drug))
    return float(np.log(2) * (to_hour - from_hour) / (at[0] - at[1]))


def clearance_ml_per_min_kg(dose_ug_per_kg: float, on_days: Sequence[int]) -> Sample:
    """Return bioavailable dose over the area under the concentration of a day of daily dosing, averaged over days."""
    return _mean(_clearance_ml_per_min_kg(dose_ug_per_kg, day) for day in on_days)


def _clearance_ml_per_min_kg(dose_ug_per_kg: float, on_day: int) -> float:
    own = course(dose_ug_per_kg, on_day, on_day)
    day = own.time_days >= on_day - 1
    area_ng_day_per_ml = np.trapezoid(own.free_ng_per_ml[day], own.time_days[day])
    share = body.reference_parameters()["filgrastim_bioavailability"]
    return float(1000 * share * dose_ug_per_kg / area_ng_day_per_ml / MINUTES)


def volume_ml_per_kg(dose_ug_per_kg: float, on_days: Sequence[int], from_hour: float, to_hour: float) -> Sample:
    """Return the volume of distribution by the area method, averaged over days of daily dosing."""
    return _mean(_volume_ml_per_kg(dose_ug_per_kg, day, from_hour, to_hour) for day in on_days)


def _volume_ml_per_kg(dose_ug_per_kg: float, on_day: int, from_hour: float, to_hour: float) -> float:
    clearance = _clearance_ml_per_min_kg(dose_ug_per_kg, on_day) * MINUTES / HOURS
    half_life = _half_life_hours(dose_ug_per_kg, from_hour, to_hour, "filgrastim", on_day)
    return float(clearance * half_life / np.log(2))


def peak_hour(dose_ug_per_kg: float, product: str) -> Sample:
    """Return when the concentration of the free drug is highest after one dose."""
    own = course(dose_ug_per_kg, 1, 5, product)
    return _one(HOURS * own.time_days[np.argmax(own.free_ng_per_ml)])


def days_to_half(dose_ug_per_kg: float, doses: int) -> Sample:
    """Return how long after the last morning count of a course, a day after its last dose, the count has halved."""
    own = course(dose_ug_per_kg, doses, doses + 6)
    after = own.time_days >= doses
    anc, days = own.anc_1e9_per_l[after], own.time_days[after] - doses
    return _one(float(days[np.argmax(anc <= anc[0] / 2)]))


def rise(dose_ug_per_kg: float, on_day: int, changes: Mapping[str, float] | None = None) -> Sample:
    """Return the morning count of a day of daily dosing over the count before."""
    own = course(dose_ug_per_kg, on_day, on_day + 1, changes=tuple((changes or {}).items()))
    return _one(float(np.interp(on_day, own.time_days, own.anc_1e9_per_l) / own.anc_1e9_per_l[0]))


def amplification(of: str) -> Sample:
    """Return a number of the curve by which the drug drives the marrow's output, feedback apart.

    `of`: `emax_fold`, over the output at rest, `ec50_ng_per_ml` or `hill`.
    """
    p = body.reference_parameters()
    ec50, hill = p["amplification_ec50_ng_per_ml"], p["amplification_hill"]
    at_rest = 1 / (1 + (ec50 / p["gcsf_baseline_ng_per_ml"]) ** hill)
    emax = p["amplification_max"] / (1 + (p["amplification_max"] - 1) * at_rest)
    return _one({"emax_fold": emax, "ec50_ng_per_ml": ec50, "hill": hill}[of])


def weight_kg(sex: str, age_years: float) -> Sample:
    """Return the weight of a median child, half a month on, as the tables count."""
    return _one(float(Growth(sex, 0.0, 0.0).weight_kg(age_years)))
