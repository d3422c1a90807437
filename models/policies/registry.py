"""Registry practice: what the clinics did whose patients the registries describe.

Nobody followed one guideline there. A clinician starts low or high, raises without hurry while counts stay below a goal of
1.0-1.5, and tries with less when they stay well above: the lowest dose that holds the goal. Clinicians differ in the start,
the goal and the step; the same patient has the same clinician in every arm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from titranc.models.catalogue import policy_numbers, values
from titranc.models.clinic_view import Decision, Observation, Sentence
from titranc.models.dosing import Regimen
from titranc.models.findings import Csf3rFinding
from titranc.models.guideline import SafetyLimits
from titranc.models.policies.chart_reading import all_hold, days_at_dose, latest_counts

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Clinician:
    """How one clinician treats: where to start, which count to hold, in which steps."""

    start_ug_per_kg_day: float
    goal_1e9_per_l: float
    raise_fold: float


@dataclass(frozen=True)
class Registry:
    """A clinician of the registry; without one, the middle of them."""

    values: dict[str, float]
    product: str
    clinician: Clinician

    def for_patient(self, luck: np.random.Generator) -> Registry:
        """Return the policy of the clinician that this patient has."""
        v, (start, goal, step) = self.values, luck.random(3).tolist()
        return replace(
            self,
            clinician=Clinician(
                v["start_high_ug_per_kg_day"] if start < v["start_high_share"] else v["start_low_ug_per_kg_day"],
                _between(v["goal_lowest_1e9_per_l"], v["goal_highest_1e9_per_l"], goal),
                _between(v["raise_smallest_fold"], v["raise_largest_fold"], step),
            ),
        )

    def decide(self, observation: Observation) -> Decision:
        """Return the next dose and visit."""
        before = observation.regimen
        if before is None:
            regimen = Regimen.daily(self.clinician.start_ug_per_kg_day, 1, product=self.product)
            return self._decision(observation, regimen, "start", "registry-start", "Start with {dose:g} ug/kg/day.")
        for rule, applies, fold, sentence in self._rules(observation):
            if applies():
                dose = min(max(before.ug_per_kg_day * fold, self.values["least_ug_per_kg_day"]), self._ceiling)
                regimen = before if dose == before.ug_per_kg_day else before.with_average(round(dose, 2))
                action = "keep" if regimen == before else "increase" if fold > 1 else "decrease"
                return self._decision(observation, regimen, action, rule, sentence)
        sentence = "ANC {anc}: {dose:g} ug/kg/day holds the goal of {goal:.1f}."
        return self._decision(observation, before, "keep", "registry-keep", sentence)

    @property
    def _ceiling(self) -> float:
        return self.values["ceiling_ug_per_kg_day"]

    def _rules(self, seen: Observation) -> tuple[tuple[str, Callable[[], bool], float, str], ...]:
        v, goal = self.values, self.clinician.goal_1e9_per_l
        return (
            (
                "registry-halve",
                lambda: bool(counts := latest_counts(seen, 1)) and counts[0] > v["halve_above_1e9_per_l"],
                0.5,
                "ANC {anc} is above 10: half the dose, {dose:g} ug/kg/day.",
            ),
            (
                "registry-raise",
                lambda: (
                    all_hold(latest_counts(seen, int(v["counts_for_a_rise"])), lambda anc: anc < goal)
                    and days_at_dose(seen) >= v["raise_after_days"]
                ),
                self.clinician.raise_fold,
                "ANC {anc} stays below the goal of {goal:.1f}: {dose:g} ug/kg/day.",
            ),
            (
                "registry-ease",
                lambda: all_hold(latest_counts(seen, 2), lambda anc: anc > v["ease_above_1e9_per_l"]),
                v["ease_fold"],
                "ANC {anc} stays above 5: less, {dose:g} ug/kg/day.",
            ),
            (
                "registry-probe",
                lambda: (
                    all_hold(
                        latest_counts(seen, int(v["probe_counts"])), lambda anc: anc > goal * v["probe_above_goal_fold"]
                    )
                    and days_at_dose(seen) >= v["probe_after_days"]
                ),
                v["probe_fold"],
                "ANC {anc} stays well above the goal of {goal:.1f}: try {dose:g} ug/kg/day.",
            ),
        )

    def _decision(self, seen: Observation, regimen: Regimen, action: str, rule: str, sentence: str) -> Decision:
        anc = seen.count.anc_1e9_per_l
        told = {
            "anc": "not known" if anc is None else f"{anc:.2f}",
            "dose": regimen.ug_per_kg_day,
            "goal": self.clinician.goal_1e9_per_l,
        }
        return Decision(
            regimen=regimen,
            next_visit_days=self._next_visit_days(seen),
            action=action,
            rule_ids=(rule,),
            reason=Sentence(sentence, lambda: told),
            phase="titrating" if action != "keep" else "stable",
            orders=self._orders(seen, regimen),
        )

    def _next_visit_days(self, seen: Observation) -> int:
        v = self.values
        if seen.day < v["close_until_day"]:
            return int(v["close_visits_days"])
        return int(v["monthly_visits_days"] if seen.day < v["monthly_until_day"] else v["later_visits_days"])

    def _orders(self, seen: Observation, regimen: Regimen) -> dict[str, str]:
        orders, v = {}, self.values
        if seen.last_marrow_day is None or seen.day - seen.last_marrow_day >= v["marrow_every_days"]:
            orders["marrow"] = "registry-marrow"
        low = all_hold(latest_counts(seen, 3), lambda anc: anc < v["refer_below_1e9_per_l"])
        if low and regimen.ug_per_kg_day >= v["refer_at_ug_per_kg_day"]:
            orders["hsct_non_responder"] = "registry-refer"
        if seen.findings.csf3r is Csf3rFinding.WITH_PROGRESSION:
            orders["hsct_csf3r"] = "registry-refer-clone"
        return orders


def build(product: str, limits: SafetyLimits, overrides: Mapping[str, float]) -> tuple[Registry, SafetyLimits]:
    """Return registry practice and the limits it works under: its own ceiling, no risk lines, no waiting for a low count."""
    v = values(policy_numbers("registry")) | dict(overrides)
    start = _between(v["start_low_ug_per_kg_day"], v["start_high_ug_per_kg_day"], 0.0)
    middle = _between(v["goal_lowest_1e9_per_l"], v["goal_highest_1e9_per_l"], 0.5)
    clinician = Clinician(start, middle, _between(v["raise_smallest_fold"], v["raise_largest_fold"], 0.5))
    ceiling = v["ceiling_ug_per_kg_day"]
    own = replace(
        limits,
        ceiling_ug_per_kg_day=ceiling,
        exception_above_ug_per_kg_day=ceiling,
        target_low_1e9_per_l=v["goal_highest_1e9_per_l"],
    )
    return Registry(v, product, clinician), own


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
