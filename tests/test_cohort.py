"""Who the patients are: plausible people, the same whoever else is drawn."""

import numpy as np
import pytest
from scipy import stats

from titranc.models.growth import Growth
from titranc.sim.cohort import draw_patients
from titranc.sim.scenario import load_scenario
from titranc.sim.streams import Streams

MANY = 2000


def ages(distribution: str, n: int = MANY) -> np.ndarray:
    scenario = load_scenario("scn_child", [f"cohort.age_years={distribution}"])
    return np.array([person.age_start_years for person in draw_patients(scenario, Streams(scenario.seed), range(n))])


def test_ages_have_the_distribution_cut_off_at_birth() -> None:
    drawn = ages("{normal: {mean: 2, sd: 3}}")
    expected = stats.truncnorm(-2 / 3, (90 - 2) / 3, loc=2, scale=3)
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-4
    assert len(set(drawn)) == MANY


def test_ages_have_the_distribution_cut_off_at_ninety_years() -> None:
    drawn = ages("{lognormal: {median: 60, cv: 1.0}}")
    whole = stats.lognorm(np.sqrt(np.log(2)), scale=60)
    assert stats.kstest(drawn, lambda age: whole.cdf(age) / whole.cdf(90)).pvalue > 1e-4
    assert drawn.max() <= 90
    assert len(set(drawn)) == MANY


@pytest.mark.parametrize("distribution", ["{normal: {mean: 0, sd: 90}}", "{lognormal: {median: 90, log_sd: 3}}"])
def test_the_widest_allowed_distribution_is_drawn_from(distribution: str) -> None:
    drawn = ages(distribution, 200)
    assert ((drawn >= 0) & (drawn <= 90)).all()


def test_a_person_is_the_same_alone_and_among_others() -> None:
    scenario = load_scenario("scn_child", ["cohort.age_years={normal: {mean: 1, sd: 3}}", "cohort.sex=mixed"])
    together = draw_patients(scenario, Streams(scenario.seed), range(40))
    alone = [draw_patients(scenario, Streams(scenario.seed), [number])[0] for number in range(40)]
    assert together == alone


def test_drawn_weights_and_heights_are_those_of_people() -> None:
    scenario = load_scenario("scn_child", ["cohort.age_years={uniform: {low: 0, high: 90}}", "cohort.sex=mixed"])
    people = draw_patients(scenario, Streams(scenario.seed), range(MANY))
    for person in people:
        age, weight = person.age_start_years, person.growth.weight_kg(person.age_start_years)
        low, high = (Growth(person.growth.sex, z, 0).weight_kg(age) for z in (-3, 3))
        assert low <= weight <= high
    scores = np.array([[person.growth.weight_z, person.growth.height_z] for person in people])
    assert (np.abs(scores) < 3).all()
    for column in scores.T:
        assert stats.kstest(column, stats.truncnorm(-3, 3).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(scores.T)[0, 1]) < 4.9 / np.sqrt(MANY)


def test_a_parameter_drawn_beyond_its_declared_range_is_drawn_again() -> None:
    """One patient in fifty thousand stopped a run of a hundred thousand."""
    wide = "cohort.parameters={anc_baseline_1e9_per_l: {lognormal: {median: 11, cv: 0.5}}}"
    scenario = load_scenario("scn_child", [wide])
    drawn = [
        person.parameters["anc_baseline_1e9_per_l"]
        for person in draw_patients(scenario, Streams(scenario.seed), range(MANY))
    ]
    assert 0.5 <= min(drawn) < max(drawn) <= 12
    shape = stats.lognorm(np.sqrt(np.log1p(0.25)), scale=11)
    assert stats.kstest(drawn, lambda anc: shape.cdf(anc) / shape.cdf(12)).pvalue > 1e-4
