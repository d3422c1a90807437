"""Fit the sensitivity of congenital neutropenia to the registry's joint distribution of dose and count.

Free: median and spread of `gcsf_insensitivity`. Fixed: everything else of the disease file, and registry practice
(`models/policies/registry.yaml`). Targets: what was published of months 6 to 18 of treatment. Run with
`python -m titranc.sim.calibration.response`; it prints the grid and the choice, and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from titranc.sim import trial
from titranc.sim.scenario import load_scenario

SEED, PATIENTS = 7001, 800
FROM_DAY, TO_DAY = 182, 548
HIGH_DOSE, LOW_ANC = 8.0, 2.188
MEDIANS, SPREADS = (3.5, 4.0, 4.5, 5.0, 6.0, 8.0, 13.0), (0.95, 1.1, 1.2, 1.3)


@dataclass(frozen=True, slots=True)
class Target:
    """A published number, and how far from it costs one."""

    published: float
    tolerance: float
    on_log_scale: bool
    source: str

    def cost(self, simulated: float) -> float:
        """Return the squared distance in tolerances."""
        if self.on_log_scale:
            return float((np.log(simulated / self.published) / self.tolerance) ** 2)
        return float(((simulated - self.published) / self.tolerance) ** 2)


TARGETS = {
    "median dose": Target(8.0, 0.15, True, "rosenberg_2006"),
    "median ANC": Target(2.188, 0.10, True, "rosenberg_2006"),
    "dose >= 8 and ANC < 2.188": Target(0.29, 0.03, False, "rosenberg_2006"),
    "ANC above 1.0": Target(0.95, 0.03, False, "germeshausen_2007"),
}


def by_patient(visits: pd.DataFrame) -> pd.DataFrame:
    """Return each patient's median dose and median reported ANC of months 6 to 18 of treatment."""
    window = visits[visits["day"].between(FROM_DAY, TO_DAY)].groupby(["arm", "patient_id"])
    names = {"dose_after_ug_per_kg_day": "dose_ug_per_kg_day", "anc_reported_1e9_per_l": "anc_1e9_per_l"}
    return window[list(names)].median().rename(columns=names)


def described(patients: pd.DataFrame) -> dict[str, float]:
    """Return the numbers that were published, of a table of `by_patient`."""
    dose, anc = patients["dose_ug_per_kg_day"], patients["anc_1e9_per_l"]
    return {
        "median dose": float(dose.median()),
        "median ANC": float(anc.median()),
        "dose >= 8 and ANC < 2.188": float(((dose >= HIGH_DOSE) & (anc < LOW_ANC)).mean()),
        "ANC above 1.0": float((anc > 1.0).mean()),
    }


def simulated(median: float, log_sd: float, *, seed: int = SEED, patients: int = PATIENTS) -> dict[str, float]:
    """Return what registry practice makes of patients with this sensitivity."""
    distribution = f"{{gcsf_insensitivity: {{lognormal: {{median: {median}, log_sd: {log_sd}}}}}}}"
    options = ["policy={kind: registry}", "horizon_years=1.6", "output.level=visit", "cohort.sex=mixed", f"seed={seed}"]
    scenario = load_scenario("scn_child", [*options, f"cohort.n={patients}", f"cohort.parameters={distribution}"])
    return described(by_patient(trial.simulate(scenario, "calibration")["visits"]))


def main() -> None:
    """Print the grid, best first."""
    rows = []
    for median, log_sd in product(MEDIANS, SPREADS):
        found = simulated(median, log_sd)
        costs = [target.cost(found[name]) for name, target in TARGETS.items()]
        rows.append({"median": median, "log_sd": log_sd, "loss": sum(costs)} | found)
    print(pd.DataFrame(rows).sort_values("loss").to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
