"""A map of the body: the twenty-one states, what flows between them, and what G-CSF does."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from titranc.sim.report.style import (
    GREEN,
    INK,
    NORMAL,
    ORANGE,
    PAPER,
    PURPLE,
    SMALL,
    SOFT,
    VERMILLION,
    blank_figure,
    house_style,
)


class _State(NamedTuple):
    symbol: str
    x: float
    y: float
    radius: float
    rim: str


_CHAIN_Y, _SIGNAL_Y = 4.3, 6.35
_DRUG_ROWS = (("D", "T", 9.3), ("Dp", "Tp", 8.4), ("Ds", "S", 7.5))
_PROGENITORS = _State("P", 0.9, _CHAIN_Y, 0.42, SOFT)
_DIVIDING = tuple(_State(f"B{i + 1}", 2.9 + 0.86 * i, _CHAIN_Y, 0.36, VERMILLION) for i in range(7))
_MATURING = tuple(_State(f"M{i + 1}", 10.3 + 0.86 * i, _CHAIN_Y, 0.36, VERMILLION) for i in range(4))
_RESERVE, _BLOOD = _State("R", 14.8, _CHAIN_Y, 0.52, VERMILLION), _State("N", 17.3, _CHAIN_Y, 0.52, VERMILLION)
_CYTOTOXIC = _State("X", 0.9, 0.85, 0.34, SOFT)
_CELLS = (_PROGENITORS, *_DIVIDING, *_MATURING, _RESERVE, _BLOOD)

_FILLS = {"P": "#efefef", "B": "#d6eaf6", "M": "#b7d8ee", "R": "#8fc1e3", "N": "#5aa5d6"}
_DRUG_FILL = "#fdf0d5"
_GROUPS = (
    (_PROGENITORS.x, "progenitors"),
    (5.48, "dividing"),
    (11.59, "maturing"),
    (_RESERVE.x, "reserve"),
    (_BLOOD.x, "blood (ANC)"),
)
_EFFECTS = (
    (_PROGENITORS.x, "more\nprogenitors"),
    (5.48, "more divisions,\na faster cycle"),
    (9.18, "fewer\ndie"),
    (11.59, "faster\nmaturation"),
    (_RESERVE.x, "release\ninto blood"),
)


@house_style
def plot_body() -> Figure:
    """Draw the states of the model as circles, the flow of cells, the three drugs, and what acts on what."""
    figure = blank_figure(4.9)
    axes = figure.subplots()
    axes.set(xlim=(-0.35, 20.3), ylim=(0.35, 10.5), aspect="equal")
    axes.axis("off")
    _draw_drugs(axes)
    _draw_cells(axes)
    _draw_signal(axes)
    _draw_clearance(axes)
    _draw_feedback(axes)
    _draw_cytotoxic(axes)
    return figure


def _draw_drugs(axes: Axes) -> None:
    names = ("filgrastim, and the body's own G-CSF", "pegfilgrastim", "sargramostim (GM-CSF)")
    for x, text in ((0.9, "under the skin"), (3.7, "in the blood")):
        _say(axes, x, 10.15, text, INK, bold=True)
    for (depot, blood, y), name in zip(_DRUG_ROWS, names, strict=True):
        _circle(axes, _State(depot, 0.9, y, 0.36, ORANGE), _DRUG_FILL)
        _circle(axes, _State(blood, 3.7, y, 0.36, ORANGE), _DRUG_FILL)
        _arrow(axes, (1.35, y), (3.25, y), ORANGE)
        _say(axes, 4.25, y, name, SOFT, side="left")


def _draw_cells(axes: Axes) -> None:
    for state in _CELLS:
        _circle(axes, state, _FILLS[state.symbol[0]])
    for left, right in zip(_CELLS, _CELLS[1:], strict=False):
        _arrow(axes, (left.x + left.radius, _CHAIN_Y), (right.x - right.radius, _CHAIN_Y), INK, head=7)
    for x, text in _GROUPS:
        _say(axes, x, _CHAIN_Y - 0.95, text, INK, bold=True)
    _arrow(axes, (_BLOOD.x + 0.52, _CHAIN_Y), (19.0, _CHAIN_Y), INK, head=7)
    _say(axes, 19.1, _CHAIN_Y, "lost", SOFT, side="left")
    _arrow(axes, (9.18, _CHAIN_Y), (9.18, _CHAIN_Y - 1.25), SOFT, head=7)
    _say(axes, 9.18, _CHAIN_Y - 1.5, "promyelocytes die", SOFT)


def _draw_signal(axes: Axes) -> None:
    """Draw what free G-CSF does, as a line from which an arrow goes to each effect."""
    axes.plot([_PROGENITORS.x, _RESERVE.x], [_SIGNAL_Y, _SIGNAL_Y], color=GREEN, linewidth=1.6)
    axes.plot([3.7, 3.7], [_SIGNAL_Y, 7.05], color=GREEN, linewidth=1.6)
    _say(axes, 4.0, _SIGNAL_Y + 0.33, "what is free in the blood drives the marrow", GREEN, side="left")
    for x, text in _EFFECTS:
        _arrow(axes, (x, _SIGNAL_Y), (x, _CHAIN_Y + 0.62), GREEN)
        _say(axes, x + 0.15, _SIGNAL_Y - 0.55, text, GREEN, side="left")


def _draw_clearance(axes: Axes) -> None:
    """Draw the receptors' way back to the drug."""
    axes.plot([_BLOOD.x, _BLOOD.x], [_CHAIN_Y + 0.6, 8.85], color=VERMILLION, linewidth=1.6)
    _arrow(axes, (_BLOOD.x, 8.85), (10.25, 8.85), VERMILLION)
    axes.plot([9.9, 10.15, 10.15, 9.9], [9.45, 9.45, 8.25, 8.25], color=VERMILLION, linewidth=1.6)
    _say(axes, 17.1, 9.25, "receptors on these cells (red rims) bind", VERMILLION, side="right")
    _say(axes, 17.1, 8.4, "and clear G-CSF: more cells, less drug", VERMILLION, side="right")


