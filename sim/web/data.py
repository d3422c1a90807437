"""Take everything with you: tables, the session, the page of the debrief, the scenario, a link to this very setting."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import streamlit as st

from titranc.sim import session_files
from titranc.sim.debrief import days_by_line
from titranc.sim.web import state
from titranc.sim.web.debrief_page import debrief_html

CSV, PARQUET, YAML, HTML, JSON = (
    "text/csv",
    "application/vnd.apache.parquet",
    "application/yaml",
    "text/html",
    "application/json",
)


def show() -> None:
    """Draw the tab."""
    setting, game = state.setting(), state.game()
    st.markdown("**A link to this setting**")
    if game is not None and game.is_secret:
        st.caption("It names the patient: to be had before the first visit, and after the debrief.")
    else:
        query = setting.query()
        st.code(f"{_address()}{'?' + query if query else ''}", language=None)
    secret = setting.hidden and (game is None or game.came_to is None)
    if secret:
        st.caption("Scenario, session, rules and reasons name the diagnosis: they can be had after the debrief.")
    else:
        scenario = game.session.scenario if game else state.scenario_of(setting)[0]
        _download("The scenario of this setting (YAML)", scenario.to_yaml(), "scenario.yaml", YAML)
    if game is None:
        st.write("Begin with a patient, and the chart can be taken along.")
        return
    visits, events = game.chart, game.session.events()
    st.markdown("**The chart so far**, as the clinic sees it")
    st.dataframe(visits, hide_index=True, alt="The visits of the chart.")
    with st.container(horizontal=True):
        _download("Visits (CSV)", visits.to_csv(index=False), "visits.csv", CSV)
        _download("Visits (Parquet)", _parquet(visits), "visits.parquet", PARQUET)
        _download("Events (CSV)", events.to_csv(index=False), "events.csv", CSV)
        _download("Events (Parquet)", _parquet(events), "events.parquet", PARQUET)
        if not secret:
            _download("The session (JSON)", lambda: session_files.dumped(game.session), "session.json", JSON)
    if game.came_to is None:
        st.caption("True counts and the report can be had after the debrief.")
        return
    days = days_by_line(game.came_to.lines)
    whole = pd.concat([days[name].assign(line=name) for name in days], ignore_index=True)
    with st.container(horizontal=True):
        _download("Every day of the three lines (CSV)", whole.to_csv(index=False), "days.csv", CSV)
        _download("The report of the debrief (HTML)", lambda: debrief_html(game), "debrief.html", HTML)


Content = str | bytes | Callable[[], str | bytes]


def _address() -> str:
    """Return where this page is, without what was asked of it: a class's token is not for passing on."""
    return str(st.context.url or "").partition("?")[0]


def _download(label: str, content: Content, name: str, kind: str) -> None:
    st.download_button(label, content, name, kind, on_click="ignore", key=f"download-{name}")


def _parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()
