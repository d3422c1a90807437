"""Why believe it: every published number beside the simulated one, and where the model's own numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from titranc.sim.report.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    SKY,
    SMALL,
    SOFT,
    VERMILLION,
    blank_figure,
    house_style,
    quiet,
)

INSIDE, ACCEPTED, OUTSIDE = "inside the interval", "within the rule", "outside"
COLOURS = {INSIDE: GREEN, ACCEPTED: SKY, OUTSIDE: VERMILLION}
MARKERS = {INSIDE: "o", ACCEPTED: "s", OUTSIDE: "X"}
WIDEST_FACTOR, PROMISED_ERROR = 4.0, 1e-4
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
GRADE_COLOURS = {"A": GREEN, "B": SKY, "C": VERMILLION, "calibrated": BLUE}
GRADES = {"A": "read in the cited paper", "B": "secondary source", "C": "recalled", "calibrated": "fitted here"}


def caption_validation(table: pd.DataFrame) -> str:
    """Return what to notice: how many rows are accepted, and which are far off."""
    gating = table[table["gates"]]
    good = gating["verdict"].isin([INSIDE, ACCEPTED])
    far = gating[gating["factor_off"] > 2.0]["id"].tolist()
    words = (
        f"Outside the rule and more than twofold off: {', '.join(far)}."
        if far
        else "None is outside and more than twofold off."
    )
    beyond = int((good & ~pd.Series(_ratio(gating), gating.index).between(1 / 2, 2)).sum())
    small = f" {beyond} accepted marks beyond a factor of two are numbers of which a day, three points or the interval is much."
    tests = gating["role"] == ""
    return (
        f"Each mark is a published number; it stands on the line where the simulated study gives the same. {int(good.sum())} of "
        f"{len(gating)} numbers of grade A or B are accepted, {int(good[tests].sum())} of the {int(tests.sum())} filled ones, by which "
        f"no parameter was chosen. {words}{small if beyond else ''}"
    )


@house_style
def plot_validation(table: pd.DataFrame, grades: Mapping[str, int], solver: pd.DataFrame | None = None) -> Figure:
    """Draw simulated over published for every row of grade A or B, by area, and the sources of the model's numbers.

    `solver`: disease and largest_relative_error of the counts, where they were worked out.
    """
    rows = table[table["gates"]].reset_index(drop=True)
    areas = list(dict.fromkeys(rows["area"]))[::-1]
    heights = [0.36 * len(areas) + 1.0, 0.4] + ([] if solver is None else [0.14 * len(solver) + 0.3])
    figure = blank_figure(sum(heights) + 0.7, between=0.1)
    axes, sources, *errors = figure.subplots(len(heights), 1, height_ratios=heights)
    _draw_areas(axes, rows, areas)
    _draw_sources(sources, grades)
    if solver is not None:
        _draw_solver(errors[0], solver)
    return figure


def _draw_solver(axes: Axes, solver: pd.DataFrame) -> None:
    quiet(axes, "Largest relative error of a count that the solver makes")
    axes.grid(visible=False)
    axes.axvline(PROMISED_ERROR, color=VERMILLION, linewidth=0.9)
    rows = solver.iloc[::-1]
    axes.plot(rows["largest_relative_error"], range(len(rows)), linestyle="none", marker="o", markersize=4, color=BLUE)
    axes.set_xscale("log")
    axes.set_xlim(1e-7, 1e-3)
    axes.set_yticks(
        range(len(rows)), [str(name).replace("_", " ") for name in rows["disease"]], fontsize=SMALL, color=INK
    )
    axes.set_xlabel("red: what is promised", fontsize=SMALL, color=SOFT)


def _draw_areas(axes: Axes, rows: pd.DataFrame, areas: list[str]) -> None:
    quiet(axes, "Simulated over published")
    axes.grid(visible=False)
    for factor in FACTORS:
        axes.axvline(factor, color=INK if factor == 1 else FAINT, linewidth=0.9 if factor == 1 else 0.6, zorder=0)
    for height, area in enumerate(areas):
        own = rows[rows["area"] == area]
        ratio = np.clip(_ratio(own), 1 / WIDEST_FACTOR, WIDEST_FACTOR)
        place = height + _spread(len(own))
        for verdict, is_test in product(COLOURS, (False, True)):
            there = ((own["verdict"] == verdict) & ((own["role"] == "") == is_test)).to_numpy()
            axes.plot(ratio[there], place[there], **_mark(verdict, is_test=is_test))
        good = int(own["verdict"].isin([INSIDE, ACCEPTED]).sum())
        axes.annotate(
            f"{good} of {len(own)}", (1, height), xycoords=axes.get_yaxis_transform(), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=SMALL, color=SOFT, annotation_clip=False,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xlim(1 / WIDEST_FACTOR / 1.08, WIDEST_FACTOR * 1.08)
    axes.set_xticks(FACTORS, ["1/4 or less", "1/2", "1", "2", "4 or more"])
    axes.minorticks_off()
    axes.set_yticks(range(len(areas)), areas, fontsize=SMALL, color=INK)
    axes.set_ylim(-0.6, len(areas) - 0.4)
    handles = [Line2D([], [], label=verdict, **_mark(verdict, is_test=True)) for verdict in COLOURS]
    handles.append(Line2D([], [], label="hollow: fitted or input", **_mark(INSIDE, is_test=False)))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.09, 1),
        ncols=4,
        columnspacing=0.9,
        handletextpad=0.1,
        fontsize=SMALL,
        frameon=False,
        borderaxespad=0,
    )


def _mark(verdict: str, *, is_test: bool) -> dict[str, Any]:
    """Return how a row is drawn: its verdict by form and colour, hollow where it does not test the model."""
    colour = COLOURS[verdict]
    face = {"markeredgecolor": "white", "markeredgewidth": 0.4} if is_test else {"markerfacecolor": "white"}
    return {"linestyle": "none", "marker": MARKERS[verdict], "markersize": 5, "color": colour, **face}


def _spread(n: int) -> np.ndarray:
    """Return small heights that keep neighbours of one row of marks apart, always the same."""
    return np.asarray(0.28 * np.sin(2.4 * np.arange(n)))


def _ratio(rows: pd.DataFrame) -> np.ndarray:
    """Return simulated over published; over the middle, or the bound, where only a range was published; 1 for two noughts."""
    centre = rows["published"].astype(float)
    low, high = rows["published_low"].astype(float), rows["published_high"].astype(float)
    simulated = rows["simulated"].astype(float)
    ranged = rows["kind"].isin(["range", "at_least", "at_most"])
    inside = (simulated >= low) & (simulated <= high)
    nearest = simulated.clip(low, high)
    centre = centre.where(~ranged, nearest)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = simulated / centre
    return ratio.where(~(ranged & inside), 1.0).where(~((centre == 0) & inside), 1.0).fillna(1.0).to_numpy()


def _draw_sources(axes: Axes, grades: Mapping[str, int]) -> None:
    quiet(axes, "Where the model's own numbers come from")
    there = {grade: grades.get(grade, 0) for grade in GRADES}
    axes.grid(visible=False)
    left = np.concatenate([[0], np.cumsum(list(there.values()))])
    for start, (grade, count) in zip(left, there.items(), strict=False):
        axes.barh(0, count, left=start, color=GRADE_COLOURS[grade], height=0.5)
    axes.set_xlim(0, left[-1])
    axes.set_yticks([])
    axes.set_xticks([])
    told = ", ".join(f"{count} {GRADES[grade]}" for grade, count in there.items() if count)
    axes.set_xlabel(f"left to right: {told}", fontsize=SMALL, color=SOFT)
    axes.spines["bottom"].set_visible(False)
