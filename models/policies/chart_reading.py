"""What policies read off a chart: the latest usable counts, how long a dose has been in force, doses that failed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from titranc.models.clinic_view import Observation


def latest_counts(seen: Observation, n: int) -> list[float]:
    """Return the latest n usable counts (10^9/L), today's first; nothing when there are not so many."""
    earlier = (visit.count for visit in reversed(seen.history))
    usable = (count.anc_1e9_per_l for count in (seen.count, *earlier) if count.usable)
    found = [anc for anc in islice(usable, n) if anc is not None]
    return found if len(found) == n else []


def counts_since(seen: Observation, day: float) -> list[float]:
    """Return the usable counts (10^9/L) drawn on or after a day, today's first."""
    found = [seen.count.anc_1e9_per_l] if seen.count.usable and seen.count.anc_1e9_per_l is not None else []
    for visit in reversed(seen.history):
        if visit.count.day < day:
            break
        if visit.count.usable and visit.count.anc_1e9_per_l is not None:
            found.append(visit.count.anc_1e9_per_l)
    return found


def all_hold(counts: list[float], holds: Callable[[float], bool]) -> bool:
    """Return whether there are counts, and all of them do."""
    return bool(counts) and all(holds(anc) for anc in counts)


def days_at_dose(seen: Observation) -> int:
    """Return the days since the dose in force was set."""
    changes = seen.history.changes
    return seen.day - (changes[-1].day if changes else 0)


def failed_dose(seen: Observation, within_days: float) -> float:
    """Return the highest dose (ug/kg/day) that had to be raised within these days; 0 when none had."""
    since = seen.day - within_days
    raised = (
        visit.before.ug_per_kg_day
        for visit in seen.history.changes
        if visit.day >= since and 0 < visit.before.ng_per_kg_day < visit.after.ng_per_kg_day
    )
    return max(raised, default=0.0)


def usable_anc(seen: Observation) -> float | None:
    """Return today's count when it may be acted upon."""
    return seen.count.anc_1e9_per_l if seen.count.usable else None
