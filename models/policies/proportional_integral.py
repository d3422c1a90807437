"""A proportional-integral controller on the log of the count: what a control engineer would try first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from titranc.models.catalogue import policy_numbers, values
from titranc.models.clinic_view import Count, Decision, Observation, Sentence
from titranc.models.dosing import Regimen
from titranc.models.guideline import SafetyLimits
from titranc.models.policies.chart_reading import days_at_dose, usable_anc

SMALLEST_ANC = 0.05
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class ProportionalIntegral:
    """The controller with its numbers, for a product; a dose is start dose x exp(gain x error + integral)."""

    numbers: Mapping[str, float]
    product: str
    ceiling_ug_per_kg_day: float

    def decide(self, seen: Observation) -> Decision:
        """Return the next dose and visit; all that is integrated is read off the chart."""
        v, now, anc = self.numbers, seen.regimen, usable_anc(seen)
        if now is None:
            start = Regimen.daily(v["start_dose_ug_per_kg_day"], 1, product=self.product)
            return self._answer(seen, start, "start", "pi-start", "Start with {dose:g} ug/kg/day.")
        if anc is None:
            return self._answer(seen, now, "keep", "pi-no-count", "No usable count: keep {dose:g} ug/kg/day.")
        wanted = self._wanted(seen, now.ug_per_kg_day, anc)
        action = "increase" if wanted > now.ug_per_kg_day else "decrease" if wanted < now.ug_per_kg_day else "keep"
        regimen = now if action == "keep" else now.with_average(round(wanted, 2))
        sentence = "ANC {anc}, aim {aim:g}, error {error:+.2f}, integral {integral:+.2f}: {dose:g} ug/kg/day."
        return self._answer(seen, regimen, action, f"pi-{action}", sentence)

    def _wanted(self, seen: Observation, dose: float, anc: float) -> float:
        """Return the dose that error and integral ask for, a bounded step from the present one."""
        v = self.numbers
        change = v["gain"] * self._error(anc) + v["integral_gain_per_week"] * self._integral(seen)
        limit = math.log(v["largest_step_fold"])
        wanted = dose * math.exp(min(max(change, -limit), limit))
        wanted = min(max(wanted, v["least_ug_per_kg_day"]), self.ceiling_ug_per_kg_day)
        if abs(wanted / dose - 1) < v["smallest_step_share"]:
            return dose
        early = days_at_dose(seen) < v["raise_after_days"]
        blind_rise = wanted > dose and (early or anc >= v["raise_below_1e9_per_l"])
        return dose if blind_rise else wanted

    def _error(self, anc: float) -> float:
        return math.log(self.numbers["aim_1e9_per_l"] / max(anc, SMALLEST_ANC))

    def _integral(self, seen: Observation) -> float:
        """Return the errors of the last weeks times how long they stood, in weeks, bounded.

        At the ceiling a low count adds nothing: it could not have been answered.
        """
        v, total, until = self.numbers, 0.0, float(seen.day)
        bound = v["largest_integral"]
        for visit in reversed(seen.history):
            if seen.day - visit.day > v["integral_days"]:
                break
            error = self._error_of(visit.count)
            full = visit.after.ug_per_kg_day >= self.ceiling_ug_per_kg_day and error > 0
            total += 0.0 if full else error * (until - visit.day) / DAYS_PER_WEEK
            until = visit.day
        return min(max(total, -bound), bound)

    def _error_of(self, count: Count) -> float:
        return self._error(count.anc_1e9_per_l) if count.usable and count.anc_1e9_per_l is not None else 0.0

    def _answer(self, seen: Observation, regimen: Regimen, action: str, rule: str, sentence: str) -> Decision:
        v, anc = self.numbers, usable_anc(seen)

        def told() -> dict[str, object]:
            return {
                "anc": "not known" if anc is None else f"{anc:.2f}",
                "aim": v["aim_1e9_per_l"],
                "error": 0.0 if anc is None else self._error(anc),
                "integral": self._integral(seen),
                "dose": regimen.ug_per_kg_day,
            }

        close = seen.day < v["visit_titrating_until_day"] or action != "keep" or anc is None
        wait = v["visit_titrating_days"] if close else v["visit_stable_days"]
        phase = "titrating" if action != "keep" else "stable"
        return Decision(regimen, int(wait), action, (rule,), Sentence(sentence, told), phase)


def build(
    product: str, limits: SafetyLimits, overrides: Mapping[str, float]
) -> tuple[ProportionalIntegral, SafetyLimits]:
    """Return the controller and the limits it works under: the guideline's ceilings, its own interval and line."""
    v = values(policy_numbers("proportional_integral")) | dict(overrides)
    # A count that stays low is the exception that the guideline too allows above its line.
    own = replace(
        limits,
        step_interval_days=v["raise_after_days"],
        target_low_1e9_per_l=v["raise_below_1e9_per_l"],
        exception_rules=frozenset({"pi-increase"}),
    )
    return ProportionalIntegral(v, product, limits.ceiling_ug_per_kg_day), own
