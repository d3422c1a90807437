"""What a result hangs on: a tornado of one setting at a time, and Sobol' indices of all at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.endpoints import BY_NAME
from titranc.sim.report.style import BLUE, INK, SMALL, SOFT, VERMILLION, blank_figure, house_style, quiet, whisper
from titranc.sim.report.words import number

MOST_ARMS = 4
NORMAL_95 = 1.96
END_COLOURS = {"low": BLUE, "high": VERMILLION}
ORDER_COLOURS = {"first": BLUE, "total": INK}


def caption_tornado(table: pd.DataFrame, endpoint: str) -> str:
    """Return what to notice of each arm: the setting that moves it most and how far, or that none does beyond chance."""
    arms = [
        (f"Arm {arm}: it" if table["arm"].nunique() > 1 else "It", own) for arm, own in table.groupby("arm", sort=False)
    ]
    alone = " With one patient chance cannot be told." if table["mcse"].isna().all() else ""
    return (
        f"{_words(endpoint)} with one setting changed at a time, on the same patients and luck. "
        f"{' '.join(_hangs_on(subject, own) for subject, own in arms)}{alone}"
    )


def _hangs_on(subject: str, own: pd.DataFrame) -> str:
    """Return what one arm hangs most on, with as many digits as it takes to see the difference."""
    beyond = own[own["difference"].abs() > NORMAL_95 * own["mcse"].fillna(0)]
    if beyond.empty:
        return f"{subject} is {number(own['base'].iloc[0])} as it is; none of the settings moves it beyond chance."
    widest = beyond.sort_values("difference", key=np.abs).iloc[-1]
    path, digits = str(widest["path"]), max(0, int(np.ceil(-np.log10(abs(widest["difference"])))) + 1)
    ends = own[own["path"] == path].to_dict("records")
    told = [f"{row['estimate']:,.{digits}f} at {number(row['setting'])}" for row in ends]
    return f"{subject} hangs most on {path}: {', '.join(told)}; as it is, {own['base'].iloc[0]:,.{digits}f}."


@house_style
def plot_tornado(table: pd.DataFrame, endpoint: str) -> Figure:
    """Draw for each arm the endpoint at the low and the high end of every input, the widest on top."""
    arms = list(dict.fromkeys(table["arm"]))[:MOST_ARMS]
    paths = table["path"].nunique()
    figure = blank_figure(len(arms) * (0.9 + 0.42 * paths), between=0.12)
    panels = figure.subplots(len(arms), 1, squeeze=False, sharex=True)
    for axes, arm in zip(panels.flat, arms, strict=True):
        _draw_tornado(
            axes, table[table["arm"] == arm], f"{_words(endpoint)}: {arm}" if len(arms) > 1 else _words(endpoint)
        )
    return figure


def _draw_tornado(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    quiet(axes, title)
    whisper(axes, "blue: at the low value, red: at the high; bars: 95 % Monte Carlo")
    axes.grid(visible=False)
    base, paths = float(rows["base"].iloc[0]), list(dict.fromkeys(rows["path"]))
    axes.axvline(base, color=SOFT, linewidth=0.9)
    for height, path in enumerate(reversed(paths)):
        for row in rows[rows["path"] == path].to_dict("records"):
            colour, change = END_COLOURS[row["end"]], row["difference"]
            axes.barh(height, change, left=base, color=colour, height=0.55)
            axes.errorbar(base + change, height, xerr=NORMAL_95 * row["mcse"], color=INK, linewidth=0.8, capsize=2)
            outwards = 1 if change >= 0 else -1
            axes.annotate(
                number(row["setting"]), (base + change + outwards * NORMAL_95 * np.nan_to_num(row["mcse"]), height),
                xytext=(5 * outwards, 6 if row["end"] == "low" else -6), textcoords="offset points", va="center",
                ha="left" if outwards > 0 else "right", fontsize=SMALL, color=colour,
            )  # fmt: skip
    axes.set_yticks(range(len(paths)), [_last(path) for path in reversed(paths)], fontsize=SMALL, color=INK)
    axes.margins(x=0.18)


def caption_sobol(table: pd.DataFrame, endpoint: str, sentences: list[str]) -> str:
    """Return what to notice: how much of the variance each input explains, as far as it can be told."""
    return f"Shares of the variance of {_words(endpoint)} over the ranges, with 95 % bootstrap intervals. {' '.join(sentences)}"


@house_style
def plot_sobol(table: pd.DataFrame, endpoint: str) -> Figure:
    """Draw first and total order indices of every input with their intervals, a panel an arm."""
    arms = list(dict.fromkeys(table["arm"]))[:MOST_ARMS]
    paths = list(dict.fromkeys(table["path"]))
    figure = blank_figure(len(arms) * (0.9 + 0.42 * len(paths)), between=0.12)
    panels = figure.subplots(len(arms), 1, squeeze=False, sharex=True)
    for axes, arm in zip(panels.flat, arms, strict=True):
        title = f"Share of the variance of {_words(endpoint)}" + (f": {arm}" if len(arms) > 1 else "")
        quiet(axes, title)
        whisper(axes, "blue: by itself, black: with all others")
        axes.axvline(0, color=SOFT, linewidth=0.8)
        for row in table[table["arm"] == arm].to_dict("records"):
            height = len(paths) - 1 - paths.index(row["path"]) + (0.14 if row["order"] == "first" else -0.14)
            colour = ORDER_COLOURS[row["order"]]
            axes.plot([row["ci_low"], row["ci_high"]], [height, height], color=colour, linewidth=1.2)
            axes.plot(row["index"], height, marker="o" if row["order"] == "first" else "s", color=colour, markersize=5)
        axes.set_yticks(range(len(paths)), [_last(path) for path in reversed(paths)], fontsize=SMALL, color=INK)
    return figure


def _words(endpoint: str) -> str:
    known = BY_NAME.get(endpoint.removeprefix("status_")) or BY_NAME.get(endpoint)
    return known.words if known else endpoint.removeprefix("status_").replace("_", " ")


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1].replace("_", " ")
