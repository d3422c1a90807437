"""Tables of a whole cohort: how many patient-days lay where, and the endpoints of each arm with their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from titranc.models.integrator import RECORDS
from titranc.sim.columns import ANC_EDGES, DOSE_BIN_UG_PER_KG_DAY, period_days
from titranc.sim.people import Fate
from titranc.sim.ward import Ward

CONFIDENCE = 0.95
SUMMARISED = {
    "share_anc_below_0_5": "share of days",
    "share_anc_0_5_to_1": "share of days",
    "share_anc_1_to_5": "share of days",
    "share_anc_5_to_10": "share of days",
    "share_anc_above_10": "share of days",
    "days_to_first_target": "days",
    "mean_anc_1e9_per_l": "10^9/L",
    "mean_dose_ug_per_kg_day": "ug/kg/day",
    "final_dose_ug_per_kg_day": "ug/kg/day",
    "peak_dose_ug_per_kg_day": "ug/kg/day",
    "cumulative_dose_ug_per_kg": "ug/kg",
    "days_dose_at_or_above_8": "days",
    "days_dose_above_15": "days",
    "visits": "visits",
    "status_hsct_referral": "share of patients",
}
# Where lives were simulated.
LIVED = {
    "infections": "infections",
    "severe_infections": "infections",
    "hospital_days": "days",
    "status_mds_aml": "share of patients",
    "status_transplant": "share of patients",
    "status_sepsis_death": "share of patients",
    "status_death": "share of patients",
    "status_csf3r_found": "share of patients",
    "injections_per_year": "1/year",
    "drug_mg_per_year": "mg/year",
    "vials_per_year": "1/year",
    "visits_per_year": "1/year",
    "cost": "currency",
}


def anc_days(run_id: str, arms: Sequence[str], ward: Ward, fates: Sequence[Fate] | None = None) -> pd.DataFrame:
    """Return how many patient-days of each arm and period lay in each bin of the ANC.

    Where lives were simulated, days after a transplant are counted apart.
    """
    if fates is None:
        return _anc_days(run_id, arms, ward, np.zeros_like(ward.ended_day), ward.ended_day)
    own_until = own_marrow_until(ward, fates)
    own = _anc_days(run_id, arms, ward, np.zeros_like(own_until), own_until).assign(after_transplant=False)
    after = _anc_days(run_id, arms, ward, own_until, ward.ended_day).assign(after_transplant=True)
    table = pd.concat([own, after], ignore_index=True)
    return table[
        ["run_id", "arm", "day", "anc_low_1e9_per_l", "anc_high_1e9_per_l", "after_transplant", "patient_days"]
    ]


def own_marrow_until(ward: Ward, fates: Sequence[Fate] | None) -> np.ndarray:
    """Return until which day each body was followed with its own marrow, [n]."""
    last = [fate.transplant_days[0] if fate.transplant_days else ward.horizon_days for fate in fates or ()]
    return np.asarray(np.minimum(ward.ended_day, last) if last else ward.ended_day)


def _anc_days(run_id: str, arms: Sequence[str], ward: Ward, from_day: np.ndarray, to_day: np.ndarray) -> pd.DataFrame:
    days = ward.horizon_days
    anc = ward.mornings[:, :days, RECORDS.index("anc_1e9_per_l")]
    bins = np.searchsorted(ANC_EDGES, anc, side="right") - 1
    counts = _counted(arms, bins, len(ANC_EDGES), from_day, to_day)
    high = np.append(ANC_EDGES[1:], np.inf)
    low = ANC_EDGES[counts["bin"]]
    table = counts.assign(run_id=run_id, anc_low_1e9_per_l=low, anc_high_1e9_per_l=high[counts["bin"]])
    return table[["run_id", "arm", "day", "anc_low_1e9_per_l", "anc_high_1e9_per_l", "patient_days"]]


def dose_days(run_id: str, arms: Sequence[str], daily_dose: np.ndarray, ward: Ward) -> pd.DataFrame:
    """Return how many patient-days of each arm and period lay in each bin of the dose, from doses [n, days]."""
    bins = (daily_dose / DOSE_BIN_UG_PER_KG_DAY + 1e-9).astype(np.int64)
    counts = _counted(arms, bins, int(bins.max(initial=0)) + 1, np.zeros_like(ward.ended_day), ward.ended_day)
    table = counts.assign(run_id=run_id, dose_ug_per_kg_day=counts["bin"] * DOSE_BIN_UG_PER_KG_DAY)
    return table[["run_id", "arm", "day", "dose_ug_per_kg_day", "patient_days"]]


def _counted(
    arms: Sequence[str], bins: np.ndarray, n_bins: int, from_day: np.ndarray, to_day: np.ndarray
) -> pd.DataFrame:
    """Count bins [n, days] by arm and period, from a day of each body to before another; only what is there has a row."""
    names = list(dict.fromkeys(arms))
    arm = np.array([names.index(name) for name in arms])
    together = period_days(bins.shape[1])
    period = np.arange(bins.shape[1]) // together
    n_periods = int(period.max(initial=0)) + 1
    place = (arm[:, None] * n_periods + period) * n_bins + bins
    day = np.arange(bins.shape[1])
    lived = (day >= from_day[:, None]) & (day < to_day[:, None])
    places = place.ravel() if lived.all() else place[lived]
    counts = np.bincount(places, minlength=len(names) * n_periods * n_bins)
    there = np.flatnonzero(counts)
    arm_of, period_of = np.divmod(there // n_bins, n_periods)
    return pd.DataFrame(
        {
            "arm": np.array(names)[arm_of],
            "day": period_of * together,
            "bin": there % n_bins,
            "patient_days": counts[there],
        }
    )


def merged_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Add up the patient-days of all blocks."""
    keys = [name for name in counts.columns if name != "patient_days"]
    added: pd.DataFrame = counts.groupby(keys, sort=False)[["patient_days"]].sum().reset_index()
    return added.sort_values(keys[1:], ignore_index=True, kind="stable")


