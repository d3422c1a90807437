"""One dose for everybody, whatever the counts say: the policy that titration is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from titranc.models.clinic_view import Decision, Observation
from titranc.models.dosing import Regimen

RULE_ID = "fixed-dose"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Give `regimen` and look again every `visit_every_days` days."""

    regimen: Regimen
    visit_every_days: int

    def decide(self, observation: Observation) -> Decision:
        """Return the same dose again."""
        started = observation.regimen is not None
        return Decision(
            regimen=self.regimen,
            next_visit_days=self.visit_every_days,
            action="keep" if started else "start",
            rule_ids=(RULE_ID,),
            reason=f"The dose is fixed at {self.regimen.ug_per_kg_day:g} ug/kg/day.",
            phase="stable",
        )


def build(dose_ug_per_kg_day: float, times_per_day: int, visit_every_days: int) -> Fixed:
    """Return the fixed-dose policy, or raise DoseRefused."""
    return Fixed(Regimen.daily(dose_ug_per_kg_day, times_per_day, field="policy.dose_ug_per_kg_day"), visit_every_days)
