"""What doses do to bodies without a clinic: courses hour by hour, and the dose that each body needs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from titranc.sim.report.style import (
    BLUE,
    DOSE_LINES,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    SOFT,
    anc_axis,
    blank_figure,
    house_style,
    quiet,
    whisper,
)

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
_DOSE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


@house_style
def plot_courses(courses: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw ANC, free G-CSF and its receptors of each person, by name, over the days of their courses.

    A course has the columns of `titranc.sim.courses.hourly_course`.
    """
    figure = blank_figure(6.6, between=0.08)
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[1.3, 1, 1])
    everyone = pd.concat(courses.values())
    quiet(panels[0], "ANC, 10⁹/L")
    anc_axis(panels[0], everyone["anc_1e9_per_l"].to_numpy(dtype=float))
    _draw_courses(panels[0], courses, "anc_1e9_per_l")
    panels[0].legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(courses), frameon=False, fontsize=SMALL, borderpad=0
    )
    quiet(panels[1], "Free G-CSF, ng/mL")
    _log_axis(panels[1], everyone["gcsf_ng_per_ml"].to_numpy(dtype=float))
    _draw_courses(panels[1], courses, "gcsf_ng_per_ml")
    quiet(panels[2], "Receptors, as the G-CSF that they can hold, ng/mL")
    panels[2].set_ylim(0, 1.1 * float(everyone["receptors_ng_per_ml"].max()))
    _draw_courses(panels[2], courses, "receptors_ng_per_ml")
    panels[2].set_xlim(0, float(everyone["day"].max()))
    panels[2].set_xlabel("days since the first injection", fontsize=SMALL, color=SOFT)
    return figure


@house_style
def plot_dose_response(response: pd.DataFrame, typical: pd.Series[float]) -> Figure:
    """Draw the settled ANC over the daily dose: a thin line a person, a thick one for the `typical` one.

    `response` is that of `titranc.sim.courses.dose_response`, a row a person and a column a dose above 0; `typical` is
    one such row.
    """
    figure = blank_figure(4.2)
    axes = figure.subplots()
    quiet(axes, "ANC that settles, 10⁹/L")
    whisper(axes, f"a thin line a person ({len(response)}), the thick line the person in the middle")
    anc_axis(axes, response.to_numpy(dtype=float))
    doses = response.columns.to_numpy(dtype=float)
    axes.plot(doses, response.to_numpy(dtype=float).T, color=SKY, linewidth=0.6, alpha=0.8)
    axes.plot(doses, typical.to_numpy(dtype=float), color=INK, linewidth=2)
    _dose_scale(axes, doses)
    return figure


def _draw_courses(axes: Axes, courses: Mapping[str, pd.DataFrame], column: str) -> None:
    for index, (name, course) in enumerate(courses.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        axes.plot(course["day"], course[column], color=colour, linewidth=1.3, label=name)


def _dose_scale(axes: Axes, doses: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Make the logarithmic dose axis, with the lines of the guideline named at its top."""
    axes.set_xscale("log")
    axes.set_xlim(doses[0], doses[-1])
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _DOSE_TICKS if doses[0] <= tick <= doses[-1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("dose, ug/kg/day, one injection each morning", fontsize=SMALL, color=SOFT)
    for dose, _ in DOSE_LINES:
        axes.axvline(dose, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            f"{dose:g}", xy=(dose, 0), xycoords=axes.get_xaxis_transform(), xytext=(3, 5), textcoords="offset points",
            fontsize=SMALL, color=SOFT,
        )  # fmt: skip


def _log_axis(axes: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    axes.set_yscale("log")
    axes.set_ylim(float(values.min()) * 0.8, float(values.max()) * 1.25)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
