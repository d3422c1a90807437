"""Who comes to the clinic: a card, a patient that a link hides, a saved session, a scenario of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from titranc.models.input_problems import InputRefused
from titranc.sim import session_files
from titranc.sim.report.words import number, plain
from titranc.sim.scenario import read_scenario
from titranc.sim.session import Session
from titranc.sim.web import state
from titranc.sim.web.cards import DIFFICULTIES, cards
from titranc.sim.web.figures import verbatim
from titranc.sim.web.settings import MOST_LUCK, SPEAKS, Setting

LONGEST_SCENARIO = 100_000
CHOOSING = "choosing"


def show(now: Setting) -> None:
    """Draw the cards, or the patient of a link that hides who it is."""
    if now.hidden and not st.session_state.get(CHOOSING):
        _referral(now)
    else:
        _admission(now)


def _referral(now: Setting) -> None:
    """Draw the patient of a link that hides who it is."""
    st.subheader("A patient with neutropenia is waiting")
    st.write("What is wrong is not told; the debrief will.")
    with st.container(horizontal=True):
        st.button("Begin", type="primary", on_click=state.begin, args=[now], key="begin")
        st.button("Choose a patient instead", on_click=_choose, key="choose")


def _choose() -> None:
    st.session_state[CHOOSING] = True


def _admission(now: Setting) -> None:
    """Draw the cards and the teacher's options."""
    st.subheader("Who comes to your clinic?")
    names = list(cards())
    card = st.radio(
        "Patient",
        names,
        index=names.index(now.card),
        format_func=lambda name: cards()[name].title,
        captions=[cards()[name].letter for name in names],
        key="card",
    )
    difficulty = st.selectbox(
        "How the patient responds", list(DIFFICULTIES), index=list(DIFFICULTIES).index(now.difficulty),
        format_func=DIFFICULTIES.__getitem__, key="difficulty",
    )  # fmt: skip
    with st.expander("For the teacher"):
        speaks = st.selectbox(
            "The guideline speaks", list(SPEAKS), index=list(SPEAKS).index(now.speaks),
            format_func=SPEAKS.__getitem__, key="speaks",
        )  # fmt: skip
        most = cards()[card].most_years
        years = st.number_input(
            "Years of follow-up, at most", min_value=0.05, max_value=30.0, value=float(now.years or cards()[card].years),
            step=0.5, key=f"years-{card}", help=f"This patient can be followed for {number(most)} years.",
        )  # fmt: skip
        hidden = st.checkbox(
            "Hide the diagnosis until the debrief", value=now.hidden, key="hidden", on_change=_choose,
            help="The link in Data then opens without the cards.",
        )  # fmt: skip
        lives = st.checkbox("Infections, leukaemia, transplants and deaths happen", value=now.lives, key="lives")
        luck = st.number_input(
            "Luck (the same number, the same patient)", min_value=0, max_value=MOST_LUCK, value=now.luck, key="luck"
        )
    chosen = replace(
        now, card=card, difficulty=difficulty, speaks=speaks, years=_asked_years(card, years), hidden=hidden,
        lives=lives, luck=int(luck),
    )  # fmt: skip
    state.change(chosen)
    st.button("Begin", type="primary", on_click=state.begin, args=[chosen], key="begin")
    _open_other()


def _asked_years(card: str, years: float) -> float:
    return 0.0 if years == cards()[card].years else min(years, cards()[card].most_years)


def _open_other() -> None:
    """Draw the two ways to bring a patient of one's own: a saved session, a scenario."""
    with st.expander("Go on with a saved session, or bring a scenario"):
        file = st.file_uploader("A session file", type=["json"], max_upload_size=1, key="session-file")
        if file is not None and st.button("Open the session", key="open-session"):
            _try_to_open(lambda: session_files.loaded(file.getvalue(), plain(file.name)))
        text = st.text_area("A scenario (YAML)", max_chars=LONGEST_SCENARIO, key="scenario-text", height=160)
        if st.button("Open the scenario", key="open-scenario") and text.strip():
            _try_to_open(lambda: Session(read_scenario(text, "pasted scenario")))


def _try_to_open(opened: Callable[[], Session]) -> None:
    try:
        state.play(state.Game(state.setting(), opened(), ""))
    except InputRefused as refused:
        st.error("This cannot be used:")
        verbatim(str(refused))
        return
    game = state.game()
    assert game is not None  # noqa: S101 - just begun
    game.title = game.session.scenario.title
    st.rerun()
