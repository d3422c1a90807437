"""Picture 10: a count that comes and goes, before treatment and on it, with its period."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import signal

from titranc.sim.report.style import BLUE, GREEN, INK, SMALL, SOFT, blank_figure, house_style, quiet
from titranc.sim.report.words import number

DAYS = 63
SHORTEST_DAYS, LONGEST_DAYS = 7.0, 35.0
_PERIODS = np.linspace(SHORTEST_DAYS, LONGEST_DAYS, 561)
Floats = NDArray[np.float64]


def plot_cycles(untreated: pd.DataFrame, trajectory: pd.DataFrame) -> Figure:
    """Draw the last days before treatment, the last days on it, and how much of each period is in them.

    `untreated` and `trajectory` are one patient's rows with `day` and `anc_1e9_per_l`.
    """
    return _plot_cycles(_series(untreated), _series(trajectory))


@house_style
def _plot_cycles(before: pd.Series[float], after: pd.Series[float]) -> Figure:
    figure = blank_figure(5.2)
    grid = figure.add_gridspec(2, 2, height_ratios=[1.3, 1])
    top = max(float(before.max()), float(after.max()))
    left, right = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    _draw_days(left, before, "Before treatment", BLUE, top)
    _draw_days(right, after, "On treatment, the last days", GREEN, top)
    _draw_periods(figure.add_subplot(grid[1, :]), before, after)
    return figure


def caption_cycles(untreated: pd.DataFrame, trajectory: pd.DataFrame) -> str:
    """Return what to notice in `plot_cycles`."""
    before, after = _series(untreated), _series(trajectory)
    return (
        f"Before treatment the count comes and goes every {number(round(strongest_period(before), 1))} days between "
        f"{before.min():.2f} and {before.max():.2f}; on treatment, in the last {len(after)} days, every "
        f"{number(round(strongest_period(after), 1))} days between {after.min():.2f} and {after.max():.2f}. G-CSF shortens "
        "the cycle and lifts its lowest days; it does not end it. One count on its own says next to nothing of such a patient."
    )


def strongest_period(anc: pd.Series[float]) -> float:
    """Return the period, in days, that explains most of a series of daily counts."""
    return float(_PERIODS[np.argmax(_power(anc))])


def _series(table: pd.DataFrame) -> pd.Series[float]:
    return table.sort_values("day").set_index("day")["anc_1e9_per_l"].iloc[-DAYS:]


def _power(anc: pd.Series[float]) -> Floats:
    """Return the share of the variation that each period explains."""
    values = anc.to_numpy(dtype=np.float64)
    days, centred = np.arange(len(values), dtype=np.float64), values - values.mean()
    if not centred.any():
        return np.zeros_like(_PERIODS)
    return np.asarray(signal.lombscargle(days, centred, 2 * np.pi / _PERIODS, normalize=True), dtype=np.float64)


def _draw_days(axes: Axes, anc: pd.Series[float], title: str, colour: str, top: float) -> None:
    quiet(axes, f"{title}: ANC, 10\u2079/L")
    axes.axhspan(0, 0.5, color=SOFT, alpha=0.12, linewidth=0)
    axes.plot(anc.index, anc, color=colour, linewidth=1.4)
    lowest = anc.idxmin()
    axes.plot([lowest], [anc[lowest]], marker="o", color=INK, markersize=4)
    axes.annotate(
        f"lowest {anc[lowest]:.2f}", (lowest, anc[lowest]), xytext=(0, 9), textcoords="offset points",
        fontsize=SMALL, color=INK, ha="center",
    )  # fmt: skip
    axes.set_ylim(0, 1.08 * top)
    axes.set_xlabel("day", fontsize=SMALL, color=SOFT)


def _draw_periods(axes: Axes, before: pd.Series[float], after: pd.Series[float]) -> None:
    quiet(axes, "Share of the variation that a period explains")
    for anc, colour, words in ((before, BLUE, "before"), (after, GREEN, "on treatment")):
        power, period = _power(anc), strongest_period(anc)
        axes.plot(_PERIODS, power, color=colour, linewidth=1.4)
        axes.annotate(
            f"{words}: {period:.1f} days", (period, float(power.max())), xytext=(4, 3), textcoords="offset points",
            fontsize=SMALL, color=colour,
        )  # fmt: skip
    axes.set_ylim(0, 1.2)
    axes.set_xlabel("period, days", fontsize=SMALL, color=SOFT)
