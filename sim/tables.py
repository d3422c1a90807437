"""From the ward and the log to the tidy tables; column names, units and labels are a public interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from titranc.models.integrator import RECORDS
from titranc.sim.log import EventLog
from titranc.sim.ward import MINUTES_PER_DAY, Ward

KEY = ["run_id", "arm", "patient_id"]
BANDS = {
    "share_anc_below_0_5": (0.0, 0.5),
    "share_anc_0_5_to_1": (0.5, 1.0),
    "share_anc_1_to_5": (1.0, 5.0),
    "share_anc_5_to_10": (5.0, 10.0),
    "share_anc_above_10": (10.0, np.inf),
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
EVENT_COLUMNS = [*KEY, "day", "event", "severity", "dose_ug_per_kg_day", "anc_1e9_per_l", "detail", "rule_ids"]


def unit_of(column: str) -> str:
    """Return the unit of a column from its name; empty for a name, a count or a share."""
    by_ending = (unit for ending, unit in _UNIT_ENDINGS.items() if column.endswith(ending))
    return UNITS.get(column) or next(by_ending, "")


def build_tables(
    run_id: str, arms: Sequence[str], product: str, ward: Ward, log: EventLog, *, trajectory_patients: int
) -> dict[str, pd.DataFrame]:
    """Return every table of a block: body i of the ward is patient and arm i."""
    doses = _doses(log, ward, arms, product)
    visits = pd.DataFrame(log.visits)
    events = pd.DataFrame(log.events, columns=EVENT_COLUMNS)
    return {
        "patients": pd.DataFrame([_patient(run_id, arm, ward, i) for i, arm in enumerate(arms)]),
        "visits": visits,
        "doses": doses,
        "trajectory": _trajectories(run_id, arms, ward, trajectory_patients),
        "events": events,
        "outcomes": pd.DataFrame([_outcome(run_id, arm, ward, i, visits, doses, events) for i, arm in enumerate(arms)]),
    }


def _patient(run_id: str, arm: str, ward: Ward, body: int) -> dict[str, Any]:
    patient = ward.patients[body]
    return {
        "run_id": run_id,
        "arm": arm,
        "patient_id": patient.patient_id,
        "disease": patient.disease,
        "genotype": patient.genotype,
        "sex": patient.sex,
        "age_start_years": patient.age_start_years,
        "weight_start_kg": float(ward.weight_kg[0, body]),
        "height_start_cm": float(patient.growth.height_cm(patient.age_start_years)),
        "weight_z": patient.growth.weight_z,
        "height_z": patient.growth.height_z,
        "anc_untreated_1e9_per_l": ward.mornings[0, RECORDS.index("anc_1e9_per_l"), body],
        "gcsf_untreated_ng_per_ml": ward.mornings[0, RECORDS.index("gcsf_ng_per_ml"), body],
        "doses_taken_share": patient.doses_taken_share,
        "refractory": patient.refractory,
        **{f"p_{name}": value for name, value in patient.parameters.items()},
    }


def _trajectories(run_id: str, arms: Sequence[str], ward: Ward, trajectory_patients: int) -> pd.DataFrame:
    chosen = [i for i, patient in enumerate(ward.patients) if patient.patient_id < trajectory_patients]
    frames = [_trajectory(run_id, arms[i], ward, i) for i in chosen]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*KEY, "day"])


def _trajectory(run_id: str, arm: str, ward: Ward, body: int) -> pd.DataFrame:
    days = ward.horizon_days
    due, taken = ward.due_ng[:, :, body], ward.taken[:, :, body]
    given_ng = np.where(taken, due, 0).sum(axis=1)
    columns: dict[str, Any] = {
        "run_id": run_id,
        "arm": arm,
        "patient_id": ward.patients[body].patient_id,
        "day": np.arange(days),
    }
    columns |= {name: ward.mornings[:days, row, body] for row, name in enumerate(RECORDS)}
    columns |= {
        "weight_kg": ward.weight_kg[:days, body],
        "dose_given_ug_per_kg": given_ng / 1000 / ward.weight_kg[:days, body],
        "doses_missed": ((due > 0) & ~taken).sum(axis=1),
    }
    return pd.DataFrame(columns)


def _doses(log: EventLog, ward: Ward, arms: Sequence[str], product: str) -> pd.DataFrame:
    periods = pd.DataFrame(log.periods)
    rows: list[dict[str, Any]] = []
    for body, arm in enumerate(arms):
        own = (periods["arm"] == arm) & (periods["patient_id"] == ward.patients[body].patient_id)
        rows += _dose_periods(periods[own], ward, body, product)
    return pd.DataFrame(rows)


def _dose_periods(periods: pd.DataFrame, ward: Ward, body: int, product: str) -> list[dict[str, Any]]:
    """Join consecutive visits that left the same injection standing into one period, and count its injections."""
    minutes = (np.arange(ward.horizon_days)[:, None] * MINUTES_PER_DAY + ward.minutes).ravel()
    due = ward.due_ng[:, :, body].ravel() > 0
    taken = due & ward.taken[:, :, body].ravel()
    changed = (periods[["injection_ng", "every_hours"]].diff().fillna(1) != 0).any(axis=1)
    starts = [{str(key): value for key, value in row.items()} for row in periods[changed].to_dict("records")]
    ends = [row["minute"] for row in starts[1:]] + [ward.horizon_days * MINUTES_PER_DAY]
    return [_dose_period(row, end, product, minutes, due, taken) for row, end in zip(starts, ends, strict=True)]


def _dose_period(
    row: dict[str, Any], end_minute: int, product: str, minutes: np.ndarray, due: np.ndarray, taken: np.ndarray
) -> dict[str, Any]:
    first, last = np.searchsorted(minutes, [row["minute"], end_minute])
    ordered, given = int(due[first:last].sum()), int(taken[first:last].sum())
    return {key: row[key] for key in KEY} | {
        "day_start": row["minute"] // MINUTES_PER_DAY,
        "day_end": end_minute // MINUTES_PER_DAY,
        "product": product,
        "dose_ug_per_kg_day": row["dose_ug_per_kg_day"],
        "dose_ug": row["injection_ng"] / 1000,
        "every_hours": row["every_hours"],
        "doses_ordered": ordered,
        "doses_taken": given,
        "doses_missed": ordered - given,
    }


def _outcome(
    run_id: str, arm: str, ward: Ward, body: int, visits: pd.DataFrame, doses: pd.DataFrame, events: pd.DataFrame
) -> dict[str, Any]:
    patient_id, days = ward.patients[body].patient_id, ward.horizon_days
    mine = {
        name: t[(t["arm"] == arm) & (t["patient_id"] == patient_id)]
        for name, t in {"visits": visits, "doses": doses, "events": events}.items()
    }
    anc = ward.mornings[:days, RECORDS.index("anc_1e9_per_l"), body]
    daily = _ordered_daily(mine["visits"], days)
    due, taken = ward.due_ng[:, :, body] > 0, ward.taken[:, :, body]
    given_ng = np.where(taken, ward.due_ng[:, :, body], 0).sum(axis=1)
    in_target = np.flatnonzero((anc >= 1.0) & (anc <= 5.0))
    referrals = mine["events"].loc[mine["events"]["event"].str.startswith("hsct"), "day"]
    return {
        "run_id": run_id,
        "arm": arm,
        "patient_id": patient_id,
        "days_observed": days,
        **{name: float(((anc >= low) & (anc < high)).mean()) for name, (low, high) in BANDS.items()},
        "days_to_first_target": float(in_target[0]) if len(in_target) else np.nan,
        "mean_anc_1e9_per_l": float(anc.mean()),
        "mean_dose_ug_per_kg_day": float(daily.mean()),
        "final_dose_ug_per_kg_day": float(daily[-1]),
        "peak_dose_ug_per_kg_day": float(daily.max()),
        "cumulative_dose_ug_per_kg": float((given_ng / 1000 / ward.weight_kg[:days, body]).sum()),
        "days_dose_at_or_above_8": int((daily >= 8.0).sum()),
        "days_dose_above_15": int((daily > 15.0).sum()),
        "doses_ordered": int(due.sum()),
        "doses_taken": int((due & taken).sum()),
        "doses_missed": int((due & ~taken).sum()),
        "visits": len(mine["visits"]),
        "time_to_hsct_referral_days": float(referrals.iloc[0]) if len(referrals) else float(days),
        "status_hsct_referral": int(len(referrals) > 0),
        "failed": bool(ward.failed[body]),
    }


def _ordered_daily(visits: pd.DataFrame, days: int) -> np.ndarray:
    """Return the dose in force on each day (ug/kg/day), as ordered."""
    daily = np.zeros(days)
    for day, dose in zip(visits["day"], visits["dose_after_ug_per_kg_day"], strict=True):
        daily[day:] = dose
    return daily
