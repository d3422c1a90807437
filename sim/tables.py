"""From the ward and the log to the tidy tables; names, units and meanings of columns are a public interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from titranc.models import catalogue
from titranc.models.integrator import RECORDS
from titranc.sim.cohort_tables import anc_days, dose_days, own_marrow_until
from titranc.sim.columns import BANDS, KEY
from titranc.sim.course_sections import Prices
from titranc.sim.fate_tables import fate_columns
from titranc.sim.log import EVENT_COLUMNS, PERIOD_COLUMNS, VISIT_COLUMNS, EventLog
from titranc.sim.people import Fate
from titranc.sim.ward import MINUTES_PER_DAY, WATCHED_DAYS, Ward

BODY = "body"
MONTHS_6_TO_18 = (182, 548)


def build_tables(
    run_id: str,
    arms: Sequence[str],
    ward: Ward,
    log: EventLog,
    fates: Sequence[Fate] | None = None,
    *,
    trajectory_patients: int,
    prices: Sequence[Prices | None] = (),
) -> dict[str, pd.DataFrame]:
    """Return every table of a block, body after body: body i of the ward is patient and arm i.

    Where lives were simulated `fates` says what became of each.
    """
    who = _who(run_id, arms, ward)
    visits, events = _by_body(log.visits, VISIT_COLUMNS), _by_body(log.events, EVENT_COLUMNS)
    periods = _by_body(log.periods, PERIOD_COLUMNS)
    daily = ordered_daily(periods, len(arms), ward.horizon_days)
    outcomes = _outcomes(who, ward, log, daily, events, own_marrow_until(ward, fates))
    if fates is not None:
        outcomes = outcomes.assign(**fate_columns(fates, ward, outcomes, prices))
    return {
        "patients": _patients(who, ward),
        "visits": _named(who, visits),
        "doses": _doses(who, periods, ward),
        "trajectory": _trajectories(run_id, arms, ward, trajectory_patients),
        "events": _named(who, events),
        "untreated": _untreated(who, ward, trajectory_patients),
        "outcomes": outcomes,
        "anc_days": anc_days(run_id, arms, ward, fates),
        "dose_days": dose_days(run_id, arms, daily, ward),
    }


def _by_body(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """Return rows of the log body after body, each body's in the order in which they happened."""
    table = pd.DataFrame(rows, columns=[BODY, *columns])
    # An empty part must have the types of the others.
    return table.astype({BODY: "int64"} | _types(columns)).sort_values(BODY, kind="stable", ignore_index=True)


def _types(columns: Sequence[str]) -> dict[str, str]:
    """Return the type of every column of the log: whole numbers, texts, and numbers."""
    whole = {"visit_no", "day", "minute", "injection_ng", "every_hours", "next_visit_days"}
    text = {
        "lab_status",
        "phase",
        "action",
        "rule_ids",
        "reason",
        "flags",
        "gate",
        "event",
        "severity",
        "detail",
        "product",
    }
    return {name: "int64" if name in whole else "str" if name in text else "float64" for name in columns}


def _named(who: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with run, arm and patient in the place of the body's number."""
    names = who.iloc[table[BODY].to_numpy()].reset_index(drop=True)
    return pd.concat([names, table.drop(columns=BODY)], axis=1)


def _who(run_id: str, arms: Sequence[str], ward: Ward) -> pd.DataFrame:
    numbers = [patient.patient_id for patient in ward.patients]
    return pd.DataFrame({"run_id": run_id, "arm": list(arms), "patient_id": np.array(numbers, dtype=np.int64)})


def _patients(who: pd.DataFrame, ward: Ward) -> pd.DataFrame:
    people = ward.patients
    plain = ("disease", "genotype", "sex", "age_start_years")
    columns: dict[str, Any] = {name: [getattr(person, name) for person in people] for name in plain}
    columns |= {
        "weight_start_kg": ward.weight_kg[:, 0],
        "height_start_cm": [float(person.growth.height_cm(person.age_start_years)) for person in people],
        "weight_z": [person.growth.weight_z for person in people],
        "height_z": [person.growth.height_z for person in people],
        "anc_untreated_1e9_per_l": ward.untreated[RECORDS.index("anc_1e9_per_l")],
        "gcsf_untreated_ng_per_ml": ward.untreated[RECORDS.index("gcsf_ng_per_ml")],
        "doses_taken_share": [person.doses_taken_share for person in people],
        "refractory": [person.refractory for person in people],
    }
    names = list(dict.fromkeys(name for person in people for name in person.parameters))
    columns |= {f"p_{name}": [person.parameters.get(name, np.nan) for person in people] for name in names}
    return who.assign(**columns)


def _trajectories(run_id: str, arms: Sequence[str], ward: Ward, trajectory_patients: int) -> pd.DataFrame:
    chosen = [i for i, patient in enumerate(ward.patients) if patient.patient_id < trajectory_patients]
    frames = [_trajectory(run_id, arms[i], ward, i) for i in chosen]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*KEY, "day"])


