"""Which parts of a scenario go together: a course that the disease does not have, a drug that is not given so, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from titranc.models import catalogue
from titranc.models.distributions import centre
from titranc.models.policies import python_policy
from titranc.sim.scenario_sections import (
    Arm,
    Cohort,
    Drug,
    FixedBySurfacePolicy,
    FixedPolicy,
    GuidelinePolicy,
    Policy,
    PythonPolicy,
)

if TYPE_CHECKING:
    from titranc.sim.scenario import Scenario

PEGYLATED, BY_SURFACE = "pegfilgrastim", "sargramostim"
CHILD = "female"


class Misfit(NamedTuple):
    """A place in a scenario that does not go with the rest, and what would."""

    path: tuple[str | int, ...]
    allowed: str


def misfits(scenario: Scenario) -> Iterator[Misfit]:
    """Return what does not go together, in the base and in every arm."""
    disease = catalogue.disease(scenario.cohort.disease)
    yield from _of_course(disease, scenario)
    for place, policy in _policies(scenario):
        if isinstance(policy, GuidelinePolicy) and (
            why := catalogue.edition(policy.edition).refuses.get(disease.disease)
        ):
            yield Misfit((*place, "policy", "edition"), why)
    yield from _of_drug((), disease, scenario.cohort, scenario.drug, scenario.policy)
    yield from _of_switch((), disease, scenario, scenario)
    for index, arm in enumerate(scenario.arms):
        yield from _of_arm(("arms", index), disease, scenario, arm)


def missing_policies(scenario: Scenario) -> Iterator[Misfit]:
    """Return the policies written in Python that are not where the scenario says; nothing of them is executed."""
    for place, policy in _policies(scenario):
        if isinstance(policy, PythonPolicy) and (missing := python_policy.what_is_missing(policy.object)):
            yield Misfit((*place, "policy", "object"), missing)


def _policies(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], Policy]]:
    sections: list[tuple[tuple[str | int, ...], Scenario | Arm]] = [((), scenario)]
    sections += [(("arms", index), arm) for index, arm in enumerate(scenario.arms)]
    for place, section in sections:
        if section.policy is not None:
            yield place, section.policy
        if section.switch is not None and section.switch.policy is not None:
            yield (*place, "switch"), section.switch.policy


def _of_arm(place: tuple[str | int, ...], disease: catalogue.Disease, base: Scenario, arm: Arm) -> Iterator[Misfit]:
    if arm.drug is not None or arm.policy is not None:
        yield from _of_drug(place, disease, base.cohort, arm.drug or base.drug, arm.policy or base.policy)
    yield from _of_switch(place, disease, base, arm)


def _of_switch(
    place: tuple[str | int, ...], disease: catalogue.Disease, base: Scenario, section: Scenario | Arm
) -> Iterator[Misfit]:
    switch = section.switch
    if switch is not None:
        drug = switch.drug or section.drug or base.drug
        policy = switch.policy or section.policy or base.policy
        yield from _of_drug((*place, "switch"), disease, base.cohort, drug, policy)


def _of_course(disease: catalogue.Disease, scenario: Scenario) -> Iterator[Misfit]:
    course = scenario.course
    for name in ("chemotherapy", "transplant", "culprit_drug"):
        if getattr(course, name) is not None and name not in disease.courses:
            yield Misfit(("course", name), f"nothing here: {disease.title} has no {name.replace('_', ' ')} of its own")
        elif getattr(course, name) is None and name in disease.courses and disease.cause != "none":
            yield Misfit(("course", name), f"needed for {disease.title}: what happens, and when")
    if course.culprit_drug and course.culprit_drug.name != disease.disease:
        yield Misfit(("course", "culprit_drug", "name"), f"{disease.disease}, as the disease says")
    if course.transplant and f"transplant_{course.transplant.kind}" != disease.disease:
        yield Misfit(("course", "transplant", "kind"), disease.disease.removeprefix("transplant_"))


def _of_drug(
    place: tuple[str | int, ...], disease: catalogue.Disease, cohort: Cohort, drug: Drug, policy: Policy
) -> Iterator[Misfit]:
    product = catalogue.drug(drug.product)
    if drug.schedule is not None and drug.schedule not in product.schedules:
        yield Misfit((*place, "drug", "schedule"), f"{product.title}: {', '.join(product.schedules)}")
    if isinstance(policy, FixedBySurfacePolicy) and product.dosed_per != "m2":
        yield Misfit((*place, "policy", "kind"), f"fixed: {product.title} is dosed by weight")
    if isinstance(policy, FixedPolicy) and product.dosed_per == "m2":
        yield Misfit(
            (*place, "policy", "kind"), f"fixed_by_surface: {product.title} is dosed by body surface, never per kg"
        )
    if isinstance(policy, GuidelinePolicy) and product.product == BY_SURFACE and disease.cause != "transplant":
        yield Misfit(
            (*place, "drug", "product"),
            f"a G-CSF: {product.title} is not titrated in {disease.title} (a fixed dose may be given)",
        )
    if product.product == PEGYLATED:
        yield from _of_pegylated(place, disease, cohort, policy)


def _of_pegylated(
    place: tuple[str | int, ...], disease: catalogue.Disease, cohort: Cohort, policy: Policy
) -> Iterator[Misfit]:
    if not isinstance(policy, GuidelinePolicy):
        return
    if disease.disease != "chemotherapy":
        yield Misfit(
            (*place, "drug", "product"), f"filgrastim: a single dose of weeks is not titrated in {disease.title}"
        )
        return
    gate_kg = catalogue.edition(policy.edition).values["peg_fixed_from_kg"].value
    if _usual_weight_kg(cohort) < gate_kg:
        yield Misfit(
            (*place, "drug", "product"),
            f"filgrastim: most patients of this age weigh less than {gate_kg:g} kg, below which a fixed pegfilgrastim dose is not given",
        )


def _usual_weight_kg(cohort: Cohort) -> float:
    from titranc.models.growth import Growth

    if cohort.weight_kg is not None:
        return cohort.weight_kg
    sex = CHILD if cohort.sex == "mixed" else cohort.sex
    age = cohort.age_years
    years = float(age) if isinstance(age, (int, float)) else centre(age)
    return float(Growth(sex, cohort.weight_z or 0.0, 0.0).weight_kg(years))
