"""The page: who may come in, the tabs, and what every tab has above it."""

from __future__ import annotations

import hmac
import os

import streamlit as st

from titranc.sim.report.words import NOTICE
from titranc.sim.web import about, clinician, comparing, data, state, watch, what_if
from titranc.sim.web.figures import verbatim
from titranc.sim.web.serve import TOKEN_VARIABLE

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
  .spoken { font-size: 0.8rem; color: #555; margin: -0.6rem 0 0.4rem 0; }
  figure.house { margin: 0 0 1rem 0; overflow-x: auto; }
  figure.house svg { width: 100%; min-width: 34rem; height: auto; }
  figure.house figcaption { font-size: 0.85rem; color: #444; }
  .rule { border-left: 3px solid #ddd; padding: 0.1rem 0.6rem; margin: 0.15rem 0; }
  .rule.spoke { border-left: 6px solid #0072B2; background: #eaf4fb; font-weight: 600; }
  :root { --text-face: "Source Sans", "DejaVu Sans", sans-serif; }
</style>
"""


def show() -> None:
    """Draw the page for one visitor."""
    st.set_page_config(page_title="titranc", layout="wide", initial_sidebar_state="collapsed")
    st.html(STYLE)
    if not _may_come_in():
        st.error("This class needs a link with its token: ask your teacher for the whole link.")
        return
    st.title("titranc: titrate G-CSF on patients who do not exist")
    st.caption(NOTICE)
    state.setting()
    _told_of_the_link()
    clinician.units_switch()
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
