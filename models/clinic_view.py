"""What a clinic knows and what it says: the only words a policy hears and speaks.

Everything a policy learns came from a blood sample, a scale or the chart. The true ANC and the patient's parameters are
not here, so no policy can see them; the past is in the observation, so any decision can be replayed from it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Protocol, overload, runtime_checkable

from titranc.models.dosing import Regimen
from titranc.models.findings import NOTHING_FOUND, Findings

if TYPE_CHECKING:
    import numpy as np


class CountStatus(StrEnum):
    """Whether a reported count may be acted upon."""

    VALID = "valid"
    MISSING = "missing"
    STALE = "stale"
    IMPLAUSIBLE = "implausible"
    EARLY = "early"


@dataclass(frozen=True, slots=True)
class Count:
    """A reported absolute neutrophil count.

    `anc_1e9_per_l` is None when the sample gave no number; `day` is the day the blood was drawn. The leukocytes are a
    field of their own: neutropenia is never read off them.
    """

    day: int
    anc_1e9_per_l: float | None
    status: CountStatus
    leukocytes_1e9_per_l: float | None = None

    @property
    def usable(self) -> bool:
        """Whether the count is a number that may be acted upon."""
        return self.status is CountStatus.VALID and self.anc_1e9_per_l is not None


@dataclass(frozen=True, slots=True)
class PastVisit:
    """An earlier visit: the count then, the regimen before it, the regimen after it and the rules that spoke.

    `changed` tells whether the two regimens differ.
    """

    day: int
    count: Count
    before: Regimen
    after: Regimen
    rule_ids: tuple[str, ...]
    changed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", self.before is not self.after and self.before != self.after)


class History(Sequence[PastVisit]):
    """The visits of a chart as it stood when it was opened, oldest first, read without being copied.

    `changes` are those of them at which the regimen changed.
    """

    __slots__ = ("_length", "_visits", "changes")

    def __init__(self, visits: Sequence[PastVisit] = (), changes: Sequence[PastVisit] | None = None) -> None:
        self._visits, self._length = visits, len(visits)
        self.changes = [visit for visit in visits if visit.changed] if changes is None else changes

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> PastVisit: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PastVisit]: ...

    def __getitem__(self, index: int | slice) -> PastVisit | Sequence[PastVisit]:
        return (
            self._visits[: self._length][index]
            if isinstance(index, slice)
            else self._visits[range(self._length)[index]]
        )

    def __reversed__(self) -> Iterator[PastVisit]:
        return islice(reversed(self._visits), len(self._visits) - self._length, None)


NO_HISTORY = History()


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known when a decision is due.

    `regimen` is the dose in force (None before treatment starts); `history` holds the earlier visits, oldest first;
    `courses` are the measures around the dose that are in progress (prophylaxis, antibiotics), each with its first day; `body_surface_m2` is measured where the drug is dosed by it.
    """

    day: int
    age_years: float
    weight_kg: float
    disease: str
    count: Count
    regimen: Regimen | None
    history: History = NO_HISTORY
    findings: Findings = NOTHING_FOUND
    last_marrow_day: int | None = None
    courses: Mapping[str, int] = field(default_factory=dict)
    body_surface_m2: float | None = None


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
    that calls for it; `begins` and `ends` are courses around the dose that start or stop today.
    """

    regimen: Regimen
    next_visit_days: int
    action: str
    rule_ids: tuple[str, ...]
    reason: str | Sentence
    phase: str = "titrating"
    flags: Mapping[str, str] = field(default_factory=dict)
    orders: Mapping[str, str] = field(default_factory=dict)
    begins: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)

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


@runtime_checkable
class PersonalPolicy(Policy, Protocol):
    """A policy that is not the same for all patients: clinicians differ."""

    def for_patient(self, luck: np.random.Generator) -> Policy:
        """Return the policy of one patient."""
        ...
