"""What a run says, in sentences: the same words under the pictures, on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from titranc.sim.report.words import (
    ABSENT,
    DOSE_UNIT,
    counted,
    day_words,
    event_words,
    number,
    percent,
    plain,
    span_words,
)

DOSE = "dose_after_ug_per_kg_day"
NOTHING_GIVEN = ("hold", "withhold", "stop")
ANC_BANDS = (
    ("share_anc_below_0_5", "below 0.5"),
    ("share_anc_0_5_to_1", "0.5 to 1"),
    ("share_anc_1_to_5", "1 to 5"),
    ("share_anc_5_to_10", "5 to 10"),
    ("share_anc_above_10", "above 10"),
)


def one_patient(visits: pd.DataFrame) -> pd.DataFrame:
    """Return `visits` in order of day; raises ValueError when they are none or of several patients or arms."""
    if visits.empty:
        raise ValueError("visits: no rows, so there is no story to tell")
    stories = len(visits[["arm", "patient_id"]].drop_duplicates())
    if stories != 1:
        raise ValueError(f"visits: {stories} patients or arms; choose one, e.g. visits[visits.patient_id == 0]")
    return visits.sort_values("day", kind="stable", ignore_index=True)


def is_change(visits: pd.DataFrame) -> pd.Series[bool]:
    """Say of each visit of a story whether anything changed: the dose, an action other than keep, or the gate's correction.

    To withhold again what is not given anyway changes nothing; the first visit tells that it is withheld.
    """
    moved = (visits[DOSE] - visits["dose_before_ug_per_kg_day"].fillna(0)).abs() > 1e-9
    again = visits["action"].isin(NOTHING_GIVEN) & ~moved & (visits["day"] > visits["day"].min())
    acted = ~visits["action"].isin(["keep"]) & ~again
    changed: pd.Series[bool] = moved | acted | (visits["gate"].fillna("") != "")
    return changed


def dose_course(visits: pd.DataFrame) -> str:
    """Return how the dose went: start, peak, end."""
    peak = visits.loc[visits[DOSE].idxmax()]
    first, last = visits[DOSE].iloc[0], visits[DOSE].iloc[-1]
    start = f"The dose started at {number(first)} {DOSE_UNIT}"
    if visits[DOSE].nunique() == 1:
        return f"{start} and stayed there."
    if peak[DOSE] == first:
        return f"{start}, its highest, and ended at {number(last)}."
    return f"{start}, was highest at {number(peak[DOSE])} on {day_words(peak['day'])} and ended at {number(last)}."


def lines_crossed(visits: pd.DataFrame) -> str:
    """Return when the dose met the lines at 8, 15 and 20 ug/kg/day (at or above 8, strictly above 15 and 20)."""
    met = [
        _first_day(visits, visits[DOSE] >= 8),
        _first_day(visits, visits[DOSE] > 15),
        _first_day(visits, visits[DOSE] > 20),
    ]
    if met[0] is None:
        return f"It never reached 8 {DOSE_UNIT}."
    opening = (
        f"It was at 8 {DOSE_UNIT} or above from day 0"
        if met[0] == 0
        else f"It reached 8 {DOSE_UNIT} on {day_words(met[0])}"
    )
    passed = [
        f"passed {line} on {day_words(day)}" for line, day in zip((15, 20), met[1:], strict=True) if day is not None
    ]
    never = next((f"never passed {line}" for line, day in zip((15, 20), met[1:], strict=True) if day is None), None)
    return _listed([opening, *passed, *([never] if never else [])]) + "."


def counts_seen(visits: pd.DataFrame) -> str:
    """Return what the clinic saw: how many counts, how many on target, how many severe, how many without a number."""
    seen = visits["anc_reported_1e9_per_l"].dropna()
    if seen.empty:
        return "No visit had a count."
    severe = visits[visits["anc_reported_1e9_per_l"] < 0.5]
    text = f"Of {counted(len(seen), 'reported count')}, {percent(seen.between(1, 5).mean())} lay between 1 and 5"
    if severe.empty:
        text += " and none below 0.5."
    else:
        text += f" and {len(severe)} below 0.5, the last on {day_words(severe['day'].iloc[-1])}."
    blank = len(visits) - len(seen)
    if blank:
        text += f" {counted(blank, 'visit')} had no number (crosses at the foot)."
    return text


def doses_missed(doses: pd.DataFrame) -> str:
    """Return how many ordered doses were missed; nothing when none was ordered."""
    ordered, missed = doses["doses_ordered"].sum(), doses["doses_missed"].sum()
    if ordered == 0:
        return ""
    return f"{percent(missed / ordered)} of the {ordered:,.0f} ordered doses were missed, which the clinic cannot see."


def answer(outcomes: pd.DataFrame, visits: pd.DataFrame) -> str:
    """Return the run's answer in one paragraph: the patient's own when there is one, else medians over patients."""
    if len(outcomes) == 1:
        row = outcomes.iloc[0]
        whose = f"In {span_words(row['days_observed'])} and {counted(int(row['visits']), 'visit')} the ANC was"
        return " ".join(
            [_time_in_bands(whose, row), dose_course(visits), lines_crossed(visits), _first_target(row), _referral(row)]
        )
    middle = outcomes.median(numeric_only=True)
    whose = f"The median of {len(outcomes)} patients over {span_words(middle['days_observed'])} had an ANC"
    doses = (
        f"The median mean dose was {number(middle['mean_dose_ug_per_kg_day'])} {DOSE_UNIT}, "
        f"the median peak {number(middle['peak_dose_ug_per_kg_day'])}, the median last dose {number(middle['final_dose_ug_per_kg_day'])}."
    )
    referred = int(outcomes["status_hsct_referral"].sum())
    return f"{_time_in_bands(whose, middle)} {doses} A trigger for transplant referral was met by {referred} of {len(outcomes)}."


def rules_named(rule_ids: Iterable[Any]) -> list[str]:
    """Return the ids in cells of space-separated rule ids, each once, in order of first appearance."""
    return list(dict.fromkeys(name for cell in rule_ids for name in plain(cell).split()))


def event_line(event: pd.Series[Any]) -> str:
    """Return one event with its day and rules."""
    rules = f" ({', '.join(plain(event['rule_ids']).split())})" if plain(event["rule_ids"]) else ""
    return f"{event_words(event['event'])} on {day_words(event['day'])}{rules}"


def _time_in_bands(whose: str, row: pd.Series[Any]) -> str:
    return (
        f"{whose} between 1 and 5 on {percent(row['share_anc_1_to_5'])} of days, below 0.5 on "
        f"{percent(row['share_anc_below_0_5'])} and above 10 on {percent(row['share_anc_above_10'])}."
    )


def _first_target(row: pd.Series[Any]) -> str:
    days = number(row["days_to_first_target"])
    return "The target was never reached." if days == ABSENT else f"The target was first reached on day {days}."


def _referral(row: pd.Series[Any]) -> str:
    if row["status_hsct_referral"] != 1:
        return "No trigger for transplant referral was met."
    return f"A trigger for transplant referral was met on {day_words(row['time_to_hsct_referral_days'])}."


def _first_day(visits: pd.DataFrame, holds: pd.Series[bool]) -> int | None:
    days = visits.loc[holds, "day"]
    return None if days.empty else int(days.iloc[0])


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
