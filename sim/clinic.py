"""The main loop: one patient's follow-up, as a chart would tell it.

Each visit, in this order: blood is drawn before the day's dose; the laboratory reports; the policy decides on what was
reported; the gate turns the decision into an order; the order is written to the chart and to the ward; wait.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import simpy

from titranc.models.assay import Assay
from titranc.models.clinic_view import Count, History, Observation, PastVisit, Policy
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.guideline import SafetyLimits
from titranc.models.order_gate import order
from titranc.models.patient import Patient
from titranc.sim.log import EventLog
from titranc.sim.streams import Purpose, Streams
from titranc.sim.ward import DAYS_PER_YEAR, MINUTES_PER_DAY, Ward


@dataclass
class Chart:
    """What the clinic has written down about one patient."""

    regimen: Regimen | None = None
    visits: list[PastVisit] = field(default_factory=list)
    changes: tuple[PastVisit, ...] = ()
    last_marrow_day: int | None = None

    def write(self, visit: PastVisit) -> None:
        """Add a visit, and the regimen it left in force."""
        self.visits.append(visit)
        self.regimen = visit.after
        if visit.changed:
            self.changes = (*self.changes, visit)


@dataclass(frozen=True)
class Clinic:
    """The clinic of one arm: its laboratory, its policy and the limits that hold for any policy."""

    arm: str
    policy: Policy
    limits: SafetyLimits
    hard_ceiling_ug_per_kg_day: float
    assay: Assay
    turnaround_minutes: int
    streams: Streams
    log: EventLog

    def follow_up(
        self, env: simpy.Environment, ward: Ward, body: int, patient: Patient
    ) -> Generator[simpy.Event, None, None]:
        """Follow one patient, visit after visit, until the environment stops."""
        chart = Chart()
        while True:
            visit_minute = int(env.now)
            count = self.draw_blood(ward, body, patient, visit_minute // MINUTES_PER_DAY)
            if self.turnaround_minutes:
                yield env.timeout(self.turnaround_minutes)
            seen = self.observe(ward, body, patient, chart, count, int(env.now) // MINUTES_PER_DAY)
            next_visit_minute = self.decide(ward, body, patient, chart, seen, visit_minute, int(env.now))
            yield env.timeout(next_visit_minute - int(env.now))

    def draw_blood(self, ward: Ward, body: int, patient: Patient, day: int) -> Count:
        """Return the count that the laboratory makes of this morning's blood."""
        noise = self.streams.generator(Purpose.ASSAY, patient.patient_id, day)
        return self.assay.report(ward.true_anc(body, day), day, noise)

    def observe(self, ward: Ward, body: int, patient: Patient, chart: Chart, count: Count, day: int) -> Observation:
        """Return all that is known when the decision is due."""
        return Observation(
            day=day,
            age_years=patient.age_start_years + day / DAYS_PER_YEAR,
            weight_kg=float(ward.weight_kg[body, day]),
            disease=patient.disease,
            count=count,
            regimen=chart.regimen,
            history=History(chart.visits, chart.changes),
            last_marrow_day=chart.last_marrow_day,
        )

    def decide(
        self, ward: Ward, body: int, patient: Patient, chart: Chart, seen: Observation, visit_minute: int, minute: int
    ) -> int:
        """Decide, order, write it down; return the minute of the next visit, a morning after this one."""
        decision = self.policy.decide(seen)
        ordered = order(seen, decision, self.limits, self.hard_ceiling_ug_per_kg_day)
        next_visit = max(visit_minute + ordered.next_visit_days * MINUTES_PER_DAY, _next_morning(minute))
        injection_ng = ward.prescribe(body, ordered.regimen, minute, next_visit // MINUTES_PER_DAY)
        true_anc = ward.true_anc(body, seen.count.day)
        self.log.visit(body, seen, decision, ordered, injection_ng, minute, true_anc)
        if "marrow" in decision.orders:
            chart.last_marrow_day = seen.day
        chart.write(PastVisit(seen.day, seen.count, seen.regimen or NO_DOSE, ordered.regimen, decision.rule_ids))
        return next_visit


def _next_morning(minute: int) -> int:
    return (minute // MINUTES_PER_DAY + 1) * MINUTES_PER_DAY
