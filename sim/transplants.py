"""From a referral to a new marrow: donor search, a bed where beds are few, conditioning, engraftment and its complications."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import simpy

from titranc.models import catalogue
from titranc.models.distributions import centre, sample
from titranc.models.patient import Graft
from titranc.sim.streams import Purpose
from titranc.sim.ward import AHEAD_DAYS, DAYS_PER_YEAR, MINUTES_PER_DAY

if TYPE_CHECKING:
    from titranc.sim.fate import Person

ALLOGENEIC = "transplant_allogeneic"
# Bodies may be so far ahead of today; conditioning takes about as long.
CONDITIONING_DAYS = AHEAD_DAYS + 2
NO_PROGENITORS = 1e-9


class Luck(NamedTuple):
    """What chance has in store for a patient's transplant number so and so."""

    donor: float
    wait: float
    graft: float
    failure: float
    death: float
    death_day: float
    acute_gvhd: float
    chronic_gvhd: float


def _luck(person: Person, number: int) -> Luck:
    drawn = person.streams.generator(Purpose.TRANSPLANT, person.patient.patient_id, number)
    donor, wait, graft, failure, death, death_day, acute, chronic = drawn.random(8).tolist()
    return Luck(donor, _normal(wait), graft, failure, death, _normal(death_day), acute, chronic)


def _normal(uniform: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(min(max(uniform, 1e-12), 1 - 1e-12)))


def transplant(env: simpy.Environment, person: Person) -> Generator[simpy.Event, None, None]:
    """Search a donor for a referred patient, and transplant; a failed graft is followed by another."""
    numbers, luck = person.transplant_numbers, _luck(person, 0)
    person.fate.donor = _donor(luck.donor, numbers)
    if person.fate.donor == "none":
        person.happens(_today(env), "no_donor", "critical", "neither a sibling nor a matched unrelated donor")
        return
    median = numbers[f"{person.fate.donor}_wait_days_median"]
    yield env.timeout(round(median * math.exp(numbers["wait_log_sd"] * luck.wait)) * MINUTES_PER_DAY)
    for number in range(2):
        with person.bed() as bed:
            yield bed
            if person.fate.is_over:
                return
            failed = yield from _one_transplant(env, person, _luck(person, number), number)
        if not failed:
            return
        yield env.timeout(
            round(numbers["second_after_days"] - numbers["graft_failure_seen_after_days"]) * MINUTES_PER_DAY
        )


def _donor(luck: float, numbers: dict[str, float]) -> str:
    if luck < numbers["sibling_share"]:
        return "sibling"
    return "unrelated" if luck < numbers["sibling_share"] + numbers["unrelated_share"] else "none"


def _one_transplant(
    env: simpy.Environment, person: Person, luck: Luck, number: int
) -> Generator[simpy.Event, None, bool]:
    """Condition, transplant and follow for as long as a bed is taken; return whether the graft failed."""
    numbers = person.transplant_numbers
    day = _today(env) + CONDITIONING_DAYS
    person.happens(_today(env), "conditioning", "warning", f"for a transplant on day {day}, donor: {person.fate.donor}")
    failed = luck.failure < numbers["graft_failure_share"] and number == 0
    person.ward.graft(person.body, day, _graft(luck, failed=failed), _donor_parameters(person))
    yield env.timeout(day * MINUTES_PER_DAY - 1 - env.now)
    if person.fate.is_over or day >= person.ward.horizon_days:
        return False
    person.receive_graft(day, f"{'second ' if number else ''}allogeneic, donor: {person.fate.donor}")
    person.fate.hospital_days += int(numbers["hospital_days"])
    env.process(_complications(env, person, luck, day, number))
    seen = int(numbers["graft_failure_seen_after_days"])
    yield env.timeout(seen * MINUTES_PER_DAY)
    if failed and not person.fate.is_over:
        person.fate.graft_failures += 1
        person.happens(day + seen, "graft_failure", "critical", f"no engraftment {seen} days after the transplant")
    return failed and not person.fate.is_over


def _graft(luck: Luck, *, failed: bool) -> Graft:
    disease = catalogue.disease(ALLOGENEIC)
    emptied = disease.emptied_marrow
    if emptied is None:
        raise ValueError(f"{ALLOGENEIC}: the disease file says nothing of an emptied marrow")
    progenitors = sample(disease.traits["graft_progenitors"].distribution, luck.graft)
    return Graft(NO_PROGENITORS if failed else progenitors, emptied.marrow_share.value, emptied.anc_1e9_per_l.value)


def _donor_parameters(person: Person) -> dict[str, float]:
    """Return the parameters of the donor's marrow where they differ from the patient's own."""
    donor = {name: centre(entry.distribution) for name, entry in catalogue.disease(ALLOGENEIC).parameters.items()}
    own = [name for name in person.patient.parameters if name != "anc_baseline_1e9_per_l"]
    healthy = {name: catalogue.physiology()[name].value for name in own}
    return healthy | {name: value for name, value in donor.items() if name != "anc_baseline_1e9_per_l"}


def _complications(
    env: simpy.Environment, person: Person, luck: Luck, day: int, number: int
) -> Generator[simpy.Event, None, None]:
    """Let graft-versus-host disease and death from the transplant come when they come."""
    numbers = person.transplant_numbers
    coming: list[tuple[int, str]] = []
    if luck.acute_gvhd < numbers["acute_gvhd_share"]:
        coming.append((day + int(numbers["acute_gvhd_days"]), "acute_gvhd"))
    if luck.chronic_gvhd < numbers["chronic_gvhd_share"]:
        coming.append((day + int(numbers["chronic_gvhd_days"]), "chronic_gvhd"))
    if luck.death < _death_share(person, day, number):
        after = numbers["death_days_median"] * math.exp(numbers["death_days_log_sd"] * luck.death_day)
        coming.append((day + max(1, round(after)), "death"))
    for when, what in sorted(coming):
        yield env.timeout(when * MINUTES_PER_DAY - 1 - env.now)
        if person.fate.is_over:
            return
        if what == "death":
            person.die(when, "transplant")
            return
        person.happens(when, what, "warning", "")


def _death_share(person: Person, day: int, number: int) -> float:
    numbers, share = person.transplant_numbers, person.transplant_numbers["death_share"]
    age = person.patient.age_start_years + day / DAYS_PER_YEAR
    if age >= numbers["older_from_years"]:
        share *= numbers["older_fold"]
    if person.fate.donor == "unrelated":
        share *= numbers["unrelated_fold"]
    if person.fate.mds_aml_day is not None:
        share *= numbers["leukaemia_fold"]
    return min(1.0, share * (numbers["second_fold"] if number else 1.0))


def _today(env: simpy.Environment) -> int:
    return int(env.now) // MINUTES_PER_DAY
