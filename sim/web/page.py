"""The page: who may come in, the tabs, and what every tab has above it."""

from __future__ import annotations

import hmac
import os
from dataclasses import replace

import streamlit as st

from titranc.sim.report.words import NOTICE
from titranc.sim.web import about, clinician, comparing, data, state, watch, what_if
from titranc.sim.web.figures import verbatim
from titranc.sim.web.serve import TOKEN_VARIABLE
from titranc.sim.web.settings import UNITS

TABS = {
    "You are the clinician": clinician.show,
    "Watch the guideline": watch.show,
    "Compare policies": comparing.show,
    "What if": what_if.show,
    "Data": data.show,
    "About": about.show,
}
STYLE = """
<style>
  .block-container { padding-top: 2.2rem; }
  h1 { font-size: 1.9rem !important; padding: 0 !important; }
  [data-testid="stMetricValue"] { font-size: 1.5rem; }
  .spoken { font-size: 0.8rem; color: #555; margin: -0.6rem 0 0.4rem 0; }
  [data-testid="stImage"] { overflow-x: auto; max-width: 62rem; }
  [data-testid="stImage"] img { min-width: 34rem; }
  .rule { border-left: 3px solid #ddd; padding: 0.1rem 0.6rem; margin: 0.15rem 0; }
  .rule.spoke { border-left: 6px solid #0072B2; background: #eaf4fb; font-weight: 600; }
</style>
"""


def show() -> None:
    """Draw the page for one visitor."""
    st.set_page_config(page_title="titranc", layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)
    if not _may_come_in():
        st.error("This class needs a link with its token: ask your teacher for the whole link.")
        return
    st.title("titranc: titrate G-CSF on patients who do not exist", anchor=False)
    state.setting()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(NOTICE, width="content")
        _units_switch()
    _told_of_the_link()
    for tab, draw in zip(st.tabs(list(TABS), key="tab", on_change="rerun"), TABS.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _may_come_in() -> bool:
    """Whether the visitor's link has the token, where the page is served to a class."""
    token = os.environ.get(TOKEN_VARIABLE)
    return not token or hmac.compare_digest(st.query_params.get("token", "").encode(), token.encode())


def _told_of_the_link() -> None:
    problems = state.problems()
    if not problems:
        return
    st.warning("Part of this link cannot be used; the rest is as it says:")
    for words in problems:
        verbatim(words)


def _units_switch() -> None:
    """Draw the switch between 10^9/L and cells per microlitre."""
    now = state.setting()
    names = list(UNITS)
    chosen = st.radio(
        "Counts in",
        names,
        index=names.index(now.units),
        format_func=UNITS.__getitem__,
        horizontal=True,
        key="units",
        width="content",
    )
    if chosen != now.units:
        state.change(replace(now, units=chosen))
