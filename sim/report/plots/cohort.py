"""A cohort in four pictures: the counts over time, where the days lie, the dose needed, and each patient's share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from titranc.sim.columns import SHORT_RUN_DAYS
from titranc.sim.report.style import (
    BAND_COLOURS,
    BLUE,
    FAINT,
    INK,
    SMALL,
    SOFT,
    anc_axis,
    blank_figure,
    house_style,
    label_at_right,
    quiet,
    time_axis,
    whisper,
    years_or_weeks,
)
from titranc.sim.report.words import DAYS_PER_YEAR, percent

MOST_ARMS = 4
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_EDGES = (0.0, 0.5, 1.0, 5.0, 10.0)
_NAMES = ("below 0.5", "0.5 to 1", "1 to 5", "5 to 10", "above 10")
_SHARES = (
    "share_anc_below_0_5", "share_anc_0_5_to_1", "share_anc_1_to_5", "share_anc_5_to_10", "share_anc_above_10",
)  # fmt: skip
_MOST_ROWS = 100


def caption_band(anc_days: pd.DataFrame) -> str:
    """Return what to notice in `plot_band`: the median and the spread of the last year."""
    arm = _arms(anc_days)[0]
    last = anc_days[(anc_days["arm"] == arm) & (anc_days["day"] >= anc_days["day"].max() - 364)]
    when = "In the last year" if _is_long(anc_days) else "In all this time"
    low, median, high = (_quantile(last, share) for share in (0.05, 0.5, 0.95))
    return (
        f"{_under(anc_days)}{when} half of all patient-days lay above {median:.2g}, nine in ten between {low:.2g} and {high:.2g}. "
        "Band: a quarter to three quarters; pale: 5 to 95 %; thin lines: three patients."
    )


@house_style
def plot_band(anc_days: pd.DataFrame, trajectory: pd.DataFrame) -> Figure:
    """Draw the ANC of a cohort over time: median, 25-75 % and 5-95 % of patient-days, three patients; a panel an arm.

    `anc_days` and `trajectory` are tables of a run; `trajectory` may be empty.
    """
    arms = _arms(anc_days)
    figure, panels = _panels(len(arms), 3.0)
    per_unit, unit = years_or_weeks(float(anc_days["day"].max()) + 28)
    for axes, arm in zip(panels, arms, strict=True):
        of_arm = anc_days[anc_days["arm"] == arm]
        rows = {day: [_quantile(counts, share) for share in _QUANTILES] for day, counts in of_arm.groupby("day")}
        time, bands = np.array(list(rows)) / per_unit, np.array(list(rows.values())).T
        quiet(axes, _title("ANC, 10⁹/L", arm, arms))
        anc_axis(axes, bands)
        axes.fill_between(time, bands[0], bands[4], color=BLUE, alpha=0.15, linewidth=0)
        axes.fill_between(time, bands[1], bands[3], color=BLUE, alpha=0.3, linewidth=0)
        axes.plot(time, bands[2], color=BLUE, linewidth=1.8)
        _three_patients(axes, trajectory, arm, per_unit)
    time_axis(panels[-1], float(anc_days["day"].max() + 28) / per_unit, unit)
    return figure


def _three_patients(axes: Axes, trajectory: pd.DataFrame, arm: str, per_unit: float) -> None:
    own = trajectory[trajectory["arm"] == arm] if len(trajectory) else trajectory
    for _, days in list(own.groupby("patient_id"))[:3] if len(own) else []:
        together = 28 if days["day"].max() > SHORT_RUN_DAYS else 1
        smooth = days["anc_1e9_per_l"].groupby(days["day"] // together).median()
        axes.plot(smooth.index * together / per_unit, smooth, color=INK, linewidth=0.6, alpha=0.7)


def _is_long(anc_days: pd.DataFrame) -> bool:
    """Whether the table covers so much time that its last year is a part of it."""
    return bool(anc_days["day"].max() > 2 * DAYS_PER_YEAR)


def caption_shares(anc_days: pd.DataFrame) -> str:
    """Return what to notice in `plot_shares`: the share of days in the target, at first and at last."""
    shares = _band_shares(anc_days[anc_days["arm"] == _arms(anc_days)[0]])
    if not _is_long(anc_days):
        whole = shares.mean()
        return f"{_under(anc_days)}Of all patient-days {percent(whole[2])} lay between 1 and 5, {percent(whole[0])} below 0.5."
    first, last = shares.iloc[:3].mean(), shares.iloc[-13:].mean()
    return (
        f"{_under(anc_days)}Of all patient-days {percent(first[2])} lay between 1 and 5 in the first three months and {percent(last[2])} in the "
        f"last year; below 0.5 it was {percent(first[0])} and {percent(last[0])}."
    )


@house_style
def plot_shares(anc_days: pd.DataFrame) -> Figure:
    """Draw where all patient-days lie over time, as stacked shares of the five bands; a panel an arm."""
    arms = _arms(anc_days)
    figure, panels = _panels(len(arms), 2.4)
    per_unit, unit = years_or_weeks(float(anc_days["day"].max()) + 28)
    for axes, arm in zip(panels, arms, strict=True):
        shares = _band_shares(anc_days[anc_days["arm"] == arm])
        quiet(axes, _title("Share of all patient-days", arm, arms))
        axes.stackplot(shares.index / per_unit, shares.T.to_numpy(), colors=BAND_COLOURS, linewidth=0)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        _name_bands(axes, shares.iloc[-13:].mean().to_numpy())
    time_axis(panels[-1], float(anc_days["day"].max()) / per_unit, unit)
    return figure


def _name_bands(axes: Axes, shares: np.ndarray) -> None:
    """Name each band at the right, where it ends, when it is wide enough to be seen."""
    middles = np.cumsum(shares) - shares / 2
    for name, middle, share in zip(_NAMES, middles, shares, strict=True):
        if share > 0.03:
            label_at_right(axes, float(middle), name, INK)


def caption_dose(outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_dose`: the median and the shares above the lines."""
    final = outcomes.loc[outcomes["arm"] == _arms(outcomes)[0], "final_dose_ug_per_kg_day"]
    return (
        f"{_under(outcomes)}At the end the middle patient was on {final.median():.3g} ug/kg/day; {percent((final > 8).mean())} "
        f"were above 8 and {percent((final > 15).mean())} above 15."
    )


