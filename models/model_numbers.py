"""Every number of the medicine in one form: what it is called, what it means, its value, spread, source and grade."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from titranc.models import catalogue, shelves
from titranc.models.catalogue import IndividualParameter, Quantity
from titranc.models.distributions import Distribution, centre, kind_of, sample
from titranc.models.documents import InputProblem, InputRefused, nearest_name

BODY = "body"
GRADES = ("A", "B", "C", "calibrated")
RECALLED = "C (recalled, unverified)"
# Nine in ten patients lie between these quantiles.
LOW_QUANTILE, HIGH_QUANTILE = 0.05, 0.95
# The sections of a scenario that replace numbers by name.
PARAMETERS, TRAITS = "cohort.parameters", "cohort.traits"


@dataclass(frozen=True)
class Number:
    """A number: `value` is the typical one where it differs between patients, and `spread` says how it does.

    `low` and `high` are the bounds of what is allowed or, with a spread, of nine patients in ten; `citation` is the
    source in full. `scenario_path` is where a scenario replaces it; empty where none can.
    """

    key: str
    meaning: str
    value: float
    unit: str
    source: str
    citation: str
    grade: str
    symbol: str = ""
    low: float | None = None
    high: float | None = None
    spread: str = ""
    scenario_path: str = ""

    @property
    def grade_mark(self) -> str:
        """The grade, with its warning where the number is recalled and unverified."""
        return RECALLED if self.grade == "C" else self.grade


def names() -> dict[str, list[str]]:
    """Return the names of all that has numbers, by kind."""
    return {
        BODY: [BODY],
        "diseases": shelves.names("diseases"),
        "drugs": shelves.names("drugs"),
        "outcomes": list(catalogue.outcome_groups()),
        "policies": shelves.names("policies"),
    }


def kind(name: str) -> str:
    """Return the kind of what has this name; raises InputRefused with the names there are."""
    known = names()
    found = next((kind for kind, members in known.items() if name in members), None)
    if found is None:
        allowed = [member for members in known.values() for member in members]
        problem = InputProblem(
            "model show", None, "name", name, "one of " + ", ".join(allowed), nearest_name(name, allowed)
        )
        raise InputRefused([problem])
    return found


def file_of(kind: str, name: str) -> str:
    """Return the file in which the numbers stand, from the top of the repository."""
    files = {BODY: "models/physiology.yaml", "outcomes": "models/outcomes.yaml"}
    return files.get(kind, f"models/{kind}/{name}.yaml")


def title(name: str) -> str:
    """Return what a name stands for."""
    match kind(name):
        case "diseases":
            return catalogue.disease(name).title
        case "drugs":
            return f"{catalogue.drug(name).title} ({catalogue.drug(name).agent})"
        case "body":
            return "The body: granulopoiesis under G-CSF"
        case "outcomes":
            return f"Outcomes: {name.replace('_', ' ')}"
        case _:
            return f"Policy {name.replace('_', ' ')}"


def numbers(name: str) -> list[Number]:
    """Return the numbers of the body, a disease, a drug, a group of outcomes or a policy; raises InputRefused."""
    match kind(name):
        case "body":
            return _of_quantities(catalogue.physiology().items(), PARAMETERS)
        case "diseases":
            disease = catalogue.disease(name)
            parameters = [_individual(key, entry, PARAMETERS) for key, entry in disease.parameters.items()]
            traits = [_individual(key, entry, TRAITS) for key, entry in disease.traits.items()]
            return parameters + traits + _of_quantities(_quantities_in(disease))
        case "drugs":
            own = ((key, entry) for key, entry in catalogue.physiology().items() if key.startswith(f"{name}_"))
            return _of_quantities(own, PARAMETERS) + _of_quantities(_quantities_in(catalogue.drug(name)))
        case "outcomes":
            return _of_quantities(catalogue.outcome_numbers(name).items(), f"outcomes.overrides.{name}")
        case _:
            return _of_quantities(catalogue.policy_numbers(name).items(), "policy.overrides")


def count_by_grade(found: Iterable[Number]) -> dict[str, int]:
    """Return how many numbers there are of each grade."""
    counts = Counter(number.grade for number in found)
    return {grade: counts[grade] for grade in GRADES}


def _of_quantities(entries: Iterable[tuple[str, Quantity]], section: str = "") -> list[Number]:
    """Return numbers that a scenario replaces in `section`; without one, numbers that none replaces."""
    return [
        Number(
            key, entry.meaning, entry.value, entry.unit, entry.source, catalogue.references()[entry.source], entry.grade,
            symbol=entry.symbol, low=entry.low, high=entry.high, scenario_path=section and f"{section}.{key}",
        )
        for key, entry in entries
    ]  # fmt: skip


def _individual(key: str, entry: IndividualParameter, section: str) -> Number:
    spread, reference = _spread(entry.distribution), catalogue.physiology().get(key)
    return Number(
        key,
        entry.meaning,
        centre(entry.distribution),
        entry.unit,
        entry.source,
        catalogue.references()[entry.source],
        entry.grade,
        symbol=reference.symbol if reference else "",
        low=sample(entry.distribution, LOW_QUANTILE) if spread else None,
        high=sample(entry.distribution, HIGH_QUANTILE) if spread else None,
        spread=spread,
        scenario_path=f"{section}.{key}",
    )


def _spread(distribution: Distribution) -> str:
    """Return kind and width of a distribution, such as `lognormal, log-SD 0.2`; nothing for a fixed value."""
    name = str(kind_of(distribution))
    if name == "fixed":
        return ""
    shape = distribution.model_dump(exclude_none=True)[name]
    width = "".join(f", {word} {value:g}" for word, value in shape.items() if word not in ("median", "mean"))
    return f"{name}{width}".replace("_", "-").replace("sd ", "SD ")


def _quantities_in(entry: BaseModel, path: str = "", about: str = "") -> Iterator[tuple[str, Quantity]]:
    """Yield the quantities in an entry and in what it holds, by dotted path; `about` is what they all are about."""
    for key in type(entry).model_fields:
        inner, here = getattr(entry, key), f"{path}{key}"
        if isinstance(inner, Quantity):
            meaning = "; ".join(words for words in (inner.meaning, about) if words)
            yield here, inner.model_copy(update={"meaning": meaning})
        elif isinstance(inner, BaseModel):
            yield from _quantities_in(inner, f"{here}.", _about(inner))


def _about(entry: BaseModel) -> str:
    """Return what a part of a disease means, of which product it speaks and which parameter of the body it changes."""
    product = getattr(entry, "product", "")
    changed = getattr(entry, "parameter", "") or getattr(entry, "multiplies", "")
    meaning = f"{product}: " * bool(product) + getattr(entry, "meaning", "")
    return meaning + f" ({changed})" * bool(changed)
