"""One patient in several arms: the dose that each arm led to, and the counts that it bought."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.report.findings import ANC_BANDS, DOSE
from titranc.sim.report.plots.titration import dose_steps
from titranc.sim.report.style import (
    BAND_COLOURS,
    DOSE_LINES,
    INK,
    PAPER,
    SMALL,
    SOFT,
    VERMILLION,
    blank_figure,
    house_style,
    quiet,
    time_axis,
    whisper,
    years_or_weeks,
)
from titranc.sim.report.words import number, shortened

_SMALLEST_NAMED_SHARE = 0.07


@house_style
def plot_arms(visits: pd.DataFrame, outcomes: pd.DataFrame) -> Figure:
    """Draw for each arm the dose over time and the share of days in each band of the true ANC.

    The tables are those of a run, of one patient, a row of `outcomes` an arm. Raises ValueError when an arm has no
    visits or several patients.
    """
    figure = blank_figure(1.0 + 1.25 * len(outcomes), between=0.07)
    panels = figure.subplots(
        len(outcomes), 2, sharex="col", sharey="col", squeeze=False, gridspec_kw={"width_ratios": [2.3, 1]}
    )
    top = max(22.0, 1.1 * float(visits[DOSE].max()))
    for (left, right), (_, outcome) in zip(panels, outcomes.iterrows(), strict=True):
        _draw_dose(left, visits[visits["arm"] == outcome["arm"]], outcome, top)
        _draw_bands(right, outcome)
    _name_bands(figure, panels[0][1], outcomes)
    return figure


def _draw_dose(axes: Axes, story: pd.DataFrame, outcome: pd.Series[float], top: float) -> None:
    if story["patient_id"].nunique() != 1:
        raise ValueError(f"visits: arm {outcome['arm']!r} has {story['patient_id'].nunique()} patients; allowed: 1")
    days_per_unit, unit = years_or_weeks(float(outcome["days_observed"]))
    quiet(axes, shortened(outcome["arm"], 40))
    whisper(axes, f"dose, mean {number(round(float(outcome['mean_dose_ug_per_kg_day']), 1))} ug/kg/day")
    axes.grid(visible=False)
    axes.set_ylim(0, top)
    axes.set_yticks([0, *(dose for dose, _ in DOSE_LINES)])
    for dose, _ in DOSE_LINES:
        axes.axhline(dose, color=SOFT, linewidth=0.7, linestyle=(0, (4, 3)), zorder=1)
    dose_steps(axes, story, float(outcome["days_observed"]), days_per_unit)
    time_axis(axes, float(outcome["days_observed"]) / days_per_unit, unit)
    axes.label_outer()


def _draw_bands(axes: Axes, outcome: pd.Series[float]) -> None:
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(-1.3, 1))
    start = 0.0
    for (column, _), colour in zip(ANC_BANDS, BAND_COLOURS, strict=True):
        share = float(outcome[column])
        axes.barh(0, share, left=start, height=0.7, color=colour, edgecolor=PAPER, linewidth=0.6)
        if share >= _SMALLEST_NAMED_SHARE:
            axes.text(start + share / 2, 0, f"{share:.0%}", ha="center", va="center", fontsize=SMALL, color=PAPER)
        start += share
    axes.text(0, -0.72, f"{float(outcome['share_anc_below_0_5']):.1%} of days below 0.5", fontsize=SMALL, color=INK)
    if outcome["status_hsct_referral"]:
        day = f"{outcome['time_to_hsct_referral_days']:,.0f}"
        axes.text(0, -1.25, f"referred for transplant (HSCT) on day {day}", fontsize=SMALL, color=VERMILLION)


def _name_bands(figure: Figure, axes: Axes, outcomes: pd.DataFrame) -> None:
    """Name the colours that are to be seen, above the bars."""
    axes.set_title("Days by true ANC, 10⁹/L", loc="left", fontsize=SMALL + 0.5, fontweight="bold", pad=22)
    bars = [
        axes.barh(0, 0, color=colour, label=text)
        for (column, text), colour in zip(ANC_BANDS, BAND_COLOURS, strict=True)
        if outcomes[column].max() > 0
    ]
    axes.legend(
        handles=bars, loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=len(bars), frameon=False, fontsize=SMALL,
        labelcolor=SOFT, handlelength=0.8, handleheight=0.8, handletextpad=0.3, columnspacing=0.7, borderpad=0,
    )  # fmt: skip
