"""One patient stepped by hand, visit by visit, with no knowledge beyond a clinic's.

The state behind `titranc play` and the web page. It drives the clinic of a run: the same ward, laboratory, gate and
luck, so that a session left to the guideline is a run of the same patient, to the last digit.

    session = Session.open("scn_child")
    session.decide(5.0, next_visit_days=7)
    session.autopilot(visits=10)
    session.undo()
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import simpy
from simpy.events import EventPriority

from titranc.models import catalogue
from titranc.models.clinic_view import Decision, Observation
from titranc.models.dosing import NO_DOSE, DoseRefused, Regimen, Schedule
from titranc.models.guideline import Guideline
from titranc.models.input_problems import InputProblem, InputRefused
from titranc.models.order_gate import LONGEST_WAIT_DAYS, order
from titranc.models.policies.standing_care import StandingCare
from titranc.sim.block_simulation import BlockSimulation
from titranc.sim.clinic import REFERRAL, Case
from titranc.sim.log import EVENT_COLUMNS, VISIT_COLUMNS
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.scenario_sections import GuidelinePolicy, Output

RULE_ID = "clinician"
REFER = "hsct_clinician"
# What no clinic sees when it happens, and what no chart shows before the debrief.
HIDDEN_EVENTS = ("clone_turns_malignant",)
HIDDEN_COLUMN = "anc_true_1e9_per_l"
# Half a nanogram: a dose nearer than that to the one in force is the one in force.
SMALLEST_CHANGE_UG_PER_KG_DAY = 0.0005
# Before anything else that is due at the same moment: the clinic goes on as if it had never waited.
AT_ONCE = EventPriority(-1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a clinician orders at one visit."""

    dose_ug_per_kg_day: float
    next_visit_days: int
    refer: bool = False


@dataclass(frozen=True, slots=True)
class Autopilot:
    """The guideline decides at so many visits."""

    visits: int


