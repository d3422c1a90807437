"""The table of validation: a row a published number, what stands beside it, and the count of what was accepted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from titranc.sim.executors import notes_of
from titranc.sim.validation import acceptance
from titranc.sim.validation.measures import estimate
from titranc.sim.validation.studies import Studies
from titranc.sim.validation.targets import BY_CONSTRUCTION, FITTED, Target

Progress = Callable[[float], None]
GOAL_SHARE = 0.9


def validation_table(rows: Sequence[Target], studies: Studies) -> pd.DataFrame:
    """Return one row a target, in their order, from studies that may have been simulated already.

    Columns: what the target says; `published_low`, `published_high` and the accepted bounds; `simulated` with its 95 % interval
    and Monte Carlo error; `verdict`; `factor_off`; `too_coarse` where more patients would be needed; `gates`, `held_out`, `role`.
    """
    return pd.DataFrame([_row(target, studies) for target in rows])


def validation_table_by_study(
    rows: Sequence[Target], scale: float, seed: int, workers: int, progress: Progress = lambda share: None
) -> pd.DataFrame:
    """Return the same with each study simulated, read and forgotten, in so many processes.

    `progress` hears the share done, from 0 to 1. Raises WorkersLost.
    """
    by_study: dict[str, list[Target]] = {}
    for target in rows:
        by_study.setdefault(target.study, []).append(target)
    found: dict[str, dict[str, Any]] = {}
    work = partial(_of_study, scale=scale, seed=seed)
    for note in notes_of(work, list(by_study.values()), workers=workers, scheduler=None):
        found |= note
        progress(len(found) / len(rows))
    return pd.DataFrame([found[target.id] for target in rows])


def _of_study(rows: Sequence[Target], *, scale: float, seed: int) -> dict[str, dict[str, Any]]:
    studies = Studies(scale, seed)
    return {target.id: _row(target, studies) for target in rows}


def _row(target: Target, studies: Studies) -> dict[str, Any]:
    said = {
        name: getattr(target, name)
        for name in (
            "id", "area", "population", "intervention", "endpoint", "unit", "kind", "grade", "citation", "link",
            "published", "n", "study", "gates", "held_out", "role", "note",
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
        ("of these: a test of the model, held out by the rule", gating["held_out"]),
        ("a test of the model, not held out", (gating["role"] == "") & ~gating["held_out"]),
        ("fitted, or chosen by", gating["role"] == FITTED),
        ("an input read back", gating["role"] == BY_CONSTRUCTION),
    ):
        parts.append(gating[chosen].assign(area=name).groupby("area").agg(**columns))
    return pd.concat(parts)


def in_words(table: pd.DataFrame) -> str:
    """Return one sentence on how many numbers were reproduced, and whether the goals were met."""
    gating = table[table["gates"]]
    rows, good = len(gating), int(accepted(gating).sum())
    far = gating[gating["factor_off"] > acceptance.FACTOR_OFF]
    names = ", ".join(f"{name} ({_times(factor)})" for name, factor in zip(far["id"], far["factor_off"], strict=True))
    tests = gating[gating["role"] == ""]
    return (
        f"{good} of {rows} published numbers that were read or quoted (grades A and B) are reproduced, {100 * good / rows:.0f} % "
        f"(goal {100 * GOAL_SHARE:.0f} %), and {_of_tests(tests)}; "
        + (
            f"of those outside, off by more than a factor of two: {names}."
            if len(far)
            else "none outside is off by more than a factor of two."
        )
    )


def _of_tests(tests: pd.DataFrame) -> str:
    if not len(tests):
        return "none of these tests the model: all are inputs or were fitted"
    return f"{int(accepted(tests).sum())} of the {len(tests)} among them that no parameter was chosen by"


def _times(factor: float) -> str:
    return f"{factor:.1f} times" if math.isfinite(factor) else "no factor, one of the two is nought"
