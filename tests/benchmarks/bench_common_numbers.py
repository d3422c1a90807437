"""What common random numbers buy when two policies are compared.

    python tests/benchmarks/bench_common_numbers.py

Two arms of the same patients with the same luck, against two independent cohorts: by what factor the variance of the mean
difference falls, which is the factor by which an independent comparison would need more patients.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from titranc.sim import trial
from titranc.sim.scenario import load_scenario

SCENARIO = """
schema_version: 1
extends: scn_child
title: Two ways to step
cohort: {n: 1000}
horizon_years: 3
output: {level: patient}
arms:
  - {name: source}
  - {name: small_steps, policy: {kind: guideline, edition: source, overrides: {step_ug_per_kg_day: 1.5}}}
"""
ENDPOINTS = (
    "share_anc_1_to_5",
    "share_anc_below_0_5",
    "mean_dose_ug_per_kg_day",
    "cumulative_dose_ug_per_kg",
    "visits",
)


def outcomes(seed: int) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "two.yaml"
        file.write_text(SCENARIO)
        return trial.simulate(load_scenario(file, [f"seed={seed}"]), "x")["outcomes"]


def main() -> None:
    first, other = outcomes(1), outcomes(2)
    print("| endpoint | mean difference | variance independent / common |\n|:--|--:|--:|")
    for name in ENDPOINTS:
        a, b = (first[first["arm"] == arm].set_index("patient_id")[name] for arm in ("source", "small_steps"))
        independent = other[other["arm"] == "small_steps"].set_index("patient_id")[name]
        common = (b - a).var()
        print(f"| {name} | {(b - a).mean():.4g} | {(independent - a).var() / common:.1f} |")


if __name__ == "__main__":
    main()