def _untreated(who: pd.DataFrame, ward: Ward, trajectory_patients: int) -> pd.DataFrame:
    """Return the mornings before the first visit of patients whose disease comes and goes; days are negative."""
    swinging = [catalogue.disease(patient.disease).phase_days is not None for patient in ward.patients]
    chosen = np.flatnonzero(np.array(swinging) & (who["patient_id"] < trajectory_patients))
    names = who.iloc[np.repeat(chosen, WATCHED_DAYS)].reset_index(drop=True)
    days = np.tile(np.arange(-WATCHED_DAYS, 0), len(chosen))
    return names.assign(day=days, anc_1e9_per_l=ward.anc_before[:, chosen].T.ravel())


def _trajectory(run_id: str, arm: str, ward: Ward, body: int) -> pd.DataFrame:
    days = int(ward.ended_day[body])
    due, taken, weight_kg = ward.due_ng[body, :days], ward.taken[body, :days], ward.weight_kg[body, :days]
    columns: dict[str, Any] = {
        "run_id": run_id,
        "arm": arm,
        "patient_id": ward.patients[body].patient_id,
        "day": np.arange(days),
    }
    columns |= {name: ward.mornings[body, :days, row] for row, name in enumerate(RECORDS)}
    columns |= {
        "weight_kg": weight_kg,
        "dose_given_ug_per_kg": np.where(taken, due, 0).sum(axis=1) / 1000 / weight_kg,
        "doses_missed": ((due > 0) & ~taken).sum(axis=1),
    }
    return pd.DataFrame(columns)


def _doses(who: pd.DataFrame, periods: pd.DataFrame, ward: Ward) -> pd.DataFrame:
    """Join consecutive visits that left the same injection standing into one period, and count its injections."""
    keys = [BODY, "injection_ng", "every_hours", "product"]
    starts = periods[(periods[keys] != periods[keys].shift()).any(axis=1)].reset_index(drop=True)
    end = ward.ended_day[starts[BODY]] * MINUTES_PER_DAY
    last_of_body = starts[BODY] != starts[BODY].shift(-1)
    ends = starts["minute"].shift(-1).where(~last_of_body, end).astype(np.int64)
    minutes = (np.arange(ward.horizon_days)[:, None] * MINUTES_PER_DAY + ward.slots.minutes).ravel()
    first = starts[BODY] * len(minutes) + np.searchsorted(minutes, starts["minute"])
    last = starts[BODY] * len(minutes) + np.searchsorted(minutes, ends)
    due = ward.due_ng.reshape(-1) > 0
    taken = due & ward.taken.reshape(-1)
    ordered, given = _between(due, first, last), _between(taken, first, last)
    return _named(who, starts[[BODY]]).assign(
        day_start=starts["minute"] // MINUTES_PER_DAY,
        day_end=ends // MINUTES_PER_DAY,
        product=starts["product"],
        dose_ug_per_kg_day=starts["dose_ug_per_kg_day"],
        dose_ug=starts["injection_ng"] / 1000,
        every_hours=starts["every_hours"],
        doses_ordered=ordered,
        doses_taken=given,
        doses_missed=ordered - given,
    )


def _between(flags: np.ndarray, first: pd.Series[int], last: pd.Series[int]) -> np.ndarray:
    """Return how many flags are set from `first` to before `last`."""
    # In 32 bits ten times as fast, and far more than the injections of a block.
    count = np.concatenate([[0], np.cumsum(flags, dtype=np.int32)])
    return np.asarray(count[last] - count[first])


