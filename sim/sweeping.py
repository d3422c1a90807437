"""A sweep: one scenario over a grid of settings, the same patients and the same luck in every cell.

Every cell is a run of its own in the sweep's folder; `sweep.parquet` (and CSV) is the endpoints of all of them beside the
settings they came from.
"""

from __future__ import annotations

import io
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import compiling, sensitivity, storage, trial
from titranc.sim.report.plots.sensitivity import caption_sobol, caption_tornado, plot_sobol, plot_tornado
from titranc.sim.report.svg import inline_svg
from titranc.sim.report.words import NOTICE, plain
from titranc.sim.scenario import Scenario, load_scenario

MOST_CELLS = 1000
# As wide as any mean or error that is printed: seven of them leave room for the settings in eighty columns.
NUMBER_WIDTH = 7
SHOWN = {
    "share_anc_1_to_5": "% days 1-5",
    "share_anc_below_0_5": "% days <0.5",
    "mean_dose_ug_per_kg_day": "dose",
    "severe_infections": "severe inf.",
    "status_mds_aml": "% MDS/AML",
    "status_transplant": "% HSCT",
    "status_death": "% died",
}


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting by its path, and the values it takes, as they are written."""

    path: str
    values: tuple[str, ...]


def axis_of(text: str) -> Axis:
    """Read `path=a,b,c` or `path=low:high:count`; raises InputRefused.

    >>> axis_of("adherence.doses_taken=0.6:1:3")
    Axis(path='adherence.doses_taken', values=('0.6', '0.8', '1'))
    """
    path, equals, values = text.partition("=")
    allowed = "path=a,b,c or path=low:high:count, such as adherence.doses_taken=0.6:1:5"
    if not (path and equals and values):
        raise InputRefused([InputProblem("sweep", None, "--over", text, allowed)])
    bounds = values.split(":")
    if len(bounds) != 3:
        return Axis(path, tuple(values.split(",")))
    try:
        low, high, count = float(bounds[0]), float(bounds[1]), int(bounds[2])
        if count < 2:
            raise ValueError(count)
    except ValueError:
        raise InputRefused([InputProblem("sweep", None, f"--over {path}", values, allowed)]) from None
    return Axis(path, tuple(f"{value:.10g}" for value in np.linspace(low, high, count)))


def cells_of(source: str, changes: Sequence[str], axes: Sequence[Axis]) -> list[tuple[dict[str, str], Scenario]]:
    """Return every combination of settings with its scenario, all checked; raises InputRefused."""
    n = int(np.prod([len(axis.values) for axis in axes]))
    if n > MOST_CELLS:
        raise InputRefused([InputProblem("sweep", None, "--over", f"{n} cells", f"at most {MOST_CELLS} cells")])
    cells = []
    for values in product(*(axis.values for axis in axes)):
        settings = {axis.path: value for axis, value in zip(axes, values, strict=True)}
        scenario = load_scenario(source, [*changes, *(f"{path}={value}" for path, value in settings.items())])
        cells.append((settings, scenario))
    return cells


def sweep(source: str, changes: Sequence[str], over: Sequence[str], folder: Path, how: trial.How) -> None:
    """Run every cell, write the table of all, print it."""
    level = [] if any(change.startswith("output") for change in changes) else ["output.level=summary"]
    cells = cells_of(source, [*changes, *level], [axis_of(text) for text in over])
    folder.mkdir(parents=True, exist_ok=True)
    compiling.make_ready(Console(stderr=True).print)
    frames = []
    with _progress() as bar:
        task = bar.add_task("sweep", total=len(cells))
        for number, (settings, scenario) in enumerate(cells):
            done = number

            def tell(share: float, done: int = done) -> None:
                bar.update(task, completed=done + share)

            result = trial.run(scenario, folder / f"cell-{number:03d}", tell, how)
            frames.append(result.table("summary").assign(cell=number, **settings))
    table = pd.concat(frames, ignore_index=True)
    keys = ["cell", *cells[0][0]]
    table = table[[*keys, *(name for name in table.columns if name not in keys)]]
    storage.write_whole(folder / "sweep.csv", table.to_csv(index=False).encode())
    table.to_parquet(folder / "sweep.parquet")
    Console().print(_rendered(table, list(cells[0][0]), folder))


def tornado(
    source: str, changes: Sequence[str], over: Sequence[str], endpoint: str, folder: Path, workers: int
) -> None:
    """Change one setting at a time to its lowest and its highest value; write table and picture, print the table."""
    sensitivity.check_endpoint(endpoint)
    ranges = [sensitivity.range_of(text) for text in over]
    compiling.make_ready(Console(stderr=True).print)
    with _progress() as bar:
        task = bar.add_task("tornado", total=1.0)
        table = sensitivity.one_way(
            source, changes, ranges, endpoint, workers, lambda share: bar.update(task, completed=share)
        )
    caption = caption_tornado(table, endpoint)
    _keep(folder, "tornado", table, plot_tornado(table, endpoint), caption)
    shown = Table(
        caption=f"{caption} {NOTICE} Files: {folder}/tornado.csv",
        caption_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in ("arm", "setting", "value", endpoint, "difference"):
        shown.add_column(name, justify="left" if name in ("arm", "setting") else "right", overflow="fold")
    for row in table.to_dict("records"):
        apart = f"{row['difference']:+.3g}" + (f"±{row['mcse']:.2g}" if row["mcse"] > 0 else "")
        shown.add_row(plain(row["arm"]), plain(row["path"]), f"{row['setting']:g}", f"{row['estimate']:.3g}", apart)
    Console().print(shown)


def sobol(
    source: str, changes: Sequence[str], over: Sequence[str], endpoint: str, n: int, folder: Path, workers: int
) -> None:
    """Vary all settings at once over their ranges; write the indices and their picture, print them with a sentence."""
    sensitivity.check_endpoint(endpoint)
    ranges = [sensitivity.range_of(text) for text in over]
    sensitivity.check_size(n, len(ranges), MOST_CELLS)
    compiling.make_ready(Console(stderr=True).print)
    with _progress() as bar:
        task = bar.add_task("Sobol'", total=1.0)
        table = sensitivity.sobol(
            source, changes, ranges, endpoint, n, workers, lambda share: bar.update(task, completed=share)
        )
    sentences = sensitivity.in_words(table)
    _keep(folder, "sobol", table, plot_sobol(table, endpoint), caption_sobol(table, endpoint, sentences))
    shown = Table(caption=f"{NOTICE} Files: {folder}/sobol.csv", caption_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("arm", "input", "order", "share of variance", "95 % interval"):
        shown.add_column(name, justify="left" if name in ("arm", "input", "order") else "right", overflow="fold")
    for row in table.to_dict("records"):
        interval = f"{row['ci_low']:.2f} to {row['ci_high']:.2f}"
        shown.add_row(plain(row["arm"]), plain(row["path"]), row["order"], f"{row['index']:.2f}", interval)
    console = Console()
    console.print(shown)
    for sentence in sentences:
        console.print(Text(f"- {sentence}"))


def _keep(folder: Path, name: str, table: pd.DataFrame, figure: Figure, caption: str) -> None:
    """Write a table and its picture, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    storage.write_whole(folder / f"{name}.csv", table.to_csv(index=False).encode())
    table.to_parquet(folder / f"{name}.parquet")
    storage.write_whole(folder / f"{name}.svg", inline_svg(figure, name, caption).encode())
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    storage.write_whole(folder / f"{name}.png", drawn.getvalue())


