"""How many decisions the default accuracy turns: the same patients with reference accuracy (promise NUM-3), and the errors.

Run with `uv run python tests/benchmarks/bench_decisions.py`; the figures go into RESULTS.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from titranc.sim import trial
from titranc.sim.scenario import load_scenario

RUNS = {
    "scn_child": ["cohort.n=1000", "horizon_years=5"],
    "cyclic_child": ["cohort.n=200", "horizon_years=2"],
    "idiopathic_adult": ["cohort.n=200", "horizon_years=2"],
    "autoimmune_infant": ["cohort.n=200", "horizon_years=2"],
    "chemotherapy_cycles": ["cohort.n=200", "arms=[{name: base}]"],
    "transplant_autologous": ["cohort.n=200", "arms=[{name: base}]"],
    "ganciclovir": ["cohort.n=200", "arms=[{name: base}]"],
}
KEYS = ["patient_id", "day"]


def tables(name: str, accuracy: str) -> dict[str, pd.DataFrame]:
    """Return the tables of a run at an accuracy."""
    days = "output.trajectory_patients=200"
    return trial.simulate(load_scenario(name, [*RUNS[name], f"solver.accuracy={accuracy}", days]), "x")


def compared(name: str, accuracy: str) -> dict[str, object]:
    """Return how far a run at an accuracy is from the one at reference accuracy, up to the first decision that differs."""
    found, reference = tables(name, accuracy), tables(name, "reference")
    both = found["visits"].merge(reference["visits"], on=KEYS, how="outer", suffixes=("", "_reference"), indicator=True)
    dose = "dose_after_ug_per_kg_day"
    differs = (both["_merge"] != "both") | (both[dose] != both[f"{dose}_reference"])
    turned = both[differs].groupby("patient_id")["day"].min()
    days = found["trajectory"].merge(reference["trajectory"], on=KEYS, suffixes=("", "_reference"))
    same = days["day"] < days["patient_id"].map(turned).fillna(np.inf)
    counted = same & (days["anc_1e9_per_l_reference"] > 0.01)
    error = (days["anc_1e9_per_l"] / days["anc_1e9_per_l_reference"] - 1).abs()[counted]
    return {
        "scenario": name,
        "mode": accuracy,
        "decisions": len(reference["visits"]),
        "first turned decisions": len(turned),
        "per decision": len(turned) / len(reference["visits"]),
        "largest error of the daily ANC": float(error.max()),
    }


def main() -> None:
    """Print the table."""
    rows = [compared(name, accuracy) for name in RUNS for accuracy in ("default", "fast")]
    print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".2g"))


if __name__ == "__main__":
    main()
