"""The lowest effective dose: probe downwards while the count stays in target, and go back when it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from titranc.models.catalogue import policy_numbers, values
from titranc.models.clinic_view import Decision, Observation, Sentence
from titranc.models.dosing import Regimen
from titranc.models.guideline import SafetyLimits
from titranc.models.policies.chart_reading import (
    all_hold,
    days_at_dose,
    failed_dose,
    latest_counts,
    usable_anc,
)


@dataclass(frozen=True)
class LowestEffective:
    """The policy with its numbers, for a product."""

    numbers: Mapping[str, float]
    product: str
    ceiling_ug_per_kg_day: float

    def decide(self, seen: Observation) -> Decision:
        """Return the next dose and visit."""
        v, now = self.numbers, seen.regimen
        if now is None:
            start = Regimen.daily(v["start_dose_ug_per_kg_day"], 1, product=self.product)
            return self._answer(seen, start, "start", "lowest-start", "Start with {dose:g} ug/kg/day.")
        if usable_anc(seen) is None:
            return self._answer(seen, now, "keep", "lowest-no-count", "No usable count: keep {dose:g} ug/kg/day.")
        for rule, dose, sentence in self._moves(seen, now.ug_per_kg_day):
            dose = min(max(dose, v["least_ug_per_kg_day"]), self.ceiling_ug_per_kg_day)
            action = "increase" if dose > now.ug_per_kg_day else "decrease" if dose < now.ug_per_kg_day else "keep"
            regimen = now if action == "keep" else now.with_average(round(dose, 2))
            return self._answer(seen, regimen, action, rule, sentence)
        return self._answer(seen, now, "keep", "lowest-keep", "ANC {anc}: {dose:g} ug/kg/day holds.")

    def _moves(self, seen: Observation, dose: float) -> Iterator[tuple[str, float, str]]:
        """Return what applies, the most urgent first: rule, new dose, sentence."""
        v, at_dose = self.numbers, days_at_dose(seen)
        if all_hold(latest_counts(seen, 1), lambda anc: anc > v["hold_above_1e9_per_l"]):
            yield "lowest-halve", dose / 2, "ANC {anc} is far above the target: half, {dose:g} ug/kg/day."
        if all_hold(latest_counts(seen, 2), lambda anc: anc < v["goal_1e9_per_l"]) and at_dose >= v["raise_after_days"]:
            more = max(dose * v["raise_fold"], dose + v["raise_least_ug_per_kg_day"])
            yield "lowest-raise", more, "ANC {anc}, twice below {goal:g}: {dose:g} ug/kg/day."
        if all_hold(latest_counts(seen, 2), lambda anc: anc > v["above_target_1e9_per_l"]):
            yield "lowest-lower", dose * v["lower_fold"], "ANC {anc}, twice above the target: {dose:g} ug/kg/day."
        lower = dose * v["probe_fold"]
        held = all_hold(latest_counts(seen, int(v["probe_counts"])), lambda anc: anc >= v["goal_1e9_per_l"])
        allowed = lower > failed_dose(seen, v["failed_dose_memory_days"])
        if held and allowed and at_dose >= v["probe_after_days"]:
            yield "lowest-probe", lower, "ANC {anc}, in target for weeks: try {dose:g} ug/kg/day."

    def _answer(self, seen: Observation, regimen: Regimen, action: str, rule: str, sentence: str) -> Decision:
        anc, v = usable_anc(seen), self.numbers
        told = {
            "anc": "not known" if anc is None else f"{anc:.2f}",
            "dose": regimen.ug_per_kg_day,
            "goal": v["goal_1e9_per_l"],
        }
        unsettled = action != "keep" or days_at_dose(seen) < v["visit_stable_days"]
        low = anc is None or anc < v["goal_1e9_per_l"]
        wait = v["visit_titrating_days"] if unsettled or low else v["visit_stable_days"]
        phase = "titrating" if unsettled else "stable"
        return Decision(regimen, int(wait), action, (rule,), Sentence(sentence, lambda: told), phase)


def build(product: str, limits: SafetyLimits, overrides: Mapping[str, float]) -> tuple[LowestEffective, SafetyLimits]:
    """Return the policy and the limits it works under: the guideline's, with its own interval."""
    v = values(policy_numbers("lowest_effective")) | dict(overrides)
    # A count that stays low is the exception that the guideline too allows above its line.
    own = replace(
        limits,
        step_interval_days=v["raise_after_days"],
        target_low_1e9_per_l=v["goal_1e9_per_l"],
        exception_rules=frozenset({"lowest-raise"}),
    )
    return LowestEffective(v, product, limits.ceiling_ug_per_kg_day), own
