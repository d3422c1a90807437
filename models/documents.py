"""Files that people write: read safely, checked against a model, refused in words that help.

A document is one YAML 1.2 mapping. Everything that makes a file mean different things to different readers is refused
(see yaml_reading, number_grammar). Every refusal says where it stands, what was found, what is allowed and the nearest
valid name, and all refusals of a file come at once.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from titranc.models.allowed import Allowed, listed
from titranc.models.input_problems import MISSING, InputProblem, InputRefused, KeyPath, dotted, refusal
from titranc.models.unit_names import MILLIGRAM_WARNING, says_milligrams, unit_of, unit_slip
from titranc.models.yaml_reading import parse, read_text

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

__all__ = [
    "MISSING",
    "Document",
    "InputProblem",
    "InputRefused",
    "KeyPath",
    "check",
    "dotted",
    "merged",
    "nearest_name",
    "parse_document",
    "read_document",
    "refusal",
]

Replaces = Callable[[dict[str, Any], dict[str, Any]], bool]
LONGEST_NAME = 100
ModelT = TypeVar("ModelT", bound="BaseModel")


@dataclass(frozen=True)
class Document:
    """What a file says and where it says it.

    `lines` maps the path of a key or list item to its 1-based line. `files` names the origin of the paths that come
    from somewhere else than `file`, as in a scenario that extends another.
    """

    file: str
    data: dict[str, Any]
    lines: dict[KeyPath, int]
    files: dict[KeyPath, str] = field(default_factory=dict)

    def place(self, path: Sequence[str | int]) -> tuple[str, int | None]:
        """Return the file and line of the nearest written ancestor of `path`."""
        for length in range(len(path), 0, -1):
            above = tuple(path[:length])
            if above in self.lines or above in self.files:
                return self.files.get(above, self.file), self.lines.get(above)
        return self.file, 1

    def value(self, path: Sequence[str | int]) -> object:
        """Return what stands at `path`, or MISSING."""
        found: Any = self.data
        for step in path:
            if not _holds(found, step):
                return MISSING
            found = found[step]
        return found

    def problem(self, path: Sequence[str | int], allowed: str, nearest: str | None = None) -> InputProblem:
        """Return the refusal of what stands at `path`."""
        file, line = self.place(path)
        return InputProblem(file, line, dotted(path), self.value(path), allowed, nearest)

    def unknown_key(self, path: Sequence[str | int], valid_keys: Sequence[str]) -> InputProblem:
        """Return the refusal of the key at the end of `path`, with the name or the unit that was probably meant."""
        key = str(path[-1])
        meant = unit_slip(key, valid_keys)
        allowed = f"the keys {listed(valid_keys)}" if valid_keys else "no key here"
        if meant:
            allowed = f"`{meant}` in {unit_of(meant)}"
        if says_milligrams(key):
            allowed += f"; {MILLIGRAM_WARNING}"
        return self.problem(path, allowed, meant or nearest_name(key, valid_keys))


def read_document(path: Path, *, shown_as: str | None = None) -> Document:
    """Read a YAML file; `shown_as` is its name in messages. Raises InputRefused only."""
    file = shown_as or str(path)
    return parse_document(read_text(path, file), file)


def parse_document(text: str, file: str) -> Document:
    """Read YAML text; `file` is its name in messages. Raises InputRefused only."""
    return Document(file, *parse(text, file))


def check(model: type[ModelT], document: Document) -> ModelT:
    """Return the document as an instance of a pydantic model, strictly; raises InputRefused with every problem."""
    from pydantic import ValidationError

    try:
        # In pydantic's strict mode only JSON lets a list fill a tuple; "5", true and 5.5 pass for no whole number.
        return model.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        raise InputRefused(_problems(model, document, error)) from None


def merged(base: Document, change: Document, replaces: Replaces = lambda old, new: False) -> Document:
    """Return `base` with `change` laid over it; every line keeps its file.

    Mappings merge, lists and scalars replace; two mappings for which `replaces(old, new)` holds do not merge either.
    """
    data, lines = dict(base.data), dict(base.lines)
    files = {path: base.place(path)[0] for path in (*base.lines, *base.files)}
    _Overlay(change, replaces, lines, files).lay(data, change.data, ())
    return Document(change.file, data, lines, files)


def nearest_name(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that looks most like `name`, or None."""
    if len(name) > LONGEST_NAME:
        return None
    return next(iter(difflib.get_close_matches(name, list(valid), n=1, cutoff=0.6)), None)


