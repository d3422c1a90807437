"""How every picture looks: Okabe-Ito colours, direct labels, light lines, no boxes; sized for a page 900 px wide."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from titranc.sim.report.words import DAYS_PER_YEAR, number

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

WIDTH_INCHES = 9.0
SMALL, NORMAL = 8.5, 9.0
INK, SOFT, FAINT, PAPER = "#222222", "#6b6b6b", "#e4e4e4", "#ffffff"
BLUE, SKY, GREEN, ORANGE, VERMILLION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
TARGET_TINT = "#e3f2ec"
SEVERITY_COLOURS = {"critical": VERMILLION, "warning": ORANGE, "info": SOFT}
BAND_COLOURS = (VERMILLION, ORANGE, GREEN, SKY, BLUE)

ANC_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
DOSE_LINES = ((8.0, "8 tight monitoring"), (15.0, "15 low responder"), (20.0, "20 non-responder"))

HOUSE = {
    "font.family": ["DejaVu Sans"],
    "font.size": NORMAL,
    "text.color": INK,
    "text.parse_math": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": SOFT,
    "axes.axisbelow": True,
    "lines.solid_capstyle": "butt",
}


class Mark(NamedTuple):
    """How an action is drawn: a marker, its colour and its word."""

    marker: str
    colour: str
    word: str


ACTION_MARKS = {
    "start": Mark("o", INK, "start"),
    "increase": Mark("^", VERMILLION, "increase"),
    "decrease": Mark("v", BLUE, "decrease"),
    "hold": Mark("s", ORANGE, "hold"),
    "resume": Mark(">", GREEN, "resume"),
    "refer": Mark("D", PURPLE, "refer"),
    "stop": Mark("X", INK, "stop"),
}
KEEP_MARK = Mark("o", SOFT, "keep")


def house_style(draw: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Draw under the house style whatever the caller's own settings are."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with mpl.rc_context(HOUSE):
            return draw(*args, **kwargs)

    return drawn


def blank_figure(height_inches: float, *, between: float = 0.06) -> Figure:
    """Return an empty figure of the page's width whose panels arrange themselves."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained", facecolor=PAPER)
    figure.get_layout_engine().set(h_pad=between, w_pad=0.02, hspace=0.0, wspace=0.0)  # type: ignore[union-attr]
    return figure


def quiet(axes: Axes, title: str) -> None:
    """Strip an Axes to its data: a bottom line, a light grid, a title at the upper left that names the quantity."""
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.tick_params(labelsize=SMALL, labelcolor=SOFT, color=SOFT, width=0.6, length=3)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", fontsize=NORMAL, fontweight="bold", pad=7)


def whisper(axes: Axes, text: str) -> None:
    """Say at the upper right, in grey, how the panel is to be read."""
    axes.set_title(text, loc="right", fontsize=SMALL, color=SOFT, pad=7)


def label_at_right(axes: Axes, height: float, text: str, colour: str = SOFT) -> None:
    """Name a line or a row just outside the right edge, at `height` in data units."""
    axes.annotate(
        text, xy=(1, height), xycoords=axes.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=SMALL, color=colour, annotation_clip=False,
    )  # fmt: skip


def years_or_weeks(last_day: float) -> tuple[float, str]:
    """Return days per unit and the unit that suits the length of a story."""
    return (DAYS_PER_YEAR, "years") if last_day > 1.5 * DAYS_PER_YEAR else (7.0, "weeks")


def time_axis(axes: Axes, last_unit: float, unit: str) -> None:
    """Run the shared time axis from 0 to the end of the story, in whole units."""
    axes.set_xlim(-0.006 * last_unit, last_unit * 1.004)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=16, integer=True))
    axes.set_xlabel(f"{unit} since the start of treatment", fontsize=SMALL, color=SOFT)


def anc_axis(axes: Axes, values: npt.NDArray[np.float64]) -> None:
    """Make the ANC axis: logarithmic, plain numbers, the 1-5 target shaded, the line at 0.5 drawn and named."""
    positive = values[np.isfinite(values) & (values > 0)]
    low = max(0.01, min(0.18, float(positive.min()) * 0.7)) if positive.size else 0.1
    high = max(12.0, float(positive.max()) * 1.25) if positive.size else 12.0
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ANC_TICKS if low <= tick <= high]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.axhspan(1, 5, color=TARGET_TINT, linewidth=0, zorder=0)
    axes.axhline(0.5, color=VERMILLION, linewidth=0.9)
    label_at_right(axes, 5**0.5, "target 1 to 5", GREEN)
    label_at_right(axes, 0.5, "severe below 0.5", VERMILLION)


def dose_axis(axes: Axes, peak: float) -> None:
    """Make the dose axis from 0, with the lines at 8, 15 and 20 ug/kg/day named at the right."""
    axes.set_ylim(0, max(22.0, 1.1 * peak))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    for dose, text in DOSE_LINES:
        axes.axhline(dose, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        label_at_right(axes, dose, text)


def label_point(axes: Axes, x: float, y: float) -> None:
    """Write a value to the right of its point."""
    axes.annotate(
        number(y), xy=(x, y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL, annotation_clip=False
    )  # fmt: skip


def thinned(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], bins: int = 900
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the lowest and the highest point of each of `bins` stretches, in order: the same ink, far fewer points."""
    if len(x) <= 2 * bins:
        return x, y
    edges = np.linspace(0, len(x), bins + 1).astype(int)
    kept = sorted(
        {a + int(pick(y[a:b])) for a, b in zip(edges, edges[1:], strict=False) for pick in (np.argmin, np.argmax)}
    )
    return x[kept], y[kept]
