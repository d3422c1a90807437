"""What the calibrations read off the body and its cohorts is what they say it is."""

import pytest

from titranc.models import catalogue
from titranc.models.distributions import centre
from titranc.sim.calibration import chemotherapy, healthy_body
from titranc.sim.reference_body import half_life_hours, mornings


def test_the_healthy_body_as_it_stands() -> None:
    """The numbers whose mending was tried and rejected."""
    found = healthy_body.described({})
    assert found["half-life 6-18 h, h"] == pytest.approx(2.6, abs=0.05)
    assert found["passage on 0 ug/day, days"] == pytest.approx(7.5, abs=0.05)
    assert found["passage on 300 ug/day, days"] == pytest.approx(1.4, abs=0.05)
    assert found["largest move of a reference course, %"] == 0


def test_a_half_life_depends_on_its_window() -> None:
    early, whole, late = (half_life_hours(5.0, *window) for window in ((6, 12), (6, 18), (12, 18)))
    assert early < whole < late
    assert late > 1.5 * early


def test_a_limit_on_the_reference_courses_is_kept() -> None:
    """The slower the drug leaves, the further the courses move; within the limit less is attained."""
    names = healthy_body.HALF_LIFE[:1]
    changed = healthy_body.attained(names, healthy_body.half_life_misses, 0.04)
    found = healthy_body.described(changed)
    assert abs(found["largest move of a reference course, %"]) < 4.5
    assert found["half-life 6-18 h, h"] < healthy_body.HALF_LIFE_AT_LEAST_HOURS


def test_mornings_of_the_reference_body_are_those_of_the_kernel() -> None:
    alone = mornings(0.0, 0, 3, changes={"anc_baseline_1e9_per_l": 3.0})
    assert alone == pytest.approx(3.0, rel=1e-3)
    assert mornings(5.0, 1, 2)[0] == pytest.approx(15.95, rel=1e-3)


def test_chemotherapy_is_in_force_as_it_was_fitted() -> None:
    """With the disease file's numbers the trial's courses come out, and a weaker effect is told from a stronger one."""
    disease = catalogue.disease("chemotherapy").parameters
    fitted = {name: centre(disease[name].distribution) for name in chemotherapy.FREE if name != "regimen"}
    found = chemotherapy.described(fitted | {"regimen": 0.638})
    assert found["breast none: days below 0.5"] == pytest.approx(3.9, abs=0.2)
    assert found["breast none: day of 1.0"] == pytest.approx(14.3, abs=0.3)
    assert found["breast filgrastim: day of 2.0"] == pytest.approx(8.0, abs=0.3)
    weaker = chemotherapy.described(fitted | {"regimen": 0.5})
    assert weaker["breast none: days below 0.5"] < found["breast none: days below 0.5"] - 0.5
