"""What does not go together is refused with its place and its reason."""

from __future__ import annotations

import pytest

from titranc.models.documents import InputRefused
from titranc.sim.scenario import load_scenario

FIXED = "policy={kind: fixed, dose_ug_per_kg_day: 5}"


@pytest.mark.parametrize(
    ("scenario", "changes", "field", "reason"),
    [
        ("cyclic_child", ["course.chemotherapy={cycles: 4}"], "course.chemotherapy", "Cyclic neutropenia has no"),
        ("scn_child", ["course.transplant={kind: autologous}"], "course.transplant", "has no transplant of its own"),
        ("chemotherapy_cycles", ["course.chemotherapy=null"], "course.chemotherapy", "needed for"),
        ("transplant_autologous", ["course.transplant.kind=allogeneic"], "course.transplant.kind", "autologous"),
        ("ganciclovir", ["course.culprit_drug.name=azathioprine"], "course.culprit_drug.name", "ganciclovir"),
        ("scn_child", ["drug.product=pegfilgrastim"], "drug.product", "not titrated in Severe congenital"),
        ("chemotherapy_cycles", ["arms=[{name: a}]", "drug.product=pegfilgrastim", "cohort.age_years=4"], "drug.product", "45 kg"),
        ("scn_child", ["drug.product=sargramostim"], "drug.product", "not titrated"),
        ("scn_child", ["drug.product=sargramostim", FIXED], "policy.kind", "by body surface, never per kg"),
        ("scn_child", ["policy={kind: fixed_by_surface, dose_ug_per_m2_day: 250}"], "policy.kind", "dosed by weight"),
        ("scn_child", ["drug.schedule=once"], "drug.schedule", "Filgrastim: twice daily"),
        ("chest_radiotherapy", ["course.chest_radiotherapy.to_day=100"], "course.chest_radiotherapy.to_day", "from 120"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(scenario: str, changes: list[str], field: str, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        load_scenario(scenario, changes)
    (problem,) = refused.value.problems
    assert problem.field == field
    assert reason in problem.allowed


def test_an_arm_that_does_not_go_with_the_base_is_refused() -> None:
    arms = "arms=[{name: a}, {name: b, drug: {product: pegfilgrastim}}]"
    with pytest.raises(InputRefused) as refused:
        load_scenario("scn_child", [arms])
    assert refused.value.problems[0].field == "arms[1].drug.product"
