"""The body reproduces its published test vectors to four digits, and the solver agrees with an independent one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from titranc.models.granulopoiesis import C_ROW, STATES, D, N, T, baseline_state, declared, parameter_array, rates
from titranc.models.integrator import RECORDS, Y_ROW, Bodies, DosePlan

SCN = {"apoptosis_hazard": 5.2, "gcsf_insensitivity": 13.0, "apoptosis_rescued_fraction": 0.7}
CIN = {"apoptosis_hazard": 3.7, "gcsf_insensitivity": 2.5, "apoptosis_rescued_fraction": 0.8}
AIN = {"neutrophil_loss_multiplier": 9.0}
CYCLIC = {
    "feedback_setpoint": 0.06,
    "feedback_strength": 8.0,
    "feedback_hill": 5.0,
    "apoptosis_hazard": 2.5,
    "gcsf_insensitivity": 2.5,
    "proliferation_days": 5.6,
    "cycling_max": 1.0,
}


def daily(dose: float, days: int, doses: int, *, depot: str = "D", n: int = 1) -> DosePlan:
    amount = np.zeros((days, 1, n))
    amount[:doses] = dose
    return DosePlan(amount, np.zeros((1, n), dtype=np.int64), (depot,))


def mornings(person: dict[str, float], plan: DosePlan, burn_in: int = 0) -> np.ndarray:
    bodies = Bodies(parameter_array([person]))
    start = bodies.burn_in(burn_in)[0, 0] if burn_in else bodies.anc[0]
    return np.array([start, *bodies.advance(len(plan.amount), plan)[:, 0, 0]])


def agrees_to_four_digits(found: np.ndarray, published: list[float]) -> None:
    assert [f"{value:.3e}" for value in found] == pytest.approx([f"{value:.3e}" for value in published]) or np.allclose(
        found, published, rtol=5.1e-4, atol=0
    ), (found, published)


@pytest.mark.parametrize(
    ("dose", "doses", "depot", "published"),
    [
        (5.0, 1, "D", [15.95, 5.893, 3.468, 3.034, 3.599, 4.403, 4.579, 4.543, 3.989]),
        (5.0, 10, "D", [15.95, 14.33, 15.27, 21.79, 24.93, 22.58, 5.670, 5.091, 4.825]),
        (1.0, 10, "D", [8.828, 8.559, 7.389, 6.888, 7.674, 8.769, 3.945, 4.076, 4.813]),
        (85.7, 1, "Dp", [21.82, 24.11, 33.32, 22.48, 13.81, 7.756, 6.006, 4.944, 3.584]),
    ],
)
def test_healthy_courses(dose: float, doses: int, depot: str, published: list[float]) -> None:
    found = mornings({}, daily(dose, 21, doses, depot=depot))
    agrees_to_four_digits(found[[1, 2, 3, 5, 7, 10, 12, 14, 21]], published)


@pytest.mark.parametrize(
    ("person", "dose", "published"),
    [
        (SCN, 10.0, [0.0978, 0.5249, 0.7866, 1.082, 1.725, 2.053, 2.041, 1.947, 1.949, 1.950]),
        (CIN, 1.2, [0.4063, 1.114, 1.120, 1.094, 1.293, 1.467, 1.509, 1.471, 1.468, 1.468]),
        (AIN, 2.0, [0.4506, 1.121, 0.8615, 0.9178, 1.216, 1.377, 1.319, 1.211, 1.266, 1.253]),
    ],
    ids=["congenital", "idiopathic", "autoimmune"],
)
def test_courses_of_typical_patients(person: dict[str, float], dose: float, published: list[float]) -> None:
    found = mornings(person, daily(dose, 28, 28), burn_in=200)
    agrees_to_four_digits(found[[0, 1, 2, 3, 5, 7, 10, 14, 21, 28]], published)


def test_ganciclovir_without_drug() -> None:
    found = mornings({"production_inhibition": 0.93}, daily(0.0, 60, 0))
    agrees_to_four_digits(found[[5, 10, 15, 20, 25, 30, 60]], [4.012, 3.479, 1.832, 0.8192, 0.6262, 0.6672, 0.7023])


@pytest.mark.parametrize(
    ("changes", "lowest", "highest", "period"),
    [({}, 0.14, 1.40, 21.0), ({"proliferation_days": 6.2, "cycling_max": 1.3}, 0.129, 1.541, 22.5)],
)
def test_cyclic_neutropenia_cycles(changes: dict[str, float], lowest: float, highest: float, period: float) -> None:
    found = mornings(CYCLIC | changes, daily(0.0, 600, 0), burn_in=400)
    troughs = [i for i in range(1, 600) if found[i] < found[i - 1] and found[i] <= found[i + 1]]
    assert found.min() == pytest.approx(lowest, rel=0.05)
    assert found.max() == pytest.approx(highest, rel=0.02)
    assert (troughs[-1] - troughs[0]) / (len(troughs) - 1) == pytest.approx(period, abs=0.1)


def test_health_is_a_fixed_point() -> None:
    parameters = parameter_array([{}])
    assert np.abs(rates(baseline_state(parameters)[:, 0], parameters)).max() < 2e-4


def test_without_production_the_blood_empties() -> None:
    assert mornings({"production_inhibition": 1.0}, daily(0.0, 120, 0))[-1] < 1e-3


def test_twice_the_baseline_is_twice_the_cells_and_the_same_drug() -> None:
    bodies = Bodies(parameter_array([{}, {"anc_baseline_1e9_per_l": 8.0}]))
    bodies.advance(10, daily(5.0, 10, 10, n=2))
    one, two = bodies.state.T
    assert two[8:] == pytest.approx(2 * one[8:], rel=1e-6)
    assert two[T] == pytest.approx(one[T], rel=1e-6)


def reference(person: dict[str, float], dose: float, days: int, start: np.ndarray) -> np.ndarray:
    """Daily ANC by scipy's DOP853, restarted at every dose, from the same equations."""
    parameters, state, found = parameter_array([person]), start.copy(), []
    for _ in range(days):
        state[D] += dose
        state = solve_ivp(
            lambda t, y: rates(y, parameters), (0.0, 1.0), state, method="DOP853", rtol=1e-10, atol=1e-13
        ).y[:, -1]
        found.append(state[N])
    return np.array(found)


