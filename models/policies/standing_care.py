"""A policy sets the dose; the rest of the care is the guideline's: marrow, referrals, fever, prophylaxis.

So arms with different policies differ in the dose and in nothing else, and none does well by never referring anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from titranc.models.clinic_view import Decision, Observation, PersonalPolicy, Policy
from titranc.models.guideline import Guideline

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class StandingCare:
    """A policy with the standing rules of a guideline."""

    policy: Policy
    guideline: Guideline

    def for_patient(self, luck: np.random.Generator) -> Policy:
        """Return the policy of one patient, with the same care."""
        if isinstance(self.policy, PersonalPolicy):
            return StandingCare(self.policy.for_patient(luck), self.guideline)
        return self

    def decide(self, observation: Observation) -> Decision:
        """Return the policy's dose with what the guideline's standing rules call for."""
        asked = self.policy.decide(observation)
        rules = [rule for rule in self.guideline.care(observation, asked.regimen) if rule.id not in asked.rule_ids]
        return replace(
            asked,
            rule_ids=(*asked.rule_ids, *(rule.id for rule in rules)),
            flags=_with(asked.flags, {rule.flag: rule.id for rule in rules if rule.flag}),
            orders=_with(asked.orders, {rule.order: rule.id for rule in rules if rule.order}),
            begins=_with(asked.begins, {rule.begins: rule.id for rule in rules if rule.begins}),
            ends=_with(asked.ends, {rule.ends: rule.id for rule in rules if rule.ends}),
        )


def _with(own: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    return {**more, **own}
