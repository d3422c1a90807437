"""Compare policies on the same small cohort and the same luck, while the reader waits and may stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import BoundedSemaphore

import pandas as pd
import streamlit as st

from titranc.sim.block_simulation import simulate_block
from titranc.sim.course_sections import Outcomes
from titranc.sim.report.plots.comparison import caption_forest, caption_plane, plot_forest, plot_plane
from titranc.sim.report.plots.lives import caption_incidence, plot_incidence
from titranc.sim.report.verdict import verdict
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.scenario_sections import Compare, Output
from titranc.sim.trial import compared
from titranc.sim.web.figures import Picture, picture, verbatim

SOURCE = "compare_policies"
FEWEST, MOST = 2, 4
AT_ONCE = 5
MOST_YEARS = 5.0
COMPARED = "compared"
# Too slow to wait for on a page: every one of its visits computes many bodies.
LEFT_OUT = ("model_informed",)


@st.cache_resource
def _turn() -> BoundedSemaphore:
    """One comparison at a time on a server: the others go on playing."""
    return BoundedSemaphore(1)


@dataclass(frozen=True)
class Compared:
    """What a comparison came to: its words and its pictures."""

    heading: str
    sentences: list[str]
    pictures: list[Picture]


def show() -> None:
    """Draw the tab."""
    arms = {arm.name: arm for arm in load_scenario(SOURCE).arms if arm.name not in LEFT_OUT}
    st.write(
        "Children with congenital neutropenia, two years old at the start, the same ones with the same luck under each policy."
    )
    chosen = st.multiselect(
        "Policies, the first is the reference",
        list(arms),
        default=["source", "fixed5"],
        max_selections=MOST,
        key="arms",
    )
    left, middle = st.columns(2)
    n = left.slider("Children", 10, 100, 30, step=10, key="compare-n")
    years = middle.slider("Years", 0.5, MOST_YEARS, 2.0, step=0.5, key="compare-years")
    lives = st.checkbox("Infections, leukaemia, transplants and deaths happen", key="compare-lives")
    with st.container(horizontal=True):
        asked = st.button("Compare", type="primary", disabled=len(chosen) < FEWEST, key="compare-go")
        st.button("Stop", key="compare-stop", help="What has been compared so far is thrown away.")
    if len(chosen) < FEWEST:
        st.caption(f"Choose {FEWEST} to {MOST}.")
    if asked:
        st.session_state.pop(COMPARED, None)
        _compare(_scenario(chosen, n, years, lives=lives))
    found: Compared | None = st.session_state.get(COMPARED)
    if found is not None:
        _told(found)


def _scenario(names: list[str], n: int, years: float, *, lives: bool) -> Scenario:
    base = load_scenario(SOURCE)
    arms = {arm.name: arm for arm in base.arms}
    return base.model_copy(
        update={
            "arms": tuple(arms[name] for name in names),
            "compare": Compare(reference=names[0]),
            "cohort": base.cohort.model_copy(update={"n": n}),
            "horizon_years": years,
            "outcomes": (base.outcomes or Outcomes()) if lives else None,
            "output": Output(level="patient"),
        }
    )


def _compare(scenario: Scenario) -> None:
    """Compare, a few children at a time, so that a stop is heeded and others get their turn."""
    turn = _turn()
    if not turn.acquire(blocking=False):
        st.warning("Somebody else is comparing on this server: try again in a moment.")
        return
    bar = st.progress(0.0, "Comparing")
    try:
        # Between two portions the page looks whether the reader has pressed Stop.
        parts = []
        for done, part in _portions(scenario):
            parts.append(part)
            bar.progress(done, f"{round(100 * done)} % of {scenario.cohort.n} children")
    finally:
        turn.release()
    bar.empty()
    whole = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in ("patients", "outcomes")}
    st.session_state[COMPARED] = _judged(scenario, whole["patients"], whole["outcomes"])


def _portions(scenario: Scenario) -> Iterator[tuple[float, dict[str, pd.DataFrame]]]:
    n = scenario.cohort.n
    for first in range(0, n, AT_ONCE):
        patients = range(first, min(first + AT_ONCE, n))
        tables = simulate_block(scenario, "page", patients, lambda share: None).tables
        yield patients.stop / n, {name: tables[name] for name in ("patients", "outcomes")}


def _judged(scenario: Scenario, patients: pd.DataFrame, outcomes: pd.DataFrame) -> Compared:
    reference = scenario.reference_arm
    found = compared(scenario, patients, outcomes)
    pictures = [
        picture("plane", caption_plane(outcomes), lambda: plot_plane(outcomes)),
        picture("forest", caption_forest(found, reference), lambda: plot_forest(found, reference)),
    ]
    if scenario.outcomes is not None:
        effect = scenario.outcomes.leukaemia.dose_effect
        pictures.append(picture("incidence", caption_incidence(outcomes, effect), lambda: plot_incidence(outcomes)))
    heading = f"{scenario.cohort.n} children, {scenario.horizon_years:g} years, {', '.join(arm.name for arm in scenario.arms)}"
    return Compared(heading, verdict(found, reference), pictures)


def _told(found: Compared) -> None:
    st.subheader(found.heading)
    for sentence in found.sentences:
        verbatim(sentence)
    for drawn in found.pictures:
        drawn.show()
