"""What a clinic knows and what it says: the only words a policy hears and speaks.

Everything a policy learns came from a blood sample, a scale or the chart. The true ANC and the patient's parameters are
not here, so no policy can see them; the past is in the observation, so any decision can be replayed from it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from titranc.models.dosing import Regimen


class CountStatus(StrEnum):
    """Whether a reported count may be acted upon."""

    VALID = "valid"
    MISSING = "missing"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"
    EARLY = "early"


class Csf3rFinding(StrEnum):
    """What is known of an acquired CSF3R mutation."""

    NONE = "none"
    ISOLATED = "isolated"
    WITH_PROGRESSION = "with_progression"


@dataclass(frozen=True, slots=True)
class Count:
    """A reported absolute neutrophil count.

    `anc_1e9_per_l` is None when the sample gave no number; `day` is the day the blood was drawn.
    """

    day: int
    anc_1e9_per_l: float | None
    status: CountStatus

    @property
    def usable(self) -> bool:
        """Whether the count is a number that may be acted upon."""
        return self.status is CountStatus.VALID and self.anc_1e9_per_l is not None


@dataclass(frozen=True, slots=True)
class PastVisit:
    """An earlier visit: the count then, the regimen before it, the regimen after it and the rules that spoke."""

    day: int
    count: Count
    before: Regimen
    after: Regimen
    rule_ids: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the regimen was changed at this visit."""
        return self.before is not self.after and self.before != self.after


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known when a decision is due.

    `regimen` is the dose in force (None before treatment starts); `history` holds the earlier visits, oldest first.
    """

    day: int
    age_years: float
    weight_kg: float
    disease: str
    count: Count
    regimen: Regimen | None
    history: tuple[PastVisit, ...] = ()
    uncontrolled_infection: bool = False
    csf3r: Csf3rFinding = Csf3rFinding.NONE
    last_marrow_day: int | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that is written out when it is read: `str()` fills its template with its numbers."""

    template: str
    numbers: Callable[[], Mapping[str, object]]

    def __str__(self) -> str:
        return self.template.format_map(self.numbers())


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy asks for, with its reasons.

    `action` is one word for the dose; `rule_ids` is never empty and begins with the rule that set the dose; `flags` and
    `orders` are what else the rules call for (a risk line crossed; a marrow examination, a referral), each with the rule
    that calls for it.
    """

    regimen: Regimen
    next_visit_days: int
    action: str
    rule_ids: tuple[str, ...]
    reason: str | Sentence
    phase: str = "titrating"
    flags: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rule_ids:
            raise ValueError("rule_ids: a decision without a rule cannot be made; name at least one rule id")
        if not self.reason:
            raise ValueError("reason: a decision without a sentence cannot be made")


class Policy(Protocol):
    """Anything that turns an observation into a decision."""

    def decide(self, observation: Observation) -> Decision:
        """Return the decision for this observation; nothing is remembered between calls."""
        ...
