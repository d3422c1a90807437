"""Titration as a Gymnasium environment: an agent sets the dose, visit by visit, and the gate holds it as it holds anybody.

    import gymnasium
    import titranc.sim.environment

    env = gymnasium.make("titranc/SCN-v0")
    charts = gymnasium.make_vec("titranc/SCN-v0", num_envs=1024)

Needs the extra `titranc[rl]`. For teaching and research only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import gymnasium
except ImportError as missing:
    raise ImportError("gymnasium is not installed: pip install 'titranc[rl]'") from missing

from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from titranc.models.documents import nearest_name
from titranc.sim.course_sections import Outcomes
from titranc.sim.environment_cohort import TITRATED, AgentCohort, Flags, ceiling_of, limits_of
from titranc.sim.environment_spaces import STEPS, Floats, Vectors, action_space, observation_space
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.ward import DAYS_PER_YEAR

LARGEST_PATIENT_ID = 2**31 - 1
INTERVAL_DAYS, HORIZON_YEARS, STEP_UG_PER_KG_DAY = 14, 3.0, 2.5
TARGET_LOW_1E9_PER_L, TARGET_HIGH_1E9_PER_L = 1.0, 5.0
IDS = {
    "titranc/SCN-v0": "scn_child",
    "titranc/Cyclic-v0": "cyclic_child",
    "titranc/Idiopathic-v0": "idiopathic_adult",
    "titranc/Autoimmune-v0": "autoimmune_infant",
}


@dataclass(frozen=True)
class Reward:
    """What an interval is worth: the share of its days with a true ANC of 1 to 5 x 10^9/L, less what it cost.

    The price is per ug/kg/day in force. With lives each severe infection and a death cost as much as so many whole
    intervals in the target are worth.
    """

    price_per_ug_per_kg_day: float = 0.01
    severe_infection_penalty: float = 2.0
    death_penalty: float = 26.0


@dataclass(frozen=True)
class Question:
    """What an environment asks: the scenario, the visits, the actions and the reward."""

    scenario: Scenario
    outcomes: Outcomes | None
    interval_days: int
    visits: int
    discrete: bool
    step_ug_per_kg_day: float
    tell_guideline: bool
    reward: Reward

    @classmethod
    def of(
        cls,
        scenario: str | Scenario = "scn_child",
        changes: Sequence[str] = (),
        *,
        interval_days: int = INTERVAL_DAYS,
        horizon_years: float = HORIZON_YEARS,
        lives: bool = False,
        discrete: bool = False,
        step_ug_per_kg_day: float = STEP_UG_PER_KG_DAY,
        tell_guideline: bool = True,
        **reward: float,
    ) -> Question:
        """Return the question; raises InputRefused for a scenario that is none, ValueError for one that cannot be asked."""
        _check_names(reward)
        asked = load_scenario(scenario, changes) if isinstance(scenario, str) else scenario
        visits = int(horizon_years * DAYS_PER_YEAR / interval_days) if interval_days >= 1 else 0
        if visits < 1:
            raise ValueError(f"horizon_years: {horizon_years!r} is shorter than one interval of {interval_days!r} days")
        followed = asked.model_copy(update={"horizon_years": interval_days * visits / DAYS_PER_YEAR})
        _check(followed)
        outcomes = (asked.outcomes or Outcomes()) if lives else None
        worth = Reward(**reward)
        return cls(followed, outcomes, interval_days, visits, discrete, step_ug_per_kg_day, tell_guideline, worth)

    @property
    def ceiling_ug_per_kg_day(self) -> float:
        """The most that can be given."""
        return ceiling_of(limits_of(self.scenario), self.scenario.guideline())

    def doses_ug_per_kg_day(self, actions: NDArray[Any], dose_now: Floats) -> Floats:
        """Return the doses that actions ask for, [n]."""
        if not self.discrete:
            return np.asarray(actions, np.float64).reshape(len(dose_now))
        steps = np.array(STEPS)[np.asarray(actions, np.int64).reshape(len(dose_now))]
        return np.clip(dose_now + self.step_ug_per_kg_day * steps, 0.0, self.ceiling_ug_per_kg_day)


def _check_names(reward: Iterable[str]) -> None:
    """Refuse a keyword that neither the question nor the reward has."""
    of_reward = [field.name for field in fields(Reward)]
    of_question = [one.name for one in signature(Question.of).parameters.values() if one.kind is not one.VAR_KEYWORD]
    for name in reward:
        if name not in of_reward:
            allowed = [*of_question, *of_reward]
            near = nearest_name(name, allowed)
            hint = f"; did you mean `{near}`?" if near else ""
            raise ValueError(f"{name}: not a keyword of this environment; allowed: {', '.join(allowed)}{hint}")


def _check(scenario: Scenario) -> None:
    """Refuse what an environment cannot do: it has planned visits and results at once, and nothing scripted."""
    course = scenario.course
    scripted = [
        name
        for name in ("chemotherapy", "infections", "chest_radiotherapy", "culprit_drug", "transplant")
        if getattr(course, name)
    ]
    if scenario.cohort.disease not in TITRATED:
        raise ValueError(f"cohort.disease: {scenario.cohort.disease!r} is not titrated; one of {', '.join(TITRATED)}")
    if scripted:
        raise ValueError(f"course.{scripted[0]}: an environment has no scripted course; leave it out")
    if scenario.switch is not None:
        raise ValueError("switch: an environment has one drug and the agent as its policy; leave it out")
    if scenario.laboratory.turnaround_hours:
        raise ValueError("laboratory.turnaround_hours: results are there at once in an environment; leave it out")


@dataclass(frozen=True)
class Step:
    """What an interval came to: rewards and ends [n], and of each patient what `info` tells."""

    rewards: Floats
    terminated: Flags
    truncated: Flags


class Episodes:
    """The patients of an environment from admission to the end of follow-up."""

    def __init__(self, question: Question, patient_ids: Sequence[int]) -> None:
        self.question, self.patient_ids = question, list(patient_ids)
        self.cohort = AgentCohort(
            question.scenario, question.outcomes, patient_ids, question.interval_days, question.visits
        )
        self.rewarded = np.zeros(len(patient_ids))

    def go_on(self, actions: NDArray[Any]) -> Step:
        """Order what the actions ask for, and return what the interval came to."""
        cohort, reward = self.cohort, self.question.reward
        going_on, infections, died = ~cohort.ended, cohort.severe_infections(), cohort.died()
        cohort.order(self.question.doses_ug_per_kg_day(actions, cohort.reader.dose))
        value = cohort.share_in_target(TARGET_LOW_1E9_PER_L, TARGET_HIGH_1E9_PER_L)
        value -= reward.price_per_ug_per_kg_day * cohort.reader.dose
        value -= reward.severe_infection_penalty * (cohort.severe_infections() - infections)
        value -= reward.death_penalty * (cohort.died() & ~died)
        over = np.full(len(value), cohort.day >= cohort.last_day)
        return Step(np.where(going_on, value, 0.0), cohort.ended & going_on, over & ~cohort.ended)

    def observations(self) -> Vectors:
        """Return the observations, [n, fields]."""
        return self.cohort.reader.vectors()

    def told(self) -> dict[str, NDArray[Any]]:
        """Return what `info` tells of each patient, by name, [n]."""
        cohort = self.cohort
        refusals = np.empty(len(self.patient_ids), object)
        refusals[:] = [order.refusals if cohort.day else () for order in cohort.log.ordered]
        told: dict[str, NDArray[Any]] = {
            "patient_id": np.array(self.patient_ids),
            "day": np.full(len(self.patient_ids), cohort.day),
            "refusals": refusals,
            "dose_ug_per_kg_day": cohort.reader.dose.copy(),
            "severe_infections": cohort.severe_infections(),
        }
        if self.question.tell_guideline:
            told["guideline_dose_ug_per_kg_day"] = cohort.guideline_dose_ug_per_kg_day()
        return told


class TitrationEnv(gymnasium.Env[Vectors, Any]):
    """One patient; a step is one interval between planned visits, an episode the follow-up.

    `reset(seed=k)` admits patient k of the scenario: the same k, the same body and the same luck; without a seed the number
    is drawn. The action is the dose in ug/kg/day, `Box(0, ceiling, (1,))`; with `discrete` it is one of five steps from the
    dose in force: down two, down one, keep, up one, up two, of `step_ug_per_kg_day` each. The observation is described
    in `environment_spaces.fields`. Every dose passes the gate with the limits of the guideline: it crosses the line that
    needs an exception only where the guideline itself would give as much, and rises only on a low count.

    `info`: `refusals` (what the gate changed at the visit just made, in words), `dose_ug_per_kg_day` (what is given),
    `guideline_dose_ug_per_kg_day` (what the guideline would do now; left out without `tell_guideline`, not a number once
    follow-up has ended), `severe_infections` so far, `patient_id` and `day`. With `lives` infections, clones, transplants and adverse events
    befall the patient as in a scenario with outcomes, the guideline's standing care comes with the agent's dose, and
    death or a transplant terminates; at the horizon the episode is truncated. Keywords: `scenario` (name, file or Scenario), `changes` to
    it, `interval_days`, `horizon_years`, and those of `Reward`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, scenario: str | Scenario = "scn_child", render_mode: None = None, **asked: Any) -> None:
        self.question, self.render_mode = Question.of(scenario, **asked), render_mode
        ceiling = self.question.ceiling_ug_per_kg_day
        self.observation_space = observation_space(ceiling)
        self.action_space = action_space(ceiling, discrete=self.question.discrete)
        self.episode: Episodes | None = None

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Vectors, dict[str, Any]]:
        """Admit a patient; return the observation of the first visit, [fields], and what is told."""
        super().reset(seed=seed)
        self.close()
        number = int(self.np_random.integers(LARGEST_PATIENT_ID)) if seed is None else seed
        self.episode = Episodes(self.question, [number])
        return self.episode.observations()[0], self._info(self.episode)

    def step(self, action: NDArray[np.float32] | np.int64) -> tuple[Vectors, float, bool, bool, dict[str, Any]]:
        """Order a dose and go on to the next planned visit.

        Raises DoseRefused for a dose that is negative or no number.
        """
        episode = self.episode
        if episode is None or episode.cohort.ended[0] or episode.cohort.day >= episode.cohort.last_day:
            raise gymnasium.error.ResetNeeded("nobody is in care: call reset() first")
        step = episode.go_on(np.asarray(action)[None])
        reward, terminated, truncated = float(step.rewards[0]), bool(step.terminated[0]), bool(step.truncated[0])
        return episode.observations()[0], reward, terminated, truncated, self._info(episode)

    def close(self) -> None:
        """Discharge the patient."""
        if self.episode is not None:
            self.episode.cohort.close()
        self.episode = None

    def _info(self, episode: Episodes) -> dict[str, Any]:
        return {
            name: values[0] if values.dtype == object else values[0].item() for name, values in episode.told().items()
        }


