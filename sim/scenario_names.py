"""Checks the names by which a scenario replaces numbers of medicine against the data files that hold them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from titranc.models.documents import Document, InputProblem, KeyPath, read_document

MODELS_FOLDER = Path(str(files("titranc.models")))
Known = dict[str, dict[str, Any]]


def names_on_shelf(folder: str) -> list[str]:
    """Return the names of the entries of a data folder, such as `diseases`."""
    return sorted(path.stem for path in (MODELS_FOLDER / folder).glob("*.yaml"))


def problems_with_names(document: Document) -> list[InputProblem]:
    """Return a problem for every replaced number whose name is unknown or whose value is out of its declared range."""
    problems: list[InputProblem] = []
    for path in _places_with_names(document):
        given = document.value(path)
        if isinstance(given, dict) and given:
            known = _known_at(document, path)
            written = [key for key in given if (*path, key) in document.lines or (*path, key) in document.files]
            problems += [found for key in written if (found := _problem(document, (*path, key), known))]
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
    edition = document.value((*path[:-1], "edition"))
    name = edition if edition in names_on_shelf("guidelines") else "source"
    return _numbers(f"guidelines/{name}.yaml")


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
