"""The picture that compares arms of one patient shows the numbers of the run."""

import io
from pathlib import Path

import pytest

from titranc.sim import trial
from titranc.sim.report.plots.arms import plot_arms
from titranc.sim.scenario import load_scenario

TWO_ARMS = Path(__file__).with_name("two_arms.yaml")


def tables_of(patients: int) -> dict:
    return trial.simulate(load_scenario(TWO_ARMS, [f"cohort.n={patients}", "horizon_years=0.3"]), "picture")


def test_each_arm_shows_its_dose_its_bands_and_its_referral() -> None:
    tables = tables_of(1)
    outcomes = tables["outcomes"].assign(status_hsct_referral=[0, 1], time_to_hsct_referral_days=[109.0, 77.0])
    figure = plot_arms(tables["visits"], outcomes)
    left, right = figure.axes[0::2], figure.axes[1::2]
    assert [axes.get_title("left") for axes in left] == ["guideline", "fixed"]
    for axes, bars, (_, outcome) in zip(left, right, outcomes.iterrows(), strict=True):
        doses = tables["visits"].query("arm == @outcome.arm")["dose_after_ug_per_kg_day"].tolist()
        steps = [line.get_ydata() for line in axes.lines if line.get_drawstyle() == "steps-post"]
        assert [list(step) for step in steps] == [[*doses, doses[-1]]]
        widths = [bar.get_width() for bar in bars.patches if bar.get_height() == pytest.approx(0.7)]
        assert widths == pytest.approx(outcome.filter(like="share_anc").tolist())
    told = [["referred" in text.get_text() for text in axes.texts] for axes in right]
    assert [any(texts) for texts in told] == [False, True]
    assert "referred for transplant (HSCT) on day 77" in [text.get_text() for text in right[1].texts]
    figure.savefig(io.BytesIO(), format="png")


def test_several_patients_in_an_arm_are_refused() -> None:
    tables = tables_of(2)
    with pytest.raises(ValueError, match="'guideline' has 2 patients"):
        plot_arms(tables["visits"], tables["outcomes"].drop_duplicates("arm"))
