"""A guideline is data: rules in order, each with its source, and the numbers they use.

The first dose rule that applies sets the dose; every standing rule that then applies adds its flag or its order. A
guideline is itself a policy: it sees an observation and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import median

from titranc.models.clinic_view import CountStatus, Decision, Observation, Sentence
from titranc.models.dosing import DAYS_PER_WEEK, THREE_DAYS_OF_THE_WEEK, Regimen, Schedule
from titranc.models.predicates import PREDICATES, Predicate
from titranc.models.situation import Situation
from titranc.models.titration import TITRATIONS


@dataclass(frozen=True, slots=True)
class Rule:
    """One recommendation: when it applies, what it does, and where it comes from."""

    id: str
    says: str
    note: str
    status: str
    source_line: int | None
    audit_rows: tuple[int, ...]
    cites: tuple[str, ...]
    when: str = "otherwise"
    then: str = "keep"
    sentence: str = ""
    allows_above: str | None = None
    recheck: bool = False
    flag: str | None = None
    order: str | None = None
    begins: str | None = None
    ends: str | None = None
    also_lines: tuple[int, ...] = ()
    diseases: tuple[str, ...] = ()

    def holds_for(self, disease: str) -> bool:
        """Return whether the rule speaks of a disease; without a list it speaks of all."""
        return not self.diseases or disease in self.diseases


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """What the order gate holds every policy to.

    Doses in ug/kg/day, counts in 10^9/L, days in days. `exception_rules` may lead above `exception_above`.
    """

    ceiling_ug_per_kg_day: float
    exception_above_ug_per_kg_day: float
    exception_rules: frozenset[str]
    step_interval_days: float
    target_low_1e9_per_l: float
    count_valid_days: float
    rise_needs_low_count: bool
    product_maximum_ug_per_kg_day: Mapping[str, float]

    def lifted(self) -> SafetyLimits:
        """Return the limits without the guideline's own: what remains is the most that may ever be given of a product."""
        return replace(
            self,
            ceiling_ug_per_kg_day=math.inf,
            exception_above_ug_per_kg_day=math.inf,
            step_interval_days=0,
            rise_needs_low_count=False,
        )

    def most_of(self, product: str) -> float:
        """Return the most that may ever be given of a product in a day; of an unknown one, nothing."""
        return self.product_maximum_ug_per_kg_day.get(product, 0.0)


@dataclass(frozen=True)
class Guideline:
    """An edition as it speaks of one disease: numbers by name, dose rules in order, standing rules, those only shown.

    What it starts is the `product`, on the `schedule` where one is chosen.
    """

    edition: str
    title: str
    disease: str
    product: str
    schedule: Schedule | None
    product_maximum_ug_per_kg_day: Mapping[str, float]
    values: Mapping[str, float]
    dose_rules: tuple[Rule, ...]
    standing_rules: tuple[Rule, ...]
    shown_rules: tuple[Rule, ...]

    @cached_property
    def _dose_questions(self) -> tuple[tuple[Predicate, Rule], ...]:
        return tuple((PREDICATES[rule.when], rule) for rule in self.dose_rules)

    @cached_property
    def _standing_questions(self) -> tuple[tuple[Predicate, Rule], ...]:
        return tuple((PREDICATES[rule.when], rule) for rule in self.standing_rules)

    @property
    def rules(self) -> Iterator[Rule]:
        """Every rule of the edition."""
        yield from (*self.dose_rules, *self.standing_rules, *self.shown_rules)

    @property
    def limits(self) -> SafetyLimits:
        """The limits that hold for any policy run under this edition."""
        return SafetyLimits(
            ceiling_ug_per_kg_day=self.values["max_dose_ug_per_kg_day"],
            exception_above_ug_per_kg_day=self.values["critical_line_ug_per_kg_day"],
            exception_rules=frozenset(rule.id for rule in self.dose_rules if rule.allows_above),
            step_interval_days=self.values["step_interval_days"],
            target_low_1e9_per_l=self.values["target_low_1e9_per_l"],
            count_valid_days=self.values["count_valid_days"],
            rise_needs_low_count=bool(self.values["rise_needs_low_count"]),
            product_maximum_ug_per_kg_day=self.product_maximum_ug_per_kg_day,
        )

    def decide(self, observation: Observation) -> Decision:
        """Return the dose that the first applicable rule sets, with what every standing rule adds to it."""
        now = Situation(observation, self.values, self.product, self.schedule)
        rule = self._first_dose_rule(now)
        titrate, action = TITRATIONS[rule.then]
        regimen = titrate(now)
        changed = regimen is not now.regimen and regimen != now.regimen
        standing = self._standing(self._after(observation, regimen) if changed else now)
        phase = phase_of(now, changed=changed)
        return Decision(
            regimen=regimen,
            next_visit_days=next_visit_days(now, rule, phase, regimen),
            action=action,
            rule_ids=(rule.id, *(extra.id for extra in standing)),
            reason=Sentence(rule.sentence, partial(_numbers, now, regimen)),
            phase=phase,
            flags={extra.flag: extra.id for extra in (rule, *standing) if extra.flag},
            orders={extra.order: extra.id for extra in standing if extra.order},
            begins={extra.begins: extra.id for extra in standing if extra.begins},
            ends={extra.ends: extra.id for extra in standing if extra.ends},
        )

    def _after(self, observation: Observation, regimen: Regimen) -> Situation:
        """Return the situation with the dose that today's decision leaves in force."""
        return Situation(replace(observation, regimen=regimen), self.values, self.product, self.schedule)

    def _first_dose_rule(self, now: Situation) -> Rule:
        for applies, rule in self._dose_questions:
            if applies(now):
                return rule
        raise LookupError(f"{self.edition}: no dose rule applies; the last must always")

    def care(self, observation: Observation, regimen: Regimen) -> tuple[Rule, ...]:
        """Return the standing rules that apply when this regimen is left in force, whoever chose it."""
        now = Situation(observation, self.values, self.product, self.schedule)
        return self._standing(now if regimen == now.regimen else self._after(observation, regimen))

    def _standing(self, now: Situation) -> tuple[Rule, ...]:
        """Return the standing rules that apply to the dose left in force."""
        going_on = now.seen.courses
        return tuple(
            [
                rule
                for applies, rule in self._standing_questions
                if (not rule.begins or rule.begins not in going_on)
                and (not rule.ends or rule.ends in going_on)
                and applies(now)
            ]
        )


