"""One dose for everybody, whatever the counts say: the policy that titration is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from titranc.models.clinic_view import Decision, Observation
from titranc.models.dosing import Dose, Regimen, Schedule
from titranc.models.titration import by_surface

RULE_ID = "fixed-dose"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Give `regimen`, or `ug_per_m2` once daily, and look again every `visit_every_days` days."""

    regimen: Regimen
    visit_every_days: int
    ug_per_m2: float | None = None

    def decide(self, observation: Observation) -> Decision:
        """Return the same dose again; a single dose is given once."""
        started = observation.regimen is not None
        regimen = self._by_surface(observation) if self.ug_per_m2 is not None else self.regimen
        return Decision(
            regimen=regimen,
            next_visit_days=self.visit_every_days,
            action="keep" if started else "start",
            rule_ids=(RULE_ID,),
            reason=f"The dose is fixed at {self._in_words(regimen)}.",
            phase="stable",
        )

    def _by_surface(self, observation: Observation) -> Regimen:
        """Return the dose of this visit; the dose per kg changes while a child grows."""
        if observation.body_surface_m2 is None or self.ug_per_m2 is None:
            raise ValueError("body_surface_m2: not measured, and the dose is by body surface")
        return by_surface(self.ug_per_m2, observation.body_surface_m2, observation.weight_kg, self.regimen.product)

    def _in_words(self, regimen: Regimen) -> str:
        return f"{regimen.ug_per_kg_day:g} ug/kg/day" if self.ug_per_m2 is None else f"{self.ug_per_m2:g} ug/m2/day"


def build(
    dose_ug_per_kg_day: float, schedule: Schedule | int, visit_every_days: int, product: str = "filgrastim"
) -> Fixed:
    """Return the policy of a fixed average dose on a schedule, or so many times a day; raises DoseRefused."""
    field = "policy.dose_ug_per_kg_day"
    if isinstance(schedule, Schedule):
        regimen = Regimen.average(dose_ug_per_kg_day, schedule, product=product, field=field)
    else:
        regimen = Regimen.daily(dose_ug_per_kg_day, schedule, product=product, field=field)
    return Fixed(regimen, visit_every_days)


def build_by_surface(dose_ug_per_m2_day: float, product: str, visit_every_days: int) -> Fixed:
    """Return the policy of a fixed once-daily dose by body surface, or raise DoseRefused."""
    Dose.from_ug_per_kg(dose_ug_per_m2_day, field="policy.dose_ug_per_m2_day")
    return Fixed(Regimen.daily(0.0, 1, product=product), visit_every_days, dose_ug_per_m2_day)
