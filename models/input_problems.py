"""Refusals in words that help: where, which field, what was received, what is allowed, what was probably meant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import PydanticCustomError

KeyPath = tuple[str | int, ...]

PROBLEMS_SHOWN = 20
LONGEST_VALUE_SHOWN = 60


class Words(str):
    """A value told in words instead of shown as it was written."""

    __slots__ = ()


class Complaint(Words):
    """What is wrong, said whole: nothing that was written, of which to say that it is not allowed."""

    __slots__ = ()


MISSING = Words("nothing")


@dataclass(frozen=True, slots=True)
class InputProblem:
    """One refusal: where, which field, what was received, what is allowed and the nearest valid name.

    >>> print(InputProblem("x.yaml", 12, "cohort.n", 0, "a whole number from 1 to 1000000"))
    x.yaml:12: cohort.n: 0 is not allowed; allowed: a whole number from 1 to 1000000
    """

    file: str
    line: int | None
    field: str
    value: object
    allowed: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = _printable(self.file) if self.line is None else f"{_printable(self.file)}:{self.line}"
        subject = f"{place}: {self.field}" if self.field else place
        hint = f"; did you mean `{self.nearest}`?" if self.nearest else ""
        return f"{subject}: {self._complaint()}; allowed: {self.allowed}{hint}"

    def _complaint(self) -> str:
        if self.value is MISSING:
            return "required"
        return str(self.value) if isinstance(self.value, Complaint) else f"{_shown(self.value)} is not allowed"


class InputRefused(Exception):
    """Input that cannot be used; carries every problem found, shows the first twenty."""

    def __init__(self, problems: Iterable[InputProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN]]
        more = len(self.problems) - len(shown)
        return "\n".join([*shown, f"... and {more} more"] if more else shown)


def refusal(allowed: str, *at: str | int, names: Iterable[str] = ()) -> PydanticCustomError:
    """Return the error a validator raises to refuse the value at `at` below itself, saying what is allowed there.

    `names` are the valid names among which the nearest is looked for.
    """
    from pydantic_core import PydanticCustomError

    return PydanticCustomError("refused", "{allowed}", {"allowed": allowed, "at": list(at), "names": list(names)})


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as people write it.

    >>> dotted(("arms", 0, "policy"))
    'arms[0].policy'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in path)
    return text.removeprefix(".")


def _shown(value: object) -> str:
    if isinstance(value, Words):
        return value
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return _printable(text if len(text) <= LONGEST_VALUE_SHOWN else text[: LONGEST_VALUE_SHOWN - 3] + "...")


def _printable(text: str) -> str:
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)
