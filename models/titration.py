"""What a rule does to the dose: each function is the `then` of a rule, from the situation to a new daily dose."""

from __future__ import annotations

from collections.abc import Callable

from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.situation import Situation

Titration = Callable[[Situation], Regimen]


def _daily(now: Situation, ug_per_kg_day: float) -> Regimen:
    return Regimen.daily(ug_per_kg_day, int(now.values["injections_per_day"]))


def start(now: Situation) -> Regimen:
    """The start dose."""
    return _daily(now, now.values["start_dose_ug_per_kg_day"])


def keep(now: Situation) -> Regimen:
    """The dose in force."""
    return now.regimen


def hold(now: Situation) -> Regimen:
    """Nothing, until a later visit."""
    return NO_DOSE


def resume(now: Situation) -> Regimen:
    """A share less than what was held."""
    return _daily(now, now.before_hold.ug_per_kg_day * (1 - now.values["lowering_share"]))


def lower_by_share(now: Situation) -> Regimen:
    """A share less."""
    return _daily(now, now.dose * (1 - now.values["lowering_share"]))


def lower_by_step(now: Situation) -> Regimen:
    """One step less."""
    return _daily(now, now.dose - now.values["step_ug_per_kg_day"])


def raise_by_step(now: Situation) -> Regimen:
    """One step more, at most up to the ceiling."""
    return _daily(now, min(now.dose + now.values["step_ug_per_kg_day"], now.values["max_dose_ug_per_kg_day"]))


TITRATIONS: dict[str, tuple[Titration, str]] = {
    "start": (start, "start"),
    "keep": (keep, "keep"),
    "hold": (hold, "hold"),
    "resume": (resume, "resume"),
    "lower_by_share": (lower_by_share, "decrease"),
    "lower_by_step": (lower_by_step, "decrease"),
    "raise": (raise_by_step, "increase"),
}
