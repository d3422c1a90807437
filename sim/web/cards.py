"""Preset patients: a bundled scenario behind each card, and how hard the patient is to treat."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from titranc.models.documents import check, read_document
from titranc.models.patient import Patient
from titranc.sim.cohort import draw_patients
from titranc.sim.course_sections import Outcomes
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.section import Section
from titranc.sim.session import playable
from titranc.sim.streams import Streams

DIFFICULTIES = {
    "typical": "a typical patient",
    "easy": "an easy responder",
    "poor": "a poor responder",
    "surprise": "a surprise: anybody, with infections and worse",
}
# Among so many patients of the disease the easy and the poor responder are looked for.
CANDIDATES = 60
PLACES = {"easy": 0.08, "typical": 0.5, "poor": 0.95}
# What makes a patient hard to treat, the first that differs between patients: more of it, or less of it.
HARDNESS = (
    ("gcsf_insensitivity", 1),
    ("chemotherapy_exposure", 1),
    ("production_inhibition", 1),
    ("graft_progenitors", -1),
    ("anc_baseline_1e9_per_l", -1),
)


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
    people = draw_patients(scenario, Streams(scenario.seed), range(CANDIDATES))
    name, sign = next(((name, sign) for name, sign in HARDNESS if len({_number(one, name) for one in people}) > 1))
    ordered = sorted(people, key=lambda one: sign * _number(one, name))
    return ordered[round(PLACES[difficulty] * (CANDIDATES - 1))].patient_id


def _number(patient: Patient, name: str) -> float:
    return float(patient.parameters.get(name, patient.traits.get(name, 0.0)))