def _progress() -> Progress:
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _rendered(table: pd.DataFrame, settings: list[str], folder: Path) -> Table:
    """Return the endpoints of every cell and arm with their Monte Carlo errors."""
    there = [name for name in SHOWN if (table["endpoint"] == name).any()]
    caption = (
        "mean ± Monte Carlo standard error, of which nothing can be said where all patients are alike or there is one. "
        f"{NOTICE} Files: {folder}/sweep.csv"
    )
    shown = Table(caption=caption, caption_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in (*(path.rsplit(".", 1)[-1] for path in settings), "arm"):
        shown.add_column(plain(name), overflow="fold")
    for name in there:
        shown.add_column(SHOWN[name], justify="right", width=NUMBER_WIDTH, overflow="fold")
    for _, rows in table.groupby(["cell", "arm"], sort=False):
        first = rows.iloc[0]
        told = {row["endpoint"]: _estimate(row) for row in rows.to_dict("records")}
        cells = [told.get(name, "") for name in there]
        shown.add_row(*(plain(first[path]) for path in settings), plain(first["arm"]), *cells)
    return shown


def _estimate(row: Mapping[Hashable, Any]) -> str:
    """Return a mean, and its error on a line of its own; patients who are all alike say nothing of the error."""
    fold = 100 if row["unit"].startswith("share") else 1
    value, error = fold * row["estimate"], fold * row["mcse"]
    if not error > 0:
        return f"{value:.1f}".removesuffix(".0")
    digits = min(max(int(np.ceil(-np.log10(error))), 1), 3)
    return f"{value:.{digits}f}\n±{error:.{digits}f}"
