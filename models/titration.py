"""What a rule does to the dose: each function is the `then` of a rule, from the situation to a new daily dose."""

from __future__ import annotations

from collections.abc import Callable

from titranc.models.dosing import NO_DOSE, Regimen, Schedule
from titranc.models.situation import Situation

Titration = Callable[[Situation], Regimen]


def _daily(now: Situation, ug_per_kg_day: float) -> Regimen:
    if now.schedule is not None:
        return Regimen.average(ug_per_kg_day, now.schedule, product=now.product)
    return Regimen.daily(ug_per_kg_day, int(now.values["injections_per_day"]), product=now.product)


def start(now: Situation) -> Regimen:
    """The start dose; of a product dosed by body surface, its own."""
    if now.seen.body_surface_m2 is None:
        return _daily(now, now.values["start_dose_ug_per_kg_day"])
    return by_surface(now.values["sargramostim_ug_per_m2"], now.seen.body_surface_m2, now.seen.weight_kg, now.product)


def by_surface(ug_per_m2: float, surface_m2: float, weight_kg: float, product: str) -> Regimen:
    """Return the once-daily regimen that ug per square metre make in a body of this surface and weight."""
    return Regimen.daily(ug_per_m2 * surface_m2 / weight_kg, 1, product=product)


def keep(now: Situation) -> Regimen:
    """The dose in force."""
    return now.regimen


def hold(now: Situation) -> Regimen:
    """Nothing, until a later visit."""
    return NO_DOSE


def resume(now: Situation) -> Regimen:
    """A share less than what was held."""
    return _daily(now, now.before_hold.ug_per_kg_day * (1 - now.values["lowering_share"]))


def resume_full(now: Situation) -> Regimen:
    """What was held."""
    return now.before_hold


def give_once(now: Situation) -> Regimen:
    """A single dose: the fixed amount for the weight it is meant for, by weight below."""
    weight_kg, values = now.seen.weight_kg, now.values
    fixed = weight_kg >= values["peg_fixed_from_kg"]
    ug_per_kg = values["peg_fixed_ug"] / weight_kg if fixed else values["peg_ug_per_kg"]
    return Regimen.average(ug_per_kg, Schedule.ONCE, product=now.product)


def lower_by_share(now: Situation) -> Regimen:
    """A share less."""
    return _daily(now, now.dose * (1 - now.values["lowering_share"]))


def lower_by_step(now: Situation) -> Regimen:
    """One step less."""
    return _daily(now, now.dose - now.values["step_ug_per_kg_day"])


def raise_by_step(now: Situation) -> Regimen:
    """One step more, at most up to the ceiling."""
    return _daily(now, min(now.dose + now.values["step_ug_per_kg_day"], now.values["max_dose_ug_per_kg_day"]))


def double(now: Situation) -> Regimen:
    """Twice the dose, at most up to the ceiling."""
    return _daily(now, min(2 * now.dose, now.values["max_dose_ug_per_kg_day"]))


def raise_to_next_rung(now: Situation) -> Regimen:
    """The next multiple of the step, at most up to the ceiling: 5, 10, 20, 30."""
    step = now.values["step_ug_per_kg_day"]
    return _daily(now, min((now.dose // step + 1) * step, now.values["max_dose_ug_per_kg_day"]))


TITRATIONS: dict[str, tuple[Titration, str]] = {
    "start": (start, "start"),
    "keep": (keep, "keep"),
    "hold": (hold, "hold"),
    "withhold": (hold, "withhold"),
    "stop": (hold, "stop"),
    "give_once": (give_once, "give once"),
    "resume_full": (resume_full, "resume"),
    "resume": (resume, "resume"),
    "lower_by_share": (lower_by_share, "decrease"),
    "lower_by_step": (lower_by_step, "decrease"),
    "raise": (raise_by_step, "increase"),
    "double": (double, "increase"),
    "raise_to_next_rung": (raise_to_next_rung, "increase"),
}
