"""What a clinician reads off the chart before deciding: facts derived from one observation, nothing remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from titranc.models.clinic_view import Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen


class Situation:
    """An observation (`seen`) together with the edition's numbers (`values`, by name).

    `regimen` and `dose` (ug/kg/day) are what is in force, none before the start; `anc` is the present count (10^9/L) when
    it may be acted upon, else None; `last_change` is the visit at which the dose in force was set and `days_at_dose` the
    days since then (the start counts as a change).
    """

    __slots__ = (
        "_low_and_due", "anc", "days_at_dose", "dose", "last_change", "on_hold", "regimen", "seen", "started", "values",
    )  # fmt: skip

    def __init__(self, seen: Observation, values: Mapping[str, float]) -> None:
        self.seen, self.values = seen, values
        self.regimen = seen.regimen or NO_DOSE
        self.dose = self.regimen.ug_per_kg_day
        self.started = seen.regimen is not None
        self.on_hold = self.started and self.regimen.ng_per_kg_day == 0
        self.anc = seen.count.anc_1e9_per_l if self._may_be_acted_upon() else None
        self.last_change = seen.history.changes[-1] if seen.history.changes else None
        self.days_at_dose = seen.day - self.last_change.day if self.last_change else 0
        self._low_and_due: bool | None = None

    def _may_be_acted_upon(self) -> bool:
        return self.seen.count.usable and self.seen.day - self.seen.count.day <= self.values["count_valid_days"]

    @property
    def changed_today(self) -> bool:
        """Whether the dose is one that today's decision has set."""
        return bool(self.seen.history) and self.seen.history[-1].after != self.regimen

    def counts(self) -> Iterator[tuple[int, float]]:
        """Return (day, ANC) of the usable counts drawn since the last change, newest first."""
        since = self.last_change.day if self.last_change else -1
        for day, anc in self._usable_counts():
            if day <= since:
                return
            yield day, anc

    def _usable_counts(self) -> Iterator[tuple[int, float]]:
        """Return (day, ANC) of the usable counts, newest first, the present one among them."""
        count = self.seen.count
        if count.usable and count.anc_1e9_per_l is not None:
            yield count.day, count.anc_1e9_per_l
        for visit in reversed(self.seen.history):
            count = visit.count
            if count.usable and count.anc_1e9_per_l is not None:
                yield count.day, count.anc_1e9_per_l

    def changes_since(self, day: float) -> Iterator[PastVisit]:
        """Return the visits from `day` on at which the dose changed, newest first."""
        for visit in reversed(self.seen.history.changes):
            if visit.day < day:
                return
            yield visit

    @property
    def before_hold(self) -> Regimen:
        """The regimen that was held."""
        return self.last_change.before if self.on_hold and self.last_change else self.regimen

    @property
    def low_and_due(self) -> bool:
        """Whether as many counts at this dose as asked for were all below the target, and the step interval is over."""
        if self.anc is None or self.anc >= self.values["target_low_1e9_per_l"]:
            return False
        if self._low_and_due is None:
            due = self.days_at_dose >= self.values["step_interval_days"]
            self._low_and_due = due and self._last_counts_low(int(self.values["counts_to_raise"]))
        return self._low_and_due

    def _last_counts_low(self, n: int) -> bool:
        latest = list(islice(self.counts(), n))
        return len(latest) == n and all(anc < self.values["target_low_1e9_per_l"] for _, anc in latest)

    def last_counts_above(self, n: int, limit: float) -> bool:
        """Whether the present count and the n - 1 before it were all above `limit` (10^9/L), whatever the dose."""
        if self.anc is None or self.anc <= limit:
            return False
        latest = list(islice(self._usable_counts(), n))
        return len(latest) == n and all(anc > limit for _, anc in latest)

    def above_for(self, line: float, days: float) -> bool:
        """Whether the dose in force has lain above `line` (ug/kg/day) for `days` without a break."""
        if self.dose <= line:
            return False
        for change in reversed(self.seen.history.changes):
            if change.after.ug_per_kg_day <= line:
                return False
            if self.seen.day - change.day >= days:
                return True
        return days <= 0

    def failed_doses(self) -> tuple[float, ...]:
        """Doses (ug/kg/day) from which the last months had to raise."""
        since = self.seen.day - self.values["failed_dose_memory_days"]
        return tuple(
            visit.before.ug_per_kg_day
            for visit in self.changes_since(since)
            if 0 < visit.before.ng_per_kg_day < visit.after.ng_per_kg_day
        )

    def line_ahead(self) -> float | None:
        """The line (15 or 20 ug/kg/day) that the next step up would cross."""
        step = self.values["step_ug_per_kg_day"]
        lines = (self.values["critical_line_ug_per_kg_day"], self.values["non_responder_line_ug_per_kg_day"])
        return next((line for line in lines if self.dose <= line < self.dose + step), None)

    def line_below(self) -> float | None:
        """The highest risk line (8 or 15 ug/kg/day) that the dose in force exceeds."""
        lines = (self.values["critical_line_ug_per_kg_day"], self.values["risk_line_ug_per_kg_day"])
        return next((line for line in lines if self.dose > line), None)