def summary_table(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return mean, quartiles, confidence interval and Monte Carlo error of each endpoint of each arm.

    The interval is Wilson's for shares of patients, Student's for means; the Monte Carlo standard error says how far the
    mean would move with other patients of the same kind.
    """
    rows = [
        _endpoint(arm, name, unit, of_arm[name].dropna().to_numpy(dtype=np.float64))
        for arm, of_arm in outcomes.groupby("arm", sort=False)
        for name, unit in (SUMMARISED | LIVED).items()
        if name in of_arm
    ]
    table = pd.DataFrame(rows)
    table.insert(0, "run_id", outcomes["run_id"].iloc[0])
    return table


def _endpoint(arm: object, name: str, unit: str, values: np.ndarray) -> dict[str, object]:
    n = len(values)
    if name.startswith("status_"):
        # What competes with the event is not the event.
        values = (values == 1).astype(np.float64)
    mean = float(np.sum(values) / n) if n else np.nan
    error = float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    if name.startswith("status_"):
        method = "proportion, Wilson"
        low, high = _wilson(round(float(values.sum())), n)
    else:
        method = "mean, Student"
        width = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error if n > 1 else np.nan
        low, high = mean - width, mean + width
        if name.startswith("share_"):
            low, high = max(low, 0.0), min(high, 1.0)
    q25, median, q75 = np.quantile(values, [0.25, 0.5, 0.75]) if n else (np.nan,) * 3
    return {
        "arm": arm, "endpoint": name, "estimate": mean, "ci_low": low, "ci_high": high, "mcse": error, "n": n,
        "unit": unit, "method": method, "quartile_1": q25, "median": median, "quartile_3": q75,
    }  # fmt: skip


def _wilson(events: int, n: int) -> tuple[float, float]:
    if n == 0:
        return np.nan, np.nan
    found = stats.binomtest(events, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)
