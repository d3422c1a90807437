"""What a place in a document may hold, in words, read from the JSON Schema of its model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from titranc.models.unit_names import unit_of

Schema = dict[str, Any]
Path = Sequence[str | int]
LONGEST_LIST = 12
LARGEST_WRITTEN_OUT = 1e9


class Allowed:
    """Answers, for one model's schema and one set of data, what is allowed at a path."""

    def __init__(self, schema: Schema, data: Any) -> None:
        self._schema = schema
        self._data = data

    def keys(self, path: Path) -> list[str]:
        """Return the keys a mapping at `path` may have."""
        return list(dict.fromkeys(key for place in self._places(path) for key in place.get("properties", {})))

    def names(self, path: Path) -> list[str]:
        """Return the fixed names a value at `path` may be."""
        return [name for place in self._places(path) for name in _choices(place) if isinstance(name, str)]

    def words(self, path: Path) -> str:
        """Return one phrase: kinds of value, range, unit."""
        unit = unit_of(_last_name(path))
        phrases = dict.fromkeys(self._phrase(place, unit) for place in self._places(path))
        return " or ".join(phrases) or "nothing here"

    def _phrase(self, place: Schema, unit: str | None) -> str:
        properties = place.get("properties", {})
        if len(properties) != 1:
            return _phrase(place, unit)
        (key, inner), *_ = properties.items()
        return f"{{{key}: {' or '.join(_phrase(one, None) for one in self._alternatives(inner))}}}"

    def _places(self, path: Path) -> list[Schema]:
        data, places = self._data, self._expand(self._schema, self._data)
        for step in path:
            data = _inside(data, step)
            places = [found for place in places for found in self._step(place, step, data)]
        return places

    def _step(self, place: Schema, step: str | int, data: Any) -> list[Schema]:
        if isinstance(step, int):
            inner = place.get("items")
        else:
            inner = place.get("properties", {}).get(step, place.get("additionalProperties"))
        return self._expand(inner, data) if isinstance(inner, dict) else []

    def _expand(self, schema: Schema, data: Any) -> list[Schema]:
        """Return the alternatives of a schema, only those the data's own words choose when they choose any."""
        places = list(self._alternatives(schema))
        chosen = [place for place in places if _chosen(place, data)]
        return chosen or places

    def _alternatives(self, schema: Schema) -> Iterator[Schema]:
        if "$ref" in schema:
            yield from self._alternatives(self._schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
            return
        several = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if several is None:
            yield schema
        for one in several or ():
            yield from self._alternatives(one)


def listed(names: Sequence[str]) -> str:
    """Return names in one line, a long list cut short and counted."""
    shown = ", ".join(names[:LONGEST_LIST])
    more = len(names) - LONGEST_LIST
    return f"{shown} and {more} more" if more > 0 else shown


def _inside(data: Any, step: str | int) -> Any:
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return data[step]
    return None


def _chosen(place: Schema, data: Any) -> bool:
    properties = place.get("properties", {})
    if not isinstance(data, dict) or not properties:
        return False
    fixed = {key: inner["const"] for key, inner in properties.items() if "const" in inner}
    if fixed:
        return all(data.get(key) == value for key, value in fixed.items())
    return len(properties) == 1 and set(properties) <= set(data)


def _choices(place: Schema) -> list[Any]:
    return [place["const"]] if "const" in place else list(place.get("enum", []))


def _phrase(place: Schema, unit: str | None) -> str:
    choices = _choices(place)
    if choices:
        return ("one of " if len(choices) > 1 else "") + listed(list(map(str, choices)))
    kind = place.get("type")
    if kind in ("number", "integer"):
        noun = "a number" if kind == "number" else "a whole number"
        return noun + _range(place) + (f" ({unit})" if unit else "")
    return _phrase_of_structure(place, kind)


def _phrase_of_structure(place: Schema, kind: str | None) -> str:
    if kind == "string":
        return (
            "text" + (f" of the form {place['pattern']}" if "pattern" in place else "") + _length(place, "characters")
        )
    if kind == "array":
        return "a list" + _length(place, "items")
    if kind == "object":
        keys = list(place.get("properties", {}))
        return "{" + ", ".join(keys) + "}" if keys else "a mapping of names to values"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "any value")


def _range(place: Schema) -> str:
    low, high = place.get("minimum"), place.get("maximum")
    above, below = place.get("exclusiveMinimum"), place.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {_plain(low)} to {_plain(high)}"
    bounds = ((low, "of at least"), (above, "above"), (high, "at most"), (below, "below"))
    said = [f"{words} {_plain(bound)}" for bound, words in bounds if bound is not None]
    return " " + " and ".join(said) if said else ""


def _length(place: Schema, noun: str) -> str:
    low = place.get("minLength", place.get("minItems"))
    high = place.get("maxLength", place.get("maxItems"))
    if high is not None:
        return f" of {low or 0} to {high} {noun}"
    return f" of at least {low} {noun}" if low else ""


def _plain(number: float) -> str:
    if isinstance(number, float) and abs(number) >= LARGEST_WRITTEN_OUT:
        return f"{number:g}"
    return json.dumps(int(number) if float(number).is_integer() else number)


def _last_name(path: Path) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")
