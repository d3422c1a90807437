"""One patient in somebody's hands: the chart as it grows, and afterwards three ways of treating side by side.

Narrow, so that it can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from titranc.sim.report.findings import DOSE, dose_course
from titranc.sim.report.style import (
    ACTION_MARKS,
    BLUE,
    INK,
    KEEP_MARK,
    PAPER,
    SOFT,
    VERMILLION,
    anc_axis,
    dose_axis,
    house_style,
    quiet,
    thinned,
    years_or_weeks,
)
from titranc.sim.report.words import anc, counted, day_words, number

CELLS_PER_UL = 1000
WIDTH_INCHES, HEIGHT_INCHES = 6.4, 4.9
LINE_STYLES = (
    ("you", INK, "-", 1.5),
    ("the guideline", BLUE, (0, (5, 1.5)), 1.3),
    ("no treatment", VERMILLION, (0, (1.5, 1.5)), 1.1),
)


def caption_chart(visits: pd.DataFrame) -> str:
    """Return in words what `plot_chart` shows."""
    if visits.empty:
        return "An empty chart: no visit yet. The target is an ANC of 1 to 5, severe is below 0.5."
    last = visits.iloc[-1]
    return (
        f"{counted(len(visits), 'visit')}; on {day_words(last['day'])} the reported ANC was "
        f"{anc(last['anc_reported_1e9_per_l'])} x 10^9/L. {dose_course(visits)}"
    )


@house_style
def plot_chart(visits: pd.DataFrame, day: float, count_1e9_per_l: float, *, per_ul: bool = False) -> Figure:
    """Draw the chart up to a visit that is due: reported counts, and the doses ordered.

    `visits` are those decided at, with the columns of a run's visits; `count_1e9_per_l` is that of today, not-a-number when
    there is none. With `per_ul` counts are written in cells per microlitre.
    """
    figure, (above, below) = _two_panels(per_ul=per_ul)
    span, unit = years_or_weeks(max(day, 1))
    days = np.append(visits["day"].to_numpy(dtype=float), day)
    counts = np.append(visits["anc_reported_1e9_per_l"].to_numpy(dtype=float), count_1e9_per_l)
    anc_axis(above, counts)
    _in_cells(above, per_ul=per_ul)
    above.plot(days / span, counts, color=SOFT, linewidth=0.7, zorder=2)
    severe = counts < 0.5
    for chosen, colour, marker in ((~severe, INK, "o"), (severe, VERMILLION, "v")):
        above.scatter(days[chosen] / span, counts[chosen], s=26, color=colour, marker=marker, edgecolor=PAPER, zorder=3)
    above.scatter(day / span, count_1e9_per_l, s=90, facecolor="none", edgecolor=INK, linewidth=1.2, zorder=4)
    _draw_orders(below, visits, day, span)
    _time(below, day / span, unit)
    return figure


def caption_lines(days: Mapping[str, pd.DataFrame]) -> str:
    """Return in words what `plot_lines` shows."""
    told = [
        f"{name} {100 * float(((line['anc_1e9_per_l'] >= 1) & (line['anc_1e9_per_l'] < 5)).mean()):.0f} % of days in the "
        f"target at {number(float(line['dose_ug_per_kg_day'].mean()))} ug/kg/day"
        for name, line in days.items()
        if len(line)
    ]
    return f"True counts and doses on the same patient and the same luck: {'; '.join(told)}."


@house_style
def plot_lines(days: Mapping[str, pd.DataFrame], *, per_ul: bool = False) -> Figure:
    """Draw true counts and doses of each way of treating: by name a table of day, anc_1e9_per_l, dose_ug_per_kg_day."""
    figure, (above, below) = _two_panels(per_ul=per_ul)
    last = max((len(line) for line in days.values()), default=1)
    span, unit = years_or_weeks(last)
    anc_axis(above, np.concatenate([line["anc_1e9_per_l"].to_numpy(dtype=float) for line in days.values()]))
    _in_cells(above, per_ul=per_ul)
    dose_axis(below, max((float(line["dose_ug_per_kg_day"].max()) for line in days.values() if len(line)), default=0))
    for name, colour, dashes, width in LINE_STYLES:
        if name not in days:
            continue
        line = days[name]
        at, counts = thinned(line["day"].to_numpy(dtype=float), line["anc_1e9_per_l"].to_numpy(dtype=float), bins=350)
        above.plot(at / span, counts, color=colour, linestyle=dashes, linewidth=0.8 * width, label=name, zorder=3)
        dose = line["dose_ug_per_kg_day"].to_numpy(dtype=float)
        steps = np.flatnonzero(np.diff(dose, prepend=np.nan) != 0)
        below.step(
            np.append(steps, len(dose)) / span, np.append(dose[steps], dose[-1:]), where="post",
            color=colour, linestyle=dashes, linewidth=width, zorder=3,
        )  # fmt: skip
    above.legend(loc="lower left", bbox_to_anchor=(0.28, 0.97), ncols=3, frameon=False, fontsize=9, borderpad=0)
    _time(below, last / span, unit)
    return figure


def _two_panels(*, per_ul: bool) -> tuple[Figure, tuple[Axes, Axes]]:
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained", facecolor=PAPER)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    quiet(above, "ANC, cells/uL" if per_ul else "ANC, 10⁹/L")
    quiet(below, "Dose, ug/kg/day")
    return figure, (above, below)


def _in_cells(axes: Axes, *, per_ul: bool) -> None:
    if not per_ul:
        return
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * CELLS_PER_UL:,.0f}"))
    for label in axes.texts:
        words = {"target 1 to 5": "target 1,000 to 5,000", "severe below 0.5": "severe below 500"}
        label.set_text(words.get(label.get_text(), label.get_text()))


def _draw_orders(axes: Axes, visits: pd.DataFrame, day: float, span: float) -> None:
    dose_axis(axes, float(visits[DOSE].max()) if len(visits) else 0.0)
    if visits.empty:
        return
    at = np.append(visits["day"].to_numpy(dtype=float), day) / span
    axes.step(at, np.append(visits[DOSE], visits[DOSE].iloc[-1]), where="post", color=INK, linewidth=1.3, zorder=2)
    changed = visits[visits["action"] != "keep"]
    for action, rows in changed.groupby("action", sort=False):
        mark = ACTION_MARKS.get(str(action), KEEP_MARK)
        axes.scatter(
            rows["day"] / span, rows[DOSE], s=34, marker=mark.marker, color=mark.colour, edgecolor=PAPER, zorder=3
        )


def _time(axes: Axes, last: float, unit: str) -> None:
    axes.set_xlim(-0.01 * last, last * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlabel(f"{unit} since the start of treatment", fontsize=9, color=SOFT)
