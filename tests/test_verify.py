"""The verifier finds nothing in a sound run, and each planted violation where it was planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from titranc.sim import trial, verifying
from titranc.sim.cli import app
from titranc.sim.provenance import provenance
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.storage import IntegrityFailure
from titranc.sim.verification.chart import charts_of
from titranc.sim.verification.invariants import INVARIANTS
from titranc.sim.verification.verdict import Verdict, verdicts

Tables = dict[str, pd.DataFrame]
RUNS = {
    "scn": ("scn_child", ["cohort.n=30", "horizon_years=3"]),
    "refractory": ("scn_child", ["cohort.n=25", "horizon_years=1", "cohort.parameters.gcsf_insensitivity={lognormal: {median: 60, cv: 0.4}}"]),
    "bad counts": ("scn_child", ["cohort.n=20", "horizon_years=1", "assay.lost_share=0.2", "assay.implausible_share=0.1"]),
    "sensitive": ("scn_child", ["cohort.n=20", "horizon_years=1", "cohort.parameters.gcsf_insensitivity=1.0"]),
    "cyclic": ("cyclic_child", ["cohort.n=6"]),
    "idiopathic": ("idiopathic_adult", ["cohort.n=10"]),
    "infant": ("autoimmune_infant", ["cohort.n=6"]),
    "weak": ("idiopathic_adult", ["cohort.n=6", "horizon_years=1", "cohort.parameters.gcsf_insensitivity=60.0"]),
    "chemotherapy": ("chemotherapy_cycles", []),
    "transplant": ("transplant_autologous", []),
    "fever": ("febrile_neutropenia", []),
    "radiotherapy": ("chest_radiotherapy", []),
    "around": ("around_the_dose", []),
    "every policy": ("compare_policies", ["cohort.n=3", "horizon_years=1", "output.level=trajectory"]),
    "cycle-aware": ("cyclic_child", ["cohort.n=4", "horizon_years=1", "policy={kind: cycle_aware}"]),
}  # fmt: skip


@cache
def simulated(name: str) -> tuple[Scenario, Tables]:
    source, changes = RUNS[name]
    scenario = load_scenario(source, changes)
    return scenario, trial.simulate(scenario, "x")


def read(name: str, tables: Tables | None = None, values: dict[str, float] | None = None) -> dict[str, Verdict]:
    """Return the verdicts on a run, with its tables or numbers replaced."""
    scenario, own = simulated(name)
    manifest = provenance(scenario, own["patients"])
    for number, value in (values or {}).items():
        manifest["guideline_values"][number]["value"] = value
    resolved: dict[str, Any] = YAML(typ="safe").load(scenario.to_yaml())
    return {one.id: one for one in verdicts(charts_of(manifest, resolved, tables or own))}


@pytest.mark.parametrize("name", RUNS)
def test_a_sound_run_breaks_nothing(name: str) -> None:
    assert {one.id: one.first for one in read(name).values() if one.violations} == {}


def test_every_invariant_was_met_by_some_run() -> None:
    met = {one.id for name in RUNS for one in read(name).values() if one.applied}
    assert met == {invariant.id for invariant in INVARIANTS}


def copied(name: str) -> Tables:
    return {table: frame.copy() for table, frame in simulated(name)[1].items()}


def at(frame: pd.DataFrame, where: pd.Series[bool], number: int = 0) -> Any:
    """Return the index of a row at which something can be planted."""
    found = frame.index[where.to_numpy(dtype=bool)]
    assert len(found) > number, "nothing to plant it in"
    return found[number]


def setting(
    table: str, column: str, value: Any, where: Callable[[pd.DataFrame], pd.Series[bool]]
) -> Callable[[Tables], None]:
    """Return what writes a value into the first fitting row of a table."""

    def plant(tables: Tables) -> None:
        frame = tables[table]
        row = at(frame, where(frame))
        frame.loc[row, column] = value(frame.loc[row]) if callable(value) else value

    return plant


def treated(visits: pd.DataFrame) -> pd.Series[bool]:
    """Return the visits after the start at which a dose is kept on a valid count."""
    return (visits["dose_before_ug_per_kg_day"] > 0) & (visits["action"] == "keep") & (visits["lab_status"] == "valid")


def raised(visits: pd.DataFrame) -> pd.Series[bool]:
    return visits["action"] == "increase"


def event(
    name: str, rows: Callable[[pd.DataFrame], pd.Series[bool]] | None = None, **columns: Any
) -> Callable[[Tables], None]:
    """Return what writes an event that never happened, at a visit that fits."""

    def plant(tables: Tables) -> None:
        visits = tables["visits"]
        visit = visits.loc[at(visits, rows(visits) if rows else treated(visits))]
        row = {
            "run_id": "x",
            "arm": visit["arm"],
            "patient_id": visit["patient_id"],
            "day": visit["day"],
            "event": name,
        }
        row |= {"severity": "info", "detail": "", "rule_ids": ""} | columns
        tables["events"] = pd.concat([tables["events"], pd.DataFrame([row])], ignore_index=True)

    return plant


def dropping(name: str) -> Callable[[Tables], None]:
    def plant(tables: Tables) -> None:
        tables["events"] = tables["events"][tables["events"]["event"] != name]

    return plant


def without_flag(flag: str) -> Callable[[Tables], None]:
    def strip(row: pd.Series[Any]) -> str:
        return " ".join(word for word in row["flags"].split() if word != flag)

    return setting("visits", "flags", strip, lambda visits: visits["flags"].str.contains(flag))


def two_raises_close_together(tables: Tables) -> None:
    visits = tables["visits"]
    rises = visits[raised(visits)]
    first, second = next(own.index[:2] for _, own in rises.groupby("patient_id") if len(own) > 1)
    between = range(first + 1, second)
    tables["visits"] = visits.drop(index=between)
    tables["visits"].loc[second, "day"] = visits.loc[first, "day"] + 2


AFTER, BEFORE, ANC = "dose_after_ug_per_kg_day", "dose_before_ug_per_kg_day", "anc_reported_1e9_per_l"
PLANTED: dict[str, tuple[str, Callable[[Tables], None]]] = {
    "T-01": ("scn", setting("visits", AFTER, -1.0, treated)),
    "T-02": ("scn", setting("visits", "dose_after_ug_day", lambda row: row["dose_after_ug_day"] * 1000, treated)),
    "T-03": ("scn", setting("visits", ANC, 2.0, raised)),
    "T-05": ("bad counts", setting("visits", AFTER, lambda row: row[BEFORE] + 2.5, lambda v: (v["lab_status"] != "valid") & (v[BEFORE] > 0))),
    "T-06": ("scn", setting("visits", AFTER, lambda row: row[BEFORE] + 2.5, lambda v: treated(v) & (v[ANC] > 1.5))),
    "T-08": ("scn", setting("visits", "rule_ids", "", treated)),
    "T-09": ("scn", setting("visits", AFTER, 31.0, treated)),
    "T-10": ("scn", setting("doses", "doses_taken", lambda row: row["doses_ordered"] + 1, lambda doses: doses["doses_ordered"] > 0)),
    "T-13": ("scn", two_raises_close_together),
    "T-14": ("scn", lambda tables: tables["visits"].update(tables["visits"].loc[raised(tables["visits"]), [BEFORE]].rename(columns={BEFORE: AFTER}))),
    "S20": ("scn", setting("visits", "rule_ids", "no-routine-gcsf", treated)),
    "S26": ("scn", without_flag("SEVERE_NEUTROPENIA")),
    "S37": ("scn", setting("visits", AFTER, 5.0, lambda v: v["action"] == "start")),
    "S38": ("scn", setting("visits", "rule_ids", lambda row: row["rule_ids"] + " usual-range", treated)),
    "S39": ("sensitive", setting("visits", AFTER, lambda row: row[BEFORE], lambda v: v["rule_ids"].str.startswith("lower-above-5"))),
    "S40": ("scn", setting("visits", AFTER, lambda row: row[BEFORE] + 5.0, raised)),
    "S41a": ("scn", without_flag("MDS_MONITOR")),
    "S41b": ("refractory", without_flag("CRITICAL")),
    "S48": ("cyclic", setting("visits", AFTER, lambda row: row[BEFORE] + 1.5, lambda v: v["rule_ids"].str.startswith("cyclic-judging"))),
    "S54": ("weak", setting("visits", AFTER, lambda row: row[BEFORE] + 4.0, treated)),
    "S58": ("chemotherapy", setting("visits", "day", lambda row: row["day"] + 8, lambda v: v["rule_ids"].str.startswith("chemotherapy-start"))),
    "S58a": ("chemotherapy", setting("visits", AFTER, 7.5, lambda v: v["rule_ids"].str.startswith("chemotherapy-go-on"))),
    "S60": ("chemotherapy", setting("trajectory", "dose_given_ug_per_kg", 85.0, lambda t: (t["arm"] == "pegfilgrastim") & (t["day"] == 7))),
    "S64": ("transplant", setting("visits", "day", 3, lambda v: v["action"] == "start")),
    "S69": ("fever", setting("visits", ANC, 0.9, lambda v: v["rule_ids"].str.startswith("febrile-neutropenia-start"))),
    "S74": ("idiopathic", lambda tables: None),
    "S76": ("radiotherapy", setting("trajectory", "dose_given_ug_per_kg", 2.0, lambda t: t["day"] == 140)),
    "S77": ("chemotherapy", setting("trajectory", "dose_given_ug_per_kg", 5.0, lambda t: t["day"] == 22)),
    "S83": ("scn", event("pneumocystis_prophylaxis")),
    "S93": ("fever", dropping("iv_antibiotic")),
    "S121": ("refractory", lambda tables: tables.update(events=pd.concat([tables["events"], tables["events"].query("event == 'hsct_non_responder'").head(1)], ignore_index=True))),
    "S123": ("scn", event("hsct_non_responder", lambda v: treated(v) & (v[BEFORE] < 10))),
    "S124": ("scn", event("hsct_low_responder", lambda v: treated(v) & (v[BEFORE] < 10))),
    "S125": ("scn", without_flag("TIGHT_MONITORING")),
    "S132": ("scn", lambda tables: tables.update(events=tables["events"].drop(tables["events"].query("event == 'marrow' and day > 0").index[1]))),
    "S141": ("sensitive", setting("visits", AFTER, lambda row: row[BEFORE], lambda v: v["rule_ids"].str.startswith("hold-above-10"))),
}  # fmt: skip


@pytest.mark.parametrize("invariant", sorted({one.id for one in INVARIANTS} - {"T-07", "S74"}))
def test_a_planted_violation_is_found(invariant: str) -> None:
    name, plant = PLANTED[invariant]
    tables = copied(name)
    plant(tables)
    verdict = read(name, tables)[invariant]
    assert verdict.word == "broken"
    assert verdict.first


def test_a_target_that_ends_too_high_is_found() -> None:
    assert read("scn", values={"target_high_1e9_per_l": 12.0})["T-07"].word == "broken"


def test_benign_disease_treated_without_infections_is_found() -> None:
    scenario, tables = simulated("idiopathic")
    resolved = YAML(typ="safe").load(scenario.to_yaml())
    resolved["course"]["findings"]["recurrent_severe_infections"] = False
    found = {one.id: one for one in verdicts(charts_of(provenance(scenario, tables["patients"]), resolved, tables))}
    assert found["S74"].word == "broken"


def test_what_applied_to_few_rows_is_called_untested() -> None:
    found = read("scn")
    assert found["S37"].word == "untested"
    assert found["S37"].in_words == "untested: held in 30 rows"
    assert found["S76"].in_words == "untested: did not occur"
    assert found["S37"].applied == 30
    assert found["T-01"].word == "holds"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "run"
    trial.run(load_scenario("scn_child", ["cohort.n=25", "horizon_years=0.5"]), folder)
    return folder


def test_the_command_reads_a_run_and_simulates_twenty_patients_again(run: Path) -> None:
    done = CliRunner().invoke(app, ["verify", str(run), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["simulated_again"], told["different"]) == (20, [])
    assert {one["id"] for one in told["invariants"]} >= {"T-01", "S41b", "S132"}


def test_another_seed_in_the_scenario_of_a_run_is_noticed(run: Path) -> None:
    scenario = run / "scenario.yaml"
    text = scenario.read_text()
    try:
        scenario.write_text(text.replace("seed: 2", "seed: 3"))
        assert set(verifying.simulated_again(run)[1]) >= {"visits", "outcomes"}
        with pytest.raises(IntegrityFailure):
            verifying.verify(run, as_json=True)
    finally:
        scenario.write_text(text)


def test_a_run_without_visits_says_so(tmp_path: Path) -> None:
    trial.run(load_scenario("scn_child", ["horizon_years=0.1", "output.level=patient"]), tmp_path / "run")
    with pytest.raises(IntegrityFailure, match="output.level=visit"):
        verifying.verify(tmp_path / "run", as_json=False)


def test_numbers_of_the_verdict_are_those_of_the_tables() -> None:
    visits = simulated("scn")[1]["visits"]
    verdict = read("scn")["T-06"]
    in_target = (visits[ANC] >= 1.0) & (visits["lab_status"] == "valid")
    assert (verdict.examined, verdict.applied) == (len(visits), int(np.sum(in_target)))
