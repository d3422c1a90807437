"""A policy of the user's own, kept from doing harm: an error names policy, patient and day; nonsense keeps the dose in force."""

from __future__ import annotations

import ast
import importlib
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from itertools import accumulate
from pathlib import Path
from typing import Any

from titranc.models.clinic_view import Decision, Observation, Policy
from titranc.models.documents import InputProblem, InputRefused
from titranc.models.dosing import NO_DOSE, Regimen

RECHECK_DAYS = 7
RULE_ID = "policy-refused"


class PolicyFailed(RuntimeError):
    """A user's policy raised an error; the message names the policy and what went wrong, the clinic adds patient and day."""


@dataclass(frozen=True)
class Guarded:
    """A user's policy behind a guard: what is no decision becomes the dose in force, with the reason in words."""

    own: Policy
    name: str
    keep_on_error: bool

    def decide(self, observation: Observation) -> Decision:
        """Return the policy's decision, or the dose in force with what was wrong; raises PolicyFailed where errors stop."""
        try:
            answer: Any = self.own.decide(observation)
        except Exception as error:
            words = f"{self.name}: {type(error).__name__}: {error}"
            if not self.keep_on_error:
                raise PolicyFailed(words) from error
            return self._kept(observation, words)
        if not isinstance(answer, Decision):
            words = f"{self.name}: decide returned {answer!r}, a {type(answer).__name__}; it is to return a titranc.models.clinic_view.Decision"
            if not self.keep_on_error:
                raise PolicyFailed(words)
            return self._kept(observation, words)
        wrong = _what_is_wrong(answer)
        return self._kept(observation, f"{self.name}: {wrong}") if wrong else _with_id(answer, self.name)

    def _kept(self, observation: Observation, words: str) -> Decision:
        return Decision(
            regimen=observation.regimen or NO_DOSE,
            next_visit_days=RECHECK_DAYS,
            action="keep",
            rule_ids=(RULE_ID,),
            reason=f"{words}; the dose in force is kept.",
            orders={},
        )


def _what_is_wrong(answer: Decision) -> str:
    """Return in words what is wrong with a decision; nothing when it can be carried out."""
    if not isinstance(answer.regimen, Regimen):
        return f"{answer.regimen!r} is no Regimen"
    wait: Any = answer.next_visit_days
    if not isinstance(wait, (int, float)) or not math.isfinite(wait) or wait < 1:
        return f"a next visit in {wait!r} days lies in the past or nowhere"
    return ""


def _with_id(answer: Decision, name: str) -> Decision:
    return answer if all(answer.rule_ids) else replace(answer, rule_ids=(name,))


def guarded(own: Policy, name: str, *, keep_on_error: bool = False) -> Guarded:
    """Return a policy behind the guard."""
    return Guarded(own, name, keep_on_error)


def build(path: str, *, keep_on_error: bool) -> Guarded:
    """Return the policy named `module:name`, behind the guard; raises InputRefused when it is not there or cannot decide."""
    module_name, name = path.split(":")
    here = str(Path.cwd())
    try:
        sys.path.insert(0, here)
        found = getattr(importlib.import_module(module_name), name)
        own = found() if isinstance(found, type) else found
    except Exception as error:
        allowed = f"module:name that Python can import ({type(error).__name__}: {error})"
        raise InputRefused([InputProblem("scenario", None, "policy.object", path, allowed)]) from error
    finally:
        sys.path.remove(here)
    if not callable(getattr(own, "decide", None)):
        allowed = "an object or class with decide(observation) -> Decision"
        raise InputRefused([InputProblem("scenario", None, "policy.object", path, allowed)])
    return Guarded(own, path, keep_on_error)


def what_is_missing(path: str) -> str:
    """Return in words why `module:name` cannot be there, from where Python would look; nothing of it is executed."""
    module_name, name = path.split(":")
    if module_name in sys.modules:
        return ""
    places: Sequence[str] | None = [str(Path.cwd()), *sys.path]
    spec = None
    for part in accumulate(module_name.split("."), "{}.{}".format):
        spec = PathFinder.find_spec(part, places) if places is not None else None
        places = spec.submodule_search_locations if spec else None
    if spec is None:
        return f"module:name that Python can import; there is no module {module_name} in this folder, nor installed"
    source = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    return "" if source is None else _what_is_wrong_in(source, name)


def _what_is_wrong_in(source: Path, name: str) -> str:
    """Return in words why a module cannot give a name: it is not Python, or nowhere speaks of it."""
    try:
        names = re.findall(r"\w+|\*", ast.unparse(ast.parse(source.read_bytes())))
    except SyntaxError as error:
        return f"module:name that Python can import ({source.name}, line {error.lineno}: {error.msg})"
    # What a star imports is not known before it is imported.
    return "" if name in names or "*" in names else f"module:name with a name that {source.name} has"
