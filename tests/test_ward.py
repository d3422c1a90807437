"""What the tables say was given is what the body got, on the days the schedule says, whatever the product."""

import numpy as np
import pandas as pd
import pytest

from titranc.models.granulopoiesis import parameter_array
from titranc.models.integrator import RECORDS, Bodies, DosePlan
from titranc.sim import trial
from titranc.sim.courses import hourly_course
from titranc.sim.scenario import load_scenario

ONCE_DAILY = "policy={kind: fixed, dose_ug_per_kg_day: 10, times_per_day: 1, visit_every_days: 9}"
BY_SURFACE = "policy={kind: fixed_by_surface, dose_ug_per_m2_day: 250, visit_every_days: 7}"
NEVER_BEFORE = 250


def simulated(*changes: str) -> dict[str, pd.DataFrame]:
    return trial.simulate(load_scenario("scn_child", ["horizon_years=0.12", "adherence.doses_taken=1", *changes]), "x")


def parameters_of(patient: pd.Series) -> dict[str, float]:
    return {str(name)[2:]: float(value) for name, value in patient.items() if str(name).startswith("p_")}


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_doses_of_the_table_given_to_the_same_body_make_the_counts_of_the_table(share: float) -> None:
    tables = simulated(ONCE_DAILY, f"adherence.doses_taken={share}")
    days, patient = tables["trajectory"], tables["patients"].iloc[0]
    doses = days["dose_given_ug_per_kg"].to_numpy()
    assert np.mean(doses > 0) == pytest.approx(share, abs=0.25)
    course = hourly_course(parameters_of(patient), list(doses[:-1]))
    np.testing.assert_allclose(course["anc_1e9_per_l"].iloc[::24], days["anc_1e9_per_l"], rtol=2e-3)


@pytest.mark.parametrize("turnaround_hours", [0, 6, 30])
@pytest.mark.parametrize(
    ("schedule", "product", "rhythm"),
    [
        ("twice daily", "filgrastim", [1] * 14),
        ("once daily", "filgrastim", [1] * 14),
        ("every other day", "filgrastim", [1, 0] * 7),
        ("three times a week", "filgrastim", [1, 0, 1, 0, 1, 0, 0] * 2),
        ("once", "pegfilgrastim", [1] + [0] * 13),
    ],
)
def test_a_schedule_falls_on_its_days(schedule: str, product: str, rhythm: list[int], turnaround_hours: int) -> None:
    """The rhythm goes on over the visits in between; only the first day waits for the laboratory."""
    tables = simulated(
        "policy={kind: fixed, dose_ug_per_kg_day: 4, visit_every_days: 5}",
        f"drug={{product: {product}, schedule: {schedule}}}",
        f"laboratory.turnaround_hours={turnaround_hours}",
    )
    given = tables["trajectory"]["dose_given_ug_per_kg"].to_numpy()
    first = int(np.argmax(given > 0))
    last_hour = 12 if schedule == "twice daily" else 0
    assert first == turnaround_hours // 24 + (turnaround_hours % 24 > last_hour)
    per_day = 4 * len(rhythm) / sum(rhythm) if product == "filgrastim" else 4
    # The evening of a day that waited for its result is half a day.
    from_day = first + int(schedule == "twice daily" and turnaround_hours > 0)
    expected = np.array(rhythm)[: len(given) - from_day] * per_day
    np.testing.assert_allclose(given[from_day : from_day + len(expected)], expected, rtol=0.02)


@pytest.mark.parametrize(
    ("before", "after", "depots"),
    [
        ((BY_SURFACE, "sargramostim"), ("{kind: fixed, dose_ug_per_kg_day: 12}", "filgrastim"), ("Ds", "D")),
        ((ONCE_DAILY, "filgrastim"), ("{kind: fixed, dose_ug_per_kg_day: 100}", "pegfilgrastim"), ("D", "Dp")),
    ],
)
def test_a_switch_of_product_keeps_the_body(
    before: tuple[str, str], after: tuple[str, str], depots: tuple[str, str]
) -> None:
    """One body that goes through both products in one go is the body of the run with a switch."""
    first, second = f"{{product: {before[1]}}}", f"{{product: {after[1]}, schedule: once}}"
    drug = second if after[1] == "pegfilgrastim" else f"{{product: {after[1]}}}"
    switch = f"switch={{from_day: 20, drug: {drug}, policy: {after[0]}}}"
    tables = simulated(before[0], f"drug={first}", switch)
    days, patient = tables["trajectory"], tables["patients"].iloc[0]
    given = days["dose_given_ug_per_kg"].to_numpy()
    assert (given[:20] > 0).all()
    assert given[20] > 0
    parameters = parameter_array([parameters_of(patient)])
    body = Bodies(parameters)
    body.burn_in(NEVER_BEFORE)
    amount = np.zeros((len(days) - 1, 2, 1))
    amount[:20, 0, 0], amount[20:, 1, 0] = given[:20], given[20:-1]
    expected = body.advance(len(days) - 1, DosePlan(amount, np.zeros((2, 1), dtype=np.int64), depots))
    np.testing.assert_allclose(expected[:, 0, 0], days["anc_1e9_per_l"].iloc[1:], rtol=1e-3)


def test_a_product_switched_to_is_titrated_from_its_own_start() -> None:
    visits = simulated(
        BY_SURFACE,
        "drug={product: sargramostim}",
        "switch={from_day: 20, drug: {product: filgrastim}, policy: {kind: guideline, edition: source}}",
    )["visits"].set_index("day")
    assert visits.loc[:19, "rule_ids"].eq("fixed-dose").all()
    assert visits.loc[20, "action"] == "start"
    assert visits.loc[20, "dose_after_ug_per_kg_day"] == 12.0


def test_another_policy_for_the_same_product_goes_on_from_the_dose_that_stands() -> None:
    guideline = "switch={from_day: 20, policy: {kind: guideline, edition: source}}"
    visits = simulated(ONCE_DAILY, guideline)["visits"].set_index("day")
    assert visits.loc[20, "dose_before_ug_per_kg_day"] == 10.0
    assert visits.loc[20, "action"] != "start"


def test_a_changed_parameter_keeps_what_the_body_is_made_of() -> None:
    """The state is the same, the rates are those of the new value: production ceases and the count falls."""
    bodies = Bodies(parameter_array([{}, {}]))
    before = bodies.state.copy()
    bodies.change(np.array([1]), "production_inhibition", np.array([0.93]))
    np.testing.assert_array_equal(bodies.state, before)
    nothing = DosePlan(np.zeros((40, 1, 2)), np.zeros((1, 2), dtype=np.int64), ("D",))
    anc = bodies.advance(40, nothing)[:, RECORDS.index("anc_1e9_per_l")]
    assert anc[-1, 0] == pytest.approx(anc[0, 0], rel=1e-3)
    assert anc[-1, 1] < 0.3 * anc[-1, 0]