def _draw_feedback(axes: Axes) -> None:
    """Draw how the load of the mature marrow holds back what progenitors pass on."""
    y, entry = 2.05, 2.08
    axes.plot([9.95, 9.95, 15.3, 15.3], [2.25, y, y, 2.25], color=PURPLE, linewidth=1.4)
    axes.plot([12.6, 12.6, entry], [y, 1.55, 1.55], color=PURPLE, linewidth=1.4)
    axes.plot([entry, entry], [1.55, _CHAIN_Y - 0.3], color=PURPLE, linewidth=1.4)
    axes.plot([entry - 0.22, entry + 0.22], [_CHAIN_Y - 0.3, _CHAIN_Y - 0.3], color=PURPLE, linewidth=2.2)
    _say(axes, 5.0, 1.87, "a full marrow lets fewer in", PURPLE)


def _draw_cytotoxic(axes: Axes) -> None:
    _circle(axes, _CYTOTOXIC, "#efefef")
    _say(axes, 1.45, 0.85, "a cytotoxic drug, when one is given: kills cells of the marrow", SOFT, side="left")


def _circle(axes: Axes, state: _State, fill: str) -> None:
    axes.add_patch(
        Circle((state.x, state.y), state.radius, facecolor=fill, edgecolor=state.rim, linewidth=1.2, zorder=3)
    )
    axes.text(state.x, state.y - 0.02, state.symbol, ha="center", va="center", fontsize=SMALL, color=INK, zorder=4)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, *, head: float = 10) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=head, color=colour, linewidth=1.2, shrinkA=0, shrinkB=0
        )
    )


def _say(axes: Axes, x: float, y: float, text: str, colour: str, *, side: str = "center", bold: bool = False) -> None:
    axes.text(
        x, y, text, color=colour, ha=side, va="center", fontsize=NORMAL if bold else SMALL,
        fontweight="bold" if bold else "normal", linespacing=1.05,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}, zorder=2,
    )  # fmt: skip
