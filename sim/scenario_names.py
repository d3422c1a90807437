"""Checks the numbers of medicine that a scenario replaces, and their names, against the data files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

from titranc.models import catalogue
from titranc.models.allowed import listed
from titranc.models.documents import MISSING, Document, InputProblem, KeyPath, nearest_name, read_document
from titranc.models.shelves import MODELS_FOLDER, names

HOURS_PER_DAY = 24
Known = dict[str, dict[str, Any]]


def problems_with_names(document: Document) -> list[InputProblem]:
    """Return a problem for every replaced number with an unknown name, out of its declared range or out of order."""
    problems: list[InputProblem] = []
    for path in _places_with_names(document):
        given = document.value(path)
        if isinstance(given, dict) and given:
            known = _known_at(document, path)
            written = [key for key in given if (*path, key) in document.lines or (*path, key) in document.files]
            problems += [found for key in written if (found := _problem(document, (*path, key), known))]
            problems += _out_of_order(document, path, given)
    return with_others(problems, _not_a_group(document))


def problems_with_the_drug(document: Document) -> Iterator[InputProblem]:
    """Return a problem for every dose above the drug's own maximum, and for hours of injection too near the next count."""
    return chain(_above_the_drug(document), _injected_before_the_sample(document))


def with_others(problems: Sequence[InputProblem], others: Iterable[InputProblem]) -> list[InputProblem]:
    """Return the problems, and those others whose field has none yet."""
    refused = {problem.field for problem in problems}
    return [*problems, *(other for other in others if other.field not in refused)]


def _places_with_names(document: Document) -> Iterator[KeyPath]:
    yield ("cohort", "parameters")
    for place in _base_and_arms(document):
        yield from ((*place, *above, "policy", "overrides") for above in ((), ("switch",)))
        yield from ((*place, "outcomes", "overrides", group) for group in catalogue.outcome_groups())


def _base_and_arms(document: Document) -> Iterator[KeyPath]:
    yield ()
    arms = document.data.get("arms")
    yield from (("arms", index) for index in range(len(arms) if isinstance(arms, list) else 0))


def _not_a_group(document: Document) -> Iterator[InputProblem]:
    """Return a problem for every group of outcomes that there is not, or that has a value where its numbers belong."""
    groups = catalogue.outcome_groups()
    for place in _base_and_arms(document):
        path = (*place, "outcomes", "overrides")
        given = document.value(path)
        for name, numbers in given.items() if isinstance(given, dict) else ():
            if name not in groups:
                elsewhere = _elsewhere(document, name)
                allowed = f"GROUP.KEY, the group one of {', '.join(groups)}{elsewhere}"
                yield document.problem((*path, name), allowed, None if elsewhere else nearest_name(name, groups))
            elif not isinstance(numbers, dict):
                keys = listed(list(catalogue.outcome_numbers(name)))
                yield document.problem((*path, name), f"a number for each of its keys that is replaced: {keys}")


def _elsewhere(document: Document, name: str) -> str:
    """Return in words where a name belongs that is a number of outcomes, or the disease's own; nothing for any other."""
    paths = [
        f"outcomes.overrides.{group}.{name}"
        for group in catalogue.outcome_groups()
        if name in catalogue.outcome_numbers(group)
    ]
    if paths:
        return f"; `{name}` is replaced as {' or '.join(paths)}"
    if name in catalogue.DiseaseOutcomes.model_fields:
        file = f"models/diseases/{document.value(('cohort', 'disease'))}.yaml"
        return f"; `{name}` is the disease's own, in {file}, and no scenario replaces it"
    return ""


def _above_the_drug(document: Document) -> Iterator[InputProblem]:
    """Return a problem for every ceiling and every fixed dose above the most that may ever be given of the drug."""
    for place in _base_and_arms(document):
        product, most = _maximum(document, place)
        for key in (("overrides", "max_dose_ug_per_kg_day"), ("dose_ug_per_kg_day",)):
            path = (*place, "policy", *key)
            asked = document.value(path)
            if isinstance(asked, (int, float)) and asked > most:
                yield document.problem(
                    path, f"at most {most:g} (ug/kg/day), the most that may ever be given of {product}"
                )


def _injected_before_the_sample(document: Document) -> Iterator[InputProblem]:
    """Return a problem for injection hours so late that the next morning's count is drawn on the peak after them."""
    for place in _base_and_arms(document):
        path = (*place, "drug", "injection_hours")
        hours, least = document.value(path), _number_of(_product(document, place), "hours_from_dose_to_sample")
        if not isinstance(hours, list) or not hours or not all(_is_hour(hour) for hour in hours):
            continue
        if hours[0] != 0 and HOURS_PER_DAY - hours[-1] < least:
            latest = HOURS_PER_DAY - least
            yield document.problem(
                path,
                f"hours of which the first is 0 (blood is drawn just before) or the last at most {latest:g} ({least:g} "
                "hours before the next sample)",
            )


