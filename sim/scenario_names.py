"""Checks the numbers of medicine that a scenario replaces, and their names, against the data files that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from titranc.models.documents import Document, InputProblem, KeyPath, read_document
from titranc.models.shelves import MODELS_FOLDER, names

Known = dict[str, dict[str, Any]]


def problems_with_names(document: Document) -> list[InputProblem]:
    """Return a problem for every replaced number with an unknown name, out of its declared range or out of order.

    Every ceiling and every fixed dose is held to the drug's own maximum besides; one problem a number.
    """
    problems: list[InputProblem] = []
    for path in _places_with_names(document):
        given = document.value(path)
        if isinstance(given, dict) and given:
            known = _known_at(document, path)
            written = [key for key in given if (*path, key) in document.lines or (*path, key) in document.files]
            problems += [found for key in written if (found := _problem(document, (*path, key), known))]
            problems += _out_of_order(document, path, given)
    return with_others(problems, _above_the_drug(document))


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


def _maximum(document: Document, place: KeyPath) -> tuple[str, float]:
    """Return the product given in the base or an arm, and the most of it that may be given, ug/kg/day."""
    given = (document.value((*where, "drug", "product")) for where in (place, ()))
    product = next((str(name) for name in given if name in names("drugs")), "filgrastim")
    entry = read_document(MODELS_FOLDER / "drugs" / f"{product}.yaml").data["absolute_maximum_ug_per_kg_day"]
    return product, float(entry["value"])


def _known_at(document: Document, path: KeyPath) -> Known:
    if path[0] == "cohort":
        return _numbers("physiology.yaml")
    return _numbers(_edition_file(document, path))


def _edition_file(document: Document, path: KeyPath) -> str:
    edition = document.value((*path[:-1], "edition"))
    return f"guidelines/{edition if edition in names('guidelines') else 'source'}.yaml"


def _out_of_order(document: Document, path: KeyPath, given: dict[str, Any]) -> Iterator[InputProblem]:
    """Return a problem for every replaced number that is on the wrong side of another of its edition."""
    if path[0] == "cohort":
        return
    edition = read_document(MODELS_FOLDER / _edition_file(document, path)).data
    values = {name: entry["value"] for name, entry in edition["values"].items()}
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


@cache
def _numbers(file: str) -> Known:
    """Return the numbers of a data file that declare a range, by name."""
    data = read_document(MODELS_FOLDER / file).data
    entries = next((data[key] for key in ("values", "parameters") if isinstance(data.get(key), dict)), data)
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict) and {"low", "high"} <= set(entry)}
