"""What a result hangs on: one setting at a time (a tornado), or all at once (Sobol' indices), on the same patients and luck.

A cell is a scenario with settings; nothing of it is kept but one endpoint of each patient. Tornado: each input at its lowest and its
highest value, all others as the scenario has them, and the paired differences from it. Sobol' (Saltelli 2010, scipy): the shares
of an endpoint's variance, over uniform or log-uniform ranges, that an input explains by itself (first order) and with all
others (total order), with bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import trial
from titranc.sim.cohort_tables import LIVED, SUMMARISED
from titranc.sim.executors import notes_of
from titranc.sim.scenario import load_scenario

Progress = Callable[[float], None]
Matrix = NDArray[np.float64]
ALLOWED = "path=low:high, or path=low:high:log, such as adherence.doses_taken=0.6:1"
CONFIDENCE, RESAMPLES = 0.95, 200


@dataclass(frozen=True, slots=True)
class Range:
    """An input by its path, and between which values it may lie; `log`: all orders of magnitude alike."""

    path: str
    low: float
    high: float
    log: bool = False


class Cell(NamedTuple):
    """A scenario by name with changes, and its number."""

    number: int
    source: str
    changes: tuple[str, ...]


def range_of(text: str) -> Range:
    """Read `path=low:high` or `path=low:high:log`; raises InputRefused.

    >>> range_of("adherence.doses_taken=0.6:1")
    Range(path='adherence.doses_taken', low=0.6, high=1.0, log=False)
    """
    path, _, values = text.partition("=")
    parts = values.split(":")
    try:
        low, high, log = float(parts[0]), float(parts[1]), parts[2:] == ["log"]
        if not path or not low < high or (parts[2:] and not log) or (log and low <= 0):
            raise ValueError(text)
    except (ValueError, IndexError):
        raise InputRefused([InputProblem("sweep", None, "--over", text, f"{ALLOWED}; low below high")]) from None
    return Range(path, low, high, log)


def check_endpoint(name: str) -> None:
    """Raise InputRefused unless an endpoint of that name can be summarised."""
    known = [*SUMMARISED, *LIVED]
    if name not in known:
        raise InputRefused([InputProblem("sweep", None, "--endpoint", name, f"one of {', '.join(known)}")])


def _setting(path: str, value: float) -> str:
    return f"{path}={value:.10g}"


def values_of(cell: Cell, endpoint: str) -> dict[str, Any]:
    """Simulate a cell; return its number and, by arm, the endpoint of each patient in the patients' order."""
    outcomes = trial.simulate(load_scenario(cell.source, cell.changes), "cell")["outcomes"]
    if endpoint not in outcomes:
        allowed = "an endpoint that this scenario has; lives need `outcomes: {}`"
        raise InputRefused([InputProblem("sweep", None, "--endpoint", endpoint, allowed)])
    own = outcomes.sort_values("patient_id")
    own = own.assign(value=own[endpoint].eq(1) if endpoint.startswith("status_") else own[endpoint])
    return {
        "number": cell.number,
        "arms": {str(arm): rows["value"].to_numpy(np.float64) for arm, rows in own.groupby("arm", sort=False)},
    }


def _simulated(
    cells: Sequence[Cell], endpoint: str, workers: int, progress: Progress
) -> list[dict[str, NDArray[np.float64]]]:
    """Return the endpoint of each cell's arms and patients, in the order of the cells."""
    # A setting that is not allowed is answered before anything runs.
    for cell in cells:
        load_scenario(cell.source, cell.changes)
    found: dict[int, dict[str, NDArray[np.float64]]] = {}
    for note in notes_of(partial(values_of, endpoint=endpoint), cells, workers=workers, scheduler=None):
        found[note["number"]] = note["arms"]
        progress(len(found) / len(cells))
    return [found[cell.number] for cell in cells]


def one_way(
    source: str,
    changes: Sequence[str],
    ranges: Sequence[Range],
    endpoint: str,
    workers: int = 1,
    progress: Progress = lambda share: None,
) -> pd.DataFrame:
    """Return a row an arm, input and end: the estimate, the scenario's own, their paired difference and its error.

    Columns: arm, path, end (low, high), setting, estimate, base, difference, mcse; rows of the widest input come first.
    """
    settings = [(one.path, end, value) for one in ranges for end, value in (("low", one.low), ("high", one.high))]
    cells = [Cell(0, source, tuple(changes))]
    cells += [
        Cell(number + 1, source, (*changes, _setting(path, value))) for number, (path, _, value) in enumerate(settings)
    ]
    base, *others = _simulated(cells, endpoint, workers, progress)
    rows = []
    for (path, end, value), arms in zip(settings, others, strict=True):
        for arm, values in arms.items():
            if len(values) != len(base[arm]):
                raise InputRefused(
                    [
                        InputProblem(
                            "sweep", None, "--over", path, "a setting that leaves the number of patients as it is"
                        )
                    ]
                )
            apart = values - base[arm]
            known = np.isfinite(apart)
            rows.append(
                {
                    "arm": arm,
                    "path": path,
                    "end": end,
                    "setting": value,
                    "estimate": float(np.nanmean(values)),
                    "base": float(np.nanmean(base[arm])),
                    "difference": float(apart[known].mean()),
                    "mcse": float(apart[known].std(ddof=1) / np.sqrt(known.sum())) if known.sum() > 1 else np.nan,
                }
            )
    table = pd.DataFrame(rows)
    width = table.groupby("path")["difference"].agg(lambda found: float(np.abs(found).max()))
    order = table["path"].map(width.rank(ascending=False, method="first"))
    return (
        table.assign(order=order)
        .sort_values(["arm", "order", "end"], ascending=[True, True, False], ignore_index=True)
        .drop(columns="order")
    )


