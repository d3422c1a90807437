"""A run from scenario to tables: the ledger adds up, the seed decides, nobody's luck depends on his neighbours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.models import catalogue
from titranc.models.audit import audit
from titranc.sim import storage, trial
from titranc.sim.report import page
from titranc.sim.scenario import load_scenario

TWO_YEARS = ["horizon_years=2", "cohort.n=3"]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return trial.simulate(load_scenario("scn_child", TWO_YEARS), "a")


def digests(found: dict[str, pd.DataFrame]) -> dict[str, str]:
    return {name: trial.content_digest(table) for name, table in found.items()}


def test_the_same_seed_gives_the_same_tables(tables: dict[str, pd.DataFrame]) -> None:
    assert digests(trial.simulate(load_scenario("scn_child", TWO_YEARS), "b")) == digests(tables)


def test_another_seed_gives_other_tables(tables: dict[str, pd.DataFrame]) -> None:
    other = trial.simulate(load_scenario("scn_child", [*TWO_YEARS, "seed=5"]), "a")
    assert digests(other)["visits"] != digests(tables)["visits"]


def test_a_patient_is_the_same_whatever_the_size_of_the_cohort(tables: dict[str, pd.DataFrame]) -> None:
    alone = trial.simulate(load_scenario("scn_child", ["horizon_years=2", "cohort.n=1"]), "a")
    of_patients = {name: table for name, table in tables.items() if "patient_id" in table.columns}
    first = {name: table[table["patient_id"] == 0].reset_index(drop=True) for name, table in of_patients.items()}
    for name in ("visits", "trajectory", "outcomes", "doses"):
        pd.testing.assert_frame_equal(alone[name], first[name], check_exact=True)


def test_ordered_doses_are_taken_or_missed(tables: dict[str, pd.DataFrame]) -> None:
    doses = tables["doses"]
    assert (doses["doses_ordered"] == doses["doses_taken"] + doses["doses_missed"]).all()
    totals = doses.groupby("patient_id")[["doses_ordered", "doses_taken"]].sum()
    outcomes = tables["outcomes"].set_index("patient_id")
    assert (totals["doses_ordered"] == outcomes["doses_ordered"]).all()
    assert (totals["doses_taken"] == outcomes["doses_taken"]).all()
    assert 0 < outcomes["doses_missed"].sum() < outcomes["doses_ordered"].sum()


def test_periods_of_a_regimen_follow_each_other_without_a_gap(tables: dict[str, pd.DataFrame]) -> None:
    for _, periods in tables["doses"].groupby("patient_id"):
        assert (periods["day_start"].to_numpy()[1:] == periods["day_end"].to_numpy()[:-1]).all()
        assert periods["day_end"].iloc[-1] == 730


def test_shares_of_days_add_up(tables: dict[str, pd.DataFrame]) -> None:
    shares = tables["outcomes"].filter(like="share_anc")
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(3))


def test_the_log_keeps_the_rules(tables: dict[str, pd.DataFrame]) -> None:
    visits = tables["visits"]
    risen = visits["dose_after_ug_per_kg_day"] > visits["dose_before_ug_per_kg_day"]
    raised = visits[risen & visits["action"].eq("increase")]
    assert len(raised) > 0
    assert (raised["lab_status"] == "valid").all()
    assert (raised["anc_reported_1e9_per_l"] < 1.0).all()
    assert (raised["dose_after_ug_per_kg_day"] - raised["dose_before_ug_per_kg_day"] <= 2.5 + 1e-9).all()
    above = visits[visits["dose_after_ug_per_kg_day"] > 15]
    assert above["flags"].str.contains("CRITICAL").all()
    for _, own in visits.groupby("patient_id"):
        days = own.loc[own["dose_after_ug_per_kg_day"] != own["dose_before_ug_per_kg_day"], "day"].to_numpy()
        rises = set(own.loc[own["action"] == "increase", "day"])
        assert all(later - earlier >= 5 for earlier, later in zip(days, days[1:], strict=False) if later in rises)


def test_every_event_names_the_one_rule_that_raised_it(tables: dict[str, pd.DataFrame]) -> None:
    rules = {rule.id: rule for rule in catalogue.guideline("source").rules}
    for event, rule_id in zip(tables["events"]["event"], tables["events"]["rule_ids"], strict=True):
        flags = {"ceiling_8": "MDS_MONITOR", "ceiling_15": "CRITICAL"}
        raised = flags.get(event, event if event.startswith("hsct") or event == "marrow" else event.upper())
        assert raised in (rules[rule_id].flag, rules[rule_id].order, "DOSE_HELD")


def test_the_dose_in_micrograms_follows_the_weight(tables: dict[str, pd.DataFrame]) -> None:
    visits = tables["visits"]
    expected = visits["dose_after_ug_per_kg_day"] * visits["weight_kg"]
    assert visits["dose_after_ug_day"].to_numpy() == pytest.approx(expected.to_numpy(), abs=0.01)


def test_vial_rounding_gives_whole_steps() -> None:
    found = trial.simulate(load_scenario("scn_child", ["horizon_years=0.2", "drug.vial_rounding_ug=30"]), "a")
    assert (found["doses"]["dose_ug"] % 30 == 0).all()


def test_the_laboratory_takes_its_time() -> None:
    found = trial.simulate(load_scenario("scn_child", ["horizon_years=0.2", "laboratory.turnaround_hours=48"]), "a")
    assert found["visits"]["day"].iloc[0] == 2
    assert found["trajectory"]["dose_given_ug_per_kg"].iloc[:2].sum() == 0


def test_arms_share_patients_and_luck() -> None:
    scenario = load_scenario(Path(__file__).with_name("two_arms.yaml"))
    found = trial.simulate(scenario, "a")
    patients = found["patients"].drop(columns=["arm"])
    one, two = (patients[found["patients"]["arm"] == arm].reset_index(drop=True) for arm in ("guideline", "fixed"))
    pd.testing.assert_frame_equal(one, two)
    assert found["visits"].groupby("arm")["dose_after_ug_per_kg_day"].nunique()["fixed"] == 1


def test_a_run_folder_is_whole_digested_and_never_overwritten(tmp_path: Path) -> None:
    scenario = load_scenario("scn_child", ["horizon_years=0.1"])
    trial.run(scenario, tmp_path / "run")
    assert set(storage.read_manifest(tmp_path / "run")["tables"]) == {
        "patients", "visits", "doses", "trajectory", "events", "outcomes", "summary", "anc_days", "dose_days",
    }  # fmt: skip
    assert not list((tmp_path / "run").glob("*.part"))
    with pytest.raises(storage.FolderInUse, match="a finished run is here"):
        trial.run(scenario, tmp_path / "run")


def test_the_manifest_grades_every_number_and_quotes_what_it_departs_from(tmp_path: Path) -> None:
    scenario = load_scenario("scn_child", ["horizon_years=0.1", "policy.overrides.recheck_days=4"])
    manifest = trial.run(scenario, tmp_path / "run").manifest
    assert manifest["guideline_values"]["recheck_days"] == {
        "value": 4.0, "unit": "days", "meaning": "", "source": "scenario", "grade": "scenario", "data_value": 3.0,
    }  # fmt: skip
    assert manifest["guideline_values"]["visit_titrating_days"]["grade"] == "C"
    told = {item["audit_row"] for item in manifest["deviations"]}
    assert {2, 8, 10, 11, 13, 14, 15, 17, 29} <= told, "those of congenital disease"
    assert told <= {row for row, entry in audit("source").items() if not entry.no_rule_because}
    assert not told & {9, 12, 19}, "those of other diseases were not used"
    words = [item["article_says"] for item in manifest["deviations"] if item["audit_row"] == 1]
    assert "5 mg/kg" in words[0]
    page.write_report(tmp_path / "run")
    report = (tmp_path / "run" / "report.html").read_text()
    assert "5 mg/kg G-CSF starting day 5-7 post-transplant" in report
    assert report.count("C, unverified") >= 2


def test_one_flipped_bit_is_found_before_a_table_is_read(tmp_path: Path) -> None:
    trial.run(load_scenario("scn_child", ["horizon_years=0.1"]), tmp_path / "run")
    path = tmp_path / "run" / "visits.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(storage.IntegrityFailure, match="visits"):
        trial.read_table(tmp_path / "run", "visits")


def test_the_resolved_scenario_runs_to_the_same_tables(tmp_path: Path) -> None:
    result = trial.run(load_scenario("scn_child", ["horizon_years=0.2"]), tmp_path / "run")
    again = trial.simulate(load_scenario(tmp_path / "run" / "scenario.yaml"), "again")
    assert digests(again)["visits"] == result.manifest["tables"]["visits"]["content"]
