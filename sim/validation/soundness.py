"""How exactly the equations are solved, and whether what goes in comes out again: the numbers behind every other one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from titranc.models import shelves
from titranc.models.granulopoiesis import parameter_array
from titranc.models.integrator import Bodies, DosePlan
from titranc.sim.courses import typical_person
from titranc.sim.validation.body_measures import course

DAYS, DOSE_UG_PER_KG = 60, 5.0
BALANCE_DAYS = 10


def solver_errors() -> pd.DataFrame:
    """Return the largest relative error of the morning counts in default against reference accuracy, a row a disease.

    The typical person of each disease, sixty days of 5 ug/kg/day. Columns: disease, largest_relative_error.
    """
    names = shelves.names("diseases")
    parameters = parameter_array([typical_person(name) for name in names])
    plan = DosePlan(np.full((DAYS, 1, len(names)), DOSE_UG_PER_KG), np.zeros((1, len(names)), np.int64), ("D",))
    mornings = {}
    for accuracy in ("default", "reference"):
        bodies = Bodies(parameters, accuracy=accuracy)
        bodies.burn_in(DAYS)
        mornings[accuracy] = bodies.advance(DAYS, plan)[:, 0]
    error = np.abs(mornings["default"] / mornings["reference"] - 1).max(axis=0)
    return pd.DataFrame({"disease": names, "largest_relative_error": error})


def drug_balance() -> float:
    """Return by what share the drug that left the blood of the reference body differs from what was given and is not there.

    Ten days of daily filgrastim, the last without; what the body makes itself is taken off.
    """
    treated, untreated = (course(dose, BALANCE_DAYS - 1, BALANCE_DAYS) for dose in (DOSE_UG_PER_KG, 0.0))
    gone = np.trapezoid(treated.cleared_ng_per_ml_day - untreated.cleared_ng_per_ml_day, treated.time_days)
    left = treated.total_ng_per_ml[-1] - untreated.total_ng_per_ml[-1]
    given = treated.absorbed_ng_per_ml * (BALANCE_DAYS - 1)
    return float(abs(gone + left - given) / given)
