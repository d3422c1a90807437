"""Paired differences, their errors, and the sentences made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.models.documents import InputRefused
from titranc.sim import cli, comparing, running, trial
from titranc.sim.contrasts import contrasts
from titranc.sim.endpoints import BY_NAME
from titranc.sim.report.page import write_report
from titranc.sim.report.plots.comparison import pareto
from titranc.sim.report.verdict import judged, verdict
from titranc.sim.scenario import load_scenario

TWO = [
    "cohort.n=40",
    "horizon_years=1",
    "output.level=visit",
    "arms=[{name: source}, {name: low, policy: {kind: fixed, dose_ug_per_kg_day: 2}}]",
]


def made_up(n: int, effect: float, noise: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two arms of n patients who differ much between each other and by `effect` between the arms."""
    luck = np.random.default_rng(1)
    own = luck.uniform(0.2, 0.9, n)
    changed = own + effect + noise * luck.standard_normal(n)
    patients = pd.DataFrame(
        {"arm": ["a"] * n, "patient_id": range(n), "age_start_years": 5.0, "sex": "female", "doses_taken_share": 0.95}
    )
    outcomes = pd.concat(
        [
            pd.DataFrame(
                {
                    "arm": arm, "patient_id": range(n), "share_anc_1_to_5": share, "share_anc_below_0_5": 0.0,
                    "days_observed": 365, "mean_dose_ug_per_kg_day": 5.0, "peak_dose_ug_per_kg_day": 5.0,
                    "final_dose_ug_per_kg_day": 5.0, "visits": 10,
                }
            )
            for arm, share in (("a", own), ("b", changed))
        ],
        ignore_index=True,
    )  # fmt: skip
    return patients, outcomes


def of(table: pd.DataFrame, endpoint: str) -> pd.Series:
    return table[(table["subgroup"] == "all") & (table["endpoint"] == endpoint)].iloc[0]