def _is_hour(hour: object) -> bool:
    return isinstance(hour, (int, float)) and 0 <= hour < HOURS_PER_DAY


def _maximum(document: Document, place: KeyPath) -> tuple[str, float]:
    """Return the product given in the base or an arm, and the most of it that may be given, ug/kg/day."""
    product = _product(document, place)
    return product, _number_of(product, "absolute_maximum_ug_per_kg_day")


def _product(document: Document, place: KeyPath) -> str:
    given = (document.value((*where, "drug", "product")) for where in (place, ()))
    return next((str(name) for name in given if name in names("drugs")), "filgrastim")


def _number_of(product: str, name: str) -> float:
    return float(read_document(MODELS_FOLDER / "drugs" / f"{product}.yaml").data[name]["value"])


def _known_at(document: Document, path: KeyPath) -> Known:
    if path[0] == "cohort":
        return _numbers("physiology.yaml")
    if "outcomes" in path:
        return _dumped(catalogue.outcome_numbers(str(path[-1])))
    kind = _kind_of_policy(document, path)
    if kind in names("policies"):
        return _dumped(catalogue.policy_numbers(kind))
    return _numbers_of_edition(_edition_file(document, path), str(document.value(("cohort", "disease"))))


def _kind_of_policy(document: Document, path: KeyPath) -> str:
    """Return the kind of the policy whose numbers stand at `path`; a policy that does not say is the guideline."""
    kind = document.value((*path[:-1], "kind"))
    return "guideline" if kind is MISSING else str(kind)


def _edition_file(document: Document, path: KeyPath) -> str:
    edition = document.value((*path[:-1], "edition"))
    return f"guidelines/{edition if edition in names('guidelines') else 'source'}.yaml"


def _out_of_order(document: Document, path: KeyPath, given: dict[str, Any]) -> Iterator[InputProblem]:
    """Return a problem for every replaced number that is on the wrong side of another of its edition."""
    if "policy" not in path or _kind_of_policy(document, path) != "guideline":
        return
    edition = _edition(_edition_file(document, path))
    disease = str(document.value(("cohort", "disease")))
    values = {name: entry["value"] for name, entry in _values(edition, disease).items()}
    values |= {name: value for name, value in given.items() if isinstance(value, (int, float))}
    for relation, words in (("at_most", "at most"), ("less_than", "less than")):
        for low, high in edition[relation]:
            holds = values[low] <= values[high] if relation == "at_most" else values[low] < values[high]
            if holds:
                continue
            if low in given:
                yield document.problem((*path, low), f"{words} {high}, which is {values[high]:g}")
            elif high in given:
                more = "at least" if relation == "at_most" else "more than"
                yield document.problem((*path, high), f"{more} {low}, which is {values[low]:g}")


def _problem(document: Document, path: KeyPath, known: Known) -> InputProblem | None:
    entry = known.get(str(path[-1]))
    if entry is None:
        unknown = document.unknown_key(path, list(known))
        elsewhere = _elsewhere(document, str(path[-1]))
        return replace(unknown, allowed=unknown.allowed + elsewhere, nearest=None) if elsewhere else unknown
    value = document.value(path)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or entry["low"] <= value <= entry["high"]:
        return None
    return document.problem(path, f"a number from {entry['low']:g} to {entry['high']:g} ({entry['unit']})")


def _values(edition: dict[str, Any], disease: str) -> dict[str, Any]:
    """Return the numbers of an edition that hold for a disease."""
    return dict(edition["values"]) | dict(edition.get("values_for", {}).get(disease, {}))


def _dumped(numbers: Mapping[str, catalogue.Quantity]) -> Known:
    return {name: entry.model_dump() for name, entry in numbers.items()}


@cache
def _numbers_of_edition(file: str, disease: str) -> Known:
    return {name: dict(entry) for name, entry in _values(_edition(file), disease).items()}


@cache
def _edition(file: str) -> dict[str, Any]:
    """Return an edition as its file has it, with what it takes over from the one it extends."""
    own = dict(read_document(MODELS_FOLDER / file).data)
    if "extends" not in own:
        return own
    base = _edition(f"guidelines/{own['extends']}.yaml")
    for_disease = {
        one: base.get("values_for", {}).get(one, {}) | own.get("values_for", {}).get(one, {})
        for one in {*base.get("values_for", {}), *own.get("values_for", {})}
    }
    return base | {"values": base["values"] | own.get("values", {}), "values_for": for_disease}


@cache
def _numbers(file: str) -> Known:
    """Return the numbers of a data file that declare a range, by name."""
    data = read_document(MODELS_FOLDER / file).data
    entries = next((data[key] for key in ("values", "parameters") if isinstance(data.get(key), dict)), data)
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict) and {"low", "high"} <= set(entry)}
