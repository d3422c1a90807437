"""Watch the guideline: the same patient left to it, visit by visit, with the rules lighting up that speak."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from titranc.models import catalogue
from titranc.models.guideline import Guideline
from titranc.sim.report.words import anc, day_words, number, plain
from titranc.sim.session import Session
from titranc.sim.web import charts, state
from titranc.sim.web.figures import closed_for_now, draw, verbatim
from titranc.sim.web.settings import Setting

WATCHED, VISIT = "watched", "watched-visit"


def show() -> None:
    """Draw the tab."""
    if state.in_hands():
        closed_for_now()
        return
    visits, guideline = _watched(state.setting())
    st.write(
        "The patient of your setting, in the hands of the guideline. Go from visit to visit and see which rule speaks."
    )
    last = len(visits) - 1
    place = min(int(st.session_state.get(VISIT, 0)), last)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button("First", on_click=_go, args=[0], key="watch-first", disabled=place == 0)
        st.button("Back", on_click=_go, args=[place - 1], key="watch-back", disabled=place == 0)
        st.button(
            "Next visit", on_click=_go, args=[place + 1], key="watch-next", type="primary", disabled=place >= last
        )
        st.button(
            "Next change", on_click=_go, args=[_next_change(visits, place)], key="watch-change", disabled=place >= last
        )
    row = visits.iloc[place]
    _told(row, place, last)
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        before = visits.iloc[:place]
        per_ul = state.setting().per_ul
        draw(
            charts.anc_of_chart(before, float(row["day"]), float(row["anc_reported_1e9_per_l"]), per_ul=per_ul),
            key="watch-anc",
        )
        draw(charts.dose_of_chart(visits.iloc[: place + 1], float(row["day"]) + 1), key="watch-dose")
    with right:
        _rules(guideline, row["rule_ids"].split())


def _watched(setting: Setting) -> tuple[pd.DataFrame, Guideline]:
    """Return the visits of the patient under the guideline, kept while the setting is the same."""
    key = (setting.card, setting.difficulty, setting.luck, setting.horizon_years, setting.lives)
    kept = st.session_state.get(WATCHED)
    if kept is None or kept[0] != key:
        scenario, patient = state.scenario_of(setting)
        session = Session(scenario, patient)
        guideline = session.guideline
        session.autopilot()
        kept = (key, session.visits(), guideline)
        st.session_state[WATCHED], st.session_state[VISIT] = kept, 0
    return kept[1], kept[2]


def _go(place: int) -> None:
    st.session_state[VISIT] = place


def _next_change(visits: pd.DataFrame, place: int) -> int:
    """Return the next visit at which the dose changes, or the last."""
    changes = visits.index[visits["dose_before_ug_per_kg_day"] != visits["dose_after_ug_per_kg_day"]]
    return int(next((at for at in changes if at > place), len(visits) - 1))


def _told(row: pd.Series[Any], place: int, last: int) -> None:
    before, after = row["dose_before_ug_per_kg_day"], row["dose_after_ug_per_kg_day"]
    dose = f"{number(before)} → {number(after)}" if before != after else number(after)
    st.markdown(
        f"**Visit {place + 1} of {last + 1}, {day_words(row['day'])}**: ANC {anc(row['anc_reported_1e9_per_l'])}, "
        f"{dose} ug/kg/day, next visit in {row['next_visit_days']} days."
    )
    verbatim(plain(row["reason"]))


def _rules(guideline: Guideline, spoke: list[str]) -> None:
    """Draw the rules that spoke at this visit in words, then all in order; these stand out by a bar, a sign and weight."""
    says = catalogue.edition(guideline.edition).says()
    st.markdown("**Speaking at this visit**")
    st.html("".join(_rule(rule, says[rule], lit=True) for rule in spoke))
    st.markdown(f"**All rules in order** ({guideline.title})")
    rules = (*guideline.dose_rules, *guideline.standing_rules)
    with st.container(height=330):
        st.html("".join(_rule(rule.id, "", lit=rule.id in spoke) for rule in rules))


def _rule(name: str, words: str, *, lit: bool) -> str:
    mark, kind = ("▶ ", "rule spoke") if lit else ("", "rule")
    return f'<div class="{kind}">{mark}<code>{escape(name)}</code> {escape(words)}</div>'
