"""Columns of the tidy tables: names, units and bands, a public interface."""

from __future__ import annotations

import math

import numpy as np

KEY = ["run_id", "arm", "patient_id"]
BANDS = {
    "share_anc_below_0_5": (0.0, 0.5),
    "share_anc_0_5_to_1": (0.5, 1.0),
    "share_anc_1_to_5": (1.0, 5.0),
    "share_anc_5_to_10": (5.0, 10.0),
    "share_anc_above_10": (10.0, math.inf),
}
UNITS = {
    "day": "days",
    "day_start": "days",
    "day_end": "days",
    "age_years": "years",
    "age_start_years": "years",
    "weight_kg": "kg",
    "weight_start_kg": "kg",
    "height_start_cm": "cm",
    "next_visit_days": "days",
    "dose_after_ug_day": "ug/day",
    "dose_ug": "ug",
    "every_hours": "h",
    "cumulative_dose_ug_per_kg": "ug/kg",
}
_UNIT_ENDINGS = {
    "_1e9_per_l": "10^9/L",
    "_ug_per_kg_day": "ug/kg/day",
    "_ug_per_kg": "ug/kg",
    "_ng_per_ml": "ng/mL",
    "_days": "days",
}


def unit_of(column: str) -> str:
    """Return the unit of a column from its name; empty for a name, a count or a share."""
    by_ending = (unit for ending, unit in _UNIT_ENDINGS.items() if column.endswith(ending))
    return UNITS.get(column) or next(by_ending, "")


# What each level of output keeps, and what it needs only until the cohort's tables are put together.
AGGREGATES = ("anc_days", "dose_days")
_KEPT: dict[str, tuple[str, ...]] = {
    "summary": (),
    "patient": ("patients", "outcomes"),
    "visit": ("patients", "outcomes", "visits", "doses", "events"),
    "trajectory": ("patients", "outcomes", "visits", "doses", "events", "trajectory", "untreated"),
}
TEMPORARY_AT = {level: () if kept else ("patients", "outcomes") for level, kept in _KEPT.items()}

# Bins of the ANC: forty a decade, with the edges of the bands among them.
_GRID = np.round(10.0 ** (np.arange(-80, 121) / 40), 6)
ANC_EDGES = np.concatenate([[0.0], np.unique(np.concatenate([_GRID, [0.5, 5.0]]))])
DOSE_BIN_UG_PER_KG_DAY = 0.5
PERIOD_DAYS = 28
SHORT_RUN_DAYS = 200


def period_days(horizon_days: int) -> int:
    """Return the days that are counted together: four weeks, and single days of an episode."""
    return 1 if horizon_days <= SHORT_RUN_DAYS else PERIOD_DAYS


def tables_at(level: str) -> tuple[str, ...]:
    """Return the tables that a block writes at a level of output."""
    return (*_KEPT[level], *TEMPORARY_AT[level], *AGGREGATES)
