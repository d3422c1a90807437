"""Patients whose doses an agent sets, followed together from planned visit to planned visit.

Between an order and the next planned visit everything is as in a run: the same ward, clinic, laboratory, gate and random
streams and, where lives are simulated, the same processes. Patient k here is patient k of a run of the scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import simpy
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.clinic_view import Decision, Observation, Policy
from titranc.models.dosing import NO_DOSE, Regimen, Schedule
from titranc.models.guideline import Guideline, SafetyLimits
from titranc.models.order_gate import Order
from titranc.models.policies.standing_care import StandingCare
from titranc.sim.clinic import Case, Clinic, Stage
from titranc.sim.cohort import draw_patients
from titranc.sim.course_sections import Outcomes
from titranc.sim.environment_spaces import ChartReader, Floats
from titranc.sim.fate import Lives, Person
from titranc.sim.garbage import no_garbage_collection
from titranc.sim.injections import InjectionClock
from titranc.sim.life import Life
from titranc.sim.log import EventLog
from titranc.sim.scenario import Scenario
from titranc.sim.streams import Streams
from titranc.sim.ward import ANC, MINUTES_PER_DAY, Ward

RULE_ID = "agent"
# Half a nanogram: a dose nearer than that to the one in force is the one in force.
SMALLEST_CHANGE_UG_PER_KG_DAY = 0.0005
TITRATED = ("scn", "cyclic", "idiopathic", "autoimmune")

Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]


class Asked:
    """The policy of one patient: at a planned visit what the agent asked for, at any other the dose in force."""

    def __init__(self, body: int, guideline: Guideline, reader: ChartReader) -> None:
        self.body, self.guideline, self.reader = body, guideline, reader
        self.schedule, self.product = _schedule(guideline), guideline.product
        self.exception_above = guideline.limits.exception_above_ug_per_kg_day
        self.day, self.next_day, self.dose_ug_per_kg_day = 0, 0, 0.0

    def decide(self, seen: Observation) -> Decision:
        """Return the agent's dose as a decision that the gate and the standing rules of the guideline can judge."""
        if seen.findings.severe_infection:
            self.reader.note_severe_infection(self.body, seen.day)
        if seen.day != self.day:
            regimen = seen.regimen or NO_DOSE
            return Decision(regimen, self.next_day - seen.day, "keep", (RULE_ID,), "Between planned visits.")
        regimen = self.regimen(seen)
        return Decision(regimen, self.next_day - self.day, "set", self.rules(seen, regimen), "The agent's dose.")

    def regimen(self, seen: Observation) -> Regimen:
        """Return the regimen of the dose asked for, the one in force where it is the same."""
        before, dose = seen.regimen or NO_DOSE, self.dose_ug_per_kg_day
        if abs(dose - before.ug_per_kg_day) < SMALLEST_CHANGE_UG_PER_KG_DAY:
            return before
        asked = Regimen.average(dose, self.schedule, product=self.product)
        return before if asked.ng_per_kg_day == before.ng_per_kg_day else asked

    def rules(self, seen: Observation, regimen: Regimen) -> tuple[str, ...]:
        """Return whose rules the dose stands on: above the line of exceptions on the guideline's, if it gives as much."""
        if regimen.ug_per_kg_day <= self.exception_above:
            return (RULE_ID,)
        own = self.guideline.decide(seen)
        return (RULE_ID, *own.rule_ids) if regimen.ng_per_kg_day <= own.regimen.ng_per_kg_day else (RULE_ID,)


class LastOrders(EventLog):
    """A log that keeps of each body the latest order only."""

    def __init__(self, n_bodies: int) -> None:
        super().__init__(n_bodies, full=False)
        self.ordered: list[Order] = [Order(NO_DOSE, 1)] * n_bodies
        self.day = 0

    def visit(
        self,
        body: int,
        seen: Observation,
        asked: Decision,
        ordered: Order,
        injection_ng: int,
        minute: int,
        true_anc: float,
    ) -> None:
        """Keep the order of a planned visit."""
        if seen.day == self.day:
            self.ordered[body] = ordered

    def happening(self, body: int, day: int, event: str, severity: str, detail: str) -> None:
        """Keep nothing: what befalls a patient is told by its fate."""


