"""Fit how strongly GM-CSF drives the healthy body, to volunteers on 250 ug/m2/day (Dale et al. Am J Hematol 1998;57:7-15).

Published: the count rose gradually to 3.5 times its baseline by day 14, and cells passed the marrow in 3.9 days. Free: potency, and the
shares of it that hurry maturation and open the reserve. Loss: squares of the misses of the two numbers in logarithms, and, with
little weight, of the distance from a straight rise. Nothing of transplants is in it.
Run with `python -m titranc.sim.calibration.sargramostim`; it takes seconds, prints what was found, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import least_squares

from titranc.models.granulopoiesis import Floats, reference_parameters
from titranc.sim.reference_body import hourly, mornings, transit_days

DOSE_UG_PER_KG_DAY, DAYS = 6.5, 14
FOLD, TRANSIT = 3.5, 3.9
RISING_DAYS = np.array([1, 3, 5, 7, 10])
FOLD_TOLERANCE, TRANSIT_TOLERANCE, RISE_TOLERANCE = 0.03, 0.05, 0.3
FREE = {"sargramostim_potency": 1.0, "sargramostim_maturation_share": 1.0, "sargramostim_release_share": 0.3}
SENSITIVITY, DIFFERENCE = 0.1, 1e-2


def answer(changes: Mapping[str, float]) -> dict[str, float]:
    """Return the fold of the count on each of `RISING_DAYS` and on the last day, and the days in the marrow."""
    baseline = mornings(0.0, 0, DAYS, changes=changes)[-1]
    course = mornings(DOSE_UG_PER_KG_DAY, DAYS, DAYS, depot="Ds", changes=changes) / baseline
    passage = transit_days(hourly(DOSE_UG_PER_KG_DAY, DAYS, DAYS, depot="Ds", changes=changes), changes=changes)
    return {f"day {day}": float(course[day - 1]) for day in (*RISING_DAYS, DAYS)} | {"passage, days": passage}


def misses(changes: Mapping[str, float]) -> Floats:
    """Return by how many tolerances the logarithms of the answer differ from what was published."""
    found = answer(changes)
    straight = 1 + (FOLD - 1) * RISING_DAYS / DAYS
    rise = np.log(np.array([found[f"day {day}"] for day in RISING_DAYS]) / straight) / RISE_TOLERANCE
    last = np.log(found[f"day {DAYS}"] / FOLD) / FOLD_TOLERANCE
    return np.array([last, np.log(found["passage, days"] / TRANSIT) / TRANSIT_TOLERANCE, *rise])


def fitted() -> dict[str, float]:
    """Return the three numbers that come nearest."""
    health = reference_parameters()

    def residuals(x: Floats) -> Floats:
        return misses(dict(zip(FREE, map(float, x), strict=True)))

    start, highest = [health[name] for name in FREE], list(FREE.values())
    found = least_squares(residuals, start, bounds=(0.0, highest), diff_step=[DIFFERENCE] * len(FREE))
    return dict(zip(FREE, map(float, found.x), strict=True))


def main() -> None:
    """Print what was found, what the body then does, and how the answer hangs on each number."""
    best = fitted()
    print("found:", {name: round(value, 3) for name, value in best.items()})
    tried = {"as found": best} | {
        f"{name} {100 * SENSITIVITY:+.0f} %": best | {name: value * (1 + SENSITIVITY)} for name, value in best.items()
    }
    for title, changes in tried.items():
        print(f"{title}:", {name: round(value, 2) for name, value in answer(changes).items()})


if __name__ == "__main__":
    main()
