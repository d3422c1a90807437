"""Cumulative incidence with competing risks (Aalen-Johansen), who is at risk, and what was published."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from titranc.models import catalogue
from titranc.models.documents import read_document
from titranc.models.shelves import MODELS_FOLDER

DAYS_PER_YEAR = 365.25
ENDPOINTS = ("mds_aml", "transplant", "sepsis_death")
OTHER_DEATH = len(ENDPOINTS) + 1
NORMAL_95 = 1.96


class Incidence(NamedTuple):
    """A curve: years, the share who had this event first by then, and its 95 % limits."""

    endpoint: str
    years: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Published(NamedTuple):
    """A published point of a curve."""

    endpoint: str
    years: float
    share: float
    citation: str
    grade: str


def first_events(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return for each patient when the first of the endpoints, or death from another cause, came, and which it was.

    `status` counts the endpoints from 1, another death is the number after them, 0 is none.
    """
    days = outcomes["days_observed"].astype(float).to_numpy().copy()
    status = np.zeros(len(outcomes), dtype=np.int64)
    for number, name in enumerate((*ENDPOINTS, "death"), start=1):
        time = outcomes[f"time_to_{name}_days"].to_numpy(dtype=float)
        sooner = (outcomes[f"status_{name}"] == 1).to_numpy() & ((time < days) | (status == 0))
        days, status = np.where(sooner, time, days), np.where(sooner, number, status)
    return pd.DataFrame({"days": days, "status": status}, index=outcomes.index)


def incidences(outcomes: pd.DataFrame) -> list[Incidence]:
    """Return the curve of each endpoint that came at all."""
    from statsmodels.duration.survfunc import CumIncidenceRight

    first = first_events(outcomes)
    end = float(outcomes["days_observed"].max()) / DAYS_PER_YEAR
    if not (first["status"] > 0).any():
        return []
    # An event on day 0 would be before anybody is at risk.
    # Where the last one at risk has an event, the error of what follows is a division by nobody.
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = CumIncidenceRight(first["days"].clip(lower=0.5).to_numpy(), first["status"].to_numpy())
    years = np.concatenate([[0.0], fitted.times / DAYS_PER_YEAR, [end]])
    return [
        _curve(name, years, fitted.cinc[number], fitted.cinc_se[number])
        for number, name in enumerate(ENDPOINTS)
        if (first["status"] == number + 1).any()
    ]


def _curve(name: str, years: np.ndarray, share: np.ndarray, error: np.ndarray) -> Incidence:
    share, error = (np.concatenate([[0.0], values, values[-1:]]) for values in (share, np.nan_to_num(error)))
    low, high = np.clip(share - NORMAL_95 * error, 0, 1), np.clip(share + NORMAL_95 * error, 0, 1)
    return Incidence(name, years, share, low, high)


def at_risk(outcomes: pd.DataFrame, years: np.ndarray) -> np.ndarray:
    """Return how many had no event and were still followed at these times."""
    days = np.sort(first_events(outcomes)["days"].to_numpy())
    return np.asarray(len(days) - np.searchsorted(days, years * DAYS_PER_YEAR, side="left"))


def has_leukaemia(manifest: Mapping[str, Any]) -> bool:
    """Say whether the patients of a run have the registry's risk of leukaemia; nothing published holds for others."""
    fold = manifest.get("outcomes", {}).get("disease.leukaemia_fold", {"value": 0})
    return bool(fold["value"] > 0)


def leukaemia_settings(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return by arm how the dose bears on leukaemia, of a run in which that concerns the patients."""
    settings = manifest.get("dose_effect", {}) if has_leukaemia(manifest) else {}
    return {arm: setting for arm, setting in settings.items() if setting != "none"}


@cache
def published() -> tuple[Published, ...]:
    """Return what was published of these curves."""
    citations = catalogue.references()
    return tuple(
        Published(
            row["endpoint"], float(row["years"]), row["percent"] / 100, _short(citations[row["source"]]), row["grade"]
        )
        for row in read_document(MODELS_FOLDER / "published_incidence.yaml").data["points"]
    )


def _short(citation: str) -> str:
    """Return first author and year of a citation."""
    author = citation.split()[0]
    year = next((word[:4] for word in citation.replace(";", " ").split() if word[:4].isdigit() and len(word) >= 4), "")
    return f"{author} {year}"


def survival(outcomes: pd.DataFrame) -> float:
    """Return the share still alive at the end of follow-up (Kaplan-Meier)."""
    from scipy import stats

    days, died = outcomes["time_to_death_days"].to_numpy(dtype=float), (outcomes["status_death"] == 1).to_numpy()
    if not died.any():
        return 1.0
    curve = stats.ecdf(stats.CensoredData.right_censored(days, ~died)).sf
    return float(curve.probabilities[-1])
