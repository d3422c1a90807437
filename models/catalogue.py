"""The shelves of the clinic: disease files, drugs, guideline editions and references, read from data and checked.

Adding a disease, a drug or an edition is adding one YAML file. A file that cannot be used is refused with its line, the
key and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from titranc.models.assay import Assay
from titranc.models.audit import problems_with_audit
from titranc.models.distributions import Distribution
from titranc.models.documents import InputProblem, InputRefused, check, read_document
from titranc.models.guideline import Guideline, Rule
from titranc.models.predicates import PREDICATES
from titranc.models.shelves import MODELS_FOLDER
from titranc.models.titration import TITRATIONS

Grade = Literal["A", "B", "C", "calibrated"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quantity(_Entry):
    """A number of medicine with its unit, source and grade."""

    value: float
    unit: str
    source: str
    grade: Grade
    meaning: str = ""
    low: float | None = None
    high: float | None = None
    source_line: int | None = None
    audit_row: int | None = None
    symbol: str = ""


class IndividualParameter(_Entry):
    """A parameter of the body that differs between patients of a diagnosis."""

    distribution: Distribution
    unit: str
    meaning: str
    source: str
    grade: Grade


class Refractory(_Entry):
    """A share of patients who hardly respond."""

    share: Quantity
    multiplies: str
    by: Quantity
    meaning: str


class Disease(_Entry):
    """A diagnosis: how its patients' bodies are distributed."""

    disease: str
    title: str
    parameters: dict[str, IndividualParameter]
    refractory: Refractory
    burn_in_days: Quantity


class InjectionHours(_Entry):
    """Hours after the morning visit at which a dose is given."""

    once_daily: list[int] = Field(min_length=1, max_length=1)
    twice_daily: list[int] = Field(min_length=2, max_length=2)


class Drug(_Entry):
    """A product: its agent, its depot, the most that may ever be given, and when blood may be drawn after a dose."""

    product: str
    title: str
    agent: Literal["G-CSF", "GM-CSF"]
    depot: str
    absolute_maximum_ug_per_kg_day: Quantity
    hours_from_dose_to_sample: Quantity
    injection_hours: InjectionHours


class _RuleEntry(_Entry):
    id: str
    says: str
    note: str
    status: Literal["implement", "flag", "correct", "block", "ours"]
    source_line: int | None
    audit_rows: list[int]
    cites: list[str]
    when: str = "otherwise"
    then: str = "keep"
    sentence: str = ""
    allows_above: str | None = None
    recheck: bool = False
    flag: str | None = None
    order: str | None = None


class Edition(_Entry):
    """A guideline edition as it stands in its file."""

    edition: str
    title: str
    source: str
    applies_to: list[str]
    values: dict[str, Quantity]
    at_most: list[tuple[str, str]]
    less_than: list[tuple[str, str]]
    dose_rules: list[_RuleEntry]
    standing_rules: list[_RuleEntry]
    shown_rules: list[_RuleEntry]

    @property
    def rules(self) -> list[_RuleEntry]:
        """Every rule of the edition."""
        return [*self.dose_rules, *self.standing_rules, *self.shown_rules]


@cache
def disease(name: str) -> Disease:
    """Return a diagnosis by name."""
    return check(Disease, read_document(MODELS_FOLDER / "diseases" / f"{name}.yaml"))


@cache
def drug(name: str) -> Drug:
    """Return a product by name."""
    return check(Drug, read_document(MODELS_FOLDER / "drugs" / f"{name}.yaml"))


@cache
def edition(name: str) -> Edition:
    """Return a guideline edition by name, its predicates, titrations, citations and audit rows checked."""
    document = read_document(MODELS_FOLDER / "guidelines" / f"{name}.yaml")
    found = check(Edition, document)
    for shelf in ("dose_rules", "standing_rules", "shown_rules"):
        for index, entry in enumerate(getattr(found, shelf)):
            _check_rule(entry, document.file, document.lines.get((shelf, index)))
    _check_audit(name, found)
    return found


