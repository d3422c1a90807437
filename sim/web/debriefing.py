"""What came of a game: sentences, three lines, score card, where the player and the guideline parted."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from titranc.sim import session_files
from titranc.sim.debrief import Debrief, Divergence, days_by_line
from titranc.sim.report.words import ABSENT, anc, counted, number, plain
from titranc.sim.web import charts, state
from titranc.sim.web.debrief_page import debrief_html
from titranc.sim.web.figures import draw, verbatim

LONGEST_NAME = 60


def show(game: state.Game, found: Debrief) -> None:
    """Draw what came of it."""
    verbatim(game.title, heading=True)
    st.subheader("Debrief")
    game.learner = st.text_input("Your name, for the page you take with you", game.learner, LONGEST_NAME, key="name")
    if plain(game.learner):
        verbatim(f"Played by {plain(game.learner)}")
    if game.setting.hidden:
        st.write(f"The diagnosis was {game.name_of_disease}.")
    for sentence in found.sentences:
        st.markdown(f"- {sentence}")
    days = days_by_line(found.lines)
    per_ul = state.setting().per_ul
    draw(charts.anc_of_lines(days, per_ul=per_ul), key="lines-anc")
    draw(charts.dose_of_lines(days, risk_lines=game.has_risk_lines), key="lines-dose")
    st.caption("The true count, which no clinic sees, day by day: you, the guideline, and no treatment.")
    st.table(found.score)
    _parted(found.divergences)
    with st.container(horizontal=True):
        if not game.session.is_over:
            st.button("Back to the patient", on_click=_go_back, args=[game], key="back")
        st.button("Another patient", on_click=state.leave, key="leave")
        st.download_button(
            "Download the session", lambda: session_files.dumped(game.session), "session.json", "application/json",
            on_click="ignore", key="download-session",
        )  # fmt: skip
        st.download_button(
            "Download this page",
            lambda: debrief_html(game),
            "debrief.html",
            "text/html",
            on_click="ignore",
            key="download-page",
        )


def _go_back(game: state.Game) -> None:
    game.came_to = None


def _parted(divergences: tuple[Divergence, ...]) -> None:
    if not divergences:
        return
    st.markdown(f"**Where you and the guideline parted** ({counted(len(divergences), 'visit')})")
    table = pd.DataFrame(
        [
            {
                "day": one.day,
                "ANC": ABSENT if math.isnan(one.anc_1e9_per_l) else anc(one.anc_1e9_per_l),
                "you, ug/kg/day": number(one.yours_ug_per_kg_day),
                "guideline": number(one.guideline.dose_ug_per_kg_day),
                "its reason": one.guideline.reason,
            }
            for one in divergences
        ]
    )
    st.dataframe(table, hide_index=True, alt="Each visit at which the guideline would have ordered otherwise.")
