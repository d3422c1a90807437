"""What the page remembers of one visitor: the setting, and the game in progress. Nothing is shared, nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from titranc.models import catalogue
from titranc.sim.debrief import Debrief, debrief
from titranc.sim.scenario import Scenario
from titranc.sim.session import Opinion, Session
from titranc.sim.web.cards import admitted, cards
from titranc.sim.web.settings import Setting, from_query

CONGENITAL = "congenital"
SETTING, GAME, PROBLEMS = "setting", "game", "problems"


@dataclass
class Game:
    """A patient in a visitor's hands; `told` is what the page says about the last order."""

    setting: Setting
    session: Session
    title: str
    letter: str = ""
    told: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    answered: Opinion | None = None
    came_to: Debrief | None = None
    learner: str = ""

    @property
    def is_secret(self) -> bool:
        """Whether the diagnosis is hidden, and with it the rules and reasons that would name it."""
        return self.setting.hidden and self.came_to is None

    @property
    def has_risk_lines(self) -> bool:
        """Whether doses are read against the lines of the risk of MDS; their absence would name what is hidden."""
        return self.is_secret or catalogue.disease(self.session.scenario.cohort.disease).cause == CONGENITAL

    @property
    def chart(self) -> pd.DataFrame:
        """The visits so far as this visitor may see them."""
        visits = self.session.visits()
        return visits.drop(columns=["rule_ids", "reason"]) if self.is_secret else visits

    @property
    def name_of_disease(self) -> str:
        """The diagnosis, unless it is hidden until the debrief."""
        return "not told yet" if self.is_secret else catalogue.disease(self.session.scenario.cohort.disease).title

    def finish(self) -> None:
        """Look back: from here on nothing is hidden."""
        self.came_to = debrief(self.session)


def setting() -> Setting:
    """Return the visitor's setting; the first time, the one that the link asks for."""
    if SETTING not in st.session_state:
        st.session_state[SETTING], st.session_state[PROBLEMS] = from_query(st.query_params)
    found: Setting = st.session_state[SETTING]
    return found


def in_hands() -> bool:
    """Whether a patient is being played whose truth is not to be told yet."""
    found = game()
    return found is not None and found.came_to is None


def change(new: Setting) -> None:
    """Keep another setting."""
    st.session_state[SETTING] = new


def problems() -> list[str]:
    """Return what of the link could not be had."""
    found: list[str] = st.session_state.get(PROBLEMS, [])
    return found


def game() -> Game | None:
    """Return the game in progress."""
    return st.session_state.get(GAME)


def play(new: Game) -> None:
    """Begin, or go on with another game; the one before is gone."""
    st.session_state[GAME] = new


def leave() -> None:
    """Put the patient aside."""
    st.session_state.pop(GAME, None)


def begin(chosen: Setting) -> None:
    """Admit the patient of a setting."""
    card = cards()[chosen.card]
    scenario, patient = scenario_of(chosen)
    hidden = chosen.hidden
    play(
        Game(
            chosen,
            Session(scenario, patient),
            "A patient with neutropenia" if hidden else card.title,
            "" if hidden else card.letter,
        )
    )


def scenario_of(chosen: Setting) -> tuple[Scenario, int]:
    """Return the scenario of a setting and the number of its patient."""
    return admitted(chosen.card, chosen.difficulty, chosen.luck, chosen.horizon_years, lives=chosen.lives)
