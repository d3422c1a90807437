"""Preset patients: a bundled scenario behind each card, and how hard the patient is to treat."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from titranc.models.documents import check, read_document
from titranc.models.dosing import Regimen
from titranc.models.policies.fixed import Fixed
from titranc.sim.block_simulation import simulate_block
from titranc.sim.course_sections import Outcomes
from titranc.sim.scenario import Scenario, load_scenario, read_scenario
from titranc.sim.section import Section
from titranc.sim.session import playable

DIFFICULTIES = {
    "typical": "a typical patient",
    "easy": "an easy responder",
    "poor": "a poor responder",
    "surprise": "a surprise: anybody, with infections and worse",
}
# Among so many patients of the disease the easy and the poor responder are looked for.
CANDIDATES = 40
PLACES = {"easy": 0.08, "typical": 0.5, "poor": 0.95}
# They are told apart by their mean count on this dose over these days.
TRIED_UG_PER_KG_DAY, TRIED_YEARS = 5.0, 0.25


class Card(Section):
    """A patient as the page offers it."""

    title: str
    letter: str
    scenario: str
    years: Annotated[float, Field(gt=0, le=30)]
    most_years: Annotated[float, Field(gt=0, le=30)]


class _Cards(RootModel[dict[str, Card]]):
    pass


@cache
def cards() -> dict[str, Card]:
    """Return the cards by name."""
    return check(_Cards, read_document(Path(__file__).with_name("cards.yaml"))).root


def admitted(card: str, difficulty: str, luck: int, years: float, *, lives: bool) -> tuple[Scenario, int]:
    """Return the scenario of a card and which of its patients comes: the same words, the same patient."""
    asked = cards()[card]
    base = playable(load_scenario(asked.scenario))
    with_lives = lives or difficulty == "surprise"
    scenario = base.model_copy(
        update={
            "title": asked.title,
            "question": "",
            "seed": (base.seed + luck) % 2**64,
            "horizon_years": min(years, asked.most_years),
            "outcomes": (base.outcomes or Outcomes()) if with_lives else None,
        }
    )
    return scenario, _patient(scenario, difficulty)


def _patient(scenario: Scenario, difficulty: str) -> int:
    if difficulty == "surprise":
        return scenario.seed % CANDIDATES
    ordered = _from_easy_to_poor(scenario.to_yaml())
    return ordered[round(PLACES[difficulty] * (CANDIDATES - 1))]


@lru_cache(maxsize=256)
def _from_easy_to_poor(text: str) -> list[int]:
    """Return the candidates of a scenario, by falling count on the same dose."""
    scenario = read_scenario(text, "card")
    tried = scenario.model_copy(
        update={"horizon_years": min(TRIED_YEARS, scenario.horizon_years), "outcomes": None, "switch": None}
    )
    arm = tried.arms[0].name
    dose = Fixed(Regimen.daily(TRIED_UG_PER_KG_DAY, 1, product=tried.drug.product), 28)
    outcomes = simulate_block(tried, "card", range(CANDIDATES), lambda share: None, {arm: dose}).tables["outcomes"]
    return [
        int(one) for one in outcomes.sort_values("mean_anc_1e9_per_l", ascending=False, kind="stable")["patient_id"]
    ]
