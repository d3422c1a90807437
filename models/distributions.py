"""Distributions as people write them: one-key maps such as `{lognormal: {median: 0.15, cv: 0.6}}`.

Sampling is a pure function of the distribution and one uniform number, so that the same luck gives the same patient in
every arm.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from titranc.models.input_problems import refusal

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class LognormalShape(BaseModel):
    """Median of a lognormal quantity and its spread, as a coefficient of variation or on the scale of logarithms."""

    model_config = _STRICT
    median: float = Field(gt=0, le=1e12, title="median", description="Half of the values lie below it.")
    cv: float | None = Field(
        default=None,
        ge=0,
        le=10,
        title="coefficient of variation",
        description="Standard deviation divided by the mean. Give this or `log_sd`.",
    )
    log_sd: float | None = Field(
        default=None,
        ge=0,
        le=3,
        title="standard deviation of the logarithm",
        description="Standard deviation of the natural logarithm. Give this or `cv`.",
    )

    @model_validator(mode="after")
    def _one_spread(self) -> LognormalShape:
        if (self.cv is None) == (self.log_sd is None):
            raise refusal("{median, cv} or {median, log_sd}, not both spreads")
        return self

    @property
    def sigma(self) -> float:
        """Standard deviation of the natural logarithm."""
        if self.log_sd is not None:
            return self.log_sd
        return math.sqrt(math.log1p((self.cv or 0.0) ** 2))


class NormalShape(BaseModel):
    """Mean and standard deviation of a normal quantity."""

    model_config = _STRICT
    mean: float = Field(ge=-1e12, le=1e12, title="mean", description="Mean of the values.")
    sd: float = Field(ge=0, le=1e12, title="standard deviation", description="Standard deviation of the values.")


class UniformShape(BaseModel):
    """Lowest and highest value of a quantity that is equally likely everywhere between them."""

    model_config = _STRICT
    low: float = Field(ge=-1e12, le=1e12, title="low", description="Lowest value.")
    high: float = Field(ge=-1e12, le=1e12, title="high", description="Highest value; not below the lowest.")

    @model_validator(mode="after")
    def _ordered(self) -> UniformShape:
        if self.high < self.low:
            raise refusal(f"a number of at least `low` ({self.low:g})", "high")
        return self


class BetaShape(BaseModel):
    """Mean and standard deviation of a share between 0 and 1."""

    model_config = _STRICT
    mean: float = Field(gt=0, lt=1, title="mean", description="Mean share.")
    sd: float = Field(ge=0, lt=0.5, title="standard deviation", description="Its square stays below mean x (1 - mean).")

    @model_validator(mode="after")
    def _possible(self) -> BetaShape:
        widest = math.sqrt(self.mean * (1 - self.mean))
        if self.sd >= widest:
            raise refusal(
                f"a number from 0 to below {widest:.4g}, the widest spread a share of this mean can have", "sd"
            )
        return self


class LogitNormalShape(BaseModel):
    """Median of a share and the standard deviation of its log-odds."""

    model_config = _STRICT
    median: float = Field(gt=0, lt=1, title="median", description="Half of the shares lie below it.")
    logit_sd: float = Field(
        ge=0, le=10, title="standard deviation of the log-odds", description="Spread of ln(share / (1 - share))."
    )


class PoissonShape(BaseModel):
    """Mean of a number of things that come independently of one another."""

    model_config = _STRICT
    mean: float = Field(gt=0, le=100, title="mean", description="Mean number; it is the variance too.")


class Lognormal(BaseModel):
    """A lognormal quantity: `{lognormal: {median: 0.15, cv: 0.6}}`."""

    model_config = _STRICT
    lognormal: LognormalShape = Field(title="lognormal", description="Median and coefficient of variation.")


class Normal(BaseModel):
    """A normal quantity: `{normal: {mean: 0, sd: 1}}`."""

    model_config = _STRICT
    normal: NormalShape = Field(title="normal", description="Mean and standard deviation.")


class Uniform(BaseModel):
    """An evenly spread quantity: `{uniform: {low: 1, high: 5}}`."""

    model_config = _STRICT
    uniform: UniformShape = Field(title="uniform", description="Lowest and highest value.")


class Beta(BaseModel):
    """A share between 0 and 1: `{beta: {mean: 0.92, sd: 0.06}}`."""

    model_config = _STRICT
    beta: BetaShape = Field(title="beta", description="Mean and standard deviation of a share.")


class LogitNormal(BaseModel):
    """A share between 0 and 1: `{logit_normal: {median: 0.7, logit_sd: 0.6}}`."""

    model_config = _STRICT
    logit_normal: LogitNormalShape = Field(title="logit-normal", description="Median share and spread of its log-odds.")


class Poisson(BaseModel):
    """A whole number from 0: `{poisson: {mean: 0.6}}`."""

    model_config = _STRICT
    poisson: PoissonShape = Field(title="Poisson", description="Mean of a count of things.")


class Fixed(BaseModel):
    """The same value for every patient: `{fixed: 2.0}`."""

    model_config = _STRICT
    fixed: float = Field(ge=-1e12, le=1e12, title="fixed", description="The value itself.")


KINDS: dict[str, type[BaseModel]] = {
    "lognormal": Lognormal,
    "normal": Normal,
    "uniform": Uniform,
    "beta": Beta,
    "logit_normal": LogitNormal,
    "poisson": Poisson,
    "fixed": Fixed,
}


def kind_of(value: Any) -> str | None:
    """Return the name of the distribution that a one-key map or a distribution stands for, `number`, or None."""
    if isinstance(value, BaseModel):
        return next((kind for kind, model in KINDS.items() if isinstance(value, model)), None)
    if isinstance(value, dict):
        return next((kind for kind in KINDS if kind in value), None)
    return "number"


def _tag_of(value: Any) -> str | None:
    # Braces keep the name of a branch apart from the key of the same name.
    kind = kind_of(value)
    return None if kind in (None, "number") else f"{{{kind}}}"


Distribution = Annotated[
    Annotated[Lognormal, Tag("{lognormal}")]
    | Annotated[Normal, Tag("{normal}")]
    | Annotated[Uniform, Tag("{uniform}")]
    | Annotated[Beta, Tag("{beta}")]
    | Annotated[LogitNormal, Tag("{logit_normal}")]
    | Annotated[Poisson, Tag("{poisson}")]
    | Annotated[Fixed, Tag("{fixed}")],
    Discriminator(_tag_of),
]


def sample(distribution: Distribution, uniform: float) -> float:
    """Return the value that a uniform number in (0, 1) stands for, by the inverse of the cumulative distribution.

    >>> sample(Uniform(uniform=UniformShape(low=1.0, high=5.0)), 0.25)
    2.0
    """
    match distribution:
        case Fixed(fixed=value):
            return value
        case Uniform(uniform=shape):
            return shape.low + uniform * (shape.high - shape.low)
        case Beta(beta=shape):
            return _beta_quantile(shape, uniform)
        case Normal(normal=shape):
            return shape.mean + shape.sd * _normal_quantile(uniform)
        case Lognormal(lognormal=shape):
            return shape.median * math.exp(shape.sigma * _normal_quantile(uniform))
        case LogitNormal(logit_normal=shape):
            odds = shape.median / (1 - shape.median) * math.exp(shape.logit_sd * _normal_quantile(uniform))
            return odds / (1 + odds)
        case Poisson(poisson=shape):
            return _poisson_quantile(shape.mean, uniform)


def centre(distribution: Distribution) -> float:
    """Return the median of a lognormal or logit-normal quantity, the mean of any other."""
    match distribution:
        case Fixed(fixed=value):
            return value
        case Uniform(uniform=shape):
            return (shape.low + shape.high) / 2
        case Beta(beta=shape):
            return shape.mean
        case Normal(normal=shape):
            return shape.mean
        case Lognormal(lognormal=shape):
            return shape.median
        case LogitNormal(logit_normal=shape):
            return shape.median
        case Poisson(poisson=shape):
            return shape.mean


def _normal_quantile(uniform: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(uniform))


def _beta_quantile(shape: BetaShape, uniform: float) -> float:
    from scipy.special import betaincinv

    if shape.sd == 0:
        return shape.mean
    precision = shape.mean * (1 - shape.mean) / shape.sd**2 - 1
    return float(betaincinv(shape.mean * precision, (1 - shape.mean) * precision, uniform))


def _poisson_quantile(mean: float, uniform: float) -> float:
    from scipy.special import pdtr

    counts = range(int(mean + 40 * math.sqrt(mean) + 40))
    return float(next(count for count in counts if pdtr(count, mean) >= uniform))