def _check_audit(name: str, found: Edition) -> None:
    """Refuse an edition whose rules and audit do not answer each other."""
    rows_of = {entry.id: entry.audit_rows for entry in found.rules}
    rows_of |= {key: [entry.audit_row] for key, entry in found.values.items() if entry.audit_row}
    problems = list(problems_with_audit(name, rows_of, references()))
    if problems:
        raise InputRefused(problems)


def _check_rule(entry: _RuleEntry, file: str, line: int | None) -> None:
    known: dict[str, tuple[list[str], list[str]]] = {
        "when": ([entry.when], sorted(PREDICATES)),
        "then": ([entry.then], sorted(TITRATIONS)),
        "cites": (entry.cites, sorted(references())),
    }
    problems = [
        InputProblem(file, line, f"{entry.id}.{key}", name, "one of " + ", ".join(allowed))
        for key, (given, allowed) in known.items()
        for name in given
        if name not in allowed
    ]
    if problems:
        raise InputRefused(problems)


def guideline(name: str, overrides: Mapping[str, float] | None = None) -> Guideline:
    """Return an edition ready to decide, with some of its numbers replaced by name within their declared range."""
    found = edition(name)
    values = {key: quantity.value for key, quantity in found.values.items()}
    values.update(overrides or {})
    return Guideline(
        edition=found.edition,
        title=found.title,
        values=values,
        dose_rules=tuple(_rule(entry) for entry in found.dose_rules),
        standing_rules=tuple(_rule(entry) for entry in found.standing_rules),
        shown_rules=tuple(_rule(entry) for entry in found.shown_rules),
    )


def _rule(entry: _RuleEntry) -> Rule:
    fields = entry.model_dump()
    return Rule(**{**fields, "audit_rows": tuple(entry.audit_rows), "cites": tuple(entry.cites)})


@cache
def references() -> dict[str, str]:
    """Return the citations by key, those of the growth curves among them."""
    curves = read_document(MODELS_FOLDER / "growth" / "lms.yaml").data["references"]
    own = read_document(MODELS_FOLDER / "references.yaml").data
    return {key: str(text) for key, text in own.items()} | {key: entry["citation"] for key, entry in curves.items()}


@cache
def physiology() -> dict[str, Quantity]:
    """Return the reference value of every parameter of the body, by name."""
    return _quantities(read_document(MODELS_FOLDER / "physiology.yaml").data)


@cache
def growth_rules() -> dict[str, Quantity]:
    """Return the numbers by which the growth curves are carried beyond their tables, by name."""
    return _quantities(read_document(MODELS_FOLDER / "growth" / "lms.yaml").data["rules"])


@cache
def assay_numbers() -> dict[str, Quantity]:
    """Return the numbers of the assay, by name."""
    return _quantities(read_document(MODELS_FOLDER / "assay.yaml").data)


def _quantities(entries: Mapping[str, Any]) -> dict[str, Quantity]:
    return {name: Quantity(**entry) for name, entry in entries.items()}


def assay(
    *,
    within_subject_cv: float | None = None,
    cells_counted: int | None = None,
    lost_share: float = 0.0,
    implausible_share: float = 0.0,
) -> Assay:
    """Return the assay of the data files, with what a scenario changes."""
    numbers = {name: entry.value for name, entry in assay_numbers().items()}
    return Assay(
        within_subject_cv=numbers["within_subject_cv"] if within_subject_cv is None else within_subject_cv,
        cells_counted=int(numbers["cells_counted"] if cells_counted is None else cells_counted),
        other_leukocytes_1e9_per_l=numbers["other_leukocytes_1e9_per_l"],
        implausible_above_1e9_per_l=numbers["implausible_above_1e9_per_l"],
        unit_slip_factor=numbers["unit_slip_factor"],
        lost_share=lost_share,
        implausible_share=implausible_share,
    )
