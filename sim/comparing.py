"""The command that compares: arms of a run, or runs of the same patients, in words, numbers and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import running, storage, trial
from titranc.sim.contrasts import contrasts
from titranc.sim.report.carried_out import carried_out
from titranc.sim.report.incidence import leukaemia_settings
from titranc.sim.report.verdict import Row, judged, rows_of, verdict
from titranc.sim.report.words import NOTICE, plain
from titranc.sim.scenario import load_scenario

SHOWN = {
    "share_anc_1_to_5": "% days\n1-5",
    "share_anc_below_0_5": "% days\n<0.5",
    "severe_infections": "severe\n/year",
    "infections": "infect.\n/year",
    "mean_dose_ug_per_kg_day": "ug/kg\n/day",
    "mds_aml": "% MDS\nAML",
    "transplanted": "%\nHSCT",
    "died": "%\ndied",
}
MARKS = {"better": ("✓", "green"), "worse": ("✗", "red"), "different": ("*", ""), "alike": ("=", ""), "open": ("?", "")}
LEGEND = (
    "✓ better, ✗ worse, * differs, neither better nor worse, = no difference that matters, ? cannot be told. "
    "Intervals and what difference matters: table contrasts; to change it: compare.matters"
)


def compare(what: Sequence[str], changes: Sequence[str], out: Path | None, how: trial.How, *, as_json: bool) -> None:
    """Compare the arms of a scenario, which is run first, those of a run, or several runs with each other."""
    folders = [Path(name) for name in what if (Path(name) / storage.MANIFEST_NAME).exists()]
    if folders and len(folders) == len(what):
        alone = carried_out(folders[0]) if len(folders) == 1 else []
        _tell(_of_runs(folders) if len(folders) > 1 else _of_run(folders[0]), alone, as_json=as_json)
        return
    if len(what) > 1:
        missing = next(name for name in what if Path(name) not in folders)
        raise InputRefused(
            [InputProblem("compare", None, "RUN", missing, "a scenario alone, or folders of finished runs")]
        )
    scenario = load_scenario(what[0], changes)
    if len(scenario.arms) < 2:
        raise InputRefused(
            [InputProblem("compare", None, "arms", len(scenario.arms), "a scenario with two arms or more")]
        )
    folder = out or running.default_folder(what[0], resume=how.resume)
    running.run_and_report(scenario, folder, how, open_report=False, quiet=as_json)
    # On the screen the run itself has said what became of its orders.
    _tell(_of_run(folder), carried_out(folder) if as_json else [], as_json=as_json)


class _Compared:
    """What is told: the table of contrasts, its reference arm, settings to be named, where it came from."""

    def __init__(self, table: pd.DataFrame, reference: str, effects: Sequence[str], where: str) -> None:
        self.table, self.reference, self.effects, self.where = table, reference, effects, where


def _of_run(folder: Path) -> _Compared:
    manifest = storage.read_manifest(folder)
    if "contrasts" not in manifest["tables"]:
        raise InputRefused([InputProblem("compare", None, "RUN", str(folder), "a run with two arms or more")])
    effects = list(leukaemia_settings(manifest).values())
    table = trial.read_table(folder, "contrasts")
    return _Compared(table, manifest["reference_arm"], effects, str(folder))


def _of_runs(folders: Sequence[Path]) -> _Compared:
    """Put the first arm of each run side by side; the patients must be the same."""
    manifests = [storage.read_manifest(folder) for folder in folders]
    people = [trial.read_table(folder, "patients") for folder in folders]
    outcomes, patients = [], []
    for folder, manifest, table in zip(folders, manifests, people, strict=True):
        own, first = (
            table[table["arm"] == table["arm"].iloc[0]],
            people[0][people[0]["arm"] == people[0]["arm"].iloc[0]],
        )
        parameters = [name for name in first.columns if name.startswith("p_")]
        same = manifest["seed"] == manifests[0]["seed"] and len(own) == len(first)
        if not same or not own[parameters].reset_index(drop=True).equals(first[parameters].reset_index(drop=True)):
            allowed = f"runs of the patients of {folders[0]}: the same seed and cohort"
            raise InputRefused([InputProblem("compare", None, "RUN", str(folder), allowed)])
        found = trial.read_table(folder, "outcomes")
        outcomes.append(found[found["arm"] == own["arm"].iloc[0]].assign(arm=folder.name))
        patients.append(own.assign(arm=folder.name))
    effects = [effect for manifest in manifests for effect in leukaemia_settings(manifest).values()]
    reference = folders[0].name
    table = contrasts(pd.concat(patients, ignore_index=True), pd.concat(outcomes, ignore_index=True), reference)
    return _Compared(table, reference, effects, ", ".join(str(folder) for folder in folders))


def _tell(found: _Compared, of_orders: Sequence[str], *, as_json: bool) -> None:
    sentences = [*of_orders, *verdict(found.table, found.reference, found.effects)]
    if as_json:
        rows = json.loads(found.table.to_json(orient="records"))
        print(json.dumps({"reference": found.reference, "verdict": sentences, "contrasts": rows}, indent=1))
        return
    console, n = Console(), found.table["n"].max()
    console.print(
        Text(f"{plain(found.reference)} and, of {n:,} patients, the paired differences from it", style="bold")
    )
    console.print(_table(found))
    console.print(Text(LEGEND))
    for sentence in sentences:
        console.print(Text(f"- {sentence}"))
    console.print(Text(NOTICE, style="yellow"))


def _table(found: _Compared) -> Table:
    """Return the mean of the reference, and of every other arm the paired difference with what can be said of it."""
    whole = found.table[found.table["subgroup"] == "all"]
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold", max_width=15)
    there = [name for name in SHOWN if (whole["endpoint"] == name).any()]
    for name in there:
        table.add_column(SHOWN[name], justify="right", no_wrap=True)
    arms = list(dict.fromkeys(whole["arm"]))
    rows = {(row["arm"], row["endpoint"]): row for row in rows_of(whole)}
    table.add_row(plain(found.reference), *(f"{rows[arms[0], name]['reference_mean']:.3g}  " for name in there))
    for arm in arms:
        table.add_row(plain(arm), *(_cell(rows[arm, name]) for name in there))
    return table


def _cell(row: Row) -> Text:
    mark, style = MARKS[judged(row)]
    return Text(f"{row['paired_difference']:+.3g} {mark}", style=style)
