"""What a command does around a run: folder, progress bar, report, summary."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import compiling, parts, storage, trial
from titranc.sim.report import page, summary
from titranc.sim.report.carried_out import carried_out
from titranc.sim.report.cohort_summary import render_cohort
from titranc.sim.report.explain import render_explanation

if TYPE_CHECKING:
    from titranc.sim.scenario import Scenario

How = trial.How
RUNS = Path("runs")


def default_folder(scenario: str, *, resume: bool = False) -> Path:
    """Return the run folder of a scenario; a number is added while the name is taken, unless to resume."""
    name = Path(scenario).stem
    if resume:
        return RUNS / name
    taken = (RUNS / name).exists()
    numbered = (RUNS / f"{name}-{number}" for number in range(2, 10_000))
    return next(folder for folder in numbered if not folder.exists()) if taken else RUNS / name


def run_and_report(scenario: Scenario, folder: Path, how: trial.How, *, open_report: bool, quiet: bool = False) -> None:
    """Run into `folder`, write the report where there are patients to report, print the summary unless `quiet`."""
    errors = Console(stderr=True)
    with storage.claimed(folder, resume=how.resume):
        pass  # a folder that is taken is refused before the wait
    compiling.make_ready(errors.print)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as bar:
        task = bar.add_task(scenario.title, total=1.0)
        result = trial.run(scenario, folder, lambda share: bar.update(task, completed=share), how)
    if "outcomes" in result.manifest["tables"] and quiet:
        page.write_report(folder)
    if quiet:
        return
    visits = result.manifest["tables"].get("visits", {"parts": []})
    if len(visits["parts"]) != 1 or len(scenario.arms) > 1:
        Console().print(render_cohort(result.table("summary"), result.manifest, folder))
    else:
        told = {name: result.table(name) for name in ("visits", "events", "outcomes")}
        Console().print(summary.render_summary(told, result.manifest, folder))
    for line in carried_out(folder):
        Console().print(line, markup=False, highlight=False)
    if "outcomes" in result.manifest["tables"]:
        _write_report(folder, open_report=open_report)


def report_again(folder: Path, *, open_report: bool) -> None:
    """Write the report of a finished run from its tables, after a look at all digests."""
    manifest = storage.read_manifest(folder)
    if "outcomes" not in manifest["tables"]:
        raise storage.IntegrityFailure(f"{folder}: this run kept no patients to report; run with output.level=patient")
    parts.check_files(folder, manifest)
    _write_report(folder, open_report=open_report)


def _write_report(folder: Path, *, open_report: bool) -> None:
    written = page.write_report(folder)
    Console().print(f"Report: {written}", soft_wrap=True)
    if open_report:
        webbrowser.open(written.resolve().as_uri())


def explain(folder: Path, patient: int, visit: int | None) -> None:
    """Print the story of one patient."""
    visits = trial.read_table(folder, "visits")
    known = sorted(visits["patient_id"].unique())
    if patient not in known:
        raise InputRefused([InputProblem("explain", None, "--patient", patient, _span(known))])
    numbers = sorted(visits.loc[visits["patient_id"] == patient, "visit_no"].unique())
    if visit is not None and visit not in numbers:
        raise InputRefused([InputProblem("explain", None, "--visit", visit, _span(numbers))])
    Console().print(render_explanation(visits, storage.read_manifest(folder), patient, visit))


def _span(numbers: list[int]) -> str:
    return f"a whole number, {numbers[0]} to {numbers[-1]}"
