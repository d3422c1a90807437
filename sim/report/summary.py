"""One run on one screen of a terminal: doses year by year, days on target, lines crossed, and why.

Forty lines at most at a hundred columns; nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from titranc.sim.report.findings import ANC_BANDS, DOSE
from titranc.sim.report.grades import MARK, MEANING, weight_mark
from titranc.sim.report.words import (
    ABSENT,
    DAYS_PER_YEAR,
    NOTICE,
    anc,
    counted,
    day_words,
    event_words,
    number,
    percent,
    plain,
    shortened,
    span_words,
)

_COLUMNS = 98
_MOST_ROWS = 15
_BAR_CELLS = 60
_DOSE_CELLS = 18
_BAND_BLOCKS = "█▓░▒▞"
_BAND_WORDS = ("<0.5", "0.5-1", "1-5", "5-10", ">10")
_BAND_STYLES = ("red", "yellow", "green", "cyan", "blue")
_MOST_LINES = 5
_MOST_TITLE_LETTERS = 240
_GUIDELINES = {"guideline", "vial_rounding"}


def render_summary(
    tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], folder: Path | None = None
) -> RenderableType:
    """Return the summary of a run for `rich` to print; medians when there are several patients, the first arm only.

    `tables` are those of the run (visits, events and outcomes are used); with `folder` it ends with where the files are.
    """
    arms = list(dict.fromkeys(tables["outcomes"]["arm"]))
    visits, events, outcomes = (_of_arm(tables[name], arms[0]) for name in ("visits", "events", "outcomes"))
    parts: list[RenderableType] = [
        *_head(manifest, outcomes, arms),
        Text(),
        _course(visits, outcomes, weight_mark(manifest)),
        *([_line(f"{MARK} = {MEANING}: weights and ug a day")] if weight_mark(manifest) else []),
        Text(),
        *_days_by_anc(outcomes),
        Text(),
        *_events(events, outcomes),
        Text(),
        *_actions(visits, manifest),
    ]
    if folder is not None:
        parts += [Text(), Text(f"Files: {plain(folder)} (tables, manifest.json, report.html)")]
    return Group(*parts)


def _of_arm(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    return table if table.empty else table[table["arm"] == arm]


def _wrapped(text: str, style: str) -> Text:
    """Return plain text on as many lines as it takes, but for what would fill the screen."""
    return Text(shortened(text, _MOST_TITLE_LETTERS), style=style)


def _line(text: str, style: str = "") -> Text:
    """Return one line of plain text: a stranger's title must bring neither markup nor escape codes nor a second line.

    Leading blanks are ours and stay.
    """
    indent = text[: len(text) - len(text.lstrip(" "))]
    return Text(indent + shortened(text, _COLUMNS - len(indent)), style=style, no_wrap=True, overflow="ellipsis")


def _head(manifest: Mapping[str, Any], outcomes: pd.DataFrame, arms: list[str]) -> list[Text]:
    middle = outcomes.median(numeric_only=True)
    who = counted(len(outcomes), "patient")
    medians = ", medians" if len(outcomes) > 1 else ""
    others = f", arm {arms[0]} of {len(arms)}" if len(arms) > 1 else ""
    return [
        _wrapped(manifest["title"], "bold"),
        _wrapped(manifest["question"], "italic"),
        _line(
            f"{who}{medians}{others} · {span_words(middle['days_observed'])} · seed {manifest['seed']} · titranc {manifest['version']}"
        ),
        _line(NOTICE, "yellow"),
    ]


def _course(visits: pd.DataFrame, outcomes: pd.DataFrame, mark: str) -> Table:
    """Return the course of ANC, dose and weight, in at most fifteen rows; `mark` stands beside what rests on weights."""
    last_day = float(outcomes["days_observed"].max())
    days, unit = _row_length(last_day)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    kg, ug = f"kg {mark}".strip(), f"ug a day {mark}".strip()
    for name in (f"to {unit}", "age", kg, "median ANC", "ug/kg/day", ug):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    top = max(float(visits[DOSE].max()), 1.0)
    days_per_unit = 7.0 if unit == "week" else DAYS_PER_YEAR
    starts = np.arange(0, last_day - 0.1 * days, days)
    for first, end in zip(starts, [*starts[1:], last_day], strict=True):
        rows = visits[(visits["day"] >= first) & (visits["day"] < end)]
        table.add_row(*_course_row(rows, round(end / days_per_unit), top))
    return table


def _row_length(last_day: float) -> tuple[float, str]:
    """Return how many days a row spans, and its unit: four weeks, a quarter, or as many years as it takes."""
    for weeks in (4, 13):
        if last_day <= _MOST_ROWS * 7 * weeks:
            return 7.0 * weeks, "week"
    return float(np.ceil(last_day / DAYS_PER_YEAR / _MOST_ROWS - 0.01)) * DAYS_PER_YEAR, "year"


def _course_row(rows: pd.DataFrame, end: int, top: float) -> list[str]:
    if rows.empty:
        return [str(end), *[ABSENT] * 5, ""]
    last = rows.groupby("patient_id").last().median(numeric_only=True)
    bar = "▇" * max(round(_DOSE_CELLS * float(last[DOSE]) / top), 0)
    count = rows["anc_reported_1e9_per_l"].median()
    return [
        str(end), f"{last['age_years']:.1f}", f"{last['weight_kg']:.1f}", anc(count), number(last[DOSE]),
        number(last["dose_after_ug_day"]), bar,
    ]  # fmt: skip


def _days_by_anc(outcomes: pd.DataFrame) -> list[Text]:
    shares = [float(outcomes[column].mean()) for column, _ in ANC_BANDS]
    edges = np.round(np.cumsum([0.0, *shares]) * _BAR_CELLS).astype(int)
    bar, key = Text("Days by ANC  " if len(outcomes) == 1 else "All days     "), Text()
    for label, share, width, block, style in zip(
        _BAND_WORDS, shares, np.diff(edges), _BAND_BLOCKS, _BAND_STYLES, strict=True
    ):
        bar.append(block * int(width), style=style)
        key.append(block, style=style)
        key.append(f" {label} {percent(share)}  ")
    return [bar, key]


def _events(events: pd.DataFrame, outcomes: pd.DataFrame) -> list[Text]:
    """Return the lines crossed and the referrals: when for one patient, how many and when for several."""
    told = events if events.empty else events[events["event"].str.startswith(("ceiling", "hsct"))]
    lines = [Text("Lines crossed", style="bold")]
    if told.empty:
        return [*lines, _line(_none_crossed(outcomes)), *_csf3r(events)]
    kinds = list(told.groupby("event", sort=False))
    lines += [_line(f"  {_event_words(str(kind), rows, len(outcomes))}") for kind, rows in kinds[:_MOST_LINES]]
    if not told["event"].str.startswith("hsct").any():
        lines.append(_line("  no transplant referral was triggered"))
    return lines + _csf3r(events)


RISK_LINE = 8.0


def _none_crossed(outcomes: pd.DataFrame) -> str:
    """Say that no line was marked: an edition may have no lines at 8 and 15, and the dose cross them all the same."""
    peak = float(outcomes["peak_dose_ug_per_kg_day"].max())
    dose = "the dose stayed below 8" if peak < RISK_LINE else f"the dose rose to {number(peak)}, no line marked"
    return f"  none: {dose}; no transplant referral was triggered"


def _csf3r(events: pd.DataFrame) -> list[Text]:
    """Return the referral for a CSF3R mutation, which is no matter of the response."""
    told = events if events.empty else events[events["event"] == "csf3r_refer"]
    if told.empty:
        return []
    return [
        _line(
            f"  referred for a CSF3R mutation: {counted(told['patient_id'].nunique(), 'patient')}, first on {day_words(float(told['day'].min()))}"
        )
    ]


def _event_words(kind: str, rows: pd.DataFrame, patients: int) -> str:
    first = rows.groupby("patient_id").first()
    if patients > 1:
        return f"{event_words(kind)}: {len(first)} of {patients} patients, first on {day_words(float(first['day'].median()))} (median)"
    again = f", {len(rows)} times in all" if len(rows) > 1 else ""
    rules = ", ".join(plain(first["rule_ids"].iloc[0]).split())
    return f"{event_words(kind)}: {day_words(float(first['day'].iloc[0]))}{again}, by {rules}"


def _actions(visits: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Text]:
    """Return how often each action was taken, with the rule that asked for it most and what that rule says."""
    lines = [_line(f"What {_who_decided(visits, manifest)} did and why", "bold")]
    lead = visits["rule_ids"].str.partition(" ")[0]
    for action, count in visits["action"].value_counts().head(_MOST_LINES).items():
        taken = visits["action"] == action
        rule = lead[taken].mode()[0]
        said = plain(manifest.get("rules", {}).get(rule, {}).get("says")) or _usual_reason(
            visits[taken & (lead == rule)]
        )
        by, because = f", mostly {rule}" if rule else "", f": {said}" if said else ""
        lines.append(_line(f"  {plain(action)} {counted(count, 'time')}{by}{because}"))
    return lines


def _who_decided(visits: pd.DataFrame, manifest: Mapping[str, Any]) -> str:
    """Return who decided the doses of an arm, in words."""
    names = manifest.get("policies", {}).get(visits["arm"].iloc[0], ["guideline"])
    return "the guideline" if _GUIDELINES.issuperset(names) else f"the policy {', then '.join(names)}"


def _usual_reason(visits: pd.DataFrame) -> str:
    """Return the reason given most often: a policy of its own names a rule that no edition explains."""
    return plain(visits["reason"].mode()[0])
