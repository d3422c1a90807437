"""The guideline in a clinic that gives whole parts of a vial, so that nothing of it is thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from titranc.models import catalogue
from titranc.models.clinic_view import Decision, Observation, Policy
from titranc.models.dosing import Regimen
from titranc.models.guideline import SafetyLimits


@dataclass(frozen=True)
class VialRounding:
    """A guideline whose doses are rounded, one injection a day, to parts of a vial."""

    guideline: Policy
    part_ug: float
    ceiling_ug_per_kg_day: float

    def decide(self, observation: Observation) -> Decision:
        """Return the guideline's decision with its dose rounded; the guideline sees the rounded dose as the one in force."""
        asked = self.guideline.decide(observation)
        if asked.regimen.ng_per_kg_day == 0 or asked.action == "keep":
            return asked
        return replace(asked, regimen=self._rounded(asked, observation))

    def _rounded(self, asked: Decision, observation: Observation) -> Regimen:
        """Return the nearest whole parts, downwards where rounding would raise a dose that was not to rise."""
        weight_kg, before = observation.weight_kg, observation.regimen
        parts = max(1, round(asked.regimen.ug_per_kg_day * weight_kg / self.part_ug))
        most = self.ceiling_ug_per_kg_day
        if before is not None and before.ng_per_kg_day and asked.regimen.ng_per_kg_day <= before.ng_per_kg_day:
            most = min(most, before.ug_per_kg_day)
        while parts > 1 and parts * self.part_ug / weight_kg > most:
            parts -= 1
        dose = min(parts * self.part_ug / weight_kg, most)
        return Regimen.daily(round(dose, 3), 1, product=asked.regimen.product)


def build(
    guideline: Policy, product: str, limits: SafetyLimits, overrides: Mapping[str, float]
) -> tuple[VialRounding, SafetyLimits]:
    """Return the policy and the limits of the guideline it rounds."""
    v = catalogue.values(catalogue.policy_numbers("vial_rounding")) | dict(overrides)
    part_ug = catalogue.drug(product).vial_ug.value * v["part_of_a_vial"]
    return VialRounding(guideline, part_ug, limits.ceiling_ug_per_kg_day), limits
