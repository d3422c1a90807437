"""A cohort on one screen: the endpoints of each arm with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from titranc.sim.report.incidence import leukaemia_settings
from titranc.sim.report.words import ABSENT, NOTICE, is_absent, plain

_SHOWN = {
    "share_anc_below_0_5": "share of days, ANC below 0.5",
    "share_anc_1_to_5": "share of days, ANC 1 to 5",
    "share_anc_above_10": "share of days, ANC above 10",
    "mean_anc_1e9_per_l": "mean ANC, 10^9/L",
    "mean_dose_ug_per_kg_day": "mean dose, ug/kg/day",
    "final_dose_ug_per_kg_day": "dose at the end, ug/kg/day",
    "days_dose_above_15": "days above 15 ug/kg/day",
    "status_hsct_referral": "referred for transplant, share",
    "visits": "visits",
    "infections": "infections",
    "severe_infections": "severe infections",
    "hospital_days": "days in hospital",
    "status_mds_aml": "MDS or AML, share",
    "status_transplant": "transplanted, share",
    "status_sepsis_death": "died of sepsis, share",
    "status_death": "died, share",
}


def render_cohort(summary: pd.DataFrame, manifest: Mapping[str, Any], folder: Path) -> RenderableType:
    """Return the `summary` table of a run for `rich` to print."""
    patients = int(summary["n"].max())
    return Group(
        Text(plain(manifest["title"]), style="bold"),
        Text(f"{patients:,} patients an arm, seed {manifest['seed']}, {manifest['wall_seconds']:.0f} s"),
        Text(NOTICE, style="yellow"),
        Text(),
        *[_arm(str(arm), rows) for arm, rows in summary.groupby("arm", sort=False)],
        *[Text(line) for line in told_beside(manifest)],
        Text(f"Files: {plain(folder)} (tables, manifest.json)"),
    )


def told_beside(manifest: Mapping[str, Any]) -> list[str]:
    """Return what must be said beside the numbers: the setting of the leukaemia, patients who are coupled, the accuracy."""
    effects = leukaemia_settings(manifest)
    lines = []
    if effects:
        named = ", ".join(f"{effect} (arm {arm})" for arm, effect in effects.items())
        lines.append(f"MDS and AML were simulated with the dose as: {named}.")
    if manifest.get("unconstrained") is True:
        lines.append(
            "UNCONSTRAINED: the guideline's own limits were lifted in this run; only the drugs' hard ceilings held."
        )
    if manifest.get("coupled") is True:
        lines.append("Patients share transplant beds: here patient k alone is not patient k in the cohort.")
    error = manifest.get("solver", {}).get("max_relative_error")
    if isinstance(error, float):
        lines.append(f"Counts are computed to a relative error of {error:g}.")
    return lines


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _arm(arm: str, rows: pd.DataFrame) -> Table:
    table = Table(title=f"Arm {plain(arm)}", title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True, min_width=31)
    for name in ("mean", "95 % interval", "median"):
        table.add_column(name, justify="right", no_wrap=True)
    by_name = rows.set_index("endpoint")
    for name, words in _SHOWN.items():
        if name not in by_name.index:
            continue
        row = by_name.loc[name]
        # None of these can be negative, but the interval of a mean of few may reach there.
        low, high = max(row["ci_low"], 0.0), row["ci_high"]
        interval = ABSENT if is_absent(high) else f"{_short(low)} to {_short(high)}"
        table.add_row(words, _short(row["estimate"]), interval, _short(row["median"]))
    return table
