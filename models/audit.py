"""The audit of an edition's source: where its text is wrong, unsafe or silent, and what answers it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from titranc.models.documents import Document, InputProblem, check, read_document
from titranc.models.shelves import MODELS_FOLDER


class AuditRow(BaseModel):
    """One place where a source is wrong, unsafe or silent, with its own words (empty for a silence).

    `no_rule_because` is empty when rules of the edition answer the row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    row: int
    severity: Literal["critical", "high", "medium", "low"]
    lines: list[int]
    article_says: str
    evidence: str
    action: Literal["implement", "flag", "correct", "block"]
    cites: list[str] = Field(min_length=1)
    no_rule_because: str = ""


class _Audit(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: list[AuditRow]


@cache
def audit(edition: str) -> dict[int, AuditRow]:
    """Return the audit of an edition's source, by row number; empty for an edition without one.

    Raises InputRefused for a file that cannot be used.
    """
    document = _document(edition)
    return {entry.row: entry for entry in check(_Audit, document).rows} if document else {}


def problems_with_audit(
    edition: str, rows_of: Mapping[str, Collection[int]], references: Collection[str]
) -> Iterator[InputProblem]:
    """Return a problem for every row that nothing answers, or a rule and a reason both, and for unknown rows and keys.

    `rows_of` names the audit rows by what answers them: the id of a rule or the name of a number.
    """
    audited, document = audit(edition), _document(edition)
    for name, rows in rows_of.items():
        for row in sorted(set(rows) - set(audited)):
            known = "one of " + ", ".join(map(str, audited)) if audited else "none, without a file of the audit"
            yield InputProblem(f"{edition}.yaml", None, f"{name}: audit row", row, known)
    if document:
        named = {row for rows in rows_of.values() for row in rows}
        yield from _unanswered(document, audited, named, references)


def _unanswered(
    document: Document, audited: Mapping[int, AuditRow], named: Collection[int], references: Collection[str]
) -> Iterator[InputProblem]:
    for index, entry in enumerate(audited.values()):
        if (entry.row in named) == bool(entry.no_rule_because):
            yield document.problem(("rows", index, "row"), "a row that either a rule names or a reason answers")
        if not set(entry.cites) <= set(references):
            yield document.problem(("rows", index, "cites"), "keys of references.yaml")


def _document(edition: str) -> Document | None:
    path = MODELS_FOLDER / "audits" / f"{edition}.yaml"
    return read_document(path) if path.exists() else None