@pytest.mark.parametrize("person", [{}, SCN], ids=["healthy", "congenital"])
def test_sixty_days_agree_with_scipy_to_one_in_ten_thousand(person: dict[str, float]) -> None:
    bodies = Bodies(parameter_array([person]))
    expected = reference(person, 5.0, 60, bodies.state[:, 0])
    found = bodies.advance(60, daily(5.0, 60, 60))[:, 0, 0]
    assert np.max(np.abs(found / expected - 1)) < 1e-4


def cohort(n: int, seed: int) -> list[dict[str, float]]:
    z = np.random.default_rng(seed).standard_normal((n, 2))
    return [
        SCN | {"apoptosis_hazard": 5.2 * np.exp(0.2 * a), "gcsf_insensitivity": 13 * np.exp(0.95 * b)} for a, b in z
    ]


@pytest.mark.parametrize(("accuracy", "error"), [("fast", 1e-3), ("default", 1e-4)])
def test_the_named_accuracy_holds_over_a_cohort(accuracy: str, error: float) -> None:
    plan = daily(9.0, 120, 120, n=64)
    courses = {
        mode: Bodies(parameter_array(cohort(64, 5)), accuracy=mode).advance(120, plan)[:, 0]
        for mode in (accuracy, "reference")
    }
    counted = courses["reference"] > 0.01
    assert np.max(np.abs(courses[accuracy] / courses["reference"] - 1)[counted]) < error


def test_a_patient_is_the_same_alone_in_company_and_day_by_day() -> None:
    people = cohort(37, 9)
    together = Bodies(parameter_array(people)).advance(40, daily(7.0, 40, 40, n=37))
    alone = Bodies(parameter_array([people[33]])).advance(40, daily(7.0, 40, 40))
    bodies = Bodies(parameter_array(people[::-1]))
    by_day = np.concatenate([bodies.advance(1, daily(7.0, 1, 1, n=37)) for _ in range(40)])
    assert (together[:, :, 33] == alone[:, :, 0]).all()
    assert (together == by_day[:, :, ::-1]).all()


