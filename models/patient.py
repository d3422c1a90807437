"""A patient: who this is and how this body answers, fixed for life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from titranc.models.growth import Growth
from titranc.models.habits import Habits


@dataclass(frozen=True, slots=True)
class Graft:
    """What a transplanted body begins with: progenitors (1 = normal), cells of the marrow as a share of normal, the ANC."""

    progenitors: float
    marrow_share: float
    anc_1e9_per_l: float


@dataclass(frozen=True, slots=True)
class Patient:
    """Covariates and individual parameters of one virtual person.

    `parameters` are those of the body that differ from the reference, by name; `doses_taken_share` is the probability
    that an injection due is given. The body begins after `burn_in_days` without drug, or as an empty marrow with a `start`
    graft. `traits` are individual numbers that are none of the body's, such as the exposure a cycle of chemotherapy makes;
    `remission_day` is when a disease that ends by itself begins to do so; `habits` change the doses taken over the years.
    """

    patient_id: int
    disease: str
    genotype: str
    sex: str
    age_start_years: float
    growth: Growth
    parameters: Mapping[str, float]
    refractory: bool
    doses_taken_share: float
    burn_in_days: int = 0
    start: Graft | None = None
    traits: Mapping[str, float] = field(default_factory=dict)
    remission_day: int | None = None
    habits: Habits | None = None