Act = Choice | Autopilot


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the guideline would order at a visit, seeing the same chart, and why."""

    day: int
    dose_ug_per_kg_day: float
    next_visit_days: int
    action: str
    rule_ids: tuple[str, ...]
    reason: str
    refers: bool

    @classmethod
    def of(cls, day: int, decision: Decision) -> Opinion:
        """Return the opinion that a decision of the guideline makes."""
        return cls(
            day,
            decision.regimen.ug_per_kg_day,
            decision.next_visit_days,
            decision.action,
            decision.rule_ids,
            str(decision.reason),
            any(name.startswith(REFERRAL) for name in decision.orders),
        )


class Consultation(simpy.Event):
    """The clinic waits until somebody has decided."""

    def __init__(self, env: simpy.Environment, case: Case, seen: Observation) -> None:
        super().__init__(env)
        self.case, self.seen = case, seen

    def answer(self, decision: Decision) -> None:
        """Let the clinic go on with a decision."""
        self._ok, self._value = True, decision
        self.env.schedule(self, priority=AT_ONCE)


class Session:
    """One patient of a scenario, from the first visit to the end of follow-up; `patient` is the number in the cohort.

    `seen` is what is known at the visit that is due, None once follow-up is over; `acts` is all that was ordered, and
    with the scenario all that a session is. Raises InputRefused for a scenario that cannot be played.
    """

    def __init__(self, scenario: Scenario, patient: int = 0, acts: Iterable[Act] = ()) -> None:
        self.scenario, self.patient = playable(scenario, patient), patient
        self.acts: list[Act] = []
        self._begin()
        for act in acts:
            self.repeat(act)

    @classmethod
    def open(cls, source: str = "scn_child", changes: Sequence[str] = (), patient: int = 0) -> Session:
        """Return a session of a scenario's file or bundled name, with changes such as `horizon_years=2` laid over."""
        return cls(load_scenario(source, changes), patient)

    def _begin(self) -> None:
        self.opinions: list[Opinion] = []
        self._waiting: Consultation | None = None
        self.block = BlockSimulation(self.scenario, range(self.patient, self.patient + 1), consult=self._consult)
        self._go_on()

    def _consult(self, case: Case, seen: Observation) -> Consultation:
        self._waiting = Consultation(self.block.env, case, seen)
        return self._waiting

    def _go_on(self) -> None:
        """Let time pass until the clinic asks, or until the end."""
        env, end_minute = self.block.env, self.block.end_minute
        while self._waiting is None and env.peek() < end_minute:
            env.step()
        if self._waiting is None:
            self.block.close()
            return
        self._asked = self.guideline.decide(self._waiting.seen)
        self.opinions.append(Opinion.of(self._waiting.seen.day, self._asked))

    @property
    def is_over(self) -> bool:
        """Whether follow-up has ended: the horizon, a death, or a transplant, after which others decide."""
        return self._waiting is None

    @property
    def seen(self) -> Observation | None:
        """What is known at the visit that is due: counts, weight, chart, findings."""
        return self._waiting.seen if self._waiting else None

    @property
    def day(self) -> int:
        """The day of the visit that is due, or the last day of follow-up."""
        return self._waiting.seen.day if self._waiting else int(self.block.ward.ended_day[0])

    @property
    def guideline(self) -> Guideline:
        """The edition whose opinion is asked, as it speaks of the drug that is given now."""
        policy = self.block.cases[0].policy
        return policy if isinstance(policy, Guideline) else self.scenario.guideline()

    @property
    def opinion(self) -> Opinion | None:
        """What the guideline would order now."""
        return self.opinions[-1] if self._waiting else None

    @property
    def ceiling_ug_per_kg_day(self) -> float:
        """The most that the gate lets through."""
        limits = self.block.cases[0].stage.limits
        return float(min(limits.ceiling_ug_per_kg_day, limits.most_of(self.block.cases[0].stage.product)))

    def usual_wait_days(self, dose_ug_per_kg_day: float) -> int:
        """Return when the clinic would see the patient again by itself: soon after a change, else as the phase has it."""
        seen, opinion = self._due()[0], self.opinions[-1]
        before = (seen.regimen or NO_DOSE).ug_per_kg_day
        changed = abs(dose_ug_per_kg_day - before) >= SMALLEST_CHANGE_UG_PER_KG_DAY
        close = int(self.guideline.values["visit_titrating_days"])
        return min(opinion.next_visit_days, close) if changed else opinion.next_visit_days

    def decide(
        self, dose_ug_per_kg_day: float, next_visit_days: int | None = None, *, refer: bool = False
    ) -> tuple[str, ...]:
        """Order a dose until the next visit, by default the usual one; return what the gate refuses, in words.

        What the gate refuses raises nothing: look at what is returned. An empty tuple: the order was carried out, and
        `day` is that of the next visit. Else nothing was ordered, `day` stays, and another choice may be made, as after
        `decide(200.0, 7)`, whose dose is above the ceiling. Raises DoseRefused for what is no dose (negative, or no
        number), ValueError when follow-up is over.
        """
        dose = Regimen.daily(dose_ug_per_kg_day, 1).ug_per_kg_day
        wait = self.usual_wait_days(dose) if next_visit_days is None else next_visit_days
        return self._try(Choice(dose, wait, refer))

    def _try(self, choice: Choice) -> tuple[str, ...]:
        seen, case = self._due()
        decision = self._decision(choice, seen)
        refused = order(seen, decision, case.stage.limits).refused
        if not refused:
            self.acts.append(choice)
            self._answer(decision)
        # The gate's remedies are not told, for none is taken: who ordered too much chooses again.
        return tuple(refusal.what for refusal in refused)

    def autopilot(self, visits: int | None = None, *, to_change: bool = False) -> int:
        """Let the guideline decide at so many visits, to its next change of dose or to the end; return at how many."""
        done = 0
        while not self.is_over and (visits is None or done < visits):
            changes = self._asked.regimen != (self._due()[0].regimen or NO_DOSE)
            self._answer(self._asked)
            done += 1
            if to_change and changes:
                break
        if done:
            self.acts.append(Autopilot(done))
        return done

    def undo(self) -> bool:
        """Take back the last choice, or the last stretch on the autopilot; say whether there was one.

        The same luck comes again: the session begins anew and repeats what is left.
        """
        if not self.acts:
            return False
        kept = self.acts[:-1]
        self.acts = []
        self._begin()
        for act in kept:
            self.repeat(act)
        return True

    def visits(self) -> pd.DataFrame:
        """Return the chart: a row per visit, the columns of a run's `visits` without the true count."""
        rows = pd.DataFrame([row[1:] for row in self.block.log.visits], columns=list(VISIT_COLUMNS))
        return rows.drop(columns=HIDDEN_COLUMN).assign(arm="you", patient_id=self.patient)

    def events(self) -> pd.DataFrame:
        """Return what the clinic knows to have happened, a row per event, the columns of a run's `events`."""
        known = [row[1:] for row in self.block.log.events if row[2] not in HIDDEN_EVENTS and row[1] <= self.day]
        return pd.DataFrame(known, columns=list(EVENT_COLUMNS)).assign(arm="you", patient_id=self.patient)

    def _due(self) -> tuple[Observation, Case]:
        if self._waiting is None:
            raise ValueError("follow-up is over: there is no visit to decide at")
        return self._waiting.seen, self._waiting.case

    def repeat(self, act: Act) -> None:
        """Do again what was done; raises ValueError for what could not have been done."""
        if isinstance(act, Choice):
            refusals = self._try(act)
            if refusals:
                raise ValueError("; ".join(refusals))
        elif self.autopilot(act.visits) != act.visits:
            raise ValueError(f"{act.visits} visits on the autopilot: follow-up was over before")

    def _answer(self, decision: Decision) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.answer(decision)
        self._go_on()

    def _decision(self, choice: Choice, seen: Observation) -> Decision:
        """Return the clinician's choice with the standing care of the guideline; to refer is the clinician's own."""
        before = seen.regimen or NO_DOSE
        regimen = self._regimen(choice.dose_ug_per_kg_day, before)
        own = Decision(
            regimen,
            choice.next_visit_days,
            _action(regimen, before),
            self._rules(regimen, seen),
            "The clinician's choice.",
        )
        cared = StandingCare(_Said(own), self.guideline).decide(seen)
        kept = {name: rule for name, rule in cared.orders.items() if not name.startswith(REFERRAL)}
        left_out = set(cared.orders.values()) - set(kept.values())
        rules = tuple(rule for rule in cared.rule_ids if rule not in left_out)
        return replace(cared, rule_ids=rules, orders=kept | ({REFER: RULE_ID} if choice.refer else {}))

    def _regimen(self, dose_ug_per_kg_day: float, before: Regimen) -> Regimen:
        if abs(dose_ug_per_kg_day - before.ug_per_kg_day) < SMALLEST_CHANGE_UG_PER_KG_DAY:
            return before
        schedule = before.schedule if before.ng_per_kg_day else self._schedule()
        return Regimen.average(dose_ug_per_kg_day, schedule, product=self.block.cases[0].stage.product)

    def _schedule(self) -> Schedule:
        guideline = self.guideline
        twice = guideline.values["injections_per_day"] > 1
        return guideline.schedule or (Schedule.TWICE_DAILY if twice else Schedule.ONCE_DAILY)

    def _rules(self, regimen: Regimen, seen: Observation) -> tuple[str, ...]:
        """Return whose rules the dose stands on: above the line of exceptions on the guideline's, if it gives as much."""
        own = self._asked
        excepted = regimen.ug_per_kg_day > self.guideline.limits.exception_above_ug_per_kg_day
        return (
            (RULE_ID, *own.rule_ids) if excepted and regimen.ng_per_kg_day <= own.regimen.ng_per_kg_day else (RULE_ID,)
        )


