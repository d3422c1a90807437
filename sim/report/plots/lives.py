"""What becomes of people: the states they are in, dose and count and later leukaemia, cumulative incidences, adherence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from titranc.sim.report.incidence import Incidence, at_risk, incidences, published, survival
from titranc.sim.report.style import (
    BAND_COLOURS,
    BLUE,
    GREEN,
    INK,
    PURPLE,
    SMALL,
    SOFT,
    VERMILLION,
    blank_figure,
    house_style,
    label_at_right,
    quiet,
    time_axis,
    whisper,
)
from titranc.sim.report.words import DAYS_PER_YEAR, counted, percent, span_words

ANC_EDGES, BAND_NAMES = (0.0, 0.5, 1.0, 5.0), ("ANC below 0.5", "0.5 to 1", "1 to 5", "above 5")
STATE_NAMES = (*BAND_NAMES, "transplanted", "MDS or AML", "dead")
STATE_COLOURS = (*BAND_COLOURS[:4], PURPLE, "#7a4b12", "#555555")
LOW_ANC, HIGH_DOSE = 2.188, 8.0
DOSE, ANC = "dose_6_18_months_ug_per_kg_day", "anc_6_18_months_1e9_per_l"
DOSE_TICKS, ANC_TICKS = (0.5, 1, 2, 4, 8, 15, 30, 60), (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
MOST_POINTS = 3000
CURVES = {
    "mds_aml": ("MDS or AML", "#7a4b12"),
    "transplant": ("transplant", PURPLE),
    "sepsis_death": ("death from sepsis", VERMILLION),
}


class Corner(NamedTuple):
    """A quadrant of dose and count, and who is in it."""

    words: str
    members: pd.Series[bool]


def caption_states(anc_days: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_states`: how many are dead, transplanted, ill at the end."""
    last = state_shares(anc_days, outcomes).iloc[-1]
    return (
        f"At the end {percent(last['dead'])} of the patients have died, {percent(last['transplanted'])} live with a "
        f"transplant, {percent(last['MDS or AML'])} with MDS or AML; {percent(last['1 to 5'])} have a count between 1 and 5 "
        "with their own marrow."
    )


@house_style
def plot_states(anc_days: pd.DataFrame, outcomes: pd.DataFrame) -> Figure:
    """Draw where patients are over the years, as stacked shares; tables of a run with lives, of one arm."""
    shares = state_shares(anc_days, outcomes)
    figure = blank_figure(3.2)
    axes = figure.subplots()
    quiet(axes, "Share of all patients")
    axes.stackplot(shares.index / DAYS_PER_YEAR, shares.T.to_numpy(), colors=STATE_COLOURS, linewidth=0)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    last = shares.iloc[-1].to_numpy()
    for name, middle, share in zip(STATE_NAMES, np.cumsum(last) - last / 2, last, strict=True):
        if share > 0.03:
            label_at_right(axes, float(middle), name, INK)
    time_axis(axes, float(shares.index.max()) / DAYS_PER_YEAR, "years")
    return figure