class AgentCohort:
    """Patients `patient_ids` of a scenario over `visits` intervals of `interval_days`; an agent sets their doses.

    `day` is that of the planned visit that is due; `ended_day` [n] the morning on which death or a transplant ended a
    patient's follow-up, or the last day. With `outcomes` lives are simulated.
    """

    def __init__(
        self,
        scenario: Scenario,
        outcomes: Outcomes | None,
        patient_ids: Sequence[int],
        interval_days: int,
        visits: int,
    ) -> None:
        self.interval_days, self.last_day, self.day = interval_days, interval_days * visits, 0
        n = len(patient_ids)
        streams, self.guideline = Streams(scenario.seed), scenario.guideline()
        self.patients = draw_patients(scenario, streams, patient_ids)
        clock = _clock(scenario)
        self.ward = Ward(
            patients=self.patients,
            clocks=[clock] * n,
            vial_rounding_ug=[scenario.drug.vial_rounding_ug] * n,
            horizon_days=self.last_day,
            streams=streams,
            accuracy=scenario.solver.accuracy,
            records=1,
        )
        self.log = LastOrders(n)
        self.limits = limits_of(scenario)
        self.clinic = _clinic(scenario, self.guideline, self.limits, streams, self.log)
        self.reader = ChartReader(n, ceiling_of(self.limits, self.guideline))
        self.asked = [Asked(body, self.guideline, self.reader) for body in range(n)]
        self.cases = [self._case(scenario, body, with_care=outcomes is not None) for body in range(n)]
        self.ended_day = np.full(n, self.last_day)
        self.ended = np.zeros(n, np.bool_)
        self.ends, self.people = ExitStack(), list[Person]()
        self.env = self._processes(outcomes, streams) if outcomes else None
        self.seen: list[Observation] = []
        self._observe()

    def _case(self, scenario: Scenario, body: int, *, with_care: bool) -> Case:
        life = Life(scenario.course, self.patients[body], self.last_day)
        life.feel(self.ward, body)
        asked: Policy = self.asked[body]
        own = StandingCare(asked, self.guideline) if with_care else asked
        return Case(self.patients[body], life, self.ward, body, self.clinic.stage, own_policy=own)

    def _processes(self, outcomes: Outcomes, streams: Streams) -> simpy.Environment:
        """Return the SimPy environment in which these patients live."""
        env = simpy.Environment(initial_time=0)
        lives = Lives(
            env, self.ward, streams, self.log, [("agent", case, self.clinic, outcomes) for case in self.cases]
        )
        self.people = lives.people
        for person, case in zip(lives.people, self.cases, strict=True):
            course = self.clinic.follow_up(env, case)
            self.ends.callback(course.close)
            person.process = env.process(course)
        for course in lives.processes():
            self.ends.callback(course.close)
            env.process(course)
        return env

    def order(self, dose_ug_per_kg_day: Floats) -> None:
        """Ask for these doses, [n], at the visit that is due, and go on to the next."""
        day, next_day = self.day, self.day + self.interval_days
        self.log.day = day
        going_on = np.flatnonzero(~self.ended)
        for body in going_on.tolist():
            asked = self.asked[body]
            asked.day, asked.next_day, asked.dose_ug_per_kg_day = day, next_day, float(dose_ug_per_kg_day[body])
        with no_garbage_collection():
            self._go_on(going_on, next_day)
            doses = np.array([self.log.ordered[body].regimen.ug_per_kg_day for body in going_on.tolist()])
            self.reader.write(going_on, doses, day, next_day)
            self.day = next_day
            self._end()
            self._observe()

    def _go_on(self, going_on: Integers, next_day: int) -> None:
        if self.env is not None:
            # Stops before the visits of that morning: they wait for the agent.
            self.env.run(until=next_day * MINUTES_PER_DAY)
            return
        minute = self.day * MINUTES_PER_DAY
        for body in going_on.tolist():
            case, seen = self.cases[body], self.seen[body]
            self.clinic.decide(case, seen, self.clinic.ask(case, seen), minute, minute)
        self.ward.look_ahead(next_day)

    def _end(self) -> None:
        """End the follow-up of those who died or were transplanted."""
        for person in self.people:
            fate = person.fate
            if self.ended[person.body] or not (fate.is_over or fate.is_transplanted):
                continue
            days = [*fate.transplant_days[:1], *([fate.death_day] if fate.death_day is not None else [])]
            self.ended_day[person.body], self.ended[person.body] = min(days), True
            person.life.is_over = True
            person.come()

    def _observe(self) -> None:
        """Draw the blood of the visit that is due, and open the charts."""
        self.seen = [self._seen(case) if not self.ended[case.body] else self.seen[case.body] for case in self.cases]

    def _seen(self, case: Case) -> Observation:
        seen = self.clinic.observe(case, self.clinic.draw_blood(case, self.day), self.day)
        self.reader.read(case.body, seen)
        return seen

    def share_in_target(self, low_1e9_per_l: float, high_1e9_per_l: float) -> Floats:
        """Return the share of the days since the last visit, lived and with the count in the target, [n]."""
        days = np.arange(self.day - self.interval_days + 1, self.day + 1)
        anc = self.ward.mornings[:, days, ANC]
        lived = days <= self.ended_day[:, None]
        return np.asarray(((low_1e9_per_l <= anc) & (anc <= high_1e9_per_l) & lived).mean(axis=1))

    def severe_infections(self) -> Integers:
        """Return how many severe infections each has had, [n]."""
        if not self.people:
            return np.zeros(len(self.cases), np.int64)
        return np.array([person.fate.severe_infections for person in self.people])

    def died(self) -> Flags:
        """Return who has died before any transplant, [n]."""
        if not self.people:
            return np.zeros(len(self.cases), np.bool_)
        return np.array([person.fate.is_over and not person.fate.is_transplanted for person in self.people])

    def guideline_dose_ug_per_kg_day(self) -> Floats:
        """Return what the guideline would order now, seeing the same, [n]; not a number where follow-up has ended."""
        return np.array(
            [
                np.nan if self.ended[body] else self.guideline.decide(seen).regimen.ug_per_kg_day
                for body, seen in enumerate(self.seen)
            ]
        )

    def close(self) -> None:
        """End all processes."""
        self.ends.close()