@dataclass(frozen=True, slots=True)
class _Said:
    """A policy that says what was said already."""

    decision: Decision

    def decide(self, observation: Observation) -> Decision:
        return self.decision


def _action(regimen: Regimen, before: Regimen) -> str:
    if regimen == before:
        return "keep"
    if not regimen.ng_per_kg_day:
        return "hold"
    if not before.ng_per_kg_day:
        return "start"
    return "increase" if regimen.ng_per_kg_day > before.ng_per_kg_day else "decrease"


def playable(scenario: Scenario, patient: int = 0) -> Scenario:
    """Return the scenario of the first arm with the guideline as its policy, or raise InputRefused.

    What is given has to be dosed by weight and day by day; nothing of a stranger's is imported.
    """
    one = scenario.resolved_arms()[0].scenario
    policy = one.policy if isinstance(one.policy, GuidelinePolicy) else GuidelinePolicy(kind="guideline")
    switch = one.switch
    if switch is not None and not isinstance(switch.policy, GuidelinePolicy | None):
        switch = switch.model_copy(update={"policy": GuidelinePolicy(kind="guideline")})
    given = [one.drug, *([switch.drug] if switch and switch.drug else [])]
    for drug in given:
        product = catalogue.drug(drug.product)
        if product.dosed_per != "kg" or "once daily" not in product.schedules:
            allowed = "filgrastim: a session gives doses by weight, day by day"
            raise InputRefused([InputProblem(one.title, None, "drug.product", drug.product, allowed)])
    cohort = one.cohort.model_copy(update={"n": max(one.cohort.n, patient + 1)})
    output = Output(level="visit", trajectory_patients=0)
    return one.model_copy(update={"policy": policy, "switch": switch, "cohort": cohort, "output": output})


def check_wait(days: Any) -> int:
    """Return a number of days until the next visit, or raise ValueError saying what is allowed."""
    if isinstance(days, bool) or not isinstance(days, (int, float)) or not math.isfinite(days) or days != int(days):
        raise ValueError(f"next visit: {days!r} is not allowed; allowed: whole days, 1 to {LONGEST_WAIT_DAYS}")
    if not 1 <= days <= LONGEST_WAIT_DAYS:
        raise ValueError(f"next visit: {days!r} is not allowed; allowed: 1 to {LONGEST_WAIT_DAYS} days")
    return int(days)


__all__ = ["Act", "Autopilot", "Choice", "DoseRefused", "Opinion", "Session", "playable"]
