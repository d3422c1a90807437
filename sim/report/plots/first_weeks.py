"""The first twelve weeks, decision by decision: a number on the chart, and under that number the sentence that says why."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.report.findings import DOSE, is_change, one_patient
from titranc.sim.report.plots.titration import anc_values, dose_steps, draw_truth
from titranc.sim.report.style import (
    ACTION_MARKS,
    KEEP_MARK,
    PAPER,
    anc_axis,
    blank_figure,
    dose_axis,
    house_style,
    quiet,
    time_axis,
    whisper,
)
from titranc.sim.report.words import DOSE_UNIT, counted, day_words, number, plain

WEEKS = 12
MOST_DECISIONS = 14
_LETTERS_PER_LINE = 128
_LINE_INCHES = 0.165


class NumberedDecision(NamedTuple):
    """A decision of the first weeks: its number on the chart, when, what and why."""

    number: int
    day: int
    action: str
    change: str
    sentence: str
    row: int


def first_decisions(visits: pd.DataFrame) -> list[NumberedDecision]:
    """Return at most fourteen decisions of the first twelve weeks in order of day, those that changed something first of all."""
    early = _early(visits)
    changed = is_change(early).to_numpy()
    chosen = sorted(sorted(range(len(early)), key=lambda i: (not changed[i], i))[:MOST_DECISIONS])
    return [_numbered(early, row, place) for place, row in enumerate(chosen, start=1)]


def decisions_left_out(visits: pd.DataFrame) -> str:
    """Return in words what the numbered list leaves out; nothing when it leaves nothing out."""
    early, shown = _early(visits), first_decisions(visits)
    if len(early) == len(shown):
        return ""
    changed = is_change(early).drop(index=[decision.row for decision in shown])
    further, kept = counted(len(changed), "further visit"), int((~changed).sum())
    if kept == len(changed):
        return f"At {further} of these weeks the dose was kept."
    if kept == 0:
        return f"{further} of these weeks {'is' if len(changed) == 1 else 'are'} not numbered."
    return f"{further} of these weeks are not numbered; at {kept} of them the dose was kept."


def caption_first_weeks(visits: pd.DataFrame) -> str:
    """Return what to notice in `plot_first_weeks`."""
    early = _early(visits)
    reached = early[early["anc_reported_1e9_per_l"] >= 1]
    target = (
        f"the first count of 1 or more came on {day_words(reached['day'].iloc[0])}"
        if len(reached)
        else "no count reached 1"
    )
    acts = early["action"].value_counts()
    first, last = number(early[DOSE].iloc[0]), number(early[DOSE].iloc[-1])
    went = f"stayed at {first}" if early[DOSE].nunique() == 1 else f"went from {first} to {last}"
    return (
        f"In the first twelve weeks {target}. {counted(len(early), 'visit')} led to "
        f"{counted(int(acts.get('increase', 0)), 'increase')} and {counted(int(acts.get('decrease', 0)), 'decrease')}; "
        f"the dose {went} {DOSE_UNIT}."
    )


@house_style
def plot_first_weeks(visits: pd.DataFrame, trajectory: pd.DataFrame, *, with_sentences: bool = True) -> Figure:
    """Draw ANC and dose of one patient's first twelve weeks with each decision numbered, and the sentences below.

    A page that lists the sentences itself passes `with_sentences=False`. Raises ValueError when `visits` holds none or
    several patients or arms.
    """
    early, decisions = _early(visits), first_decisions(visits)
    last_day = _last_day(visits)
    lines = _sentence_lines(visits, decisions) if with_sentences else []
    figure = blank_figure(4.6 + _LINE_INCHES * len(lines))
    panels = figure.subplots(2, 1, sharex=True, height_ratios=[1.35, 1])
    truth = trajectory[trajectory["day"] <= last_day]
    _draw_anc(panels[0], early, truth, decisions)
    _draw_dose(panels[1], early, last_day, decisions)
    time_axis(panels[1], last_day / 7, "weeks")
    if lines:
        _write_below(figure, lines)
    return figure


def _draw_anc(axes: Axes, early: pd.DataFrame, truth: pd.DataFrame, decisions: list[NumberedDecision]) -> None:
    quiet(axes, "ANC, 10⁹/L")
    anc_axis(axes, anc_values(early, truth))
    draw_truth(axes, truth, 7)
    low, high = axes.get_ylim()
    seen = early["anc_reported_1e9_per_l"].to_numpy(dtype=float)
    height = np.clip(np.where(np.isnan(seen), low * 1.25, seen), low * 1.25, high)
    axes.scatter(early["day"] / 7, height, s=10, color=KEEP_MARK.colour, zorder=3)
    for decision in decisions:
        _numbered_dot(axes, decision, height[decision.row], hollow=bool(np.isnan(seen[decision.row])))
    whisper(axes, "numbers: decisions, at the reported count" + ("" if truth.empty else " · line: the true count"))


def _draw_dose(axes: Axes, early: pd.DataFrame, last_day: float, decisions: list[NumberedDecision]) -> None:
    quiet(axes, "Dose, ug/kg/day")
    dose_axis(axes, float(early[DOSE].max()))
    dose_steps(axes, early, last_day, 7)
    for decision in decisions:
        if decision.action != "keep":
            _numbered_dot(axes, decision, early[DOSE].iloc[decision.row], hollow=False)
    whisper(axes, "numbers as in the list below")


def _numbered_dot(axes: Axes, decision: NumberedDecision, height: float, *, hollow: bool) -> None:
    colour = ACTION_MARKS.get(decision.action, KEEP_MARK).colour
    axes.plot(
        decision.day / 7, height, "o", markersize=12, markerfacecolor=PAPER if hollow else colour, markeredgecolor=colour,
        clip_on=False, zorder=4,
    )  # fmt: skip
    axes.annotate(
        str(decision.number), (decision.day / 7, height), ha="center", va="center_baseline", fontsize=7.5,
        color=colour if hollow else PAPER, fontweight="bold", zorder=5, annotation_clip=False,
    )  # fmt: skip


def _write_below(figure: Figure, lines: list[str]) -> None:
    height = figure.get_figheight()
    foot = _LINE_INCHES * len(lines) / height
    figure.get_layout_engine().set(rect=(0, foot + 0.1 / height, 1, 1 - foot - 0.1 / height))  # type: ignore[union-attr]
    figure.text(0.012, foot, "\n".join(lines), va="top", fontsize=8, linespacing=1.25, in_layout=False)


def _sentence_lines(visits: pd.DataFrame, decisions: list[NumberedDecision]) -> list[str]:
    lines: list[str] = []
    for decision in decisions:
        text = f"Day {decision.day}, {decision.change}: {decision.sentence}"
        lines += textwrap.wrap(
            text, _LETTERS_PER_LINE, initial_indent=f"{decision.number:>2}  ", subsequent_indent="      "
        )
    left_out = decisions_left_out(visits)
    return [*lines, *([left_out] if left_out else [])]


def _numbered(early: pd.DataFrame, row: int, place: int) -> NumberedDecision:
    visit = early.iloc[row]
    before, after = visit["dose_before_ug_per_kg_day"], visit[DOSE]
    moved = f"{number(before)} → {number(after)} {DOSE_UNIT}" if before != after else f"{number(after)} {DOSE_UNIT}"
    change = f"{plain(visit['action'])} {moved}"
    return NumberedDecision(place, int(visit["day"]), str(visit["action"]), change, plain(visit["reason"]), row)


def _early(visits: pd.DataFrame) -> pd.DataFrame:
    story = one_patient(visits)
    return story[story["day"] < 7 * WEEKS].reset_index(drop=True)


def _last_day(visits: pd.DataFrame) -> float:
    return float(min(7 * WEEKS, max(visits["day"].max(), 7)))