def limits_of(scenario: Scenario) -> SafetyLimits:
    """Return the limits that hold whoever decides."""
    limits = scenario.guideline().limits
    return limits.lifted() if scenario.unconstrained else limits


def ceiling_of(limits: SafetyLimits, guideline: Guideline) -> float:
    """Return the most that can be given, ug/kg/day."""
    return float(min(limits.ceiling_ug_per_kg_day, limits.most_of(guideline.product)))


def _schedule(guideline: Guideline) -> Schedule:
    twice = guideline.values["injections_per_day"] > 1
    return guideline.schedule or (Schedule.TWICE_DAILY if twice else Schedule.ONCE_DAILY)


def _clock(scenario: Scenario) -> dict[str, InjectionClock]:
    product, chosen = scenario.drug.product, tuple(scenario.drug.injection_hours or ())
    hours = catalogue.drug(product).injection_hours
    return {
        product: InjectionClock.of_hours(
            once_daily=chosen if len(chosen) == 1 else hours.once_daily,
            twice_daily=chosen if len(chosen) == 2 else hours.twice_daily,
        )
    }


def _clinic(scenario: Scenario, guideline: Guideline, limits: SafetyLimits, streams: Streams, log: EventLog) -> Clinic:
    stage = Stage(0, scenario.drug.product, guideline, limits)
    return Clinic(
        arm="agent",
        stage=stage,
        later=(),
        # Nobody is followed beyond a transplant.
        after_transplant=stage,
        assay=catalogue.assay(
            within_subject_cv=scenario.assay.within_subject_cv,
            cells_counted=scenario.assay.cells_counted,
            lost_share=scenario.assay.lost_share,
            implausible_share=scenario.assay.implausible_share,
        ),
        turnaround_minutes=0,
        streams=streams,
        log=log,
    )
