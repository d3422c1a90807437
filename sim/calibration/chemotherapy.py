"""Fit what chemotherapy does to the marrow to the courses of trials with and without G-CSF.

Free: how fast the cytotoxic effect goes, the four kill rates, regrowth of progenitors, the largest release and amplification
in a marrow that comes back, and the strength of one regimen (docetaxel and doxorubicin). Fixed: the healthy body, and
`maturation_max` at 2.2, the shortening of marrow transit that Price (1996) measured. Loss: soft-L1 distance in tolerances to
`TARGETS`, none of which is a row held out of validation, with log-normal priors of spread 1.2 about the start.
Run with `python -m titranc.sim.calibration.chemotherapy`; it takes some minutes, prints start, result, the spread that the loss leaves
to each parameter and by how much each number hangs on each of them, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from titranc.sim import trial
from titranc.sim.scenario import load_scenario

SEED, PATIENTS, STEP = 7201, 48, 0.04
MATURATION_MAX, PRIOR_SPREAD = 2.2, 1.2
FROM_CHEMOTHERAPY = 1
FREE = {
    "cytotoxic_elimination_per_day": (0.7, 0.15, 3.0),
    "cytotoxic_kill_progenitors_per_day": (2.1, 0.2, 10.0),
    "cytotoxic_kill_proliferating_per_day": (14.0, 2.0, 60.0),
    "cytotoxic_kill_maturing_per_day": (2.1, 0.05, 15.0),
    "cytotoxic_kill_reserve_per_day": (0.7, 0.02, 10.0),
    "progenitor_growth_per_day": (0.5, 0.2, 1.5),
    "release_max": (5.0, 1.2, 10.0),
    "amplification_max": (16.0, 5.0, 30.0),
    "regimen": (0.65, 0.2, 2.0),
}
NONE = "{name: none, policy: {kind: fixed, dose_ug_per_kg_day: 0, visit_every_days: 1}}"
LUNG_CANCER_REGIMEN = 0.85


class Aim(NamedTuple):
    """A published number and the tolerance that costs one."""

    published: float
    tolerance: float


TARGETS = {
    "breast none: days below 0.5": Aim(3.8, 0.4),
    "breast none: log nadir": Aim(float(np.log(0.2)), 0.2),
    "breast none: day of nadir": Aim(9.5, 1.0),
    "breast none: day of 1.0": Aim(14.0, 0.7),
    "breast filgrastim: log nadir": Aim(float(np.log(0.7)), 0.25),
    "breast filgrastim: day of nadir": Aim(6.0, 0.7),
    "breast filgrastim: day of 2.0": Aim(8.0, 0.7),
    "breast pegfilgrastim: days below 0.5": Aim(1.6, 0.4),
    "breast pegfilgrastim: day of 2.0": Aim(8.0, 0.7),
    "lung none: days below 0.5": Aim(6.0, 0.5),
    "lung filgrastim: days below 0.5": Aim(1.3, 0.5),
}


def _arm(name: str, from_day: int, dose_ug_per_kg_day: float, product: str = "filgrastim") -> str:
    drug = "" if product == "filgrastim" else f", drug: {{product: {product}, schedule: once}}"
    fixed = f"{{kind: fixed, dose_ug_per_kg_day: {dose_ug_per_kg_day}, visit_every_days: 30}}"
    return NONE.replace("none", name).replace("}}", f"}}, switch: {{from_day: {from_day}, policy: {fixed}{drug}}}}}")


def courses(free: Mapping[str, float], exposure: float, *arms: str) -> pd.DataFrame:
    """Return the mornings' true counts of one cycle, a row an arm and patient, a column a day since chemotherapy."""
    fixed = {name: f"{{fixed: {value}}}" for name, value in free.items() if name != "regimen"}
    fixed["progenitor_growth_per_day"] = f"{{lognormal: {{median: {free['progenitor_growth_per_day']}, log_sd: 0.12}}}}"
    parameters = ", ".join(f"{name}: {value}" for name, value in fixed.items())
    options = [
        f"cohort.parameters={{{parameters}, maturation_max: {{fixed: {MATURATION_MAX}}}}}",
        f"cohort.traits={{chemotherapy_exposure: {{lognormal: {{median: {exposure}, log_sd: 0.25}}}}}}",
        f"course={{chemotherapy: {{first_day: {FROM_CHEMOTHERAPY}, cycles: 1, every_days: 21}}}}",
        f"arms=[{', '.join(arms)}]",
        f"cohort.n={PATIENTS}",
        f"output.trajectory_patients={PATIENTS}",
        f"seed={SEED}",
        "horizon_years=0.075",
    ]
    tables = trial.simulate(load_scenario("chemotherapy_cycles", options), "calibration")
    anc = tables["trajectory"].pivot_table(index=["arm", "patient_id"], columns="day", values="anc_1e9_per_l")
    return anc.rename(columns=lambda day: day - FROM_CHEMOTHERAPY)


