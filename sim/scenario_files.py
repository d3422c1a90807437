"""From a scenario's name or path to one merged document: files found, `extends` followed, options and arms laid over.

Every key keeps the file and line it came from, so that a refusal names the place to change even after merging.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from titranc.models.allowed import listed
from titranc.models.documents import (
    Document,
    InputProblem,
    InputRefused,
    KeyPath,
    merged,
    nearest_name,
    parse_document,
    read_document,
)
from titranc.models.input_problems import Complaint, Words

DISTRIBUTION_KINDS = frozenset({"lognormal", "normal", "uniform", "beta", "logit_normal", "poisson", "fixed"})
LONGEST_TITLE = 200
ARM_SECTIONS = ("drug", "adherence", "policy", "laboratory")


def scenario_document(source: str | Path, overrides: Sequence[str] = ()) -> Document:
    """Return the whole document of a scenario, bases and options included; raises InputRefused."""
    return _with_options(_with_bases(find(source), chain=()), overrides)


def pasted_document(text: str, shown_as: str, overrides: Sequence[str] = ()) -> Document:
    """Return the whole document of a scenario given as text, which may extend bundled ones; raises InputRefused."""
    nowhere = Found(_bundled_folder() / "pasted", shown_as)
    return _with_options(_based(parse_document(text, shown_as), nowhere, chain=()), overrides)


def _with_options(document: Document, overrides: Sequence[str]) -> Document:
    if overrides:
        options = reduce(_laid_over, (_option(text) for text in overrides))
        document = _laid_over(document, options)
    return _with_whole_arms(document)


def bundled_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(path.stem for path in _bundled_folder().glob("*.yaml"))


@dataclass(frozen=True)
class Found:
    """A scenario file and how messages call it."""

    path: Path
    shown_as: str


def find(source: str | Path) -> Found:
    """Return the file a path or a bundled name stands for; raises InputRefused with the nearest valid name."""
    path = Path(source)
    stem = path.name.removesuffix(".yaml")
    if not _is_file(path) and path.name == str(source) and stem in bundled_names():
        return _bundled(stem)
    if _exists(path):
        return Found(path, str(source))
    raise _missing(str(source), path)


def _missing(shown: str, path: Path) -> InputRefused:
    siblings = [str(sibling) for sibling in path.parent.glob("*.yaml")] if _exists(path.parent) else []
    names = bundled_names()
    near = nearest_name(shown, siblings) or nearest_name(path.name.removesuffix(".yaml"), names)
    allowed = "a scenario file or one of " + ", ".join(names)
    return InputRefused([InputProblem(shown, None, "", Complaint("there is no such file"), allowed, near)])


def _bundled(name: str) -> Found:
    return Found(_bundled_folder() / f"{name}.yaml", f"scenarios/{name}.yaml")


@cache
def _bundled_folder() -> Path:
    # A folder of data has no __init__; importlib.resources cannot open such a namespace in an editable installation.
    spec = find_spec("titranc.scenarios")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return next(Path(place) for place in places if Path(place).is_dir())


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    return _exists(path) and path.is_file()


def _with_bases(found: Found, chain: tuple[str, ...]) -> Document:
    return _based(read_document(found.path, shown_as=found.shown_as), found, chain)


def _based(document: Document, found: Found, chain: tuple[str, ...]) -> Document:
    """Return a document with what it extends below it."""
    if document.data.get("extends") is None:
        return _without_extends(document)
    chain = (*chain, str(found.path.resolve()))
    base = _base_of(document, found)
    if str(base.path.resolve()) in chain:
        names = " -> ".join(Path(link).name for link in (*chain, str(base.path)))
        raise InputRefused([document.problem(("extends",), f"a base that does not lead back to itself ({names})")])
    # Who gives another title asks something else; the question of the base would mislead.
    asks_anew = "title" in document.data and "question" not in document.data
    below = _without(_with_bases(base, chain), "question" if asks_anew else "extends")
    whole = _laid_over(below, _without_extends(document))
    return whole if "title" in document.data else _under_its_own_name(whole, found)


def _under_its_own_name(document: Document, found: Found) -> Document:
    """Return the document with the name of its file before the title of what it extends, of whose patients that speaks."""
    title = document.data.get("title")
    if not isinstance(title, str):
        return document
    named = f"{found.path.stem}, which extends: {title}"[:LONGEST_TITLE]
    return replace(document, data=document.data | {"title": named})


def _base_of(document: Document, found: Found) -> Found:
    name = document.data["extends"]
    siblings = sorted(path.name for path in found.path.parent.glob("*.yaml") if path.name != found.path.name)
    valid = [*siblings, *bundled_names()]
    for base in _candidates(name, found) if isinstance(name, str) else ():
        if _exists(base.path):
            return base
    allowed = "a file in the same folder or a bundled scenario: one of " + listed(valid)
    raise InputRefused([document.problem(("extends",), allowed, nearest_name(str(name), valid))])


def _candidates(name: str, found: Found) -> Iterator[Found]:
    """Yield where a base may lie: a file name beside the file first, a bare name among the bundled ones first."""
    if name != Path(name).name or name in ("", ".", ".."):
        return
    beside = found.path.with_name(name if name.endswith(".yaml") else f"{name}.yaml")
    sibling = Found(beside, str(Path(found.shown_as).with_name(beside.name)))
    bundled = _bundled(name.removesuffix(".yaml"))
    yield from (sibling, bundled) if name.endswith(".yaml") else (bundled, sibling)


def _without_extends(document: Document) -> Document:
    return _without(document, "extends")


def _without(document: Document, name: str) -> Document:
    data = {key: value for key, value in document.data.items() if key != name}
    return Document(document.file, data, document.lines, document.files)


def _option(text: str) -> Document:
    """Return `policy.overrides.step_interval_days=7` as a document that changes one value."""
    shown = f"--set {text}"
    path, equals, value = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys) or keys[0] == "extends" or "\n" in value:
        raise InputRefused([InputProblem(shown, None, path, Words(repr(text)), "key.key=value, as in `cohort.n=100`")])
    parsed = _option_value(value, shown, path)
    data: Any = reduce(lambda inner, key: {key: inner}, reversed(keys), parsed)
    places: dict[KeyPath, str] = {tuple(keys[: length + 1]): shown for length in range(len(keys))}
    return Document(shown, data, {}, places)


def _option_value(value: str, shown: str, path: str) -> Any:
    try:
        data = parse_document(f"value: {value}", shown).data
    except InputRefused as refused:
        problems = [
            InputProblem(shown, None, path, problem.value, problem.allowed, problem.nearest)
            for problem in refused.problems
        ]
        raise InputRefused(problems) from None
    return data["value"]


def _laid_over(base: Document, change: Document) -> Document:
    return merged(base, change, _is_another_kind)


def _is_another_kind(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Tell whether `new` is a policy of another kind or another distribution, which replace and never mix."""
    if "kind" in new:
        return "kind" in old and new["kind"] != old["kind"]
    return (
        bool(new) and DISTRIBUTION_KINDS.issuperset(old) and DISTRIBUTION_KINDS.issuperset(new) and set(old) != set(new)
    )


def _with_whole_arms(document: Document) -> Document:
    """Return the document with every section of an arm laid over the same section of the base."""
    arms = document.data.get("arms")
    if not isinstance(arms, list):
        return document
    data = {**document.data, "arms": [_whole_arm(document.data, arm) for arm in arms]}
    return Document(document.file, data, document.lines, document.files)


def _whole_arm(base: dict[str, Any], arm: Any) -> Any:
    if not isinstance(arm, dict):
        return arm
    whole = {}
    for key, value in arm.items():
        below = base.get(key)
        if key in ARM_SECTIONS and isinstance(value, dict) and isinstance(below, dict):
            value = _laid_over(Document("", {key: below}, {}), Document("", {key: value}, {})).data[key]
        whole[key] = value
    return whole
