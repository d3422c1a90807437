"""Arms against each other: what a count in target costs in drug, and paired differences with their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.endpoints import BY_NAME
from titranc.sim.report.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    SOFT,
    VERMILLION,
    blank_figure,
    house_style,
    quiet,
    whisper,
)
from titranc.sim.report.verdict import judged, rows_of
from titranc.sim.report.words import number, percent

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK, SOFT)
KIND_COLOURS = {"better": GREEN, "worse": VERMILLION, "different": BLUE, "alike": SOFT, "open": INK}
NORMAL_95 = 1.96
FOREST = (
    "share_anc_1_to_5", "share_anc_below_0_5", "severe_infections", "infections",
    "mean_dose_ug_per_kg_day", "mds_aml", "transplanted", "died", "visits",
)  # fmt: skip


def _plane(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return each arm's mean dose and share of days in target with their standard errors."""
    grouped = outcomes.groupby("arm", sort=False)
    columns = {"dose": "mean_dose_ug_per_kg_day", "share": "share_anc_1_to_5"}
    found = {name: grouped[column].mean() for name, column in columns.items()}
    found |= {f"{name}_error": grouped[column].sem() for name, column in columns.items()}
    return pd.DataFrame(found)


def pareto(plane: pd.DataFrame) -> list[str]:
    """Return the arms that no other arm beats both in dose and in time in target, by dose."""
    by_dose = plane.sort_values("dose")
    # Down the doses nobody with less drug has more time in target.
    best = by_dose["share"] >= by_dose["share"].cummax()
    return [str(arm) for arm in by_dose.index[best]]


def caption_plane(outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_plane`: the arms on the line."""
    plane = _plane(outcomes)
    line = pareto(plane)
    best = str(plane["share"].idxmax())
    return (
        f"No other policy gives more time in target for less drug than: {', '.join(line)}. The most time in target has {best}, "
        f"{percent(plane.loc[best, 'share'])} of the days for {number(plane.loc[best, 'dose'])} ug/kg/day."
    )


@house_style
def plot_plane(outcomes: pd.DataFrame) -> Figure:
    """Draw each arm's mean dose against its time in target, with 95 % intervals and the line that no arm beats."""
    plane = _plane(outcomes)
    figure = blank_figure(3.8)
    axes = figure.subplots()
    quiet(axes, "Days with a count of 1 to 5, % of all")
    line = plane.loc[pareto(plane)]
    axes.plot(line["dose"], 100 * line["share"], color=SOFT, linewidth=1, linestyle="--", zorder=1)
    # Neighbours write on different sides of their points.
    above = dict(zip(plane.sort_values("dose").index, [True, False] * len(plane), strict=False))
    for (arm, row), colour in zip(plane.iterrows(), COLOURS * len(plane), strict=False):
        axes.errorbar(
            row["dose"], 100 * row["share"], xerr=NORMAL_95 * row["dose_error"], yerr=100 * NORMAL_95 * row["share_error"],
            color=colour, marker="o", markersize=5, linewidth=1,
        )  # fmt: skip
        axes.annotate(
            str(arm),
            (row["dose"], 100 * row["share"]),
            xytext=(6, 6 if above[arm] else -14),
            textcoords="offset points",
            fontsize=SMALL,
            color=colour,
        )
    whisper(axes, "dashed: beaten by no other policy")
    axes.set_xlabel("mean dose, ug/kg/day", fontsize=SMALL, color=SOFT)
    return figure


def caption_forest(contrasts: pd.DataFrame, reference: str) -> str:
    """Return what to notice in `plot_forest`: how many differences could be told."""
    whole = contrasts[(contrasts["subgroup"] == "all") & contrasts["endpoint"].isin(FOREST)]
    kinds = [judged(row) for row in rows_of(whole)]
    return (
        f"Paired differences from {reference} on the same patients and the same luck, with 95 % bootstrap intervals. Of "
        f"{len(kinds)} comparisons {kinds.count('better')} are better, {kinds.count('worse')} worse, {kinds.count('different')} differ and are "
        f"neither, {kinds.count('alike')} show no difference that matters (grey), and {kinds.count('open')} cannot be told."
    )


@house_style
def plot_forest(contrasts: pd.DataFrame, reference: str) -> Figure:
    """Draw the paired differences of each arm from the reference, a panel an endpoint."""
    whole = contrasts[contrasts["subgroup"] == "all"]
    names = [name for name in FOREST if (whole["endpoint"] == name).any()]
    arms = list(dict.fromkeys(whole["arm"]))
    rows = -(-len(names) // 2)
    figure = blank_figure(rows * (0.75 + 0.24 * len(arms)), between=0.1)
    panels = figure.subplots(rows, 2, squeeze=False)
    for axes in panels.flat[len(names) :]:
        axes.axis("off")
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_endpoint(axes, name, whole[whole["endpoint"] == name].set_index("arm", drop=False).loc[arms])
    return figure


def _draw_endpoint(axes: Axes, name: str, rows: pd.DataFrame) -> None:
    endpoint = BY_NAME[name]
    quiet(axes, f"{endpoint.words}, {endpoint.unit}")
    axes.grid(visible=False)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    margin = float(rows["matters"].iloc[0])
    axes.axvspan(-margin, margin, color="#f0f0f0", linewidth=0, zorder=0)
    height = np.arange(len(rows))[::-1]
    for y, row in zip(height, rows_of(rows), strict=True):
        colour = KIND_COLOURS[judged(row)]
        axes.plot([row["ci_low"], row["ci_high"]], [y, y], color=colour, linewidth=1.4)
        axes.scatter(row["paired_difference"], y, s=18, color=colour, zorder=3)
    axes.set_yticks(height, [str(arm) for arm in rows["arm"]], fontsize=SMALL)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("less ← difference → more", fontsize=SMALL, color=SOFT)