def described(free: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers that were published, as these parameters give them."""
    breast = courses(
        free, free["regimen"], NONE, _arm("filgrastim", 2, 5), _arm("pegfilgrastim", 2, 100, "pegfilgrastim")
    )
    lung = courses(free, LUNG_CANCER_REGIMEN, NONE, _arm("filgrastim", 4, 5))
    found: dict[str, float] = {}
    for place, anc in (("breast", breast), ("lung", lung)):
        for arm, own in anc.groupby(level="arm"):
            found |= {f"{place} {arm}: {name}": value for name, value in _course_numbers(own).items()}
    return found


def _course_numbers(anc: pd.DataFrame) -> dict[str, float]:
    return {
        "days below 0.5": float((anc < 0.5).sum(axis=1).mean()),
        "log nadir": float(np.log(anc.min(axis=1).mean())),
        "day of nadir": float(np.mean(anc.loc[:, :19].to_numpy().argmin(axis=1) + anc.columns[0])),
        "day of 1.0": _day_back(anc, 1.0),
        "day of 2.0": _day_back(anc, 2.0),
    }


def _day_back(anc: pd.DataFrame, limit: float) -> float:
    """Return the mean day of the first count at or above a limit after the nadir; the last day where there is none."""
    after = anc.columns.to_numpy()[None, :] > anc.idxmin(axis=1).to_numpy()[:, None]
    back = (anc.to_numpy() >= limit) & after
    days = np.where(back.any(axis=1), back.argmax(axis=1), anc.shape[1] - 1) + anc.columns[0]
    return float(days.mean())


def sensitivity(free: Mapping[str, float]) -> pd.DataFrame:
    """Return by how many tolerances each published number moves when a parameter is a tenth larger; a column a parameter."""
    here = described(free)
    moved = {name: described({**free, name: 1.1 * value}) for name, value in free.items()}
    return pd.DataFrame(
        {
            name: {target: (found[target] - here[target]) / aim.tolerance for target, aim in TARGETS.items()}
            for name, found in moved.items()
        }
    )


def main() -> None:
    """Fit, and print what was free, the start, the result and the loss of every target."""
    start = np.log([value for value, _, _ in FREE.values()])
    low, high = (np.log([bounds[which] for bounds in FREE.values()]) for which in (1, 2))

    def residuals(shift: np.ndarray) -> np.ndarray:
        # Shifts lie about 1, for the solver's steps are relative.
        found = described(dict(zip(FREE, np.exp(start + shift - 1), strict=True)))
        misses = [(found[name] - aim.published) / aim.tolerance for name, aim in TARGETS.items()]
        return np.array([*misses, *((shift - 1) / PRIOR_SPREAD)])

    ones = np.ones(len(FREE))
    fit = least_squares(
        residuals,
        ones,
        diff_step=[3 * STEP] * len(FREE),
        loss="soft_l1",
        max_nfev=14,
        bounds=(low - start + 1, high - start + 1),
    )
    best = dict(zip(FREE, np.exp(start + fit.x - 1), strict=True))
    jacobian = np.asarray(fit.jac)
    # The curvature of the loss at its bottom, priors included, as a relative spread of each parameter.
    spread = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    table = pd.DataFrame({"start": np.exp(start), "fitted": list(best.values()), "spread": spread}, index=list(FREE))
    found = described(best)
    aims = pd.DataFrame({name: {"published": aim.published, "fitted": found[name]} for name, aim in TARGETS.items()}).T
    print(
        f"loss {2 * fit.cost:.2f}",
        table.to_string(float_format="%.3g"),
        aims.to_string(float_format="%.2f"),
        sensitivity(best).to_string(float_format="%+.2f"),
        sep="\n\n",
    )


if __name__ == "__main__":
    main()