def test_a_patient_is_the_same_beside_one_of_another_feedback_power() -> None:
    alone = Bodies(parameter_array([SCN])).advance(30, daily(7.0, 30, 30))
    beside = Bodies(parameter_array([CYCLIC, SCN])).advance(30, daily(7.0, 30, 30, n=2))
    assert (alone[:, :, 0] == beside[:, :, 1]).all()


def test_bodies_go_each_their_own_way() -> None:
    people, days = cohort(40, 3), np.arange(40) % 9
    bodies, depot = Bodies(parameter_array(people)), np.array([D])
    amount, minute, mornings = np.full((40, 8, 1), 6.0), np.zeros((40, 1), dtype=np.int64), np.full((40, 9, 1), np.nan)
    for part in (np.arange(0, 40, 2), np.arange(1, 40, 2)[::-1]):
        bodies.follow(part, np.zeros_like(part), days[part], amount, minute, depot, mornings)
    whole = Bodies(parameter_array(people)).advance(8, daily(6.0, 8, 8, n=40))[:, 0].T
    within = np.arange(8) < days[:, None]
    assert (mornings[:, 1:, 0][within] == whole[within]).all()
    assert np.isnan(mornings[:, 1:, 0][~within]).all()
    bodies.follow(np.arange(40), days, np.full(40, 8), amount, minute, depot, mornings)
    assert (mornings[:, 1:, 0] == whole).all()


@pytest.mark.parametrize("row", range(len(STATES)), ids=STATES)
def test_a_state_that_turns_into_no_number_is_reported_and_harms_no_other(row: int) -> None:
    sound = Bodies(parameter_array([SCN, SCN])).advance(5, daily(5.0, 5, 5, n=2))
    bodies = Bodies(parameter_array([SCN, SCN]))
    bodies._kept[1, Y_ROW - C_ROW + row] = np.nan
    found = bodies.advance(5, daily(5.0, 5, 5, n=2))
    assert bodies.failed.tolist() == [False, True]
    assert np.isnan(found[:, :, 1]).all()
    assert (found[:, :, 0] == sound[:, :, 0]).all()


def test_a_parameter_that_is_no_number_is_reported() -> None:
    parameters = parameter_array([SCN, SCN])
    parameters[0, 1] = np.nan
    assert Bodies(parameters).failed.tolist() == [False, True]


@pytest.mark.parametrize("dose", [-1.0, np.nan, np.inf])
def test_a_dose_that_is_none_is_refused(dose: float) -> None:
    with pytest.raises(ValueError, match="amount: a dose is negative or no number"):
        Bodies(parameter_array([SCN])).advance(1, daily(dose, 1, 1))


def test_a_parameter_out_of_bounds_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="apoptosis_rescued_fraction"):
        parameter_array([{"apoptosis_rescued_fraction": 1.5}])


@pytest.mark.parametrize("minute", [0, 1, 719, 720, 1439])
def test_a_dose_at_any_minute_counts_once(minute: int) -> None:
    bodies = Bodies(parameter_array([{"filgrastim_absorption_per_day": 3.0}]), accuracy="reference")
    amount = np.zeros((1, 1, 1))
    amount[0] = 10.0
    bodies.advance(1, DosePlan(amount, np.full((1, 1), minute, dtype=np.int64), ("D",)))
    assert bodies.state[D, 0] == pytest.approx(10.0 * np.exp(-3.0 * (1440 - minute) / 1440), rel=1e-9)


BOUNDS = {name: (float(entry["low"]), float(entry["high"])) for name, entry in declared().items()}


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({name: st.floats(0, 1) for name in BOUNDS}),
    st.lists(st.floats(0, 120), min_size=8, max_size=8),
)
def test_states_stay_finite_and_non_negative_within_the_bounds(shares: dict[str, float], doses: list[float]) -> None:
    person = {name: BOUNDS[name][0] + share * (BOUNDS[name][1] - BOUNDS[name][0]) for name, share in shares.items()}
    amount = np.array(doses)[:, None, None]
    bodies = Bodies(parameter_array([person]))
    found = bodies.advance(8, DosePlan(amount, np.zeros((1, 1), dtype=np.int64), ("D",)))
    assert not bodies.failed.any()
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (bodies.state >= 0).all()


def test_what_is_recorded_has_names() -> None:
    assert RECORDS[0] == "anc_1e9_per_l"
