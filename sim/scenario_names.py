"""Checks the names by which a scenario replaces numbers of medicine against the data files that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from titranc.models.documents import Document, InputProblem, KeyPath, read_document
from titranc.models.shelves import MODELS_FOLDER, names

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
    return problems


def _places_with_names(document: Document) -> Iterator[KeyPath]:
    yield ("cohort", "parameters")
    yield ("policy", "overrides")
    arms = document.data.get("arms")
    for index in range(len(arms) if isinstance(arms, list) else 0):
        yield ("arms", index, "policy", "overrides")


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
