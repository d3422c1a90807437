"""An agent that sets the dose is held as any policy is, sees what a clinic sees, and meets the patients of a run."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402

from titranc.models.assay import Assay  # noqa: E402
from titranc.models.clinic_view import Count, CountStatus, Decision, Observation  # noqa: E402
from titranc.models.dosing import DoseRefused, Regimen  # noqa: E402
from titranc.sim import benchmark, environment  # noqa: E402
from titranc.sim.block_simulation import simulate_block  # noqa: E402
from titranc.sim.environment_spaces import COLUMN, FIELD_NAMES, LONGEST_DAYS  # noqa: E402
from titranc.sim.scenario import load_scenario  # noqa: E402

SCN = "titranc/SCN-v0"


def follow(env: Any, seed: int, doses: Sequence[float]) -> list[tuple[Any, ...]]:
    rows = [env.reset(seed=seed)]
    for dose in doses:
        rows.append(env.step(np.array([dose], np.float32)))
        if rows[-1][2] or rows[-1][3]:
            break
    return rows


@pytest.fixture(scope="module")
def responder() -> int:
    """Return the number of a patient whom 6 ug/kg/day brings into the target."""
    env = gymnasium.make(SCN, horizon_years=0.5)
    return next(seed for seed in range(50) if sum(row[1] for row in follow(env, seed, [6.0] * 13)[1:]) > 6)


@pytest.mark.parametrize("name", environment.IDS)
@pytest.mark.parametrize("asked", [{}, {"discrete": True}, {"lives": True}], ids=str)
def test_gymnasium_finds_nothing_wrong(name: str, asked: dict[str, Any]) -> None:
    env = gymnasium.make(name, horizon_years=0.5, **asked).unwrapped
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The dose stays in ug/kg/day; whoever wants 0 to 1 wraps it in RescaleAction.
        warnings.filterwarnings("ignore", message=".*symmetric and normalized space")
        check_env(env)


def test_the_same_seed_is_the_same_patient_with_the_same_luck_and_another_is_not() -> None:
    env = gymnasium.make(SCN, horizon_years=0.5)
    first, again, other = (follow(env, seed, [6.0] * 13) for seed in (5, 5, 6))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert [row[1] for row in first[1:]] == [row[1] for row in again[1:]]
    assert not np.array_equal(first[-1][0], other[-1][0])


def test_a_reset_without_a_seed_admits_the_next_of_a_sequence_that_a_seed_began() -> None:
    env = gymnasium.make(SCN, horizon_years=0.1)
    numbers = []
    for _ in range(2):
        env.reset(seed=3)
        numbers.append([env.reset()[1]["patient_id"] for _ in range(3)])
    assert numbers[0] == numbers[1]
    assert len(set(numbers[0])) == 3


class EveryFortnight:
    """Three micrograms twice daily; the visits keep to their days whatever befalls the patient between them."""

    def decide(self, seen: Observation) -> Decision:
        return Decision(Regimen.parse("3 ug/kg twice daily"), 14 - seen.day % 14, "keep", ("test",), "As always.")


@pytest.mark.parametrize("lives", [False, True])
def test_a_patient_is_that_patient_of_a_run(lives: bool) -> None:
    years, patient = 52 * 14 / 365.25, 8
    changes = [f"horizon_years={years}", "output.level=trajectory", *(["outcomes={}"] if lives else [])]
    scenario = load_scenario("scn_child", changes)
    block = range(patient, patient + 1)
    tables = simulate_block(scenario, "x", block, lambda _: None, {"base": EveryFortnight()}).tables
    visits = tables["visits"]
    planned = visits[visits["day"] % 14 == 0]
    assert lives == (len(visits) > len(planned)), "this patient falls ill between visits, where there is illness"
    env = gymnasium.make(SCN, horizon_years=years, lives=lives)
    rows = follow(env, patient, [6.0] * 52)
    cohort = env.unwrapped.episode.cohort
    true_anc = [cohort.ward.mornings[0, day, 0] for day in planned["day"]]
    np.testing.assert_array_equal(true_anc, planned["anc_true_1e9_per_l"])
    seen = np.array([row[0][0] for row in rows[:-1]])
    np.testing.assert_array_equal(
        seen, np.log10(planned["anc_reported_1e9_per_l"].clip(lower=0.01)).to_numpy(np.float32)
    )
    assert len(rows) == 53


def test_all_at_once_is_each_alone() -> None:
    doses = np.random.default_rng(1).uniform(0, 20, (20, 5, 1)).astype(np.float32)
    for asked in ({}, {"lives": True, "horizon_years": 1.0}):
        together = gymnasium.make_vec(SCN, num_envs=5, **asked)
        seen = [together.reset(seed=30)] + [together.step(dose) for dose in doses]
        for index in range(5):
            alone = gymnasium.make(SCN, **asked)
            rows = [alone.reset(seed=30 + index)]
            for dose in doses:
                rows.append(alone.step(dose[index]))
                if rows[-1][2]:
                    break
            for one, many in zip(rows, seen, strict=False):
                np.testing.assert_array_equal(one[0], many[0][index])
                assert one[-1]["refusals"] == many[-1]["refusals"][index]
                assert one[-1]["guideline_dose_ug_per_kg_day"] == pytest.approx(
                    many[-1]["guideline_dose_ug_per_kg_day"][index], abs=0, nan_ok=True
                )
            for one, many in zip(rows[1:], seen[1:], strict=False):
                assert one[1:4] == (many[1][index], many[2][index], many[3][index])


def test_nothing_of_the_observation_comes_from_the_body(monkeypatch: pytest.MonkeyPatch, responder: int) -> None:
    monkeypatch.setattr(Assay, "report", lambda self, true_anc, day, noise: Count(day, 2.0, CountStatus.VALID))
    weak, strong = (
        follow(gymnasium.make(SCN, changes=[f"cohort.parameters.gcsf_insensitivity={value}"]), responder, [6.0] * 20)
        for value in (2, 60)
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(weak, strong, strict=True))
    assert [row[1] for row in weak[1:]] != [row[1] for row in strong[1:]]


def test_a_sample_that_gave_no_count_moves_no_other() -> None:
    rows = follow(gymnasium.make(SCN, changes=["assay.lost_share=0.5"]), 5, [6.0] * 40)
    seen = np.array([row[0] for row in rows])
    usable = seen[:, COLUMN["last_usable"]]
    assert 5 < usable.sum() < 35
    last, second, age = (seen[:, COLUMN[name]] for name in (*FIELD_NAMES[:2], "last_count_age_days"))
    lost, given = np.flatnonzero(usable[1:] == 0) + 1, np.flatnonzero(usable[1:] == 1) + 1
    np.testing.assert_array_equal(last[lost], last[lost - 1])
    np.testing.assert_array_equal(second[given], last[given - 1])
    assert (age[given] == 0).all()
    assert (age[lost] > 0).all()


def test_the_observation_says_what_the_chart_says() -> None:
    row = follow(gymnasium.make(SCN, horizon_years=0.5), 5, [6.0, 6.0, 2.0])[-1]
    seen = dict(zip(FIELD_NAMES, row[0].tolist(), strict=True))
    assert seen["dose_ug_per_kg_day"] == 2
    assert seen["mean_dose_ug_per_kg_day"] == pytest.approx(14 / 3)
    assert seen["days_at_dose"] == 14
    assert [seen[f"{which}_count_age_days"] for which in ("last", "second", "third")] == [0, 14, 28]
    assert seen["months_on_treatment"] == pytest.approx(42 / (365.25 / 12))
    assert seen["age_years"] == pytest.approx(2 + 42 / 365.25)
    assert seen["days_since_severe_infection"] == LONGEST_DAYS


def test_the_gate_holds_an_agent(responder: int) -> None:
    env = gymnasium.make(SCN, horizon_years=1.0)
    start = follow(env, responder, [26.0])[-1][-1]
    assert start["dose_ug_per_kg_day"] == 15
    assert "above the ceiling of 15" in start["refusals"][0]
    rows = follow(env, responder, [12.0] * 25)
    high = next(number for number, row in enumerate(rows) if number and row[0][0] > 0)
    risen = follow(env, responder, [12.0] * high + [14.0])[-1][-1]
    assert risen["dose_ug_per_kg_day"] == 12
    assert "no rise at a count of" in risen["refusals"][0]


def test_above_the_line_of_exceptions_only_with_the_guideline() -> None:
    stubborn = load_scenario("scn_poor_responder")
    env = gymnasium.make(SCN, scenario=stubborn, horizon_years=1.0)
    _, info = env.reset(seed=0)
    followed = []
    for _ in range(26):
        info = env.step(np.array([info["guideline_dose_ug_per_kg_day"]], np.float32))[-1]
        followed.append((info["dose_ug_per_kg_day"], info["refusals"]))
    assert max(dose for dose, _ in followed) > 15
    assert not any(refusals for _, refusals in followed)
    rash = follow(env, 0, [12.0, *[30.0] * 25])
    assert max(row[-1]["dose_ug_per_kg_day"] for row in rash[1:]) <= 15


def test_the_guideline_is_told_as_the_clinic_would_decide() -> None:
    env = gymnasium.make(SCN, horizon_years=0.5)
    _, info = env.reset(seed=5)
    assert info["guideline_dose_ug_per_kg_day"] == 12
    assert "guideline_dose_ug_per_kg_day" not in gymnasium.make(SCN, tell_guideline=False).reset(seed=5)[1]


def test_the_reward_is_the_share_of_days_in_the_target_less_the_price(responder: int) -> None:
    free, dear = (
        follow(gymnasium.make(SCN, horizon_years=0.5, price_per_ug_per_kg_day=price), responder, [6.0] * 13)
        for price in (0.0, 0.05)
    )
    env = gymnasium.make(SCN, horizon_years=0.5)
    follow(env, responder, [6.0] * 13)
    anc = env.unwrapped.episode.cohort.ward.mornings[0, :, 0]
    for step in range(13):
        days = anc[14 * step + 1 : 14 * step + 15]
        assert free[step + 1][1] == pytest.approx(((days >= 1) & (days <= 5)).mean())
        assert dear[step + 1][1] == pytest.approx(free[step + 1][1] - 0.05 * 6)


def test_five_steps_lead_up_and_down() -> None:
    env = gymnasium.make(SCN, horizon_years=1.0, discrete=True)
    env.reset(seed=5)
    asked = [env.step(action)[-1] for action in (4, 2, 1, 0)]
    assert [info["dose_ug_per_kg_day"] for info in asked] == [5, 5, 2.5, 0]


def test_follow_up_is_cut_off_at_the_horizon_and_goes_no_further() -> None:
    env = gymnasium.make(SCN, horizon_years=0.5, interval_days=7)
    rows = follow(env, 5, [6.0] * 100)
    assert len(rows) - 1 == int(0.5 * 365.25 / 7)
    assert rows[-1][2:4] == (False, True)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.array([6.0], np.float32))


@pytest.fixture(scope="module")
def untreated() -> tuple[Any, list[tuple[Any, ...]], Any]:
    env = gymnasium.make_vec(SCN, num_envs=60, lives=True, horizon_years=6.0, price_per_ug_per_kg_day=0.0)
    first = env.reset(seed=0)
    rows = [env.step(np.zeros((60, 1), np.float32)) for _ in range(env.unwrapped.question.visits)]
    return first, rows, env.unwrapped.episodes.cohort


def test_who_dies_or_is_transplanted_has_come_to_an_end_once(untreated: tuple[Any, Any, Any]) -> None:
    _, rows, cohort = untreated
    terminated = np.array([row[2] for row in rows])
    dead = [person.body for person in cohort.people if person.fate.is_over]
    gone = [person.body for person in cohort.people if person.fate.is_over or person.fate.is_transplanted]
    assert dead, "untreated children die in six years"
    assert np.flatnonzero(terminated.any(axis=0)).tolist() == gone
    assert terminated.sum(axis=0).max() == 1
    truncated = np.array([row[3] for row in rows])
    assert not truncated[:-1].any()
    assert np.array_equal(truncated[-1], ~terminated.any(axis=0))
    for body in gone:
        end = int(np.flatnonzero(terminated[:, body])[0])
        assert all(row[1][body] == 0 for row in rows[end + 1 :])
        assert 14 * end < cohort.ended_day[body] <= 14 * (end + 1)


def test_a_transplant_ends_the_follow_up_on_its_day() -> None:
    env = gymnasium.make("titranc/SCN-v0", scenario="scn_poor_responder", lives=True, horizon_years=2.0)
    _, info = env.reset(seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        asked = np.array([info["guideline_dose_ug_per_kg_day"]], np.float32)
        _, reward, terminated, truncated, info = env.step(asked)
    cohort = env.unwrapped.episode.cohort
    (day,) = cohort.people[0].fate.transplant_days
    assert terminated
    assert cohort.ended_day[0] == day
    assert info["day"] - 14 < day <= info["day"]
    assert np.isnan(info["guideline_dose_ug_per_kg_day"])
    since = cohort.ward.mornings[0, info["day"] - 13 : day + 1, 0]
    worth = ((since >= 1) & (since <= 5)).sum() / 14
    assert reward == pytest.approx(worth - 0.01 * info["dose_ug_per_kg_day"])


def test_infections_and_death_cost_what_was_asked(untreated: tuple[Any, Any, Any]) -> None:
    _, rows, cohort = untreated
    rewards = np.array([row[1] for row in rows])
    died = cohort.died()
    lived = np.array([(cohort.ward.mornings[body, 1:, 0] >= 1).sum() / 14 for body in range(60)])
    severe = np.array([person.fate.severe_infections for person in cohort.people])
    whole = np.array([not person.fate.is_transplanted for person in cohort.people])
    expected = lived - 2 * severe - 26 * died
    np.testing.assert_allclose(rewards.sum(axis=0)[whole], expected[whole], atol=1e-9)


def test_the_clinic_remembers_severe_infections(untreated: tuple[Any, Any, Any]) -> None:
    _, rows, cohort = untreated
    since = np.array([row[0][:, COLUMN["days_since_severe_infection"]] for row in rows])
    had = np.array([person.fate.severe_infections > 0 for person in cohort.people])
    assert (since.min(axis=0)[~had] == LONGEST_DAYS).all()
    survived = had & ~cohort.ended
    assert survived.any()
    assert (since[-1][survived] < LONGEST_DAYS).all()


def test_without_lives_all_end_together_and_the_next_step_admits_others() -> None:
    env = gymnasium.make_vec(SCN, num_envs=3, horizon_years=0.1)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    first, _ = env.reset(seed=9)
    actions = np.full((3, 1), 6, np.float32)
    env.step(actions)
    last = env.step(actions)
    assert last[3].all()
    observations, rewards, terminated, truncated, info = env.step(actions)
    assert not rewards.any()
    assert not (terminated | truncated).any()
    assert (info["day"] == 0).all()
    assert not np.array_equal(observations, first)


def test_with_lives_a_ward_is_filled_as_a_whole() -> None:
    env = gymnasium.make_vec(SCN, num_envs=2, lives=True, horizon_years=0.1)
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    env.reset(seed=9)
    with pytest.raises(ValueError, match="reset all or none"):
        env.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize("dose", [-1.0, np.nan])
def test_a_dose_that_is_none_is_refused(dose: float) -> None:
    env = gymnasium.make(SCN, horizon_years=0.1, disable_env_checker=True)
    env.reset(seed=1)
    with pytest.raises(DoseRefused):
        env.step(np.array([dose], np.float32))


@pytest.mark.parametrize(
    ("scenario", "changes", "words"),
    [
        ("chemotherapy_cycles", [], "is not titrated"),
        ("scn_child", ["laboratory.turnaround_hours=24"], "turnaround_hours"),
        ("scn_child", ["switch={from_day: 30, policy: {kind: fixed, dose_ug_per_kg_day: 5}}"], "switch"),
        ("scn_child", ["course.infections=[{day: 3, days: 5, temperature_c: 39}]"], "course.infections"),
    ],
)
def test_what_an_environment_cannot_do_it_says(scenario: str, changes: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        environment.TitrationEnv(scenario, changes=changes)


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_a_keyword_that_is_none_is_answered_with_those_there_are(make: Any) -> None:
    with pytest.raises(ValueError, match="nonsense: not a keyword of this environment; allowed: scenario, ") as refused:
        make("titranc/SCN-v0", nonsense=3)
    for name in ("interval_days", "horizon_years", "lives", "price_per_ug_per_kg_day", "death_penalty"):
        assert f"{name}" in str(refused.value)
    with pytest.raises(ValueError, match="did you mean `interval_days`"):
        make("titranc/SCN-v0", intervall_days=3)


def test_the_benchmark_holds_one_against_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "ENVIRONMENT_YEARS", 0.1)
    found = benchmark.environment_speed(3)
    assert found["ratio"] == found["vector_patient_steps_per_second"] / found["single_steps_per_second"]
    assert min(found.values()) > 0


def test_without_gymnasium_the_benchmark_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "titranc.sim.environment")
    monkeypatch.delattr("titranc.sim.environment")
    with pytest.raises(SystemExit) as ended:
        benchmark.show_environment(as_json=False)
    assert ended.value.code == 2
    assert "pip install 'titranc[rl]'" in capsys.readouterr().err
