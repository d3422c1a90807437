"""A patient: who this is and how this body answers, fixed for life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from titranc.models.growth import Growth


@dataclass(frozen=True, slots=True)
class Patient:
    """Covariates and individual parameters of one virtual person.

    `parameters` are those of the body that differ from the reference, by name; `doses_taken_share` is the probability
    that an injection due is given.
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
