"""Courses of doses without a clinic, and their pictures."""

import io

import numpy as np
import pytest

from titranc.models.granulopoiesis import STATES, parameter_array, reference_parameters
from titranc.models.integrator import Bodies, DosePlan
from titranc.sim.courses import dose_response, hourly_course, typical_person
from titranc.sim.report.plots.body import plot_body
from titranc.sim.report.plots.courses import plot_courses, plot_dose_response

PEOPLE = {
    "healthy": {},
    "congenital": typical_person("scn") | {"gcsf_insensitivity": 13.0, "maturation_max": 8.0, "release_max": 6.7},
}


@pytest.mark.parametrize("name", PEOPLE)
def test_an_hourly_course_passes_through_the_mornings_of_the_ward(name: str) -> None:
    doses = [5.0, 5.0, 0.0, 10.0, 0.0]
    course = hourly_course(PEOPLE[name], doses)
    bodies = Bodies(parameter_array([PEOPLE[name]]))
    bodies.burn_in(250)
    plan = DosePlan(np.array(doses)[:, None, None], np.zeros((1, 1), dtype=np.int64), ("D",))
    mornings = bodies.advance(len(doses), plan)
    assert course["day"].iloc[24::24].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(course["anc_1e9_per_l"].iloc[24::24], mornings[:, 0, 0], rtol=2e-4)
    np.testing.assert_allclose(course["gcsf_ng_per_ml"].iloc[24::24], mornings[:, 1, 0], rtol=2e-3)


def test_receptors_are_those_of_health_without_drug() -> None:
    course = hourly_course({}, [0.0])
    np.testing.assert_allclose(
        course["receptors_ng_per_ml"], reference_parameters()["receptor_total_ng_per_ml"], rtol=1e-3
    )


def test_more_cells_leave_less_drug() -> None:
    course = hourly_course({}, [5.0] * 7)
    peaks = course["gcsf_ng_per_ml"].to_numpy()[1:].reshape(7, 24).max(axis=1)
    assert peaks[6] < 0.7 * peaks[0]
    assert course["receptors_ng_per_ml"].iloc[-1] > 2 * course["receptors_ng_per_ml"].iloc[0]


def test_a_dose_response_has_a_row_a_person_and_rises_with_the_dose() -> None:
    response = dose_response(list(PEOPLE.values()), [0, 5, 10, 20])
    assert response.shape == (2, 4)
    assert response.columns.tolist() == [0, 5, 10, 20]
    assert (np.diff(response.to_numpy(), axis=1) > 0).all()
    assert response.loc[0, 0] == pytest.approx(4.0, rel=1e-3)
    # The published course of this person ends at 1.95 after 28 days on 10 ug/kg/day.
    assert response.loc[1, 10] == pytest.approx(1.95, rel=5e-3)


def test_a_negative_dose_is_refused() -> None:
    with pytest.raises(ValueError, match="amount"):
        dose_response([{}], [-1.0])
    with pytest.raises(ValueError, match="dose"):
        hourly_course({}, [5.0, -1.0])


def test_the_map_shows_every_state_of_the_model() -> None:
    shown = [text.get_text() for text in plot_body().axes[0].texts]
    assert sorted(text for text in shown if text in STATES) == sorted(STATES)


def test_the_pictures_are_drawn_from_the_numbers() -> None:
    courses = {name: hourly_course(person, [5.0]) for name, person in PEOPLE.items()}
    figure = plot_courses(courses)
    drawn = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    for name, course in courses.items():
        np.testing.assert_array_equal(drawn[name], course["anc_1e9_per_l"])
    response = dose_response(list(PEOPLE.values()), [1, 10])
    lines = plot_dose_response(response, response.loc[1]).axes[0].lines
    assert any(np.array_equal(line.get_ydata(), response.loc[0]) for line in lines)
    for picture in (figure, plot_body()):
        picture.savefig(io.BytesIO(), format="png")
