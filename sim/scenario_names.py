"""Checks the numbers of medicine that a scenario replaces, and their names, against the data files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from titranc.models.documents import Document, InputProblem, KeyPath, read_document
from titranc.models.shelves import MODELS_FOLDER, names

HOURS_PER_DAY = 24
Known = dict[str, dict[str, Any]]


def problems_with_names(document: Document) -> list[InputProblem]:
    """Return a problem for every replaced number with an unknown name, out of its declared range or out of order.

    Every ceiling and every fixed dose is held to the drug's own maximum besides, every hour of injection to the time a
    count needs after it; one problem a number.
    """
    problems: list[InputProblem] = []
    for path in _places_with_names(document):
        given = document.value(path)
        if isinstance(given, dict) and given:
            known = _known_at(document, path)
            written = [key for key in given if (*path, key) in document.lines or (*path, key) in document.files]
            problems += [found for key in written if (found := _problem(document, (*path, key), known))]
            problems += _out_of_order(document, path, given)
    return with_others(problems, chain(_above_the_drug(document), _injected_before_the_sample(document)))


def with_others(problems: Sequence[InputProblem], others: Iterable[InputProblem]) -> list[InputProblem]:
    """Return the problems, and those others whose field has none yet."""
    refused = {problem.field for problem in problems}
    return [*problems, *(other for other in others if other.field not in refused)]


def _places_with_names(document: Document) -> Iterator[KeyPath]:
    yield ("cohort", "parameters")
    yield from ((*place, "policy", "overrides") for place in _base_and_arms(document))


def _base_and_arms(document: Document) -> Iterator[KeyPath]:
    yield ()
    arms = document.data.get("arms")
    yield from (("arms", index) for index in range(len(arms) if isinstance(arms, list) else 0))


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
    return _numbers_of_edition(_edition_file(document, path), str(document.value(("cohort", "disease"))))


def _edition_file(document: Document, path: KeyPath) -> str:
    edition = document.value((*path[:-1], "edition"))
    return f"guidelines/{edition if edition in names('guidelines') else 'source'}.yaml"


def _out_of_order(document: Document, path: KeyPath, given: dict[str, Any]) -> Iterator[InputProblem]:
    """Return a problem for every replaced number that is on the wrong side of another of its edition."""
    if path[0] == "cohort":
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
        return document.unknown_key(path, list(known))
    value = document.value(path)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or entry["low"] <= value <= entry["high"]:
        return None
    return document.problem(path, f"a number from {entry['low']:g} to {entry['high']:g} ({entry['unit']})")


def _values(edition: dict[str, Any], disease: str) -> dict[str, Any]:
    """Return the numbers of an edition that hold for a disease."""
    return dict(edition["values"]) | dict(edition.get("values_for", {}).get(disease, {}))


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
