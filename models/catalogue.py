"""The shelves of the clinic: disease files, drugs, guideline editions and references, read from data and checked.

Adding a disease, a drug or an edition is adding one YAML file. A file that cannot be used is refused with its line, the
key and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from titranc.models.assay import Assay
from titranc.models.audit import problems_with_audit
from titranc.models.distributions import Distribution
from titranc.models.documents import Document, InputProblem, InputRefused, check, read_document
from titranc.models.dosing import Schedule
from titranc.models.guideline import Guideline, Rule
from titranc.models.predicates import PREDICATES
from titranc.models.shelves import MODELS_FOLDER, names
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


class EmptiedMarrow(_Entry):
    """What is left when a transplant begins; the graft itself is the trait `graft_progenitors`."""

    marrow_share: Quantity
    anc_1e9_per_l: Quantity
    meaning: str = "what is left when a transplant begins, until the graft has grown"


class Unresponsive(_Entry):
    """A share of patients in whom a product does not act on neutrophils: a parameter of the body has another value."""

    product: str
    share: Quantity
    parameter: str
    value: Quantity
    event: str
    meaning: str


class Remission(_Entry):
    """A disease that ends by itself: in a `share` of patients the parameter goes to its healthy value over some days.

    When that begins is the trait `remission_after_days`.
    """

    share: Quantity
    parameter: str
    over_days: Quantity
    meaning: str = "the disease ends by itself, over some days"


class DiseaseOutcomes(_Entry):
    """What a diagnosis makes of the general rates.

    Folds on the infections added by low counts, on how many are severe and how many of these fatal, on leukaemia (0:
    none), and whether a transplant is a treatment (1) or not (0).
    """

    infection_fold: Quantity
    severe_fold: Quantity
    death_fold: Quantity
    leukaemia_fold: Quantity
    transplant: Quantity


class Disease(_Entry):
    """A diagnosis: how its patients' bodies are distributed, how they begin and how the disease may end.

    `traits` are individual numbers that are none of the body's; `courses` names what a scenario may let befall these
    patients; a body has lived without drug for `burn_in_days` and, where the disease comes and goes, for an individual
    part of `phase_days` more.
    """

    disease: str
    title: str
    cause: str
    courses: list[str]
    parameters: dict[str, IndividualParameter]
    traits: dict[str, IndividualParameter] = {}
    refractory: Refractory | None = None
    unresponsive: Unresponsive | None = None
    remission: Remission | None = None
    emptied_marrow: EmptiedMarrow | None = None
    burn_in_days: Quantity
    phase_days: Quantity | None = None
    outcomes: DiseaseOutcomes


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
    dosed_per: Literal["kg", "m2"] = "kg"
    schedules: list[str]
    absolute_maximum_ug_per_kg_day: Quantity
    hours_from_dose_to_sample: Quantity
    injection_hours: InjectionHours
    vial_ug: Quantity


class _RuleEntry(_Entry):
    id: str
    says: str
    note: str = ""
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
    begins: str | None = None
    ends: str | None = None
    also_lines: list[int] = []
    diseases: list[str] = []
    before: str | None = None


class Edition(_Entry):
    """A guideline edition, its rules in order.

    `audited` names the audit that its rules answer; `refuses` says by disease why the edition cannot be run for it.
    """

    edition: str
    title: str
    source: str
    audited: str = ""
    refuses: dict[str, str] = {}
    values: dict[str, Quantity]
    values_for: dict[str, dict[str, Quantity]] = {}
    at_most: list[tuple[str, str]]
    less_than: list[tuple[str, str]]
    dose_rules: list[_RuleEntry]
    standing_rules: list[_RuleEntry]
    shown_rules: list[_RuleEntry]

    @property
    def rules(self) -> list[_RuleEntry]:
        """Every rule of the edition."""
        return [*self.dose_rules, *self.standing_rules, *self.shown_rules]

    def says(self) -> dict[str, str]:
        """Return what each rule says, by its id."""
        return {entry.id: entry.says for entry in self.rules}

    def numbers(self, disease: str) -> dict[str, Quantity]:
        """Return the numbers that hold for a disease, by name."""
        return self.values | self.values_for.get(disease, {})


@cache
def disease(name: str) -> Disease:
    """Return a diagnosis by name."""
    return check(Disease, read_document(MODELS_FOLDER / "diseases" / f"{name}.yaml"))


@cache
def drug(name: str) -> Drug:
    """Return a product by name."""
    return check(Drug, read_document(MODELS_FOLDER / "drugs" / f"{name}.yaml"))


class _EditionChange(_Entry):
    """An edition that says in what it differs from another: numbers, rules left out, rules in their place or added."""

    edition: str
    title: str
    source: str
    extends: str
    refuses: dict[str, str] = {}
    values: dict[str, Quantity] = {}
    values_for: dict[str, dict[str, Quantity]] = {}
    without: list[str] = []
    dose_rules: list[_RuleEntry] = []
    standing_rules: list[_RuleEntry] = []
    shown_rules: list[_RuleEntry] = []


SHELVES_OF_RULES = ("dose_rules", "standing_rules", "shown_rules")


@cache
def edition(name: str) -> Edition:
    """Return a guideline edition by name, its predicates, titrations, citations and audit rows checked."""
    document = read_document(MODELS_FOLDER / "guidelines" / f"{name}.yaml")
    changed = "extends" in document.data
    found = _changed(check(_EditionChange, document), document) if changed else check(Edition, document)
    for shelf in SHELVES_OF_RULES:
        for index, entry in enumerate(getattr(found, shelf)):
            _check_rule(entry, document.file, None if changed else document.lines.get((shelf, index)))
    if not changed:
        _check_audit(name, found)
    return found if found.audited else found.model_copy(update={"audited": name})


def _changed(change: _EditionChange, document: Document) -> Edition:
    """Return the edition that a change makes of the one it extends."""
    base = edition(change.extends)
    known = {entry.id for entry in base.rules}
    problems = [
        document.problem(("without", index), "one of " + ", ".join(sorted(known)))
        for index, rule_id in enumerate(change.without)
        if rule_id not in known
    ]
    if problems:
        raise InputRefused(problems)
    diseases = [*base.values_for, *change.values_for]
    values_for = {one: base.values_for.get(one, {}) | change.values_for.get(one, {}) for one in diseases}
    rules = {shelf: _merged(getattr(base, shelf), getattr(change, shelf), change.without) for shelf in SHELVES_OF_RULES}
    own = {"edition": change.edition, "title": change.title, "source": change.source, "refuses": change.refuses}
    return base.model_copy(update=own | {"values": base.values | change.values, "values_for": values_for} | rules)


def _merged(base: list[_RuleEntry], own: list[_RuleEntry], without: list[str]) -> list[_RuleEntry]:
    """Return rules in order: one of the same id takes the place of the base's, a new one stands before the one it names."""
    by_id = {entry.id: entry for entry in own}
    kept = [by_id.pop(entry.id, entry) for entry in base if entry.id not in without or entry.id in by_id]
    for entry in by_id.values():
        place = next((i for i, other in enumerate(kept) if other.id == entry.before), len(kept))
        kept.insert(place, entry)
    return kept


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


