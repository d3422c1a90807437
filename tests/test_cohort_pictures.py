"""The cohort's tables say what the patients' days say, and its pictures and captions say what the tables say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.sim import trial
from titranc.sim.report import page
from titranc.sim.report.plots import cohort
from titranc.sim.scenario import load_scenario

CHANGES = ["cohort.n=24", "horizon_years=1", "output.trajectory_patients=24"]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return trial.simulate(load_scenario("scn_child", CHANGES), "x")


def test_every_patient_day_is_counted_once(tables: dict[str, pd.DataFrame]) -> None:
    for name in ("anc_days", "dose_days"):
        per_period = tables[name].groupby("day")["patient_days"].sum()
        assert per_period.sum() == 24 * 365
        assert (per_period.iloc[:-1] == 24 * 28).all()


def test_bins_hold_the_days_that_lie_in_them(tables: dict[str, pd.DataFrame]) -> None:
    true = tables["trajectory"]
    for _, row in tables["anc_days"].sample(60, random_state=2).iterrows():
        days = true[(true["day"] // 28 == row["day"] // 28)]["anc_1e9_per_l"]
        there = (days >= row["anc_low_1e9_per_l"]) & (days < row["anc_high_1e9_per_l"])
        assert there.sum() == row["patient_days"]


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.95])
def test_quantiles_of_the_bins_are_those_of_the_days(tables: dict[str, pd.DataFrame], share: float) -> None:
    exact = np.quantile(tables["trajectory"]["anc_1e9_per_l"], share)
    assert cohort._quantile(tables["anc_days"], share) == pytest.approx(exact, rel=0.03)


def test_shares_of_the_bands_are_those_of_the_outcomes(tables: dict[str, pd.DataFrame]) -> None:
    days = tables["anc_days"].groupby("day")["patient_days"].sum()
    shares = cohort._band_shares(tables["anc_days"]).mul(days, axis=0).sum() / days.sum()
    assert shares.to_numpy() == pytest.approx(tables["outcomes"].filter(like="share_anc").mean().to_numpy(), abs=1e-12)


def test_a_summary_gives_mean_interval_and_monte_carlo_error(tables: dict[str, pd.DataFrame]) -> None:
    summary = tables["summary"] if "summary" in tables else trial.summary_table(tables["outcomes"])
    row = summary.set_index("endpoint").loc["mean_dose_ug_per_kg_day"]
    dose = tables["outcomes"]["mean_dose_ug_per_kg_day"]
    assert row["estimate"] == pytest.approx(dose.mean())
    assert row["mcse"] == pytest.approx(dose.std() / np.sqrt(24))
    assert row["ci_high"] - row["estimate"] == pytest.approx(2.0687 * row["mcse"], rel=1e-3)
    referred = summary.set_index("endpoint").loc["status_hsct_referral"]
    assert 0 <= referred["ci_low"] <= referred["estimate"] <= referred["ci_high"] <= 1


@pytest.mark.parametrize("arms", [1, 2, 5])
def test_every_picture_has_a_panel_an_arm_up_to_four(tables: dict[str, pd.DataFrame], arms: int) -> None:
    several = {
        name: pd.concat([tables[name].assign(arm=f"arm{i}") for i in range(arms)])
        for name in ("anc_days", "outcomes", "trajectory")
    }
    figures = [
        cohort.plot_band(several["anc_days"], several["trajectory"]),
        cohort.plot_shares(several["anc_days"]),
        cohort.plot_dose(several["outcomes"]),
        cohort.plot_patients(several["outcomes"]),
    ]
    assert [len(figure.axes) for figure in figures] == [min(arms, 4)] * 4


def test_captions_state_the_facts(tables: dict[str, pd.DataFrame]) -> None:
    final = tables["outcomes"]["final_dose_ug_per_kg_day"]
    assert f"{final.median():.3g} ug/kg/day" in cohort.caption_dose(tables["outcomes"])
    share = tables["outcomes"]["share_anc_1_to_5"].median()
    assert f"{100 * share:.0f} %" in cohort.caption_patients(tables["outcomes"])


@pytest.mark.parametrize(("patients", "shown"), [(19, False), (20, True)])
def test_a_report_shows_the_cohort_from_twenty_patients_on(tmp_path: Path, patients: int, shown: bool) -> None:
    changes = [f"cohort.n={patients}", "horizon_years=0.3", "output.trajectory_patients=2"]
    trial.run(load_scenario("scn_child", changes), tmp_path / "run")
    text = page.write_report(tmp_path / "run").read_text()
    assert ('id="cohort"' in text) == shown
    assert text.count("<svg") == (7 if shown else 3)
