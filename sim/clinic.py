"""The main loop: one patient's follow-up, as a chart would tell it.

Each visit, in this order: blood is drawn before the day's dose; the laboratory reports; the policy decides on what was
reported; the gate turns the decision into an order; the order is written to the chart and to the ward; wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import simpy

from titranc.models.assay import Assay
from titranc.models.clinic_view import Count, Decision, History, Observation, PastVisit, PersonalPolicy, Policy
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.findings import Csf3rFinding
from titranc.models.guideline import SafetyLimits
from titranc.models.order_gate import order
from titranc.models.patient import Patient
from titranc.models.policies.python_policy import PolicyFailed
from titranc.sim.life import Life
from titranc.sim.log import EventLog
from titranc.sim.streams import Purpose, Streams
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, Ward

WITHDRAW_CULPRIT, MARROW, REFERRAL = "withdraw_culprit", "marrow", "hsct_"


@dataclass
class Chart:
    """What the clinic has written down about one patient; `courses` are those in progress, each with its first day."""

    regimen: Regimen | None = None
    visits: list[PastVisit] = field(default_factory=list)
    changes: tuple[PastVisit, ...] = ()
    last_marrow_day: int | None = None
    courses: dict[str, int] = field(default_factory=dict)

    def write(self, visit: PastVisit) -> None:
        """Add a visit, and the regimen it left in force."""
        self.visits.append(visit)
        self.regimen = visit.after
        if visit.changed:
            self.changes = (*self.changes, visit)


@dataclass(frozen=True, slots=True)
class Stage:
    """From a day on this policy decides, this product is given, and these limits hold for any policy.

    With a `disease` it is treated as that one.
    """

    from_day: int
    product: str
    policy: Policy
    limits: SafetyLimits
    doses_by_surface: bool = False
    disease: str | None = None


class Lived(Protocol):
    """What a patient with a life of chance answers to what the clinic orders."""

    def examine_marrow(self, day: int) -> Csf3rFinding:
        """Return what the marrow shows of clones."""
        ...

    def refer(self, day: int, reason: str) -> None:
        """Look for a donor."""
        ...

    def take(self, courses: Iterable[str]) -> None:
        """Take what is prescribed besides the dose."""
        ...


@dataclass(slots=True)
class Case:
    """One patient in one arm: who it is, what befalls the patient, which body of the ward it has, the stage, the chart.

    `at_home` tells whether the patient waits for the next visit; `person` is there where lives are simulated.
    """

    patient: Patient
    life: Life
    ward: Ward
    body: int
    stage: Stage
    chart: Chart = field(default_factory=Chart)
    at_home: bool = False
    person: Lived | None = None
    own_policy: Policy | None = None

    @property
    def policy(self) -> Policy:
        """Who decides for this patient."""
        return self.own_policy or self.stage.policy

    def enter(self, stage: Stage) -> None:
        """Go on under another policy; a titration of another product begins with a chart of its own."""
        if stage.product != self.stage.product or stage.disease != self.stage.disease:
            self.chart = Chart(last_marrow_day=self.chart.last_marrow_day, courses=self.chart.courses)
        self.stage, self.own_policy = stage, None


# Opens a consultation: an event that happens when somebody has decided, with the decision as its value.
Consult = Callable[[Case, Observation], simpy.Event]


@dataclass(frozen=True)
class Clinic:
    """The clinic of one arm: its laboratory, and the stages of treatment it goes through.

    With `consult` no policy decides on the titration but whoever answers; after a transplant its rules decide.
    """

    arm: str
    stage: Stage
    later: tuple[Stage, ...]
    after_transplant: Stage
    assay: Assay
    turnaround_minutes: int
    streams: Streams
    log: EventLog
    consult: Consult | None = None

    def follow_up(self, env: simpy.Environment, case: Case) -> Generator[simpy.Event, Any, None]:
        """Follow one patient, visit after visit, until the environment stops or the patient dies."""
        self.personalise(case)
        while not case.life.is_over:
            visit_minute = int(env.now)
            self.go_on(case, visit_minute // MINUTES_PER_DAY)
            count = self.draw_blood(case, visit_minute // MINUTES_PER_DAY)
            if self.turnaround_minutes:
                case.ward.extend(case.body, (visit_minute + self.turnaround_minutes) // MINUTES_PER_DAY)
                yield env.timeout(self.turnaround_minutes)
                if case.life.is_over:
                    return
            seen = self.observe(case, count, int(env.now) // MINUTES_PER_DAY)
            if self.consult is None or case.stage.disease:
                decision = self.ask(case, seen)
            else:
                decision = yield self.consult(case, seen)
            next_visit_minute = self.decide(case, seen, decision, visit_minute, int(env.now))
            yield from self.wait(env, case, next_visit_minute)

    def wait(self, env: simpy.Environment, case: Case, until_minute: int) -> Generator[simpy.Event, None, None]:
        """Leave the patient at home until a minute, or until the morning after something makes the patient come."""
        case.at_home = True
        try:
            yield env.timeout(until_minute - int(env.now))
        except simpy.Interrupt:
            case.at_home = False
            if not case.life.is_over:
                yield env.timeout(min(_next_morning(int(env.now)), until_minute) - int(env.now))
        case.at_home = False

    def go_on(self, case: Case, day: int) -> None:
        """Enter the stage that begins today."""
        for stage in self.later:
            if case.stage.disease is None and case.stage.from_day < stage.from_day <= day:
                case.enter(stage)
                self.personalise(case)

    def personalise(self, case: Case) -> None:
        """Give the patient a clinician, where clinicians differ."""
        if isinstance(case.stage.policy, PersonalPolicy):
            luck = self.streams.generator(Purpose.CLINICIAN, case.patient.patient_id)
            case.own_policy = case.stage.policy.for_patient(luck)

    def draw_blood(self, case: Case, day: int) -> Count:
        """Return the count that the laboratory makes of this morning's blood."""
        noise = self.streams.generator(Purpose.ASSAY, case.patient.patient_id, day)
        return self.assay.report(case.ward.true_anc(case.body, day), day, noise)

    def observe(self, case: Case, count: Count, day: int) -> Observation:
        """Return all that is known when the decision is due."""
        chart = case.chart
        return Observation(
            day=day,
            age_years=case.patient.age_start_years + day / DAYS_PER_YEAR,
            weight_kg=float(case.ward.weight_kg[case.body, day]),
            disease=case.stage.disease or case.patient.disease,
            count=count,
            regimen=chart.regimen,
            history=History(chart.visits, chart.changes),
            findings=case.life.findings(day),
            last_marrow_day=chart.last_marrow_day,
            courses=chart.courses,
            body_surface_m2=self.body_surface_m2(case, day) if case.stage.doses_by_surface else None,
        )

    def body_surface_m2(self, case: Case, day: int) -> float:
        """Return the body surface by Mosteller's formula."""
        patient = case.patient
        height_cm = patient.growth.height_cm(patient.age_start_years + day / DAYS_PER_YEAR)
        return math.sqrt(height_cm * float(case.ward.weight_kg[case.body, day]) / 3600)

    def decide(self, case: Case, seen: Observation, decision: Decision, visit_minute: int, minute: int) -> int:
        """Order what was decided and write it down; return the minute of the next visit, a morning after this one."""
        ordered = order(seen, decision, case.stage.limits)
        next_visit = visit_minute + ordered.next_visit_days * MINUTES_PER_DAY
        if not case.life.uneventful:
            next_visit = min(next_visit, case.life.next_minute(visit_minute))
        if self.later:
            next_visit = min(next_visit, self.next_stage_minute(case))
        next_visit = max(next_visit, _next_morning(minute))
        injection_ng = case.ward.prescribe(case.body, ordered.regimen, minute, next_visit // MINUTES_PER_DAY)
        true_anc = case.ward.true_anc(case.body, seen.count.day)
        self.log.visit(case.body, seen, decision, ordered, injection_ng, minute, true_anc)
        self.carry_out(case, seen.day, decision)
        before = seen.regimen or NO_DOSE
        case.chart.write(PastVisit(seen.day, seen.count, before, ordered.regimen, decision.rule_ids))
        return next_visit

    def transplanted(self, case: Case) -> None:
        """Let the rules for transplants take over, with a chart of their own."""
        case.enter(self.after_transplant)

    def ask(self, case: Case, seen: Observation) -> Decision:
        """Return the policy's decision; an error of a user's policy is told with the patient."""
        try:
            return case.policy.decide(seen)
        except PolicyFailed as failed:
            where = f"arm {self.arm}, patient {case.patient.patient_id}, day {seen.day}"
            raise PolicyFailed(f"{where}: {failed}") from failed

    def next_stage_minute(self, case: Case) -> int:
        """Return the morning, as a minute, on which the next stage begins."""
        coming = (stage.from_day for stage in self.later if stage.from_day > case.stage.from_day)
        return min(coming, default=case.life.horizon_days) * MINUTES_PER_DAY

    def carry_out(self, case: Case, day: int, decision: Decision) -> None:
        """Do what is ordered besides the dose."""
        if MARROW in decision.orders:
            case.chart.last_marrow_day = day
            if case.person is not None:
                case.life.show_csf3r(case.person.examine_marrow(day))
        if case.person is not None and any(name.startswith(REFERRAL) for name in decision.orders):
            case.person.refer(day, next(name for name in decision.orders if name.startswith(REFERRAL)))
        if WITHDRAW_CULPRIT in decision.orders:
            case.life.withdraw_culprit(case.ward, case.body, day)
        if decision.begins or decision.ends:
            going_on = {name: first for name, first in case.chart.courses.items() if name not in decision.ends}
            case.chart.courses = going_on | dict.fromkeys(decision.begins, day)
            if case.person is not None:
                case.person.take(case.chart.courses)


def _next_morning(minute: int) -> int:
    return (minute // MINUTES_PER_DAY + 1) * MINUTES_PER_DAY
