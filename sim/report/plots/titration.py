"""One patient's titration over the years: the counts, the dose they led to, and what else happened, on one time axis."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.report.findings import DOSE, counts_seen, dose_course, doses_missed, lines_crossed, one_patient
from titranc.sim.report.style import (
    ACTION_MARKS,
    FAINT,
    INK,
    ORANGE,
    PAPER,
    SEVERITY_COLOURS,
    SKY,
    SMALL,
    SOFT,
    VERMILLION,
    anc_axis,
    blank_figure,
    dose_axis,
    house_style,
    label_at_right,
    quiet,
    thinned,
    time_axis,
    whisper,
    years_or_weeks,
)
from titranc.sim.report.words import event_words, shortened

_PHASE_TINTS = {"titrating": "#f6ddb0", "stable": "#cfe6dc", "maintenance": "#d3e6f3"}
_ROW_INCHES = 0.21
_MOST_EVENT_KINDS = 12
_LETTER_SHARE = 0.0085  # of the panel's width, for one letter of a phase's name


def caption_titration(visits: pd.DataFrame, doses: pd.DataFrame) -> str:
    """Return what to notice in `plot_titration`."""
    story = one_patient(visits)
    return " ".join(
        part for part in (dose_course(story), lines_crossed(story), counts_seen(story), doses_missed(doses)) if part
    )


@house_style
def plot_titration(visits: pd.DataFrame, doses: pd.DataFrame, trajectory: pd.DataFrame, events: pd.DataFrame) -> Figure:
    """Draw ANC, dose, and the strip of phases, missed doses and events of one patient.

    The tables are those of a run, of one patient and one arm; an empty `trajectory` leaves the true line out. Raises
    ValueError when `visits` holds none or several patients or arms.
    """
    story = one_patient(visits)
    last_day = _last_day(story, doses, trajectory)
    days_per_unit, unit = years_or_weeks(last_day)
    kinds = _event_kinds(events)
    strip_inches = _ROW_INCHES * (2 + len(kinds)) + 0.1
    figure = blank_figure(5.7 + strip_inches)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[2.9, 2.1, strip_inches])
    _draw_anc(panels[0], story, trajectory, days_per_unit)
    _draw_dose(panels[1], story, last_day, days_per_unit)
    _draw_strip(panels[2], story, doses, events, kinds, last_day, days_per_unit)
    time_axis(panels[2], last_day / days_per_unit, unit)
    return figure


def draw_truth(axes: Axes, trajectory: pd.DataFrame, days_per_unit: float) -> None:
    """Draw the true ANC, which no clinic sees, as a thin line."""
    day, anc = thinned(trajectory["day"].to_numpy(dtype=float), trajectory["anc_1e9_per_l"].to_numpy(dtype=float))
    axes.plot(day / days_per_unit, np.maximum(anc, axes.get_ylim()[0]), color=SKY, linewidth=0.6, zorder=2)


def anc_values(story: pd.DataFrame, trajectory: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return every ANC that a panel must have room for."""
    return np.concatenate(
        [story["anc_reported_1e9_per_l"].to_numpy(dtype=float), trajectory["anc_1e9_per_l"].to_numpy(dtype=float)]
    )


def dose_steps(axes: Axes, story: pd.DataFrame, last_day: float, days_per_unit: float) -> None:
    """Draw the dose in force as steps, to the end of follow-up."""
    day = np.append(story["day"].to_numpy(dtype=float), last_day) / days_per_unit
    dose = np.append(story[DOSE].to_numpy(dtype=float), story[DOSE].iloc[-1])
    axes.step(day, dose, where="post", color=INK, linewidth=1.2, zorder=2)


def _draw_anc(axes: Axes, story: pd.DataFrame, trajectory: pd.DataFrame, days_per_unit: float) -> None:
    quiet(axes, "ANC, 10⁹/L")
    anc_axis(axes, anc_values(story, trajectory))
    _draw_counts(axes, story, days_per_unit)
    if trajectory.empty:
        whisper(axes, "dots: what the clinic saw")
        return
    draw_truth(axes, trajectory, days_per_unit)
    whisper(axes, "dots: what the clinic saw · line: the true count, which it never sees")


def _draw_counts(axes: Axes, story: pd.DataFrame, days_per_unit: float) -> None:
    """Draw the reported counts as dots, severe ones red, and a cross at the foot for a visit without a number."""
    seen = story["anc_reported_1e9_per_l"].to_numpy(dtype=float)
    at = story["day"].to_numpy(dtype=float) / days_per_unit
    low, high = axes.get_ylim()
    size = 13 if len(story) < 200 else 8
    for chosen, colour in ((seen >= 0.5, INK), (seen < 0.5, VERMILLION)):
        axes.scatter(
            at[chosen], np.clip(seen[chosen], low, high), s=size, color=colour, linewidth=0.4, edgecolor=PAPER, zorder=3
        )
    blank = at[np.isnan(seen)]
    axes.scatter(blank, np.full(len(blank), low * 1.15), s=14, marker="x", color=SOFT, linewidth=0.8, zorder=3)


