"""For cyclic disease: count a whole cycle, judge its trough and its mean, then leave the patient alone for months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from titranc.models.catalogue import policy_numbers, values
from titranc.models.clinic_view import Decision, Observation, Sentence
from titranc.models.dosing import Regimen
from titranc.models.guideline import SafetyLimits
from titranc.models.policies.chart_reading import counts_since, days_at_dose


@dataclass(frozen=True)
class CycleAware:
    """The policy with its numbers, for a product."""

    numbers: Mapping[str, float]
    product: str
    ceiling_ug_per_kg_day: float

    def decide(self, seen: Observation) -> Decision:
        """Return the next dose and visit."""
        v, now = self.numbers, seen.regimen
        if now is None:
            start = Regimen.daily(v["start_dose_ug_per_kg_day"], 1, product=self.product)
            return self._answer(seen, start, "start", "cycle-start", "Start with {dose:g} ug/kg/day.")
        counts = counts_since(seen, seen.day - v["cycle_days"])
        if days_at_dose(seen) < v["cycle_days"] or len(counts) < v["least_counts"]:
            return self._answer(
                seen, now, "keep", "cycle-count", "Counts of this cycle so far: {n:g}; it is not complete.", counts
            )
        wanted = self._wanted(now.ug_per_kg_day, counts)
        action = "increase" if wanted > now.ug_per_kg_day else "decrease" if wanted < now.ug_per_kg_day else "keep"
        sentence = "A cycle of {n:g} counts with a trough of {trough:.2f} and a mean of {mean:.2f}: {dose:g} ug/kg/day."
        regimen = now if action == "keep" else now.with_average(round(wanted, 2))
        return self._answer(seen, regimen, action, f"cycle-{action}", sentence, counts)

    def _wanted(self, dose: float, counts: list[float]) -> float:
        v, trough, mean = self.numbers, _trough(counts), sum(counts) / len(counts)
        if trough < v["trough_1e9_per_l"]:
            return min(dose + v["step_ug_per_kg_day"], self.ceiling_ug_per_kg_day)
        if mean > v["mean_most_1e9_per_l"] or trough > v["trough_most_1e9_per_l"]:
            return max(dose - v["step_ug_per_kg_day"], v["least_ug_per_kg_day"])
        return dose

    def _answer(
        self,
        seen: Observation,
        regimen: Regimen,
        action: str,
        rule: str,
        sentence: str,
        counts: list[float] | None = None,
    ) -> Decision:
        v, found = self.numbers, counts or []
        told = {
            "n": len(found),
            "trough": _trough(found) if found else 0.0,
            "mean": sum(found) / len(found) if found else 0.0,
            "dose": regimen.ug_per_kg_day,
        }
        settled = rule == "cycle-keep"
        wait = v["visit_stable_days"] if settled else v["visit_counting_days"]
        phase = "stable" if settled else "titrating"
        return Decision(regimen, int(wait), action, (rule,), Sentence(sentence, lambda: told), phase)


def _trough(counts: list[float]) -> float:
    """Return the second lowest count: the lowest alone may be the laboratory's."""
    return sorted(counts)[min(1, len(counts) - 1)]


def build(product: str, limits: SafetyLimits, overrides: Mapping[str, float]) -> tuple[CycleAware, SafetyLimits]:
    """Return the policy and the limits it works under: the guideline's, but no single low count is asked for."""
    v = values(policy_numbers("cycle_aware")) | dict(overrides)
    own = replace(limits, step_interval_days=v["cycle_days"], rise_needs_low_count=False)
    return CycleAware(v, product, limits.ceiling_ug_per_kg_day), own
