"""Distributions: what they allow, and that one uniform number always gives the right quantile."""

from __future__ import annotations

import json
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict
from scipy import stats

from titranc.models.distributions import KINDS, Distribution, centre, sample
from titranc.models.documents import InputProblem, InputRefused, check, parse_document


class Holder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x: Distribution


GOOD: dict[str, Any] = {
    "lognormal": {"median": 0.15, "cv": 0.6},
    "normal": {"mean": 2.0, "sd": 1.5},
    "uniform": {"low": 1.0, "high": 5.0},
    "beta": {"mean": 0.92, "sd": 0.06},
    "logit_normal": {"median": 0.7, "logit_sd": 0.6},
    "poisson": {"mean": 0.6},
    "fixed": 3.5,
}


def read(kind: str, shape: Any) -> Distribution:
    return check(Holder, parse_document(json.dumps({"x": {kind: shape}}), "x.yaml")).x


def problem_of(value: Any) -> InputProblem:
    with pytest.raises(InputRefused) as refused:
        check(Holder, parse_document(json.dumps({"x": value}, indent=1), "x.yaml"))
    (problem,) = refused.value.problems
    return problem


def test_every_kind_is_tried_here() -> None:
    assert set(GOOD) == set(KINDS)


REFERENCES = {
    "lognormal": stats.lognorm(s=math.sqrt(math.log(1 + 0.6**2)), scale=0.15),
    "normal": stats.norm(2.0, 1.5),
    "uniform": stats.uniform(1.0, 4.0),
}


@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("uniform", [1e-9, 0.1, 0.5, 0.9, 1 - 1e-9])
def test_a_sample_is_the_quantile_of_its_uniform_number(kind: str, uniform: float) -> None:
    assert sample(read(kind, GOOD[kind]), uniform) == pytest.approx(REFERENCES[kind].ppf(uniform), rel=1e-9)


@pytest.mark.parametrize(("mean", "sd"), [(0.92, 0.06), (0.5, 0.2), (0.03, 0.02)])
def test_a_share_has_the_mean_and_spread_it_was_given(mean: float, sd: float) -> None:
    beta = read("beta", {"mean": mean, "sd": sd})
    values = np.array([sample(beta, (index + 0.5) / 4000) for index in range(4000)])
    assert values.mean() == pytest.approx(mean, abs=1e-4)
    assert values.std() == pytest.approx(sd, rel=0.01)
    assert 0 < values.min() < values.max() < 1


def test_a_share_without_spread_is_its_mean() -> None:
    assert sample(read("beta", {"mean": 0.9, "sd": 0}), 0.123) == 0.9


def test_the_log_odds_of_a_logit_normal_share_are_normal() -> None:
    share = sample(read("logit_normal", {"median": 0.7, "logit_sd": 0.6}), 0.9)
    expected = math.log(0.7 / 0.3) + 0.6 * NormalDist().inv_cdf(0.9)
    assert math.log(share / (1 - share)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mean", [0.6, 7.5, 100.0])
@pytest.mark.parametrize("uniform", [1e-9, 0.3, 0.5488, 0.5489, 0.999999])
def test_a_count_is_the_quantile_of_its_uniform_number(mean: float, uniform: float) -> None:
    assert sample(read("poisson", {"mean": mean}), uniform) == stats.poisson(mean).ppf(uniform)


def test_a_lognormal_spread_may_be_given_on_the_scale_of_logarithms() -> None:
    log_sd = math.sqrt(math.log1p(0.6**2))
    by_cv, by_log_sd = read("lognormal", GOOD["lognormal"]), read("lognormal", {"median": 0.15, "log_sd": log_sd})
    assert sample(by_cv, 0.8) == pytest.approx(sample(by_log_sd, 0.8), rel=1e-14)


@pytest.mark.parametrize("kind", ["lognormal", "normal", "uniform", "logit_normal", "fixed"])
def test_the_centre_is_the_value_of_one_half(kind: str) -> None:
    assert sample(read(kind, GOOD[kind]), 0.5) == pytest.approx(centre(read(kind, GOOD[kind])), rel=1e-12)


def test_the_centre_of_a_share_and_of_a_count_is_its_mean() -> None:
    assert centre(read("beta", GOOD["beta"])) == 0.92
    assert centre(read("poisson", GOOD["poisson"])) == 0.6


@pytest.mark.parametrize(
    ("value", "field", "allowed"),
    [
        ({"lognormal": {"median": 0, "cv": 0.6}}, "x.lognormal.median", "a number above 0"),
        ({"lognormal": {"median": 1, "cv": -0.1}}, "x.lognormal.cv", "a number from 0 to 10"),
        ({"lognormal": {"median": 1, "log_sd": 3.1}}, "x.lognormal.log_sd", "a number from 0 to 3"),
        ({"lognormal": {"median": 1}}, "x.lognormal", "{median, cv} or {median, log_sd}"),
        ({"lognormal": {"median": 1, "cv": 0.2, "log_sd": 0.2}}, "x.lognormal", "not both spreads"),
        ({"normal": {"mean": 1, "sd": -1}}, "x.normal.sd", "a number from 0 to"),
        ({"uniform": {"low": 5, "high": 1}}, "x.uniform.high", "a number of at least `low` (5)"),
        ({"beta": {"mean": 0, "sd": 0.1}}, "x.beta.mean", "a number above 0 and below 1"),
        ({"beta": {"mean": 1, "sd": 0.1}}, "x.beta.mean", "a number above 0 and below 1"),
        ({"beta": {"mean": 0.9, "sd": 0.3}}, "x.beta.sd", "a number from 0 to below 0.3"),
        ({"beta": {"mean": 0.9}}, "x.beta.sd", "a number of at least 0 and below 0.5"),
        ({"logit_normal": {"median": 1, "logit_sd": 0.3}}, "x.logit_normal.median", "a number above 0 and below 1"),
        ({"logit_normal": {"median": 0.5, "logit_sd": 11}}, "x.logit_normal.logit_sd", "a number from 0 to 10"),
        ({"poisson": {"mean": 0}}, "x.poisson.mean", "a number above 0 and at most 100"),
        ({"fixed": "2"}, "x.fixed", "a number from -1e+12 to 1e+12"),
        ({"fixed": True}, "x.fixed", "a number from -1e+12 to 1e+12"),
        ({"fixed": 1, "beta": {"mean": 0.5, "sd": 0.1}}, "x.fixed", "the keys beta"),
        ({"gamma": {"mean": 1}}, "x", "{lognormal: {median, cv, log_sd}} or {normal: {mean, sd}} or"),
        (3.0, "x", "{lognormal: {median, cv, log_sd}}"),
        (None, "x", "{lognormal: {median, cv, log_sd}}"),
    ],
)
def test_an_impossible_distribution_is_refused(value: Any, field: str, allowed: str) -> None:
    problem = problem_of(value)
    assert problem.field == field
    assert problem.line is not None
    assert allowed in problem.allowed
