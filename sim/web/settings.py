"""What a teacher sets, and the link that brings it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from titranc.sim.web.cards import DIFFICULTIES, cards

SPEAKS = {
    "at_once": "before you decide",
    "after": "after each of your decisions",
    "end": "only in the debrief",
}
UNITS = {"1e9_per_l": "10⁹/L", "cells_per_ul": "cells/uL"}
MOST_LUCK = 9_999
LONGEST_SHOWN = 40


@dataclass(frozen=True)
class Setting:
    """Who comes, how long, and who may say what when."""

    card: str = "scn_child"
    difficulty: str = "typical"
    luck: int = 0
    years: float = 0.0
    lives: bool = False
    speaks: str = "after"
    hidden: bool = False
    units: str = "1e9_per_l"

    @property
    def horizon_years(self) -> float:
        """How long the patient is followed: as asked, or as the card has it."""
        card = cards()[self.card]
        return min(self.years or card.years, card.most_years)

    @property
    def per_ul(self) -> bool:
        """Whether counts are told in cells per microlitre."""
        return self.units == "cells_per_ul"

    def query(self) -> str:
        """Return what follows the question mark of a link that brings this setting back."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = {name: value for name, value in told.items() if value != getattr(DEFAULT, name)}
        return urlencode({name: int(value) if isinstance(value, bool) else value for name, value in changed.items()})


DEFAULT = Setting()


def from_query(params: Mapping[str, str]) -> tuple[Setting, list[str]]:
    """Return the setting that a link asks for, and in words what of it could not be had."""
    found: dict[str, Any] = {}
    problems = []
    for name, (read, allowed) in READERS.items():
        if name not in params:
            continue
        value = read(params[name])
        if value is None:
            problems.append(f"{name}: {_shown(params[name])} is not allowed; allowed: {allowed}")
        else:
            found[name] = value
    return Setting(**found), problems


def _shown(text: str) -> str:
    printable = "".join(mark if mark.isprintable() else " " for mark in text)
    return repr(printable if len(printable) <= LONGEST_SHOWN else printable[: LONGEST_SHOWN - 3] + "...")


def _one_of(names: Mapping[str, Any]) -> Callable[[str], str | None]:
    return lambda text: text if text in names else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MOST_LUCK else None


def _years(text: str) -> float | None:
    try:
        years = float(text)
    except ValueError:
        return None
    return years if 0 < years <= 30 else None


def _yes(text: str) -> bool | None:
    return {"1": True, "0": False}.get(text)


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "card": (_one_of(cards()), ", ".join(cards())),
    "difficulty": (_one_of(DIFFICULTIES), ", ".join(DIFFICULTIES)),
    "luck": (_whole, f"a whole number, 0 to {MOST_LUCK}"),
    "years": (_years, "a number above 0, at most 30"),
    "lives": (_yes, "0 or 1"),
    "speaks": (_one_of(SPEAKS), ", ".join(SPEAKS)),
    "hidden": (_yes, "0 or 1"),
    "units": (_one_of(UNITS), ", ".join(UNITS)),
}