def _outcomes(
    who: pd.DataFrame,
    ward: Ward,
    log: EventLog,
    daily: np.ndarray,
    events: pd.DataFrame,
    own_until: np.ndarray,
) -> pd.DataFrame:
    n, days = len(who), ward.horizon_days
    # A transplant ends the titration: shares and doses are those of the days with the own marrow.
    own_days = np.maximum(own_until, 1)
    lived = np.arange(days) < own_days[:, None]
    observed = own_days.astype(np.float64)
    anc = ward.mornings[:, :days, RECORDS.index("anc_1e9_per_l")]
    daily = np.where(lived, daily, 0.0)
    due = ward.due_ng > 0
    given_ng = np.where(ward.taken, ward.due_ng, 0).sum(axis=2)
    in_target = lived & (anc >= 1.0) & (anc <= 5.0)
    columns: dict[str, Any] = {"days_observed": ward.ended_day, "days_titrated": own_days}
    columns |= {
        name: (lived & (anc >= low) & (anc < high)).sum(axis=1) / observed for name, (low, high) in BANDS.items()
    }
    columns |= {
        "days_to_first_target": np.where(in_target.any(axis=1), in_target.argmax(axis=1), np.nan),
        "mean_anc_1e9_per_l": np.where(lived, anc, 0.0).sum(axis=1) / observed,
        "mean_dose_ug_per_kg_day": daily.sum(axis=1) / observed,
        "final_dose_ug_per_kg_day": daily[np.arange(n), own_days - 1],
        "peak_dose_ug_per_kg_day": daily.max(axis=1),
        **_months_6_to_18(daily, anc, own_until),
        "cumulative_dose_ug_per_kg": (given_ng / 1000 / ward.weight_kg[:, :days]).sum(axis=1),
        "days_dose_at_or_above_8": (daily >= 8.0).sum(axis=1),
        "days_dose_above_15": (daily > 15.0).sum(axis=1),
        "doses_ordered": due.sum(axis=(1, 2)),
        "doses_taken": (due & ward.taken).sum(axis=(1, 2)),
        "doses_missed": (due & ~ward.taken).sum(axis=(1, 2)),
        "visits": log.visits_of,
    }
    referrals = events[events["event"].str.startswith("hsct")].drop_duplicates(BODY)
    referred = pd.Series(referrals["day"].to_numpy(dtype=np.float64), index=referrals[BODY])
    columns |= {
        "time_to_hsct_referral_days": referred.reindex(range(n)).fillna(pd.Series(observed)).to_numpy(),
        "status_hsct_referral": np.isin(np.arange(n), referred.index).astype(np.int64),
        "failed": ward.failed,
    }
    return who.assign(**columns)


def _months_6_to_18(daily: np.ndarray, anc: np.ndarray, ended_day: np.ndarray) -> dict[str, np.ndarray]:
    """Return each patient's median dose and count of months 6 to 18 of treatment, by which registries group patients.

    Not known of who lived with the own marrow for less than a year, or of a run that ends before.
    """
    first, end = MONTHS_6_TO_18
    known = (ended_day >= (first + end) // 2) & (daily.shape[1] >= end)
    window = np.arange(first, min(end, daily.shape[1]))
    followed = window[None, :] < ended_day[:, None]
    found = {}
    for name, values in (("dose_6_18_months_ug_per_kg_day", daily), ("anc_6_18_months_1e9_per_l", anc)):
        medians = np.full(len(ended_day), np.nan)
        if known.any():
            medians[known] = np.nanmedian(np.where(followed, values[:, window], np.nan)[known], axis=1)
        found[name] = medians
    return found


def ordered_daily(periods: pd.DataFrame, n: int, days: int) -> np.ndarray:
    """Return the dose in force on each day (ug/kg/day), as ordered, [n, days]; none before the first visit."""
    latest = np.full((n, days), -1, np.int32)
    latest[periods[BODY], periods["minute"] // MINUTES_PER_DAY] = np.arange(len(periods))
    np.maximum.accumulate(latest, axis=1, out=latest)
    dose = periods["dose_ug_per_kg_day"].to_numpy()
    return np.where(latest >= 0, dose[latest], 0.0)