def phase_of(now: Situation, *, changed: bool) -> str:
    """Return the phase of treatment: titrating, stable or maintenance."""
    if not changed and not now.started and not now.seen.findings.culprit_drug:
        return "stable"
    settling = changed or now.days_at_dose < now.values["titrating_after_change_days"]
    # At the ceiling a low count leads nowhere, so it calls nobody back twice a week.
    low = now.anc is not None and now.anc < now.values["target_low_1e9_per_l"]
    watched = now.on_hold and bool(now.values["hold_is_watched"])
    climbing = now.anc is None or (low and now.dose < now.values["max_dose_ug_per_kg_day"])
    if now.seen.day < now.values["titrating_first_days"] or settling or climbing or watched:
        return "titrating"
    return "stable" if now.days_at_dose < now.values["stable_phase_days"] else "maintenance"


def next_visit_days(now: Situation, rule: Rule, phase: str, after: Regimen) -> int:
    """Return the days until the next visit: close while titrating, monthly when stable or above 8, then less often."""
    values = now.values
    high = now.anc is not None and now.anc > values["target_high_1e9_per_l"]
    if now.febrile_neutropenia:
        return 1
    if now.is_episode:
        return int(values["visit_episode_days"])
    if now.at_home_again and now.dose == 0:
        return int(values["visit_stable_days"])
    if now.judges_cycles and now.counting_cycle:
        return _on_a_counting_day(now)
    if rule.recheck or now.anc is None or (high and phase != "titrating"):
        return int(values["recheck_days"])
    if phase == "titrating":
        return _next_on_grid(0 if after != now.regimen else now.days_at_dose, values["visit_titrating_days"])
    tight = after.ug_per_kg_day >= values["risk_line_ug_per_kg_day"]
    return int(values["visit_stable_days"] if phase == "stable" or tight else values["visit_maintenance_days"])


def _on_a_counting_day(now: Situation) -> int:
    """Return the days to the next of three counts a week."""
    since = now.days_at_dose % DAYS_PER_WEEK
    following = (day for day in (*THREE_DAYS_OF_THE_WEEK, DAYS_PER_WEEK) if day > since)
    return next(following) - since


def _next_on_grid(days: int, every: float) -> int:
    """Return the whole days until the next multiple of `every` days after the last change, passed over when it is near."""
    step = math.floor(days / every)
    while math.floor(step * every) <= days:
        step += 1
    wait = math.floor(step * every) - days
    return wait if wait >= every / 2 else wait + math.floor(every)


def _previous_anc(now: Situation) -> str:
    """Return the usable count before the present one, 10^9/L, in words."""
    earlier = (visit.count for visit in reversed(now.seen.history) if visit.count.usable)
    return next((f"{float(count.anc_1e9_per_l or 0.0):.2f}" for count in earlier), "no other")


def _numbers(now: Situation, after: Regimen) -> dict[str, object]:
    """Return the numbers a rule's sentence may use."""
    values = now.values
    return {
        "anc": now.anc,
        "anc_or_none": "not known" if now.anc is None else f"{now.anc:.2f}",
        "day": now.seen.day,
        "transplant_day": now.seen.day - (now.seen.findings.transplant_day or 0),
        "temperature": now.seen.findings.temperature_c,
        "days_since_chemotherapy": now.days_since_chemotherapy,
        "cycle_counts": len(now.cycle),
        "cycle_median": median(now.cycle) if now.cycle else math.nan,
        "cycle_share_percent": 100 * now.cycle_share,
        "cycle_goal_percent": 100 * values["cycle_goal_share"],
        "previous_anc": _previous_anc(now),
        "count_status": CountStatus.STALE.value if now.seen.count.usable else now.seen.count.status.value,
        "dose": now.dose,
        "new": after.ug_per_kg_day,
        "before_hold": now.before_hold.ug_per_kg_day,
        "days_at_dose": now.days_at_dose,
        "line_ahead": now.line_ahead(),
        "line_below": now.line_below(),
        "start": values["start_dose_ug_per_kg_day"],
        "injections": values["injections_per_day"],
        "risk_line": values["risk_line_ug_per_kg_day"],
        "critical_line": values["critical_line_ug_per_kg_day"],
        "ceiling": values["max_dose_ug_per_kg_day"],
        "wait": values["days_at_line_before_crossing"],
        "recheck": values["recheck_days"],
        "target_low": values["target_low_1e9_per_l"],
        "target_high": values["target_high_1e9_per_l"],
        "never_aim": values["never_aim_above_1e9_per_l"],
        "comfortable": values["comfortable_anc_1e9_per_l"],
        "comfortable_counts": values["comfortable_counts"],
    }