def test_a_paired_difference_and_its_errors_are_those_of_the_pairs() -> None:
    patients, outcomes = made_up(200, 0.05, 0.02)
    row = of(contrasts(patients, outcomes, "a"), "share_anc_1_to_5")
    by_arm = {
        arm: rows.sort_values("patient_id")["share_anc_1_to_5"].to_numpy() for arm, rows in outcomes.groupby("arm")
    }
    difference = 100 * (by_arm["b"] - by_arm["a"])
    assert row["paired_difference"] == pytest.approx(difference.mean())
    assert row["mcse"] == pytest.approx(difference.std(ddof=1) / np.sqrt(200))
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * 1.96 * row["mcse"], rel=0.15)
    assert row["patients_to_tell"] == np.ceil(((1.96 + 0.8416) * difference.std(ddof=1) / difference.mean()) ** 2)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 200 made-up trials about 190; fewer than 174 would be seen once in a million."""
    covered = 0
    for seed in range(200):
        luck = np.random.default_rng(seed)
        patients, outcomes = made_up(60, 0.0, 0.0)
        outcomes.loc[outcomes["arm"] == "b", "share_anc_1_to_5"] += 0.03 + 0.05 * luck.standard_normal(60)
        row = of(contrasts(patients, outcomes, "a"), "share_anc_1_to_5")
        covered += row["ci_low"] <= 3.0 <= row["ci_high"]
    assert covered >= 174


@pytest.mark.parametrize(
    ("endpoint", "low", "high", "expected"),
    [
        ("died", 1.0, 4.0, "worse"),
        ("died", -4.0, -1.0, "better"),
        ("died", -0.2, 0.3, "alike"),
        ("died", -4.0, 3.0, "open"),
        ("share_anc_1_to_5", 2.0, 5.0, "better"),
        ("share_anc_1_to_5", -5.0, -2.0, "worse"),
        ("share_anc_1_to_5", 0.1, 0.4, "alike"),
        ("transplanted", -9.0, -3.0, "different"),
        ("transplanted", -9.0, 3.0, "open"),
    ],
)
def test_an_interval_is_judged_by_what_matters(endpoint: str, low: float, high: float, expected: str) -> None:
    row = {"endpoint": endpoint, "ci_low": low, "ci_high": high, "matters": BY_NAME[endpoint].matters}
    assert judged(row) == expected


def with_lives(outcomes: pd.DataFrame, **columns: int) -> pd.DataFrame:
    """Add that nothing happened to anybody but what `columns` say."""
    nothing = {
        "status_death": 0, "status_mds_aml": 0, "status_transplant": 0, "infections": 0, "severe_infections": 0,
        "hospital_days": 0, "drug_mg_per_year": 1.0,
    }  # fmt: skip
    return outcomes.assign(**(nothing | columns))


def test_a_cohort_too_small_says_so_and_how_many_would_do_where_enough_pairs_differ() -> None:
    patients, outcomes = made_up(30, 0.0, 0.0)
    outcomes = with_lives(outcomes, infections=1)
    outcomes.loc[[31, 32], "status_death"] = 1
    outcomes.loc[[3, 33], "status_mds_aml"] = 1
    told = " ".join(verdict(contrasts(patients, outcomes, "a"), "a", ["marker"]))
    assert "30 patients are too few to tell" in told
    assert "too few pairs differ to say how many would be enough" in told
    assert "with the dose as marker" in told
    outcomes.loc[[0, 1, 2, *range(40, 46)], "status_death"] = 1
    told = " ".join(verdict(contrasts(patients, outcomes, "a"), "a"))
    assert "would be enough (power 80 %)" in told


def test_to_have_seen_no_event_says_little() -> None:
    patients, outcomes = made_up(30, 0.0, 0.0)
    table = contrasts(patients, with_lives(outcomes), "a")
    assert of(table, "died")["ci_high"] == pytest.approx(100 * 3 / 30)
    assert of(table, "severe_infections")["ci_high"] == pytest.approx(3 / (30 * 365 / 365.25))
    assert judged(of(table, "died")) == "open"
    assert "up to 10 % of patients cannot be excluded" in " ".join(verdict(table, "a"))


def test_the_dead_gather_no_infections_and_are_not_counted_as_spared() -> None:
    """Everybody has two infections a year; half of arm b die half-way."""
    patients, outcomes = made_up(200, 0.0, 0.0)
    outcomes = with_lives(outcomes, infections=2).assign(days_observed=364)
    dead = (outcomes["arm"] == "b") & (outcomes["patient_id"] % 2 == 0)
    outcomes.loc[dead, ["days_observed", "infections", "status_death"]] = [182, 1, 1]
    table = contrasts(patients, outcomes, "a")
    row = of(table, "infections")
    assert row["arm_mean"] == pytest.approx(2 * 365.25 / 364)
    assert row["paired_difference"] == pytest.approx(0)
    assert "read MDS or AML and transplants beside the deaths" in " ".join(verdict(table, "a"))


def test_an_interval_of_a_rate_covers_the_truth_as_often_as_it_says() -> None:
    """Of 200 made-up trials about 190; true rates 2 and 3 a year, lives of unequal length."""
    covered = 0
    for seed in range(200):
        luck = np.random.default_rng(seed)
        patients, outcomes = made_up(80, 0.0, 0.0)
        years = luck.uniform(0.1, 3, len(outcomes))
        rate = np.where(outcomes["arm"] == "b", 3.0, 2.0)
        outcomes = with_lives(outcomes).assign(days_observed=years * 365.25, infections=luck.poisson(rate * years))
        row = of(contrasts(patients, outcomes, "a"), "infections")
        covered += row["ci_low"] <= 1.0 <= row["ci_high"]
    assert covered >= 174


def test_what_matters_is_told_and_can_be_changed() -> None:
    patients, outcomes = made_up(200, 0.05, 0.02)
    usual, changed = (
        contrasts(patients, outcomes, "a"),
        contrasts(patients, outcomes, "a", matters={"share_anc_1_to_5": 9}),
    )
    assert of(usual, "share_anc_1_to_5")["matters"] == BY_NAME["share_anc_1_to_5"].matters
    assert (judged(of(usual, "share_anc_1_to_5")), judged(of(changed, "share_anc_1_to_5"))) == ("better", "alike")
    with pytest.raises(InputRefused, match="severe_infections"):
        load_scenario("compare_policies", ["compare.matters={severe: 1}"])


def test_arms_that_nobody_beats_make_the_line() -> None:
    plane = pd.DataFrame({"dose": [5.0, 8.0, 9.0], "share": [0.7, 0.9, 0.8]}, index=["low", "good", "bad"])
    assert pareto(plane) == ["low", "good"]


def test_a_run_with_arms_carries_its_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial.run(load_scenario("scn_child", TWO), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert "The arms compared" in page
    assert "low is worse than source" in page
    comparing.compare([str(tmp_path / "run")], [], None, trial.How(), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["reference"] == "source"
    assert any("low is worse than source" in line for line in told["verdict"])


def test_an_arm_that_treats_nobody_and_a_dose_that_is_cut_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = "arms=[{name: guideline}, {name: fixed25, policy: {kind: fixed, dose_ug_per_kg_day: 25}}]"
    options = ["cohort.n=24", "horizon_years=0.3", "output.level=visit", "course={}", arms]
    scenario = load_scenario("idiopathic_stable", options)
    running.run_and_report(scenario, tmp_path / "run", trial.How(), open_report=False)
    ran = capsys.readouterr().out
    comparing.compare([str(tmp_path / "run")], [], None, trial.How(), as_json=True)
    compared = " ".join(json.loads(capsys.readouterr().out)["verdict"])
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for told in (" ".join(ran.split()), compared, page):
        assert "guideline never gave G-CSF to 24 of 24 patients, mostly by the rule no-routine-gcsf" in told
        assert "fixed25: the safety gate cut the dose at" in told


def test_runs_of_the_same_patients_are_compared_and_others_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["cohort.n=24", "horizon_years=0.5", "output.level=patient"]
    trial.run(load_scenario("scn_child", options), tmp_path / "source")
    trial.run(load_scenario("scn_child", [*options, "policy={kind: registry}"]), tmp_path / "registry")
    trial.run(load_scenario("scn_child", [*options, "seed=5"]), tmp_path / "others")
    comparing.compare([str(tmp_path / "source"), str(tmp_path / "registry")], [], None, trial.How(), as_json=False)
    assert "the paired differences from it" in capsys.readouterr().out
    with pytest.raises(InputRefused, match="the same seed"):
        comparing.compare([str(tmp_path / "source"), str(tmp_path / "others")], [], None, trial.How(), as_json=False)


def test_patients_and_seed_of_a_comparison_are_laid_over_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_over: list[object] = []
    monkeypatch.setattr(comparing, "compare", lambda what, changes, *_, **__: laid_over.extend(changes))
    cli.compare(["compare_policies"], n=3, seed=4, changes=["horizon_years=1"])
    assert laid_over == ["horizon_years=1", "cohort.n=3", "seed=4"]


def test_a_scenario_with_one_arm_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="two arms"):
        comparing.compare(["scn_child"], [], tmp_path / "x", trial.How(), as_json=False)
    with pytest.raises(InputRefused, match="reference"):
        load_scenario("scn_child", ["compare.reference=nobody"])


def test_lifted_limits_are_told_in_red(tmp_path: Path) -> None:
    options = ["cohort.n=2", "horizon_years=0.1", "policy={kind: fixed, dose_ug_per_kg_day: 100}", "unconstrained=true"]
    trial.run(load_scenario("scn_child", options), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    assert '<p class="critical">UNCONSTRAINED' in page


def test_a_run_without_visits_has_a_report_of_its_cohort(tmp_path: Path) -> None:
    """The comparison of a large cohort keeps a row a patient; it is reported all the same, without anybody's story."""
    changes = ["cohort.n=24", "cohort.sex=mixed", "horizon_years=0.5", "output.level=patient", TWO[-1]]
    trial.run(load_scenario("scn_child", changes), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "The arms compared" in page
    assert "This run kept no visits" in page
    assert "The story, visit by visit" not in page
