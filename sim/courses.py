"""What doses do to a body by itself, without a clinic: hour by hour, or where the count settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

from titranc.models import catalogue
from titranc.models.distributions import centre
from titranc.models.granulopoiesis import (
    CONSTANTS,
    RECEPTORS_B,
    RECEPTORS_M,
    RECEPTORS_N,
    B,
    D,
    Floats,
    M,
    N,
    T,
    constants,
    free_share,
    parameter_array,
    rates,
)
from titranc.models.integrator import Bodies, DosePlan

Person = Mapping[str, float]

UNTREATED_DAYS = 250
SETTLING_DAYS, AVERAGED_DAYS = 150, 28
HOURS = 24


def typical_person(disease: str) -> dict[str, float]:
    """Return the parameters of the person in the middle of a disease's distributions, by name.

    Raises InputRefused when there is no such disease.
    """
    return {name: centre(entry.distribution) for name, entry in catalogue.disease(disease).parameters.items()}


def hourly_course(person: Person, daily_doses_ug_per_kg: Sequence[float]) -> pd.DataFrame:
    """Follow one person, untreated until then, through one filgrastim injection a day (0 for none).

    The result has 24 rows a day and one more, with `day` since the first injection, `anc_1e9_per_l`, and, as
    concentrations, what is free of G-CSF (`gcsf_ng_per_ml`) and the receptors that clear it (`receptors_ng_per_ml`).
    Raises ValueError on a dose that is negative or no number.
    """
    if not all(0 <= dose < np.inf for dose in daily_doses_ug_per_kg):
        raise ValueError("daily_doses_ug_per_kg: a dose is negative or no number; allowed: finite ug/kg, 0 or more")
    parameters = parameter_array([person])
    state = _untreated(parameters)[:, 0]
    hourly = [state[:, None]]
    for dose in daily_doses_ug_per_kg:
        state[D] += dose
        hourly.append(_next_day(state, parameters))
        state = hourly[-1][:, -1].copy()
    states = np.concatenate(hourly, axis=1)
    receptors = _receptors(states, parameters)
    kd = constants(parameters)[CONSTANTS.index("KD"), 0]
    free = [free_share(ligand, bound_by, kd) * ligand for ligand, bound_by in zip(states[T], receptors, strict=True)]
    return pd.DataFrame(
        {
            "day": np.arange(states.shape[1]) / HOURS,
            "anc_1e9_per_l": states[N],
            "gcsf_ng_per_ml": free,
            "receptors_ng_per_ml": receptors,
        }
    )


def dose_response(people: Sequence[Person], doses_ug_per_kg_day: Sequence[float]) -> pd.DataFrame:
    """Return the ANC (10^9/L) that settles on each daily filgrastim dose: a row a person, a column a dose.

    It is the mean of 28 mornings, before the injection, after 150 days on that dose. Raises ValueError on a dose that is
    negative or no number.
    """
    parameters, doses = parameter_array(people), np.asarray(doses_ug_per_kg_day, dtype=float)
    each = np.repeat(np.arange(len(people)), len(doses))
    bodies = Bodies(parameters[:, each], _untreated(parameters)[:, each])
    days = SETTLING_DAYS + AVERAGED_DAYS
    amount = np.broadcast_to(np.tile(doses, len(people)), (days, 1, len(each)))
    anc = bodies.advance(days, DosePlan(amount, np.zeros((1, len(each)), dtype=np.int64), ("D",)))[:, 0]
    settled = anc[-AVERAGED_DAYS:].mean(axis=0).reshape(len(people), len(doses))
    return pd.DataFrame(settled, columns=pd.Index(doses, name="dose_ug_per_kg_day"))


def _untreated(parameters: Floats) -> Floats:
    bodies = Bodies(parameters)
    bodies.burn_in(UNTREATED_DAYS)
    return bodies.state


def _next_day(state: Floats, parameters: Floats) -> Floats:
    """Return the states 1 to 24 hours later, [21, 24]."""
    hours = np.arange(1, HOURS + 1) / HOURS
    solved = solve_ivp(
        lambda _, y: rates(y, parameters), (0.0, 1.0), state, method="LSODA", t_eval=hours, rtol=1e-6, atol=1e-10
    )
    return np.asarray(solved.y)


def _receptors(states: Floats, parameters: Floats) -> Floats:
    c = constants(parameters)[:, 0]
    dividing, mature = states[B:M].sum(axis=0), states[M:N].sum(axis=0)
    receptors: Floats = c[RECEPTORS_B] * dividing + c[RECEPTORS_M] * mature + c[RECEPTORS_N] * states[N]
    return receptors
