"""The page's charts as Vega-Lite, drawn by the reader's browser: letters keep their size on a phone, a finger asks a point.

Each is a function from tables to a specification with a spoken description. Colour is never alone: shapes and dashes say
the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from titranc.sim.report.findings import DOSE
from titranc.sim.report.style import (
    ACTION_MARKS,
    ANC_TICKS,
    BLUE,
    DOSE_LINES,
    GREEN,
    INK,
    SOFT,
    TARGET_TINT,
    VERMILLION,
    thinned,
    years_or_weeks,
)
from titranc.sim.report.words import counted, day_words, number

CELLS_PER_UL = 1000
TARGET, SEVERE = (1.0, 5.0), 0.5
ANC_HEIGHT, DOSE_HEIGHT = 260, 190
AXIS_WIDTH = 46
LINES = {
    "you": (INK, [1, 0]),
    "the guideline": (BLUE, [6, 2]),
    "no treatment": (VERMILLION, [2, 2]),
    "as the patient is": (BLUE, [6, 2]),
    "what if": (INK, [1, 0]),
}
_SHAPES = {"o": "circle", "^": "triangle-up", "v": "triangle-down", "s": "square", ">": "triangle-right", "D": "diamond", "X": "cross"}  # fmt: skip
Spec = dict[str, Any]


def anc_of_chart(visits: pd.DataFrame, day: float, today_1e9_per_l: float, *, per_ul: bool) -> Spec:
    """Return the reported counts of a chart, the one of today ringed; `visits` are those decided at."""
    span, unit = years_or_weeks(max(day, 1))
    days = [*visits["day"].tolist(), day]
    counts = [*visits["anc_reported_1e9_per_l"].tolist(), today_1e9_per_l]
    fold = CELLS_PER_UL if per_ul else 1
    severe = f"below {number(SEVERE * fold)}"
    rows: list[Spec] = [
        {
            "at": one / span,
            "anc": count * fold,
            "kind": severe if count < SEVERE else "reported",
            "told": f"{_count_words(count, per_ul=per_ul)} on {day_words(one)}",
        }
        for one, count in zip(days, counts, strict=True)
        if not math.isnan(count)
    ]
    x = _time(day / span, unit, named=False)
    y = _anc_axis(counts, fold, per_ul=per_ul)
    dots = {
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 1},
        "encoding": {
            "x": x,
            "y": y,
            "color": {
                "field": "kind",
                "scale": {"domain": ["reported", severe], "range": [INK, VERMILLION]},
                "legend": None,
            },
            "shape": {
                "field": "kind",
                "scale": {"domain": ["reported", severe], "range": ["circle", "triangle-down"]},
                "legend": None,
            },
            "tooltip": {"field": "told"},
        },
    }
    line = {"mark": {"type": "line", "color": SOFT, "strokeWidth": 1}, "encoding": {"x": x, "y": y}}
    ring = {
        "data": {"values": [row for row in rows[-1:] if row["at"] == day / span]},
        "mark": {"type": "point", "size": 210, "color": INK, "strokeWidth": 1.6},
        "encoding": {"x": x, "y": y},
    }
    shown = f"{counted(len(rows), 'reported count')}; today {_count_words(today_1e9_per_l, per_ul=per_ul)}."
    return _spec([*_bands(fold, y), line, dots, ring], ANC_HEIGHT, f"Chart of the count. {shown}", rows)


def dose_of_chart(visits: pd.DataFrame, day: float, *, risk_lines: bool = True) -> Spec:
    """Return the doses ordered so far, with a mark at each change, over the lines of the risk of MDS where they apply."""
    span, unit = years_or_weeks(max(day, 1))
    steps = visits[["day", DOSE]].to_dict("records")
    rows: list[Spec] = [{"at": row["day"] / span, "dose": row[DOSE]} for row in steps]
    rows += [{"at": day / span, "dose": rows[-1]["dose"]}] if rows else []
    changed = visits[visits["action"] != "keep"] if len(visits) else visits
    kinds = [name for name in ACTION_MARKS if len(changed) and (changed["action"] == name).any()]
    marks = [
        {
            "at": row["day"] / span,
            "dose": row[DOSE],
            "action": row["action"],
            "told": f"{row['action']} to {number(row[DOSE])} on {day_words(row['day'])}",
        }
        for row in changed.to_dict("records")
    ]
    x, y = _time(day / span, unit, named=True), _dose_axis([row["dose"] for row in rows])
    layers = [
        *(_risk_lines(y) if risk_lines else ()),
        {
            "mark": {"type": "line", "interpolate": "step-after", "color": INK, "strokeWidth": 1.8},
            "encoding": {"x": x, "y": y},
        },
        {
            "data": {"values": marks},
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": {"field": "told"},
                "shape": {
                    "field": "action",
                    "legend": {"orient": "top", "title": None},
                    "scale": {"domain": kinds, "range": [_SHAPES[ACTION_MARKS[name].marker] for name in kinds]},
                },
                "color": {
                    "field": "action",
                    "scale": {"domain": kinds, "range": [ACTION_MARKS[name].colour for name in kinds]},
                },
            },
        },
    ]
    told = f"Now {number(rows[-1]['dose'])} ug/kg/day after {counted(len(marks), 'change')}." if rows else "None yet."
    return _spec(layers, DOSE_HEIGHT, f"Chart of the dose. {told}", rows)


def anc_of_lines(days: Mapping[str, pd.DataFrame], *, per_ul: bool) -> Spec:
    """Return the true counts of several ways of treating, day by day; tables of day and anc_1e9_per_l by name."""
    fold = CELLS_PER_UL if per_ul else 1
    last = max((len(line) for line in days.values()), default=1)
    span, unit = years_or_weeks(last)
    rows: list[Spec] = []
    for name, line in days.items():
        at, counts = thinned(line["day"].to_numpy(float), line["anc_1e9_per_l"].to_numpy(float), bins=220)
        rows += [
            {"at": round(float(one) / span, 4), "anc": round(float(count) * fold, 4), "line": name}
            for one, count in zip(at, np.maximum(counts, ANC_TICKS[0]), strict=True)
        ]
    x, y = _time(last / span, unit, named=False), _anc_axis([row["anc"] / fold for row in rows], fold, per_ul=per_ul)
    shares = [f"{name} {_share_in_target(line)} of days in the target" for name, line in days.items() if len(line)]
    layer = {"mark": {"type": "line", "strokeWidth": 1.4}, "encoding": {"x": x, "y": y} | _by_line(list(days))}
    return _spec(
        [*_bands(fold, y), layer], ANC_HEIGHT, f"True counts on the same patient and luck: {'; '.join(shares)}.", rows
    )


def dose_of_lines(days: Mapping[str, pd.DataFrame], *, risk_lines: bool = True) -> Spec:
    """Return the doses of several ways of treating; tables of day and dose_ug_per_kg_day by name."""
    last = max((len(line) for line in days.values()), default=1)
    span, unit = years_or_weeks(last)
    rows: list[Spec] = []
    for name, line in days.items():
        dose = line["dose_ug_per_kg_day"].to_numpy(float)
        steps = [int(day) for day in np.flatnonzero(np.diff(dose, prepend=np.nan) != 0)]
        rows += [{"at": round(day / span, 4), "dose": float(dose[day]), "line": name} for day in steps]
        rows += [{"at": round(len(dose) / span, 4), "dose": float(dose[-1]), "line": name}] if len(dose) else []
    x, y = _time(last / span, unit, named=True), _dose_axis([row["dose"] for row in rows])
    layer = {
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.8},
        "encoding": {"x": x, "y": y} | _by_line(list(days), legend=False),
    }
    means = [f"{name} {number(float(line['dose_ug_per_kg_day'].mean()))}" for name, line in days.items() if len(line)]
    return _spec(
        [*(_risk_lines(y) if risk_lines else ()), layer],
        DOSE_HEIGHT,
        f"Mean doses, ug/kg/day: {'; '.join(means)}.",
        rows,
    )


def _spec(layers: Sequence[Spec], height: int, description: str, rows: Sequence[Mapping[str, Any]]) -> Spec:
    return {
        "data": {"values": list(rows)},
        "description": description,
        "height": height,
        "layer": list(layers),
        "autosize": {"type": "fit", "contains": "padding"},
        "config": {
            "font": "Source Sans, DejaVu Sans, sans-serif",
            "view": {"stroke": None},
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridOpacity": 0.5},
            "legend": {"labelFontSize": 12},
        },
    }


def _time(last: float, unit: str, *, named: bool) -> Spec:
    title = f"{unit} since the start" if named else None
    return {
        "field": "at",
        "type": "quantitative",
        "scale": {"domain": [0, max(last * 1.02, 0.5)], "nice": False},
        "axis": {"title": title, "grid": False, "tickMinStep": 1, "format": "~g"},
    }


def _anc_axis(counts: Sequence[float], fold: float, *, per_ul: bool) -> Spec:
    known = [count for count in counts if not math.isnan(count) and count > 0]
    low, high = (
        max(0.01, min([0.18, *(0.7 * count for count in known)])),
        max([12.0, *(1.25 * count for count in known)]),
    )
    ticks = [tick * fold for tick in ANC_TICKS if low <= tick <= high]
    return {
        "field": "anc",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low * fold, high * fold], "nice": False, "clamp": True},
        "axis": {
            "title": "ANC, cells/uL" if per_ul else "ANC, 10⁹/L",
            "values": ticks,
            "format": "," if per_ul else "~g",
            "minExtent": AXIS_WIDTH,
        },
    }


def _dose_axis(doses: Sequence[float]) -> Spec:
    return {
        "field": "dose",
        "type": "quantitative",
        "scale": {"domain": [0, max([22.0, *(1.1 * dose for dose in doses)])], "nice": False},
        "axis": {"title": "ug/kg/day", "minExtent": AXIS_WIDTH, "tickCount": 5},
    }


def _bands(fold: float, y: Spec) -> list[Spec]:
    """Return the target as a band and the line below which a count is severe, both named."""
    low, high = TARGET
    data = {"values": [{"low": low * fold, "anc": high * fold}]}
    severe = {"values": [{"anc": SEVERE * fold}]}
    return [
        {
            "data": data,
            "mark": {"type": "rect", "color": TARGET_TINT},
            "encoding": {"y": y | {"field": "low"}, "y2": {"field": "anc"}},
        },
        {"data": severe, "mark": {"type": "rule", "color": VERMILLION}, "encoding": {"y": y}},
        _name(data, y, f"target {number(low * fold)} to {number(high * fold)}", GREEN, dy=8),
        _name(severe, y, f"severe below {number(SEVERE * fold)}", VERMILLION, dy=-6),
    ]


def _risk_lines(y: Spec) -> list[Spec]:
    layers = []
    for dose, words in DOSE_LINES:
        data = {"values": [{"dose": dose}]}
        layers += [
            {"data": data, "mark": {"type": "rule", "color": SOFT, "strokeDash": [4, 3]}, "encoding": {"y": y}},
            _name(data, y, words, SOFT, dy=-6),
        ]
    return layers


def _name(data: Spec, y: Spec, words: str, colour: str, *, dy: int) -> Spec:
    """Return words at the right end of a line."""
    mark = {"type": "text", "text": words, "align": "right", "dx": -4, "dy": dy, "color": colour, "fontSize": 11}
    return {"data": data, "mark": mark, "encoding": {"y": y, "x": {"value": "width"}}}


def _by_line(names: Sequence[str], *, legend: bool = True) -> Spec:
    colours, dashes = [LINES[name][0] for name in names], [LINES[name][1] for name in names]
    key = {"orient": "top", "title": None, "symbolStrokeWidth": 2.5, "labelLimit": 400} if legend else None
    return {
        "color": {"field": "line", "scale": {"domain": list(names), "range": colours}, "legend": key},
        "strokeDash": {"field": "line", "scale": {"domain": list(names), "range": dashes}, "legend": key},
    }


def _count_words(count: float, *, per_ul: bool) -> str:
    if math.isnan(count):
        return "no count"
    return f"{count * CELLS_PER_UL:,.0f} cells/uL" if per_ul else f"{count:.2f} x 10⁹/L"


def _share_in_target(line: pd.DataFrame) -> str:
    anc = line["anc_1e9_per_l"]
    return f"{100 * float(((anc >= TARGET[0]) & (anc < TARGET[1])).mean()):.0f} %"
