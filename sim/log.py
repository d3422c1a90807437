"""The append-only log of a run: visits and events as they happen, rows of the tidy tables."""

from __future__ import annotations

from typing import Any

from titranc.models.clinic_view import Decision, Observation
from titranc.models.order_gate import Order
from titranc.models.patient import Patient

ORDER_SEVERITY = {
    "marrow": "info",
    "csf3r_refer": "warning",
    "hsct_low_responder": "critical",
    "hsct_non_responder": "critical",
}
FLAG_EVENTS = {
    "MDS_MONITOR": ("ceiling_8", "warning"),
    "CRITICAL": ("ceiling_15", "critical"),
    "TIGHT_MONITORING": ("tight_monitoring", "info"),
}


class EventLog:
    """Rows of `visits`, `events` and `periods` (the regimens as ordered), in the order in which they happened."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.visits: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.periods: list[dict[str, Any]] = []
        self._visit_no: dict[tuple[str, int], int] = {}
        self._flags: dict[tuple[str, int], frozenset[str]] = {}
        self._referred: set[tuple[str, int, str]] = set()

    def visit(
        self,
        arm: str,
        patient: Patient,
        seen: Observation,
        asked: Decision,
        ordered: Order,
        injection_ng: int,
        minute: int,
        true_anc: float,
    ) -> None:
        """Record a visit, the events it gave rise to and the regimen it ordered."""
        who = self._who(arm, patient)
        key = (arm, patient.patient_id)
        number = self._visit_no.get(key, 0)
        self._visit_no[key] = number + 1
        self.visits.append(who | _visit_row(number, seen, asked, ordered, injection_ng, true_anc))
        self.periods.append(
            who
            | {
                "minute": minute,
                "dose_ug_per_kg_day": ordered.regimen.ug_per_kg_day,
                "injection_ng": injection_ng,
                "every_hours": ordered.regimen.every_hours,
            }
        )
        self._events_of(who, key, seen, asked, ordered)

    def _who(self, arm: str, patient: Patient) -> dict[str, Any]:
        return {"run_id": self.run_id, "arm": arm, "patient_id": patient.patient_id}

    def _events_of(
        self, who: dict[str, Any], key: tuple[str, int], seen: Observation, asked: Decision, ordered: Order
    ) -> None:
        flags = frozenset(asked.flags)
        for flag in sorted(flags - self._flags.get(key, frozenset())):
            name, severity = FLAG_EVENTS[flag]
            self._event(who, seen, asked, ordered, name, severity, asked.reason)
        self._flags[key] = flags
        for name in asked.orders:
            if name.startswith(("hsct", "csf3r")) and not self._first_referral(key, name):
                continue
            self._event(who, seen, asked, ordered, name, ORDER_SEVERITY[name], asked.reason)
        if asked.action == "hold":
            self._event(who, seen, asked, ordered, "dose_held", "warning", asked.reason)
        for refusal in ordered.refusals:
            self._event(who, seen, asked, ordered, "gate_refused", "critical", refusal)

    def _first_referral(self, key: tuple[str, int], name: str) -> bool:
        """Whether no referral of this kind is open yet; at most one is."""
        referral = (*key, name)
        new = referral not in self._referred
        self._referred.add(referral)
        return new

    def _event(
        self,
        who: dict[str, Any],
        seen: Observation,
        asked: Decision,
        ordered: Order,
        event: str,
        severity: str,
        detail: str,
    ) -> None:
        self.events.append(
            who
            | {
                "day": seen.day,
                "event": event,
                "severity": severity,
                "dose_ug_per_kg_day": ordered.regimen.ug_per_kg_day,
                "anc_1e9_per_l": _number(seen.count.anc_1e9_per_l),
                "detail": detail,
                "rule_ids": " ".join(asked.rule_ids),
            }
        )


def _visit_row(
    number: int, seen: Observation, asked: Decision, ordered: Order, injection_ng: int, true_anc: float
) -> dict[str, Any]:
    return {
        "visit_no": number,
        "day": seen.day,
        "age_years": seen.age_years,
        "weight_kg": seen.weight_kg,
        "lab_status": seen.count.status.value,
        "anc_reported_1e9_per_l": _number(seen.count.anc_1e9_per_l),
        "anc_true_1e9_per_l": true_anc,
        "dose_before_ug_per_kg_day": seen.regimen.ug_per_kg_day if seen.regimen else 0.0,
        "dose_requested_ug_per_kg_day": asked.regimen.ug_per_kg_day,
        "dose_after_ug_per_kg_day": ordered.regimen.ug_per_kg_day,
        "dose_after_ug_day": injection_ng * ordered.regimen.injections_per_day / 1000,
        "every_hours": ordered.regimen.every_hours,
        "phase": asked.phase,
        "action": asked.action,
        "rule_ids": " ".join(asked.rule_ids),
        "reason": asked.reason,
        "flags": " ".join(asked.flags),
        "gate": "; ".join(ordered.refusals),
        "next_visit_days": ordered.next_visit_days,
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
