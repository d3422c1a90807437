"""From the bytes of a YAML file to a mapping with line numbers, refusing what could mislead or exhaust a reader."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from titranc.models.input_problems import Complaint, InputProblem, InputRefused, KeyPath, Words, dotted
from titranc.models.number_grammar import ALLOWED_NUMBERS, NumberRefused, value_of

LARGEST_FILE_BYTES = 2**20
MOST_VALUES = 20_000
DEEPEST = 32


def read_text(path: Path, file: str) -> str:
    """Return the text of a file; raises InputRefused when it is absent, a folder, too large or not UTF-8."""
    try:
        if path.exists() and not path.is_file():
            raise _refused(file, None, Complaint("this is a folder or a device"), "a file")
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        found = Complaint("there is no such file" if missing else "the file cannot be opened")
        raise _refused(file, None, found, "a readable file") from None
    return _decoded(content, file)


def parse(text: str, file: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Return the one mapping that `text` holds and the line of each path; raises InputRefused with every problem."""
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
        raise _refused(file, None, Complaint("the file is larger than 1 MiB"), "up to 1 MiB")
    builder = _Builder(_events(text, file), file)
    data = builder.mapping()
    if builder.problems:
        raise InputRefused(builder.problems)
    return data, builder.lines


class _Builder:
    """Builds plain values from the parser's events, remembers lines, and goes on after a refusal to find the next."""

    def __init__(self, events: Iterator[Any], file: str) -> None:
        self._events = events
        self._file = file
        self._values = 0
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[InputProblem] = []

    def mapping(self) -> dict[str, Any]:
        first = self._first_event()
        if type(first).__name__ != "MappingStartEvent":
            raise _refused(self._file, _line(first), Words("text or a list at the top"), "a mapping of keys to values")
        data: dict[str, Any] = self._value(first, ())
        if type(next(self._events)).__name__ == "DocumentEndEvent" and (extra := next(self._events)):
            self._end(extra)
        return data

    def _first_event(self) -> Any:
        next(self._events)
        start = next(self._events)
        if type(start).__name__ == "StreamEndEvent":
            raise _refused(self._file, 1, Complaint("the file is empty"), "a mapping of keys to values")
        if start.tags or start.version not in (None, (1, 2)):
            raise _refused(self._file, _line(start), Words("a YAML directive"), "YAML 1.2 without directives")
        return next(self._events)

    def _end(self, event: Any) -> None:
        if type(event).__name__ != "StreamEndEvent":
            raise _refused(self._file, _line(event), Words("a second document"), "one document in a file")

    def _value(self, event: Any, path: KeyPath) -> Any:
        self._count(event, path)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._refuse(event, path, f"the alias *{event.anchor}", "values written out in full")
        if event.anchor:
            self._refuse(event, path, f"the anchor &{event.anchor}", "values without anchors")
        if event.tag is not None:
            self._refuse(event, path, "a tag (!)", "plain values without tags")
        if kind == "ScalarEvent":
            return self._scalar(event, path)
        return self._items(path) if kind == "SequenceStartEvent" else self._pairs(path)

    def _count(self, event: Any, path: KeyPath) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise _refused(self._file, _line(event), Words(f"more than {MOST_VALUES} values"), "a smaller file")
        if len(path) > DEEPEST:
            raise _refused(
                self._file, _line(event), Words(f"a depth of more than {DEEPEST}"), f"up to {DEEPEST} levels"
            )

    def _items(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while type(event := next(self._events)).__name__ != "SequenceEndEvent":
            here = (*path, len(items))
            self.lines[here] = _line(event)
            items.append(self._value(event, here))
        return items

    def _pairs(self, path: KeyPath) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while type(event := next(self._events)).__name__ != "MappingEndEvent":
            key = self._key(event, path)
            here = (*path, key)
            if key in pairs:
                self._refuse(event, here, "a second time", f"each key once; first on line {self.lines[here]}")
            self.lines.setdefault(here, _line(event))
            pairs[key] = self._value(next(self._events), here)
        return pairs

    def _key(self, event: Any, path: KeyPath) -> str:
        key = self._value(event, (*path, "key"))
        if key == "<<" and event.implicit[0]:
            self._refuse(event, (*path, "<<"), "the merge key", "keys written out in full; `extends` takes a base file")
        if not isinstance(key, str):
            self._refuse(event, path, "a key that is not text", "names as keys")
        return str(key)

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        if any(0xD800 <= ord(mark) <= 0xDFFF for mark in event.value):
            return self._refuse(event, path, "half a character (a surrogate)", "whole Unicode characters")
        if not event.implicit[0]:
            return event.value
        try:
            return value_of(event.value)
        except NumberRefused as refused:
            return self._refuse(event, path, f"{event.value[:40]}, {refused},", ALLOWED_NUMBERS)

    def _refuse(self, event: Any, path: KeyPath, found: str, allowed: str) -> None:
        self.problems.append(InputProblem(self._file, _line(event), dotted(path), Words(found), allowed))


def _events(text: str, file: str) -> Iterator[Any]:
    from ruamel.yaml import YAML

    try:
        yield from YAML(typ="safe", pure=True).parse(io.StringIO(text))
    except Exception as error:  # on broken text the parser also lets plain ValueError, OverflowError and others escape
        mark = getattr(error, "problem_mark", None)
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1 if mark is None else mark.line + 1
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "text the reader cannot follow"
        raise _refused(file, line, Words(f"YAML syntax ({reason})"), "YAML 1.2") from None


def _decoded(content: bytes, file: str) -> str:
    if len(content) > LARGEST_FILE_BYTES:
        raise _refused(file, None, Complaint("the file is larger than 1 MiB"), "up to 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(file, line, Words("a byte that is not UTF-8"), "text in UTF-8") from None


def _refused(file: str, line: int | None, found: Words, allowed: str) -> InputRefused:
    return InputRefused([InputProblem(file, line, "", found, allowed)])


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
