"""Columns of the tidy tables: names, bands and bins; what each column is stands in columns.yaml."""

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
