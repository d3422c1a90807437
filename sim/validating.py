"""The command that validates: every published number beside a virtual study, told, kept and drawn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from titranc.models import catalogue, shelves
from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import compiling, storage
from titranc.sim.report.validation_page import validation_page
from titranc.sim.report.words import NOTICE, number
from titranc.sim.validation import acceptance
from titranc.sim.validation.soundness import drug_balance, solver_errors
from titranc.sim.validation.studies import SEED
from titranc.sim.validation.table import by_area, in_words, validation_table_by_study
from titranc.sim.validation.targets import BY_CONSTRUCTION, FITTED, Target, targets

SHORT = {
    acceptance.INSIDE: ("inside", "green"),
    acceptance.ACCEPTED: ("accepted", ""),
    acceptance.OUTSIDE: ("outside", "red"),
}
ROLES = {"": "", FITTED: "f", BY_CONSTRUCTION: "i"}


def validate(
    areas: Sequence[str], scale: float, seed: int | None, out: Path, *, report: bool, as_json: bool, workers: int = 1
) -> None:
    """Run the virtual studies of these areas (all when none is named), tell the table, and write it into a folder."""
    rows, seed = _chosen(areas), SEED if seed is None else seed
    compiling.make_ready(Console(stderr=True).print)
    with _progress() as bar:
        task = bar.add_task("virtual studies", total=1.0)
        table = validation_table_by_study(rows, scale, seed, workers, lambda share: bar.update(task, completed=share))
    out.mkdir(parents=True, exist_ok=True)
    storage.write_whole(out / "validation.csv", table.to_csv(index=False).encode())
    if report:
        page = validation_page(
            table,
            by_area(table),
            in_words(table),
            grades_of_models(),
            _protocol(scale, seed),
            solver_errors(),
            drug_balance(),
        )
        storage.write_whole(out / "validation.html", page.encode())
    if as_json:
        print(json.dumps({"summary": in_words(table), "rows": json.loads(table.to_json(orient="records"))}, indent=1))
        return
    _tell(table, out, report=report)


def _chosen(areas: Sequence[str]) -> tuple[Target, ...]:
    known = list(dict.fromkeys(target.area for target in targets()))
    for area in areas:
        if area not in known:
            raise InputRefused([InputProblem("validate", None, "--area", area, f"one of {', '.join(known)}")])
    return tuple(target for target in targets() if not areas or target.area in areas)


def _progress() -> Progress:
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def _protocol(scale: float, seed: int) -> str:
    size = "" if scale == 1.0 else f", cohorts of {scale:g} times their size"
    own = ", with which nothing was fitted" if seed == SEED else ""
    return f"Seed {seed}{own}{size}."


def grades_of_models() -> Mapping[str, int]:
    """Return how many of the model's numbers there are of each grade: the body's, the diseases' and the drugs'."""
    grades: Counter[str] = Counter(entry.grade for entry in catalogue.physiology().values())
    for name in shelves.names("diseases"):
        grades.update(entry.grade for entry in catalogue.disease(name).parameters.values())
    for group in catalogue.outcome_groups():
        grades.update(entry.grade for entry in catalogue.outcome_numbers(group).values())
    return grades


def _tell(table: pd.DataFrame, out: Path, *, report: bool) -> None:
    console = Console()
    console.print(_rows(table))
    console.print(_areas(table))
    console.print(Text(in_words(table), style="bold"))
    coarse = table.get("too_coarse", pd.Series(dtype=bool)).fillna(False).astype(bool)
    if coarse.any():
        console.print(
            Text(f"Monte Carlo error above a third of the published interval: {', '.join(table.loc[coarse, 'id'])}.")
        )
    left = table[table["verdict"] == acceptance.LEFT_OUT]
    if len(left):
        console.print(
            Text(f"{len(left)} rows are not simulated (validation.csv says why): {', '.join(left['id'])}.", style="dim")
        )
    console.print(Text(NOTICE, style="yellow"))
    console.print(f"Files: {out}/validation.csv" + (f", {out}/validation.html" if report else ""))


def _rows(table: pd.DataFrame) -> Table:
    """Return published beside simulated, the grade C marked, fitted and held-out rows told."""
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name, side in (
        ("row", "left"),
        ("", "left"),
        ("what", "left"),
        ("published", "right"),
        ("simulated", "right"),
        ("", "left"),
    ):
        shown.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]
    for row in table[table["verdict"] != acceptance.LEFT_OUT].to_dict("records"):
        marks = row["grade"] + ("h" if row["held_out"] else "") + ROLES[str(row["role"])]
        shown.add_row(
            str(row["id"]), marks, f"{row['endpoint']}, {row['unit']}", _published(row), _simulated(row),
            Text(*SHORT[row["verdict"]]),
        )  # fmt: skip
    shown.caption = "A read, B quoted, C recalled and never counted; h held out of every fit, f fitted or chosen by it, i an input read back"
    shown.caption_justify = "left"
    return shown


def _published(row: Mapping[Hashable, Any]) -> str:
    low, high = row["published_low"], row["published_high"]
    interval = f" ({number(low)} to {number(high)})" if low != high else ""
    return number(row["published"]) + interval


def _simulated(row: Mapping[Hashable, Any]) -> str:
    exact = row["simulated_low"] == row["simulated_high"]
    return number(row["simulated"]) + (
        "" if exact else f" ({number(row['simulated_low'])} to {number(row['simulated_high'])})"
    )


def _areas(table: pd.DataFrame) -> Table:
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("grades A and B, by area", "rows", "accepted", "%"):
        shown.add_column(name, justify="left" if name.startswith("grades") else "right")
    for area, row in by_area(table).iterrows():
        shown.add_row(
            str(area), f"{row['rows']:.0f}", f"{row['accepted']:.0f}", f"{100 * row['accepted'] / row['rows']:.0f}"
        )
    return shown
