"""What a clinician reads off the chart before deciding: facts derived from one observation, nothing remembered."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice, takewhile

from titranc.models.clinic_view import Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen, Schedule

EPISODES = frozenset(
    {"chemotherapy", "transplant_autologous", "transplant_allogeneic", "ganciclovir", "azathioprine", "healthy"}
)
HOSPITAL = frozenset({"chemotherapy", "transplant_autologous", "transplant_allogeneic"})


class Situation:
    """An observation (`seen`) together with the edition's numbers (`values`, by name).

    `regimen` and `dose` (ug/kg/day) are what is in force, none before the start; `anc` is the present count (10^9/L) when
    it may be acted upon, else None; `last_change` is the visit at which the dose in force was set and `days_at_dose` the
    days since then (the start counts as a change).
    """

    __slots__ = (
        "_low_and_due", "anc", "days_at_dose", "dose", "last_change", "on_hold", "product", "regimen", "schedule", "seen",
        "started", "values",
    )  # fmt: skip

    def __init__(
        self,
        seen: Observation,
        values: Mapping[str, float],
        product: str = "filgrastim",
        schedule: Schedule | None = None,
    ) -> None:
        self.seen, self.values, self.product, self.schedule = seen, values, product, schedule
        self.regimen = seen.regimen or NO_DOSE
        self.dose = self.regimen.ug_per_kg_day
        self.started = bool(seen.history.changes)
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

    @property
    def is_episode(self) -> bool:
        """Whether treatment is for an episode, with a count every day until it is over."""
        return self.seen.disease in EPISODES and (
            self.dose > 0 or (self.seen.disease in HOSPITAL and not self.at_home_again)
        )

    @property
    def at_home_again(self) -> bool:
        """Whether a transplant lies so far back, and the count is such, that daily counts are over."""
        day = self.seen.findings.transplant_day
        if day is None or self.anc is None:
            return False
        over = self.seen.day - day >= self.values["transplant_daily_counts_days"]
        return over and self.anc >= self.values["recovered_1e9_per_l"]

    @property
    def judges_cycles(self) -> bool:
        """Whether the disease comes and goes, so that no single count says anything."""
        return not self.values["rise_needs_low_count"]

    @property
    def counting_cycle(self) -> bool:
        """Whether the counts at this dose do not make a full cycle yet."""
        return self.days_at_dose < self.values["cycle_days"] or len(self.cycle) < self.values["cycle_counts"]

    @property
    def cycle(self) -> list[float]:
        """The usable counts at this dose of the last cycle (10^9/L), newest first."""
        since = self.seen.day - self.values["cycle_days"]
        return [anc for _, anc in takewhile(lambda count: count[0] > since, self.counts())]

    @property
    def cycle_share(self) -> float:
        """The share of those counts that reach the target."""
        cycle = self.cycle
        return sum(anc >= self.values["target_low_1e9_per_l"] for anc in cycle) / len(cycle) if cycle else 0.0

    @property
    def febrile(self) -> bool:
        """Whether the temperature is a fever by the definition of the run."""
        found, values = self.seen.findings, self.values
        sustained = found.fever_hours >= values["fever_sustained_hours"]
        return found.temperature_c >= values["fever_single_c"] or (
            sustained and found.temperature_c >= values["fever_sustained_c"]
        )

    @property
    def febrile_neutropenia(self) -> bool:
        """Whether there is fever with a count below the line of that definition.

        Without a count today the latest one speaks while it is valid: a fever does not wait for the laboratory.
        """
        if not self.febrile:
            return False
        day, anc = next(self._usable_counts(), (-math.inf, math.inf))
        return self.seen.day - day <= self.values["count_valid_days"] and anc < self.values["fever_anc_1e9_per_l"]

    @property
    def given_once(self) -> bool:
        """Whether what would be started is a single dose that lasts for weeks."""
        return self.product == "pegfilgrastim"

    @property
    def days_since_chemotherapy(self) -> float:
        """Days since the last cycle of chemotherapy; infinite without one."""
        last = self.seen.findings.last_chemotherapy_day
        return math.inf if last is None else self.seen.day - last

    @property
    def treated_this_cycle(self) -> bool:
        """Whether G-CSF has been given since the last cycle of chemotherapy or the transplant."""
        found = self.seen.findings
        hits = (day for day in (found.last_chemotherapy_day, found.transplant_day) if day is not None)
        since = max(hits, default=-1)
        return any(change.after.ng_per_kg_day > 0 for change in self.changes_since(since))

    @property
    def recovered(self) -> bool:
        """Whether the counts since the nadir say that the marrow has come back for good."""
        if self.anc is None or not self._past_the_nadir:
            return False
        if self.anc > self.values["never_aim_above_1e9_per_l"]:
            return True
        return self._last_counts_from("recovered") or self._last_counts_from("clearly_recovered")

    def _last_counts_from(self, name: str) -> bool:
        n, limit = int(self.values[f"{name}_counts"]), self.values[f"{name}_1e9_per_l"]
        latest = list(islice(self._usable_counts(), n))
        return len(latest) == n and all(anc >= limit for _, anc in latest)

    @property
    def _past_the_nadir(self) -> bool:
        """Whether a low count has been seen since the marrow was hit, or enough days have passed."""
        found = self.seen.findings
        hit = found.last_chemotherapy_day if found.last_chemotherapy_day is not None else found.transplant_day
        if hit is None:
            return True
        if self.seen.day - hit >= self.values["nadir_over_days"]:
            return True
        return any(
            anc < self.values["recovered_1e9_per_l"]
            for _, anc in takewhile(lambda count: count[0] > hit, self._usable_counts())
        )

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

    @property
    def days_on_treatment(self) -> int:
        """Days since the last change from nothing to a dose."""
        begun = (change.day for change in reversed(self.seen.history.changes) if change.before.ng_per_kg_day == 0)
        return self.seen.day - next(begun, self.seen.day)

    def severe_for(self, days: float) -> bool:
        """Whether every usable count of so many days was one of severe neutropenia."""
        for day, anc in self._usable_counts():
            if anc >= self.values["neutropenia_1e9_per_l"]:
                return False
            if self.seen.day - day >= days:
                return True
        return False

    def line_ahead(self) -> float | None:
        """The line (15 or 20 ug/kg/day) that the next step up would cross."""
        step = self.values["step_ug_per_kg_day"]
        lines = (self.values["critical_line_ug_per_kg_day"], self.values["non_responder_line_ug_per_kg_day"])
        return next((line for line in lines if self.dose <= line < self.dose + step), None)

    def line_below(self) -> float | None:
        """The highest risk line (8 or 15 ug/kg/day) that the dose in force exceeds."""
        lines = (self.values["critical_line_ug_per_kg_day"], self.values["risk_line_ug_per_kg_day"])
        return next((line for line in lines if self.dose > line), None)
