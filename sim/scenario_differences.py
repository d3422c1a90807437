"""In what two scenarios differ, for whom goes on with a run that was another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from titranc.models.documents import KeyPath, dotted, parse_document

MOST_SHOWN = 5
ABSENT = "absent"


def differences(before: str, after: str) -> str:
    """Return what is different between two resolved scenarios, such as `cohort.n 30 -> 150`; nothing where nothing is.

    The title is told only where nothing else differs: it names what was laid over a scenario, which is told already.
    """
    old, new = (dict(_values(parse_document(text, "scenario").data)) for text in (before, after))
    changed = [path for path in dict.fromkeys([*old, *new]) if old.get(path, ABSENT) != new.get(path, ABSENT)]
    changed = [path for path in changed if path != ("title",)] or changed
    told = [f"{dotted(path)} {old.get(path, ABSENT)} -> {new.get(path, ABSENT)}" for path in changed[:MOST_SHOWN]]
    more = len(changed) - len(told)
    return ", ".join([*told, f"and {more} more"] if more > 0 else told)


def _values(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Yield every single value of a document as it is written, by its path; of an empty mapping or list itself."""
    if not isinstance(data, (dict, list)) or not data:
        yield path, json.dumps(data, ensure_ascii=False)
        return
    for step, inner in data.items() if isinstance(data, dict) else enumerate(data):
        yield from _values(inner, (*path, step))
