"""The table of validation: a row a published number, what stands beside it, and the count of what was accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from titranc.sim.validation import acceptance
from titranc.sim.validation.measures import estimate
from titranc.sim.validation.studies import Studies
from titranc.sim.validation.targets import Target

Progress = Callable[[float], None]
GOAL_SHARE = 0.9


def validation_table(rows: Sequence[Target], studies: Studies, progress: Progress = lambda share: None) -> pd.DataFrame:
    """Return one row a target, in their order; `progress` hears the share done, from 0 to 1.

    Columns: what the target says; `published_low`, `published_high` and the accepted bounds; `simulated` with its 95 % interval
    and Monte Carlo error; `verdict`; `factor_off`; `too_coarse` where more patients would be needed; `gates`, `held_out`.
    """
    found = []
    last_use = {target.study: target.id for target in rows}
    for done, target in enumerate(rows):
        found.append(_row(target, studies))
        if last_use[target.study] == target.id:
            studies.forget(target.study)
        progress((done + 1) / len(rows))
    return pd.DataFrame(found)


def _row(target: Target, studies: Studies) -> dict[str, Any]:
    said = {
        name: getattr(target, name)
        for name in (
            "id", "area", "population", "intervention", "endpoint", "unit", "kind", "grade", "citation", "link",
            "published", "n", "study", "gates", "held_out", "fitted", "note",
        )
    }  # fmt: skip
    if not target.measure:
        return said | {"verdict": acceptance.LEFT_OUT, "left_out": target.left_out}
    own, within = estimate(target, studies), acceptance.bounds(target)
    return said | {
        "published_low": within.low,
        "published_high": within.high,
        "accepted_low": within.accepted_low,
        "accepted_high": within.accepted_high,
        "simulated": own.value,
        "simulated_low": own.low,
        "simulated_high": own.high,
        "monte_carlo_error": own.error,
        "patients": own.patients,
        "too_coarse": acceptance.too_coarse(target, own),
        "verdict": acceptance.verdict(target, own),
        "factor_off": acceptance.factor_off(target, own),
        "left_out": "",
    }


def accepted(table: pd.DataFrame) -> pd.Series:
    """Return which rows were accepted, inside the published interval or within the rule."""
    return table["verdict"].isin([acceptance.INSIDE, acceptance.ACCEPTED])


def by_area(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each area and for all, how many rows of grade A or B there are and how many were accepted."""
    gating = table[table["gates"]].assign(accepted=accepted)
    columns = {
        "rows": ("id", "size"),
        "accepted": ("accepted", "sum"),
        "worst_factor": ("factor_off", "max"),
    }
    areas = gating.groupby("area", sort=False).agg(**columns)
    whole = gating.assign(area="all").groupby("area").agg(**columns)
    parts = [areas, whole]
    for name, chosen in (
        ("of these, held out of every fit", gating["held_out"]),
        ("and not held out", ~gating["held_out"]),
    ):
        parts.append(gating[chosen].assign(area=name).groupby("area").agg(**columns))
    return pd.concat(parts)


def in_words(table: pd.DataFrame) -> str:
    """Return one sentence on how many numbers were reproduced, and whether the goals were met."""
    gating = table[table["gates"]]
    rows, good = len(gating), int(accepted(gating).sum())
    far = gating[gating["factor_off"] > acceptance.FACTOR_OFF]
    names = ", ".join(f"{name} ({_times(factor)})" for name, factor in zip(far["id"], far["factor_off"], strict=True))
    return (
        f"{good} of {rows} published numbers that were read or quoted (grades A and B) are reproduced, {100 * good / rows:.0f} % "
        f"(goal {100 * GOAL_SHARE:.0f} %); "
        + (f"off by more than a factor of two: {names}." if len(far) else "none is off by more than a factor of two.")
    )


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if math.isfinite(factor) else "no factor, one of the two is nought"
