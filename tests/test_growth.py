"""Growth: the curves give the published percentiles and people grow without jumps."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titranc.models.growth import SEXES, Growth, z_of_weight

AGES_TO_18_YEARS = np.linspace(0.0, 18.0, 18 * 365 + 1)

PUBLISHED_WEIGHT_PERCENTILES_KG = [
    ("female", 0, 0.50, 3.2),
    ("female", 12, 0.03, 7.1),
    ("female", 12, 0.50, 8.9),
    ("female", 12, 0.97, 11.3),
    ("male", 12, 0.03, 7.8),
    ("male", 12, 0.50, 9.6),
    ("male", 12, 0.97, 11.8),
    ("female", 24, 0.50, 12.1),
    ("male", 24, 0.05, 10.6),
    ("male", 24, 0.50, 12.7),
    ("male", 24, 0.95, 15.2),
    ("female", 240, 0.50, 58.2),
    ("male", 240, 0.50, 70.6),
]


@pytest.mark.parametrize(("sex", "age_months", "share", "weight_kg"), PUBLISHED_WEIGHT_PERCENTILES_KG)
def test_the_curves_give_the_published_weight_percentiles(
    sex: str, age_months: float, share: float, weight_kg: float
) -> None:
    z = NormalDist().inv_cdf(share)
    assert Growth(sex, z, 0.0).weight_kg(age_months / 12) == pytest.approx(weight_kg, abs=0.051)


@pytest.mark.parametrize(
    ("sex", "age_months", "share", "height_cm"),
    [
        ("female", 12, 0.03, 69.2),
        ("female", 12, 0.50, 74.0),
        ("female", 12, 0.97, 78.9),
        ("male", 0, 0.50, 49.9),
        ("female", 240, 0.50, 163.3),
        ("male", 240, 0.50, 176.8),
    ],
)
def test_the_curves_give_the_published_height_percentiles(
    sex: str, age_months: float, share: float, height_cm: float
) -> None:
    z = NormalDist().inv_cdf(share)
    # Published to a tenth of a centimetre and by the month; the curve stands by the day, a quarter of a day apart.
    assert Growth(sex, 0.0, z).height_cm(age_months / 12) == pytest.approx(height_cm, abs=0.06)


def test_a_girl_of_24_months_on_the_median_weighs_the_tabled_median_exactly() -> None:
    assert Growth("female", 0.0, 0.0).weight_kg(2.0) == 12.055


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("z", [-2.5, -2.0, -1.0, 0.0, 1.0, 2.0, 2.5])
def test_weight_never_falls_before_18_years_and_never_jumps(sex: str, z: float) -> None:
    gained_kg_per_day = np.diff(Growth(sex, z, 0.0).weight_kg(AGES_TO_18_YEARS))
    assert gained_kg_per_day.min() >= 0
    assert gained_kg_per_day.max() < 0.06


@pytest.mark.parametrize("sex", SEXES)
@pytest.mark.parametrize("z", [-2.0, 0.0, 2.0])
def test_the_change_from_lying_to_standing_costs_less_than_three_millimetres(sex: str, z: float) -> None:
    height_cm = Growth(sex, 0.0, z).height_cm(AGES_TO_18_YEARS)
    assert (np.maximum.accumulate(height_cm) - height_cm).max() < 0.3


@given(st.sampled_from(SEXES), st.floats(0, 90), st.floats(-5, 5))
@settings(max_examples=200, deadline=None)
def test_the_z_score_of_a_weight_is_the_inverse_of_the_weight(sex: str, age_years: float, z: float) -> None:
    weight_kg = Growth(sex, z, 0.0).weight_kg(age_years)
    assert weight_kg > 0
    assert z_of_weight(sex, age_years, weight_kg) == pytest.approx(z, abs=1e-9)


@given(st.sampled_from(SEXES), st.floats(0, 90), st.floats(-5, 4.9))
@settings(max_examples=200, deadline=None)
def test_a_higher_z_score_is_a_higher_weight_and_a_plausible_one(sex: str, age_years: float, z: float) -> None:
    lighter, heavier = (Growth(sex, score, 0.0).weight_kg(age_years) for score in (z, z + 0.1))
    assert lighter < heavier < 160


def test_an_adult_keeps_the_weight_and_height_of_twenty_years() -> None:
    adult = Growth("male", 1.0, -0.5)
    assert adult.weight_kg(30.0) == adult.weight_kg(20.0) == adult.weight_kg(90.0)
    assert adult.height_cm(30.0) == adult.height_cm(20.0)


def test_body_surface_is_the_root_of_height_times_weight_over_3600() -> None:
    girl = Growth("female", 0.3, -0.8)
    expected = math.sqrt(girl.height_cm(7.5) * girl.weight_kg(7.5) / 3600)
    assert girl.body_surface_m2(7.5) == pytest.approx(expected, rel=1e-12)


def test_many_ages_at_once_give_the_same_numbers_as_one_by_one() -> None:
    girl = Growth("female", 2.4, 0.0)
    ages = np.array([0.0, 1.9, 2.0, 13.37, 25.0])
    assert girl.weight_kg(ages).tolist() == [girl.weight_kg(float(age)) for age in ages]


@pytest.mark.parametrize("z", [5.1, -5.1, float("nan"), float("inf")])
def test_an_impossible_z_score_is_refused_by_name(z: float) -> None:
    with pytest.raises(ValueError, match="height_z.*allowed: a number from -5 to 5"):
        Growth("female", 0.0, z)


def test_an_unknown_sex_is_refused() -> None:
    with pytest.raises(ValueError, match="one of female, male"):
        Growth("girl", 0.0, 0.0)