def state_shares(anc_days: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the share of patients in each state, a row a period: by count with the own marrow, and what comes after it."""
    own = anc_days[~anc_days["after_transplant"]]
    band = np.searchsorted(ANC_EDGES, own["anc_low_1e9_per_l"], side="right") - 1
    days = own.assign(band=band).pivot_table(
        index="day", columns="band", values="patient_days", aggfunc="sum", fill_value=0
    )
    days = days.reindex(columns=range(len(ANC_EDGES)), fill_value=0)
    middle = days.index.to_numpy() + np.median(np.diff(days.index)) / 2
    n = len(outcomes)
    dead = _reached(outcomes, "death", middle)
    transplanted = _reached(outcomes, "transplant", middle) - _reached_before_death(outcomes, "transplant", middle)
    ill = _reached(outcomes, "mds_aml", middle) - _left_illness(outcomes, middle)
    after = np.stack([transplanted, ill, dead], axis=1) / n
    rest = days.div(days.sum(axis=1), axis=0).mul(1 - after.sum(axis=1), axis=0)
    rest.columns = pd.Index(BAND_NAMES)
    return rest.assign(**dict(zip(STATE_NAMES[len(BAND_NAMES) :], after.T, strict=True)))


def _reached(outcomes: pd.DataFrame, endpoint: str, days: np.ndarray) -> np.ndarray:
    """Return how many had reached an endpoint on each of these days."""
    times = np.sort(outcomes.loc[outcomes[f"status_{endpoint}"] == 1, f"time_to_{endpoint}_days"])
    return np.searchsorted(times, days, side="right")


def _reached_before_death(outcomes: pd.DataFrame, endpoint: str, days: np.ndarray) -> np.ndarray:
    """Return how many of those had died since."""
    both = outcomes[(outcomes[f"status_{endpoint}"] == 1) & (outcomes["status_death"] == 1)]
    return np.searchsorted(np.sort(both["time_to_death_days"]), days, side="right")


def _left_illness(outcomes: pd.DataFrame, days: np.ndarray) -> np.ndarray:
    """Return how many with MDS or AML had been transplanted or had died since."""
    ill = outcomes[outcomes["status_mds_aml"] == 1]
    transplanted = ill["time_to_transplant_days"].where(ill["status_transplant"] == 1, np.inf)
    died = ill["time_to_death_days"].where(ill["status_death"] == 1, np.inf)
    return np.searchsorted(np.sort(np.minimum(transplanted, died)), days, side="right")


def of_months(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the patients who were treated in months 6 to 18: on a scale of doses nobody else has a place."""
    return outcomes[(outcomes[DOSE] > 0) & (outcomes[ANC] > 0)]


def caption_joint(outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_joint`: the published cell, where leukaemia came, and who is not in the picture."""
    known = of_months(outcomes)
    told = [
        f"{percent((known[group]['status_mds_aml'] == 1).mean())} of {words}"
        for group, words in ((_less(known), "them"), (_more(known), "those with less drug and higher counts"))
        if group.any()
    ]
    ill = f" MDS or AML came in {' and in '.join(told)}." if told else ""
    untreated = int(outcomes[DOSE].eq(0).sum())
    absent = f" {counted(untreated, 'patient')} without G-CSF in those months left out." if untreated else ""
    return (
        f"{percent(_less(known).mean())} of the patients needed 8 ug/kg/day or more and stayed below {LOW_ANC:g} (29 % in the "
        f"registry, Rosenberg 2006).{ill}{absent}"
    )


@house_style
def plot_joint(outcomes: pd.DataFrame) -> Figure:
    """Draw dose and ANC of months 6 to 18, a dot a treated patient, those with later MDS or AML filled; one arm."""
    known = of_months(outcomes).head(MOST_POINTS)
    ill = known["status_mds_aml"] == 1
    figure = blank_figure(4.2)
    axes = figure.subplots()
    quiet(axes, "ANC at 6 to 18 months, 10⁹/L")
    whisper(axes, "filled: MDS or AML later on")
    axes.scatter(known[DOSE][~ill], known[ANC][~ill], s=9, facecolor="none", edgecolor=SOFT, linewidth=0.5)
    axes.scatter(known[DOSE][ill], known[ANC][ill], s=16, color=VERMILLION, linewidth=0, zorder=3)
    axes.set(xscale="log", yscale="log")
    for axis, ticks in ((axes.xaxis, DOSE_TICKS), (axes.yaxis, ANC_TICKS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.axvline(HIGH_DOSE, color=SOFT, linewidth=0.9, linestyle="--")
    axes.axhline(LOW_ANC, color=SOFT, linewidth=0.9, linestyle="--")
    _name_corners(axes, known)
    axes.set_xlabel("dose at 6 to 18 months, ug/kg/day", fontsize=SMALL, color=SOFT)
    return figure


def _name_corners(axes: Axes, known: pd.DataFrame) -> None:
    high, low = known[DOSE] >= HIGH_DOSE, known[ANC] < LOW_ANC
    for x, y, align, members in (
        (0.01, 0.99, "left", ~high & ~low),
        (0.99, 0.99, "right", high & ~low),
        (0.01, 0.01, "left", ~high & low),
        (0.99, 0.01, "right", high & low),
    ):
        ill = (known[members]["status_mds_aml"] == 1).mean() if members.any() else 0.0
        axes.text(
            x, y, f"{percent(members.mean())} of patients, {percent(ill)} of them ill", transform=axes.transAxes, ha=align,
            va="top" if y > 0.5 else "bottom", fontsize=SMALL, color=INK,
        )  # fmt: skip


def _less(known: pd.DataFrame) -> pd.Series[bool]:
    return (known[DOSE] >= HIGH_DOSE) & (known[ANC] < LOW_ANC)


def _more(known: pd.DataFrame) -> pd.Series[bool]:
    return (known[DOSE] < HIGH_DOSE) & (known[ANC] >= LOW_ANC)


def caption_incidence(outcomes: pd.DataFrame, dose_effect: str, *, of_registry: bool = True) -> str:
    """Return what to notice in `plot_incidence`, with the setting that the leukaemia was simulated under.

    `of_registry`: whether the patients have the registry's disease, so that leukaemia and what was published concern them.
    """
    told = ", ".join(f"{CURVES[curve.endpoint][0]} {percent(curve.share[-1])}" for curve in incidences(outcomes))
    first = f"; as the first of the three: {told}" if told else "; none of the three events came"
    registry = (
        f" Leukaemia under the setting `{dose_effect}`: see the outcomes section. Crosses: published for the registry, "
        "whose clinics did not follow this guideline."
    )
    alive = f"After {span_words(outcomes['days_observed'].max())} {percent(survival(outcomes))} are alive (Kaplan-Meier){first}."
    return alive + registry if of_registry else alive


@house_style
def plot_incidence(outcomes: pd.DataFrame, *, of_registry: bool = True) -> Figure:
    """Draw the cumulative incidence (Aalen-Johansen) of MDS/AML, transplant and death from sepsis, with numbers at risk.

    Crosses are what was published of the registry, for patients who have its disease.
    """
    found, years = incidences(outcomes), float(outcomes["days_observed"].max()) / DAYS_PER_YEAR
    figure = blank_figure(3.6)
    axes = figure.subplots()
    quiet(axes, "Cumulative incidence, as the first event")
    for curve in found:
        _draw_curve(axes, curve)
    for point in published() if of_registry else ():
        if point.years <= years:
            axes.scatter(point.years, point.share, marker="x", s=40, color=CURVES[point.endpoint][1], zorder=4)
            words = f"{point.citation}{' (C)' if point.grade == 'C' else ''}"
            axes.annotate(
                words, (point.years, point.share), xytext=(5, 4), textcoords="offset points", fontsize=SMALL, color=SOFT
            )
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    time_axis(axes, years, "years")
    _write_at_risk(axes, outcomes, years)
    return figure


def _draw_curve(axes: Axes, curve: Incidence) -> None:
    words, colour = CURVES[curve.endpoint]
    axes.step(curve.years, curve.share, where="post", color=colour, linewidth=1.6)
    axes.fill_between(curve.years, curve.low, curve.high, step="post", color=colour, alpha=0.15, linewidth=0)
    label_at_right(axes, float(curve.share[-1]), words, colour)


def _write_at_risk(axes: Axes, outcomes: pd.DataFrame, years: float) -> None:
    ticks = np.arange(0, years + 0.01, max(1, round(years / 5)))
    numbers = at_risk(outcomes, ticks)
    for tick, number in zip(ticks, numbers, strict=True):
        axes.annotate(
            f"{number:,}", (tick, 0), xycoords=axes.get_xaxis_transform(), xytext=(0, -34), textcoords="offset points",
            ha="center", fontsize=SMALL, color=SOFT, annotation_clip=False,
        )  # fmt: skip
    axes.annotate(
        "at risk", (1, 0), xycoords="axes fraction", xytext=(8, -34), textcoords="offset points", fontsize=SMALL,
        color=SOFT, annotation_clip=False,
    )  # fmt: skip


def caption_adherence(outcomes: pd.DataFrame) -> str:
    """Return what to notice in `plot_adherence`: the target in those who take most and those who take least.

    Nothing when all take the same share of their doses, or none was ordered: then there is nothing to notice.
    """
    taken = _taken(outcomes)
    low, high = taken.quantile(0.1), taken.quantile(0.9)
    if percent(low) == percent(high):
        return ""
    share = outcomes["share_anc_1_to_5"]
    return (
        f"Patients who took at most {percent(low)} of their doses spent {percent(share[taken <= low].median())} of the days "
        f"between 1 and 5 (median); those who took at least {percent(high)}, {percent(share[taken >= high].median())}."
    )


@house_style
def plot_adherence(outcomes: pd.DataFrame) -> Figure:
    """Draw each patient's share of days in the target against the share of doses taken; one arm."""
    taken = _taken(outcomes)
    share = outcomes.loc[taken.index, "share_anc_1_to_5"]
    figure = blank_figure(3.2)
    axes = figure.subplots()
    quiet(axes, "Share of days between 1 and 5")
    axes.scatter(taken.head(MOST_POINTS), share.head(MOST_POINTS), s=8, color=BLUE, alpha=0.35, linewidth=0)
    bins = pd.qcut(taken.rank(method="first"), min(10, max(1, len(taken) // 5)))
    middle = pd.DataFrame({"taken": taken, "share": share}).groupby(bins, observed=True).median()
    axes.plot(middle["taken"], middle["share"], color=GREEN, linewidth=2, marker="o", markersize=4)
    whisper(axes, "green: medians of tenths of the patients")
    axes.set_ylim(0, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("doses taken", fontsize=SMALL, color=SOFT)
    return figure


def _taken(outcomes: pd.DataFrame) -> pd.Series[float]:
    """Return the share of doses taken, of the patients for whom any was ordered."""
    treated = outcomes[outcomes["doses_ordered"] > 0]
    return treated["doses_taken"] / treated["doses_ordered"]