@house_style
def plot_dose(outcomes: pd.DataFrame) -> Figure:
    """Draw the distribution of the dose at the end, with the shares above 8 and above 15; a panel an arm."""
    arms = _arms(outcomes)
    figure, panels = _panels(len(arms), 2.2)
    top = max(22.0, float(outcomes["final_dose_ug_per_kg_day"].max()) + 1)
    for axes, arm in zip(panels, arms, strict=True):
        final = outcomes.loc[outcomes["arm"] == arm, "final_dose_ug_per_kg_day"]
        quiet(axes, _title("Patients", arm, arms))
        axes.hist(final, bins=np.arange(0.0, top + 1.0, 1.0), color="#8fbbd9", edgecolor="white", linewidth=0.6)
        for line in (8.0, 15.0):
            axes.axvline(line, color=SOFT, linewidth=0.9, linestyle="--")
            share = percent((final > line).mean())
            axes.annotate(
                f"{share} above {line:g}", xy=(line, 0.96), xycoords=axes.get_xaxis_transform(), xytext=(4, 0),
                textcoords="offset points", fontsize=SMALL, color=INK, va="top",
            )  # fmt: skip
        axes.set_xlim(0, top)
    panels[-1].set_xlabel("dose at the end, ug/kg/day", fontsize=SMALL, color=SOFT)
    return figure


def caption_patients(outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_patients`: the middle patient and those who are hardly ever in the target."""
    share = outcomes.loc[outcomes["arm"] == _arms(outcomes)[0], "share_anc_1_to_5"]
    return (
        f"{_under(outcomes)}The middle patient spent {percent(share.median())} of the days between 1 and 5; {percent((share < 0.5).mean())} of the "
        "patients spent less than half of theirs there."
    )


@house_style
def plot_patients(outcomes: pd.DataFrame) -> Figure:
    """Draw each patient's days by band as one row, sorted by the share in the target; many patients as hundredths."""
    arms = _arms(outcomes)
    figure, panels = _panels(len(arms), 2.8)
    for axes, arm in zip(panels, arms, strict=True):
        own = outcomes.loc[outcomes["arm"] == arm, list(_SHARES)].sort_values(_SHARES[2], ignore_index=True)
        group = np.minimum(np.arange(len(own)) * _MOST_ROWS // max(len(own), 1), _MOST_ROWS - 1)
        rows = own.groupby(group).mean() if len(own) > _MOST_ROWS else own
        height = np.linspace(0, 1, len(rows) + 1)
        quiet(axes, _title("Patients, by their share of days from 1 to 5", arm, arms))
        left = np.zeros(len(rows))
        for column, colour in zip(_SHARES, BAND_COLOURS, strict=True):
            axes.barh(height[:-1], rows[column], np.diff(height), left, align="edge", color=colour, linewidth=0)
            left += rows[column].to_numpy()
        axes.set(xlim=(0, 1), ylim=(0, 1), yticks=[])
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        whisper(axes, "colours: " + ", ".join(_NAMES))
    panels[-1].set_xlabel("share of the patient's days", fontsize=SMALL, color=SOFT)
    return figure


def _arms(table: pd.DataFrame) -> list[str]:
    return [str(arm) for arm in dict.fromkeys(table["arm"])][:MOST_ARMS]


def _under(table: pd.DataFrame) -> str:
    """Return which arm a caption speaks of, where there are several."""
    arms = _arms(table)
    return f"Arm {arms[0]}: " if len(arms) > 1 else ""


def _title(text: str, arm: str, arms: Sequence[str]) -> str:
    return f"{text}, arm {arm}" if len(arms) > 1 else text


def _panels(n: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = blank_figure(height * n)
    return figure, list(figure.subplots(n, 1, sharex=True, squeeze=False)[:, 0])


def _band_shares(anc_days: pd.DataFrame) -> pd.DataFrame:
    """Return the share of patient-days in each band, a row a period."""
    band = np.searchsorted(_EDGES, anc_days["anc_low_1e9_per_l"], side="right") - 1
    days = anc_days.assign(band=band).pivot_table(
        index="day", columns="band", values="patient_days", aggfunc="sum", fill_value=0
    )
    days = days.reindex(columns=range(len(_EDGES)), fill_value=0)
    return days.div(days.sum(axis=1), axis=0)


def _quantile(counts: pd.DataFrame, share: float) -> float:
    """Return the ANC below which a share of the patient-days lies, between the edges of its bin in the logarithm."""
    bins = counts.groupby(["anc_low_1e9_per_l", "anc_high_1e9_per_l"])["patient_days"].sum()
    total = np.cumsum(bins.to_numpy())
    place = int(np.searchsorted(total, share * total[-1]))
    low, high = bins.index[place]
    inside = (share * total[-1] - (total[place - 1] if place else 0)) / bins.iloc[place]
    low, high = max(low, 0.5 * high if np.isfinite(high) else low), high if np.isfinite(high) else 2 * low
    return float(low * (high / low) ** inside)
