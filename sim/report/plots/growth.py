"""What growth does to a dose: the same ug/kg is more drug every year."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from titranc.sim.report.findings import DOSE, one_patient
from titranc.sim.report.style import BLUE, GREEN, INK, SMALL, SOFT, blank_figure, house_style, label_point, quiet
from titranc.sim.report.words import DOSE_UNIT, number

_PANELS = (
    ("weight_kg", "Weight, kg", GREEN),
    ("dose_after_ug_day", "Dose, ug a day", BLUE),
    (DOSE, "Dose, ug/kg/day", INK),
)


def caption_growth(visits: pd.DataFrame) -> str:
    """Return what to notice in `plot_growth`."""
    story = one_patient(visits)
    first, last = story.iloc[0], story.iloc[-1]
    weight = (
        f"From {first['age_years']:.1f} to {last['age_years']:.1f} years of age the weight went from "
        f"{first['weight_kg']:.1f} to {last['weight_kg']:.1f} kg, {last['weight_kg'] / first['weight_kg']:.1f} times the start."
    )
    if not story[DOSE].any():
        return weight
    unscaled = last["dose_after_ug_day"] / first["weight_kg"]
    return (
        f"{weight} The daily dose went from {number(first['dose_after_ug_day'])} to {number(last['dose_after_ug_day'])} ug, while the "
        f"dose per kg went from {number(first[DOSE])} to {number(last[DOSE])} {DOSE_UNIT}. At the weight of the first day the "
        f"last daily dose would have been {number(round(unscaled, 1))} {DOSE_UNIT}."
    )


@house_style
def plot_growth(visits: pd.DataFrame) -> Figure:
    """Draw weight, daily dose in ug and dose in ug/kg/day over age, of one patient's visits.

    Raises ValueError when `visits` holds none or several patients or arms.
    """
    story = one_patient(visits)
    figure = blank_figure(4.6)
    panels = figure.subplots(3, 1, sharex=True)
    for axes, (column, title, colour) in zip(panels, _PANELS, strict=True):
        _draw_panel(axes, story, column, title, colour)
    panels[2].set_xlabel("age, years", fontsize=SMALL, color=SOFT)
    return figure


def _draw_panel(axes: Axes, story: pd.DataFrame, column: str, title: str, colour: str) -> None:
    quiet(axes, title)
    age, value = story["age_years"], story[column]
    if column == "weight_kg":
        axes.plot(age, value, color=colour, linewidth=1.4)
    else:
        axes.step(age, value, where="post", color=colour, linewidth=1.2)
    axes.set_ylim(0, 1.15 * max(float(value.max()), 1.0))
    axes.locator_params(axis="y", nbins=4)
    axes.margins(x=0.01)
    label_point(axes, age.iloc[-1], round(float(value.iloc[-1]), 1))