def _draw_dose(axes: Axes, story: pd.DataFrame, last_day: float, days_per_unit: float) -> None:
    quiet(axes, "Dose, ug/kg/day")
    dose_axis(axes, float(story[DOSE].max()))
    dose_steps(axes, story, last_day, days_per_unit)
    for action, mark in ACTION_MARKS.items():
        rows = story[story["action"] == action]
        if len(rows):
            axes.scatter(
                rows["day"] / days_per_unit, rows[DOSE], s=40, marker=mark.marker, color=mark.colour, linewidth=0.5,
                edgecolor=PAPER, zorder=4, clip_on=False, label=f"{mark.word} ({len(rows)})",
            )  # fmt: skip
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.005, 0.985), ncols=7, frameon=False, fontsize=SMALL, labelcolor=SOFT,
            handletextpad=0.1, columnspacing=1.0, borderpad=0,
        )  # fmt: skip


def _draw_strip(
    axes: Axes,
    story: pd.DataFrame,
    doses: pd.DataFrame,
    events: pd.DataFrame,
    kinds: list[str],
    last_day: float,
    per_unit: float,
) -> None:
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(labelsize=SMALL, labelcolor=SOFT, color=SOFT, width=0.6, length=3)
    axes.set_yticks([])
    axes.set_ylim(1.5 + len(kinds) + 0.2, -0.6)
    _draw_phases(axes, story, last_day, per_unit)
    _draw_missed(axes, doses, per_unit)
    for row, kind in enumerate(kinds, start=2):
        _draw_event_row(axes, events[events["event"] == kind], row, last_day, per_unit)


def _draw_phases(axes: Axes, story: pd.DataFrame, last_day: float, per_unit: float) -> None:
    label_at_right(axes, 0, "phase")
    days = [*story["day"], last_day]
    for phase, visits in groupby(range(len(story)), key=lambda i: story["phase"].iloc[i]):
        rows = list(visits)
        start, width = days[rows[0]], days[rows[-1] + 1] - days[rows[0]]
        axes.barh(
            0, width / per_unit, left=start / per_unit, height=0.8, color=_PHASE_TINTS.get(phase, FAINT), linewidth=0
        )
        name = shortened(phase, 24)
        if len(name) * _LETTER_SHARE * last_day < width:
            axes.text(
                (start + width / 2) / per_unit, 0, name, ha="center", va="center", fontsize=SMALL - 0.5, color=INK
            )


def _draw_missed(axes: Axes, doses: pd.DataFrame, per_unit: float) -> None:
    given = doses[doses["doses_ordered"] > 0]
    share = (given["doses_missed"] / given["doses_ordered"]).to_numpy(dtype=float)
    label_at_right(
        axes, 1, f"doses missed, up to {share.max():.0%}" if len(share) and share.max() > 0 else "doses missed: none"
    )
    if not len(share) or share.max() == 0:
        return
    start, end = given["day_start"].to_numpy(dtype=float), given["day_end"].to_numpy(dtype=float)
    height = -0.8 * share / share.max()
    axes.bar(start / per_unit, height, (end - start) / per_unit, bottom=1.4, align="edge", color=ORANGE, linewidth=0)


def _draw_event_row(axes: Axes, rows: pd.DataFrame, row: int, last_day: float, per_unit: float) -> None:
    colour = SEVERITY_COLOURS.get(str(rows["severity"].iloc[0]), SOFT)
    axes.plot([0, last_day / per_unit], [row, row], color=FAINT, linewidth=0.6, zorder=1)
    axes.scatter(
        rows["day"] / per_unit,
        np.full(len(rows), row),
        s=20,
        marker="|" if colour == SOFT else "D",
        color=colour,
        linewidth=1.0 if colour == SOFT else 0,
        clip_on=False,
        zorder=3,
    )
    times = f" ({len(rows)})" if len(rows) > 1 else ""
    label_at_right(
        axes, row, shortened(event_words(rows["event"].iloc[0]), 26) + times, SOFT if colour == SOFT else INK
    )


def _event_kinds(events: pd.DataFrame) -> list[str]:
    """Return the kinds of event, gravest first, then by first day; never more than fit."""
    if events.empty:
        return []
    gravity = events["severity"].map({"critical": 0, "warning": 1}).fillna(2)
    ordered = events.assign(gravity=gravity).sort_values(["gravity", "day"], kind="stable")
    return list(dict.fromkeys(ordered["event"]))[:_MOST_EVENT_KINDS]


def _last_day(story: pd.DataFrame, doses: pd.DataFrame, trajectory: pd.DataFrame) -> float:
    ends = [float(story["day"].iloc[-1]) + 1, doses["day_end"].max(), trajectory["day"].max()]
    return float(np.nanmax(ends))
