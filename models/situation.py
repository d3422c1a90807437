"""What a clinician reads off the chart before deciding: facts derived from one observation, nothing remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, islice, takewhile

from titranc.models.clinic_view import Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen


class Situation:
    """An observation (`seen`) together with the edition's numbers (`values`, by name).

    `regimen` and `dose` (ug/kg/day) are what is in force, none before the start; `anc` is the present count (10^9/L) when
    it may be acted upon, else None.
    """

    def __init__(self, seen: Observation, values: Mapping[str, float]) -> None:
        self.seen, self.values = seen, values
        self.regimen = seen.regimen or NO_DOSE
        self.dose = self.regimen.ug_per_kg_day
        self.started = seen.regimen is not None
        self.on_hold = self.started and self.regimen.ng_per_kg_day == 0
        fresh = seen.day - seen.count.day <= values["count_valid_days"]
        self.anc = seen.count.anc_1e9_per_l if fresh and seen.count.usable else None

    @cached_property
    def last_change(self) -> PastVisit | None:
        """The visit at which the dose in force was set."""
        return next((visit for visit in reversed(self.seen.history) if visit.changed), None)

    @property
    def days_at_dose(self) -> int:
        """Days since the dose was last changed; the start counts as a change."""
        return self.seen.day - self.last_change.day if self.last_change else 0

    @property
    def changed_today(self) -> bool:
        """Whether the dose is one that today's decision has set."""
        return bool(self.seen.history) and self.seen.history[-1].after != self.regimen

    def counts(self) -> Iterator[tuple[int, float]]:
        """Return (day, ANC) of the usable counts drawn since the last change, newest first."""
        since = self.last_change.day if self.last_change else -1
        return takewhile(lambda count: count[0] > since, self._usable_counts())

    def _usable_counts(self) -> Iterator[tuple[int, float]]:
        """Return (day, ANC) of the usable counts, newest first, the present one among them."""
        for count in chain([self.seen.count], (visit.count for visit in reversed(self.seen.history))):
            if count.usable and count.anc_1e9_per_l is not None:
                yield count.day, count.anc_1e9_per_l

    def visits_since(self, day: float) -> Iterator[PastVisit]:
        """Return the earlier visits from `day` on, newest first."""
        return takewhile(lambda visit: visit.day >= day, reversed(self.seen.history))

    @cached_property
    def before_hold(self) -> Regimen:
        """The regimen that was held."""
        return self.last_change.before if self.on_hold and self.last_change else self.regimen

    def last_counts_below(self, n: int, limit: float) -> bool:
        """Whether the present and the n - 1 counts before it, at this dose, were all below `limit` (10^9/L)."""
        if self.anc is None or self.anc >= limit:
            return False
        latest = list(islice(self.counts(), n))
        return len(latest) == n and all(anc < limit for _, anc in latest)

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
        for visit in reversed(self.seen.history):
            if visit.after.ug_per_kg_day <= line:
                return False
            if self.seen.day - visit.day >= days:
                return True
        return days <= 0

    def failed_doses(self) -> tuple[float, ...]:
        """Doses (ug/kg/day) from which the last months had to raise."""
        since = self.seen.day - self.values["failed_dose_memory_days"]
        return tuple(
            visit.before.ug_per_kg_day
            for visit in self.visits_since(since)
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
