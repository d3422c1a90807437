"""The append-only log of a run: visits and events as they happen, rows of the tidy tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from titranc.models.clinic_view import Decision, Observation
from titranc.models.order_gate import RULE_ID as GATE_RULE_ID
from titranc.models.order_gate import Order

ORDER_SEVERITY = {
    "marrow": "info",
    "marrow_work_up": "warning",
    "fever_evaluation": "warning",
    "procalcitonin": "info",
    "withdraw_culprit": "warning",
    "csf3r_refer": "warning",
    "hsct_csf3r": "critical",
    "hsct_low_responder": "critical",
    "hsct_non_responder": "critical",
    "hsct_clinician": "critical",
}
STOPS = {"hold": ("dose_held", "warning"), "withhold": ("dose_withheld", "warning"), "stop": ("course_over", "info")}
FLAG_EVENTS = {
    "MDS_MONITOR": ("ceiling_8", "warning"),
    "CRITICAL": ("ceiling_15", "critical"),
    "TIGHT_MONITORING": ("tight_monitoring", "info"),
    "SEVERE_NEUTROPENIA": ("severe_neutropenia", "warning"),
    "FEBRILE_NEUTROPENIA": ("febrile_neutropenia", "critical"),
    "DAILY_ASSESSMENT": ("daily_assessment", "info"),
    "LATE_START": ("late_start", "warning"),
}
VISIT_COLUMNS = (
    "visit_no", "day", "age_years", "weight_kg", "lab_status", "anc_reported_1e9_per_l", "leukocytes_reported_1e9_per_l",
    "anc_true_1e9_per_l",
    "dose_before_ug_per_kg_day", "dose_requested_ug_per_kg_day", "dose_after_ug_per_kg_day", "dose_after_ug_day",
    "every_hours", "phase", "action", "rule_ids", "reason", "flags", "gate", "next_visit_days",
)  # fmt: skip
EVENT_COLUMNS = ("day", "event", "severity", "dose_ug_per_kg_day", "anc_1e9_per_l", "detail", "rule_ids")
PERIOD_COLUMNS = ("minute", "dose_ug_per_kg_day", "injection_ng", "every_hours", "product")


class EventLog:
    """What happened to the bodies of a ward, each row a tuple that begins with the number of its body.

    `visits`, `events` and `periods` (the regimens as ordered) have the columns named above; `visits_of` counts. Without `full` there are no
    visits and no sentences: writing them out is most of the work. `says` is what each rule says, by its id, for each body: the
    sentence of an event that another rule called for than the one that set the dose.
    """

    def __init__(self, n_bodies: int, *, full: bool, says: Sequence[Mapping[str, str]] = ()) -> None:
        self.full, self._says = full, says
        self.visits: list[tuple[Any, ...]] = []
        self.events: list[tuple[Any, ...]] = []
        self.periods: list[tuple[Any, ...]] = []
        self.visits_of = [0] * n_bodies
        self._flags_of: list[Any] = [()] * n_bodies
        self._referred: set[tuple[int, str]] = set()

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
        """Record a visit, the events it gave rise to and the regimen it ordered."""
        regimen = ordered.regimen
        reason = str(asked.reason) if self.full else ""
        if self.full:
            self._write_visit(body, seen, asked, ordered, injection_ng, true_anc, reason)
        self.visits_of[body] += 1
        self.periods.append((body, minute, regimen.ug_per_kg_day, injection_ng, regimen.every_hours, regimen.product))
        for name, severity, rule_id, detail in self._happened(body, seen, asked, ordered, reason):
            anc = _number(seen.count.anc_1e9_per_l)
            self.events.append((body, seen.day, name, severity, regimen.ug_per_kg_day, anc, detail, rule_id))

    def happening(self, body: int, day: int, event: str, severity: str, detail: str) -> None:
        """Record what befell a patient outside the clinic."""
        self.events.append((body, day, event, severity, math.nan, math.nan, detail, ""))

    def _write_visit(
        self,
        body: int,
        seen: Observation,
        asked: Decision,
        ordered: Order,
        injection_ng: int,
        true_anc: float,
        reason: str,
    ) -> None:
        regimen = ordered.regimen
        self.visits.append(
            (
                body, self.visits_of[body], seen.day, seen.age_years, seen.weight_kg, seen.count.status.value,
                _number(seen.count.anc_1e9_per_l), _number(seen.count.leukocytes_1e9_per_l), true_anc,
                seen.regimen.ug_per_kg_day if seen.regimen else 0.0,
                asked.regimen.ug_per_kg_day, regimen.ug_per_kg_day, injection_ng * regimen.injections_per_day / 1000,
                regimen.every_hours, asked.phase, asked.action, " ".join(asked.rule_ids), reason, " ".join(asked.flags),
                "; ".join(ordered.refusals), ordered.next_visit_days,
            )
        )  # fmt: skip

    def _happened(
        self, body: int, seen: Observation, asked: Decision, ordered: Order, reason: str
    ) -> list[tuple[str, str, str, str]]:
        """Return (event, severity, rule, detail) of what is new, one rule an event."""
        happened = []

        def told(rule_id: str) -> str:
            own = not self.full or not self._says or rule_id == asked.rule_ids[0]
            return reason if own else self._says[body].get(rule_id, reason)

        if asked.flags != self._flags_of[body]:
            new = sorted(set(asked.flags) - set(self._flags_of[body]))
            happened += [(*FLAG_EVENTS[flag], asked.flags[flag], told(asked.flags[flag])) for flag in new]
            self._flags_of[body] = asked.flags
        for name, rule_id in asked.orders.items():
            if self._is_new(body, name):
                happened.append((name, ORDER_SEVERITY[name], rule_id, told(rule_id)))
        for name, rule_id in asked.begins.items():
            happened.append((name, "info", rule_id, told(rule_id)))
        for name, rule_id in asked.ends.items():
            happened.append((f"{name}_over", "info", rule_id, told(rule_id)))
        if asked.action in STOPS and seen.regimen is not None and seen.regimen.ng_per_kg_day > 0:
            happened.append((*STOPS[asked.action], asked.rule_ids[0], reason))
        happened += [("gate_refused", "critical", GATE_RULE_ID, refusal) for refusal in ordered.refusals]
        return happened

    def _is_new(self, body: int, name: str) -> bool:
        """Whether an order is to be carried out: at most one referral of a kind is open, an examination is made again."""
        if not name.startswith(("hsct", "csf3r")):
            return True
        new = (body, name) not in self._referred
        self._referred.add((body, name))
        return new


def _number(value: float | None) -> float:
    return math.nan if value is None else value