def guideline(
    name: str,
    overrides: Mapping[str, float] | None = None,
    *,
    disease: str = "scn",
    product: str = "filgrastim",
    schedule: Schedule | None = None,
    fever: str | None = None,
) -> Guideline:
    """Return an edition ready to decide for a disease, with some of its numbers replaced within their declared range.

    `product` and `schedule` are what it starts, `fever` is a definition of febrile neutropenia in place of its own.
    """
    found = edition(name)
    values = {key: quantity.value for key, quantity in found.numbers(disease).items()}
    if fever is not None:
        values |= {key: entry.value for key, entry in fever_definitions()[fever].numbers.items()}
    values.update(overrides or {})
    return Guideline(
        edition=found.edition,
        title=found.title,
        disease=disease,
        product=product,
        schedule=schedule,
        product_maximum_ug_per_kg_day={one: drug(one).absolute_maximum_ug_per_kg_day.value for one in names("drugs")},
        values=values,
        dose_rules=tuple(_rules(found.dose_rules, disease)),
        standing_rules=tuple(_rules(found.standing_rules, disease)),
        shown_rules=tuple(_rules(found.shown_rules, disease)),
    )


def _rules(entries: Iterable[_RuleEntry], disease: str) -> Iterator[Rule]:
    """Return the rules that speak of a disease."""
    return (rule for rule in map(_rule, entries) if rule.holds_for(disease))


def _rule(entry: _RuleEntry) -> Rule:
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry.model_dump(exclude={"before"}).items()
    }
    return Rule(**fields)


class FeverDefinition(_Entry):
    """When a temperature is febrile neutropenia: the numbers of a guideline or a trial, in the place of the edition's."""

    title: str
    numbers: dict[str, Quantity]


@cache
def fever_definitions() -> dict[str, FeverDefinition]:
    """Return the definitions of febrile neutropenia by name."""
    return {
        name: FeverDefinition(**entry)
        for name, entry in read_document(MODELS_FOLDER / "fever_definitions.yaml").data.items()
    }


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
def outcome_groups() -> tuple[str, ...]:
    """Return the groups of the numbers of models/outcomes.yaml."""
    return tuple(read_document(MODELS_FOLDER / "outcomes.yaml").data)


@cache
def outcome_numbers(group: str) -> dict[str, Quantity]:
    """Return a group of the numbers of models/outcomes.yaml (`infection`, `leukaemia`, `transplant`...), by name.

    Each with the range within which a scenario may replace it.
    """
    return _ranged(read_document(MODELS_FOLDER / "outcomes.yaml").data[group])


@cache
def policy_numbers(name: str) -> dict[str, Quantity]:
    """Return the numbers of a policy, by name, each with the range within which a scenario may replace it."""
    return _ranged(read_document(MODELS_FOLDER / "policies" / f"{name}.yaml").data)


def _ranged(entries: Mapping[str, Any]) -> dict[str, Quantity]:
    """Return the numbers of a file that declares no ranges, with those of their names or units."""
    return {name: Quantity(**entry | _range_of(name, entry["unit"])) for name, entry in entries.items()}


def _range_of(name: str, unit: str) -> dict[str, float]:
    """Return `low` and `high` of a number: by the ending of its name, else by its unit."""
    ranges = _number_ranges()
    by_name = (ends for ending, ends in ranges["by_ending"].items() if name.endswith(ending))
    by_unit = (ends for begins, ends in ranges["by_unit"].items() if unit.startswith(begins))
    low, high = next(by_name, None) or next(by_unit)
    return {"low": low, "high": high}


@cache
def _number_ranges() -> dict[str, Any]:
    return read_document(MODELS_FOLDER / "number_ranges.yaml").data


def values(quantities: Mapping[str, Quantity]) -> dict[str, float]:
    """Return the bare values, by name."""
    return {name: quantity.value for name, quantity in quantities.items()}


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
