"""What was published, with the virtual study that stands beside it (`models/evidence/targets.yaml`)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from titranc.models.documents import read_document
from titranc.models.shelves import MODELS_FOLDER

Kind = Literal["proportion", "time", "level", "at_least", "at_most", "range"]
Role = Literal["", "fitted", "by construction"]
FITTED, BY_CONSTRUCTION = "fitted", "by construction"
HELD_OUT_OF = 5


@dataclass(frozen=True, slots=True)
class Cohort:
    """One virtual cohort: a scenario by name, what is changed in it, and how many patients."""

    scenario: str
    changes: tuple[str, ...]
    patients: int


@dataclass(frozen=True, slots=True)
class Target:
    """A published number: what it was measured in, its interval, the evidence's grade, and what stands beside it.

    `study` names the virtual study and `measure` what is read off it; without them `left_out` says why.
    `role` is empty where the number tests the model; `fitted` where it, or a number that stands for it, was in a loss or chose a
    parameter of the model or of the study; `by construction` where it is an input that is read back.
    """

    id: str
    area: str
    population: str
    intervention: str
    endpoint: str
    unit: str
    grade: str
    citation: str
    link: str
    kind: Kind = "level"
    published: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    study: str = ""
    measure: Mapping[str, Any] = field(default_factory=dict)
    role: Role = ""
    note: str = ""
    left_out: str = ""

    @property
    def gates(self) -> bool:
        """Whether the row counts: read or secondary evidence, simulated."""
        return self.grade in ("A", "B") and bool(self.measure)

    @property
    def held_out(self) -> bool:
        """Whether a digest of its name, which falls on a fifth of all rows, kept it out of every fit.

        One that is an input, or that a fitted number stands for, cannot be held out, whatever its digest.
        """
        return not self.role and hashlib.sha256(self.id.encode()).digest()[0] % HELD_OUT_OF == 0


@cache
def _document() -> Mapping[str, Any]:
    return dict(read_document(MODELS_FOLDER / "evidence" / "targets.yaml").data)


@cache
def targets() -> tuple[Target, ...]:
    """Return every published row in the order of the file."""
    return tuple(Target(**row) for row in _document()["targets"])


@cache
def study(name: str) -> tuple[Cohort, ...]:
    """Return the cohorts of which a virtual study consists; raises KeyError."""
    cohorts = _document()["studies"][name]["cohorts"]
    return tuple(Cohort(one["scenario"], tuple(one.get("changes", ())), one["patients"]) for one in cohorts)