@dataclass(frozen=True)
class _Overlay:
    """Lays one document over another and keeps the book of lines and files."""

    change: Document
    replaces: Replaces
    lines: dict[KeyPath, int]
    files: dict[KeyPath, str]

    def lay(self, data: dict[str, Any], new: dict[str, Any], at: KeyPath) -> None:
        for key, value in new.items():
            path, old = (*at, key), data.get(key)
            if isinstance(old, dict) and isinstance(value, dict) and not self.replaces(old, value):
                data[key] = dict(old)
                self.lay(data[key], value, path)
                self._take_place(path)
            else:
                data[key] = value
                self._take_places(path, old, value)

    def _take_places(self, path: KeyPath, old: Any, new: Any) -> None:
        for stale in _paths(path, old):
            self.lines.pop(stale, None)
            self.files.pop(stale, None)
        for fresh in _paths(path, new):
            self._take_place(fresh)

    def _take_place(self, path: KeyPath) -> None:
        self.files[path], line = self.change.place(path)
        self.lines.pop(path, None)
        if line is not None:
            self.lines[path] = line


def _paths(path: KeyPath, value: Any) -> Iterator[KeyPath]:
    """Yield `path` and the path of everything inside the value that stands there."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in inside:
        yield from _paths((*path, step), inner)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _problems(model: type[BaseModel], document: Document, error: ValidationError) -> list[InputProblem]:
    allowed = Allowed(_schema(model), document.data)
    details = error.errors(include_url=False, include_input=False)
    found = [_problem(document, allowed, detail) for detail in details if not _follows_from_others(detail, details)]
    once = {str(problem): problem for problem in found}
    return sorted(once.values(), key=lambda problem: (problem.file, problem.line or 0))


def _follows_from_others(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Tell whether a list only seems too short because pydantic left its refused items out."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(place)] == place for other in details if len(other["loc"]) > len(place)
    )


def _problem(document: Document, allowed: Allowed, detail: ErrorDetails) -> InputProblem:
    path = _path_in_data(detail, document.data)
    said = detail.get("ctx", {}).get("allowed")
    if detail["type"] == "extra_forbidden":
        return document.unknown_key(path, allowed.keys(path[:-1]))
    if detail["type"] == "refused" and isinstance(said, str):
        path = (*path, *detail["ctx"]["at"])
        return document.problem(path, said, nearest_name(str(document.value(path)), detail["ctx"]["names"]))
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found") and isinstance(document.value(path), dict):
        path = (*path, *(key for key in allowed.keys(path) if f"'{key}'" == detail["ctx"]["discriminator"]))
    if detail["type"] == "value_error":
        return document.problem(path, detail["msg"].removeprefix("Value error, "))
    return _wrong_value(document, allowed, path)


def _wrong_value(document: Document, allowed: Allowed, path: KeyPath) -> InputProblem:
    value = document.value(path)
    words = allowed.words(path)
    if not isinstance(value, str) or value is MISSING:
        return document.problem(path, words)
    if says_milligrams(value):
        words += f"; {MILLIGRAM_WARNING}"
    return document.problem(path, words, nearest_name(value, allowed.names(path)))


def _path_in_data(detail: ErrorDetails, data: Any) -> KeyPath:
    """Return where an error stands in the data; pydantic's own location also names the branches of unions it tried."""
    path: list[str | int] = []
    last = len(detail["loc"]) - 1
    for index, step in enumerate(detail["loc"]):
        if _holds(data, step):
            data = data[step]
            path.append(step)
        elif index == last and detail["type"] == "missing":
            path.append(step)
    return tuple(path)


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)