def distribution_of(one: Range) -> Any:
    """Return the distribution over which an input is varied."""
    return stats.loguniform(one.low, one.high) if one.log else stats.uniform(one.low, one.high - one.low)


def check_size(n: int, inputs: int, most_cells: int) -> int:
    """Return how many cells Sobol' indices of n base points cost; raises InputRefused with what would fit."""
    if inputs < 2:
        raise InputRefused([InputProblem("sweep", None, "--over", inputs, "two inputs or more for Sobol' indices")])
    if n < 2 or n & (n - 1):
        raise InputRefused([InputProblem("sweep", None, "--sobol", n, "a power of two, 16 or more to say anything")])
    cells = n * (inputs + 2)
    if cells > most_cells:
        fits = 2 ** int(np.log2(most_cells // (inputs + 2)))
        raise InputRefused([InputProblem("sweep", None, "--sobol", f"{n}: {cells} cells", f"{fits} or fewer")])
    return cells


def indices(evaluate: Callable[[Matrix], Matrix], ranges: Sequence[Range], n: int, seed: int) -> pd.DataFrame:
    """Return first and total order indices with bootstrap intervals; `evaluate` maps [inputs, points] to [outputs, points].

    Columns: output (a number), path, order (first, total), index, ci_low, ci_high. The same seed, the same numbers.
    """
    kept: list[Matrix] = []

    def evaluated(points: Matrix) -> Matrix:
        kept.append(evaluate(points))
        return kept[-1]

    luck = np.random.default_rng(seed)
    stats.sobol_indices(func=evaluated, n=n, dists=[distribution_of(one) for one in ranges], rng=luck)
    of_a, of_b, mixed = kept
    of_mixed = np.moveaxis(mixed.reshape(-1, n, len(ranges)), -1, 0)
    found = _both_orders(of_a, of_b, of_mixed)
    # scipy's own bootstrap draws from a generator that cannot be given.
    drawn = [luck.integers(n, size=n) for _ in range(RESAMPLES)]
    again = np.array([_both_orders(of_a[:, own], of_b[:, own], of_mixed[..., own]) for own in drawn])
    low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return pd.DataFrame(
        [
            {
                "output": output,
                "path": one.path,
                "order": order,
                "index": float(found[which, output, place]),
                "ci_low": float(low[which, output, place]),
                "ci_high": float(high[which, output, place]),
            }
            for which, order in enumerate(("first", "total"))
            for output in range(len(of_a))
            for place, one in enumerate(ranges)
        ]
    )


def _both_orders(of_a: Matrix, of_b: Matrix, of_mixed: Matrix) -> Matrix:
    """Return first and total order indices, [2, outputs, inputs], of evaluations at Saltelli's points."""
    found = stats.sobol_indices(func={"f_A": of_a, "f_B": of_b, "f_AB": of_mixed}, n=of_a.shape[1])
    shape = (len(of_a), len(of_mixed))
    return np.stack([np.reshape(found.first_order, shape), np.reshape(found.total_order, shape)])


def sobol(
    source: str,
    changes: Sequence[str],
    ranges: Sequence[Range],
    endpoint: str,
    n: int,
    workers: int = 1,
    progress: Progress = lambda share: None,
) -> pd.DataFrame:
    """Return the indices of an endpoint's mean, by arm: a row an arm, input and order."""
    arms = [arm.name for arm in load_scenario(source, changes).resolved_arms()]
    done, total = 0, n * (len(ranges) + 2)

    def evaluate(points: Matrix) -> Matrix:
        nonlocal done
        cells = [
            Cell(
                number,
                source,
                (*changes, *(_setting(one.path, value) for one, value in zip(ranges, point, strict=True))),
            )
            for number, point in enumerate(points.T)
        ]
        before = done
        found = _simulated(cells, endpoint, workers, lambda share: progress((before + share * len(cells)) / total))
        done += len(cells)
        return np.array([[np.nanmean(cell[arm]) for cell in found] for arm in arms])

    table = indices(evaluate, ranges, n, seed=0)
    return table.assign(arm=[arms[output] for output in table["output"]]).drop(columns="output")


def in_words(table: pd.DataFrame) -> list[str]:
    """Return a sentence an arm: which input matters most, or that the intervals are too wide to tell."""
    sentences = []
    for arm, rows in table[table["order"] == "total"].groupby("arm", sort=False):
        ranked = rows.sort_values("index", ascending=False)
        first, second = ranked.iloc[0], ranked.iloc[1]
        if first["ci_low"] > second["ci_high"]:
            said = f"{first['path']} matters most: {100 * min(first['index'], 1):.0f} % of the variance, alone and with the others"
        else:
            wide = float((ranked["ci_high"] - ranked["ci_low"]).max())
            apart = max(float(first["index"] - second["index"]), 0.01)
            more = int(np.ceil((wide / apart) ** 2))
            said = (
                f"which of {first['path']} and {second['path']} matters more cannot be told; about {more} times as many points "
                "would be needed, if the difference is the one seen"
            )
        sentences.append(f"{arm}: {said}.")
    return sentences