class TitrationVectorEnv(VectorEnv[Vectors, NDArray[Any], NDArray[Any]]):
    """n patients in one ward: what TitrationEnv does, for all at once, with the same numbers.

    `reset(seed=k)` admits patients k to k + n - 1, a sequence of n seeds just those. Without lives all episodes end
    together and the next step admits n others (next-step autoreset). With lives those who died or were transplanted stay in
    the batch with a reward of 0 until the next `reset` (no autoreset); `info["in_care"]` tells who is followed.
    """

    def __init__(self, num_envs: int = 1, scenario: str | Scenario = "scn_child", **asked: Any) -> None:
        self.question, self.num_envs = Question.of(scenario, **asked), num_envs
        lives = self.question.outcomes is not None
        self.metadata = {
            "render_modes": [],
            "autoreset_mode": AutoresetMode.DISABLED if lives else AutoresetMode.NEXT_STEP,
        }
        ceiling = self.question.ceiling_ug_per_kg_day
        self.single_observation_space = observation_space(ceiling)
        self.single_action_space = action_space(ceiling, discrete=self.question.discrete)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.episodes: Episodes | None = None

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Vectors, dict[str, Any]]:
        """Admit n patients; return their observations, [n, fields], and what is told of each.

        Raises ValueError for a `reset_mask` among the options that leaves anybody out: a ward is filled as a whole.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        if not np.all((options or {}).get("reset_mask", True)):
            raise ValueError("options['reset_mask']: a ward is filled as a whole; reset all or none")
        self.close_extras()
        self.episodes = Episodes(self.question, self._numbers(seed))
        return self.episodes.observations(), self._info(self.episodes)

    def _numbers(self, seed: int | Sequence[int] | None) -> list[int]:
        if seed is None:
            return [int(number) for number in self.np_random.integers(LARGEST_PATIENT_ID, size=self.num_envs)]
        numbers = [seed + index for index in range(self.num_envs)] if isinstance(seed, int) else list(seed)
        if len(numbers) != self.num_envs:
            raise ValueError(f"seed: {len(numbers)} seeds for {self.num_envs} patients")
        return numbers

    def step(self, actions: NDArray[Any]) -> tuple[Vectors, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Order n doses and go on to the next planned visit; rewards and ends are [n].

        Raises DoseRefused for a dose that is negative or no number.
        """
        if self.episodes is None:
            raise gymnasium.error.ResetNeeded("nobody is in care: call reset() first")
        cohort = self.episodes.cohort
        if cohort.day >= cohort.last_day:
            if self.metadata["autoreset_mode"] is AutoresetMode.DISABLED:
                raise gymnasium.error.ResetNeeded("follow-up is over for all: call reset() first")
            observations, info = self.reset()
            nobody = np.zeros(self.num_envs, np.bool_)
            return observations, np.zeros(self.num_envs), nobody, nobody.copy(), info
        step = self.episodes.go_on(actions)
        return self.episodes.observations(), step.rewards, step.terminated, step.truncated, self._info(self.episodes)

    def close_extras(self, **_: Any) -> None:
        """Discharge all patients."""
        if self.episodes is not None:
            self.episodes.cohort.close()
        self.episodes = None

    def _info(self, episodes: Episodes) -> dict[str, Any]:
        told = episodes.told() | {"in_care": ~episodes.cohort.ended}
        return told | {f"_{name}": np.ones(self.num_envs, np.bool_) for name in told}


def register() -> None:
    """Register the environments with Gymnasium, once."""
    for name, scenario in IDS.items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point=TitrationEnv,
                vector_entry_point=TitrationVectorEnv,
                kwargs={"scenario": scenario},
            )


register()
