"""You are the clinician: what the clinic knows and nothing else, your orders, and afterwards what came of them."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from titranc.models.clinic_view import Observation
from titranc.models.dosing import NO_DOSE, DoseRefused
from titranc.sim.report.words import counted, day_words, event_words, number, plain
from titranc.sim.session import Opinion, Session, check_wait
from titranc.sim.web import admission, charts, debriefing, state
from titranc.sim.web.figures import draw, verbatim
from titranc.sim.web.settings import UNITS

MOST_EVENTS_SHOWN = 30
MOST_VISITS_ON_AUTOPILOT = 10
KEEP, UP, DOWN, HOLD, OTHER = "Keep the dose", "One step up", "One step down", "Hold (no G-CSF)", "Another dose"
USUAL = "as usual"


def show() -> None:
    """Draw the tab."""
    game = state.game()
    if game is None:
        admission.show(state.setting())
        return
    if game.session.is_over and game.came_to is None:
        game.finish()
    if game.came_to is not None:
        debriefing.show(game, game.came_to)
    else:
        _visit(game)


def _visit(game: state.Game) -> None:
    """Draw the visit that is due: chart, choices, what was said."""
    session, seen = game.session, game.session.seen
    assert seen is not None  # noqa: S101 - a session that is not over has a visit due
    _heading(game, seen)
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        count = math.nan if seen.count.anc_1e9_per_l is None else seen.count.anc_1e9_per_l
        visits, per_ul = game.chart, state.setting().per_ul
        draw(charts.anc_of_chart(visits, session.day, count, per_ul=per_ul), key="anc")
        draw(charts.dose_of_chart(visits, session.day, risk_lines=game.has_risk_lines), key="dose")
    with right:
        _say(game)
        if game.setting.speaks == "at_once" and session.opinion:
            _opinion("The guideline says", session.opinion, secret=game.is_secret)
        _orders(game, seen)
    _news(session)
    _chart_table(visits)


def _heading(game: state.Game, seen: Observation) -> None:
    verbatim(game.title, heading=True)
    st.write(f"{game.letter} Diagnosis: {game.name_of_disease}.".strip())
    count = seen.count
    unit = UNITS[state.setting().units]
    shown = (
        _count(count.anc_1e9_per_l).removesuffix(unit).removesuffix("x ").strip()
        if count.usable
        else count.status.value
    )
    dose = (seen.regimen or NO_DOSE).ug_per_kg_day
    facts = (
        (f"ANC, {unit}", shown),
        ("dose, ug/kg/day", number(dose)),
        ("day", f"{seen.day:,}"),
        ("age, years", f"{seen.age_years:.1f}"),
        ("weight, kg", f"{seen.weight_kg:.1f}"),
    )
    with st.container(horizontal=True, gap="medium"):
        for label, value in facts:
            st.metric(label, value, width="content")


def _count(value: float | None) -> str:
    if value is None:
        return "no count"
    return f"{value * charts.CELLS_PER_UL:,.0f} cells/uL" if state.setting().per_ul else f"{value:.2f} x 10⁹/L"


def _say(game: state.Game) -> None:
    for words in game.refused:
        st.error("The safety gate refuses: nothing was ordered. Choose again.")
        verbatim(words)
    if game.answered is not None:
        _opinion("At that visit the guideline would have ordered", game.answered, secret=game.is_secret)
    for words in game.told:
        st.info(words)


def _opinion(opening: str, opinion: Opinion, *, secret: bool) -> None:
    refers = " and refers for transplant" if opinion.refers else ""
    st.info(
        f"{opening}: **{number(opinion.dose_ug_per_kg_day)} ug/kg/day**, next visit in "
        f"{counted(opinion.next_visit_days, 'day')}{refers}. {'' if secret else opinion.reason}".strip()
    )
    if not secret:
        st.caption(" · ".join(opinion.rule_ids))


def _orders(game: state.Game, seen: Observation) -> None:
    """Draw the order form: dose, next visit, referral; and the ways around it."""
    session = game.session
    step = session.guideline.values["step_ug_per_kg_day"]
    dose = (seen.regimen or NO_DOSE).ug_per_kg_day
    with st.form("orders", border=True, clear_on_submit=True):
        choice = st.radio(
            "Your order", [KEEP, UP, DOWN, HOLD, OTHER], key="choice", help=f"A step is {step:g} ug/kg/day."
        )
        other = st.number_input(
            "Another dose, ug/kg/day",
            min_value=0.0,
            max_value=120.0,
            value=float(dose),
            step=0.5,
            key=f"other-{session.day}",
        )
        wait = st.selectbox("Next visit in, days", [USUAL, 1, 2, 3, 5, 7, 14, 28, 56, 90, 180], key="wait")
        refer = st.checkbox("Refer for transplant", key=f"refer-{session.day}")
        ordered = st.form_submit_button("Order", type="primary", key="order", width="stretch")
    if ordered:
        doses = {KEEP: dose, UP: dose + step, DOWN: max(dose - step, 0.0), HOLD: 0.0, OTHER: other}
        _order(game, doses[choice], wait if isinstance(wait, int) else None, refer=refer)
        st.rerun()
    with st.container(horizontal=True):
        st.button("Undo", on_click=_undo, args=[game], disabled=not session.acts, key="undo")
        st.button(
            "Let the guideline go on", on_click=_autopilot, args=[game], key="autopilot",
            help=f"To its next change of dose, at most {MOST_VISITS_ON_AUTOPILOT} visits.",
        )  # fmt: skip
        st.button("Debrief", on_click=game.finish, disabled=not session.acts, key="debrief")
        st.button("Another patient", on_click=state.leave, key="leave")


def _order(game: state.Game, dose: float, wait: int | None, *, refer: bool) -> None:
    opinion = game.session.opinion
    game.told, game.answered = [], None
    try:
        days = None if wait is None else check_wait(wait)
        game.refused = game.session.decide(dose, days, refer=refer)
    except (DoseRefused, ValueError) as error:
        game.refused = (str(error),)
    if not game.refused and game.setting.speaks == "after":
        game.answered = opinion


def _undo(game: state.Game) -> None:
    game.session.undo()
    game.refused, game.answered = (), None
    game.told = ["Taken back: the same patient, the same luck."]


def _autopilot(game: state.Game) -> None:
    day = game.session.day
    visits = game.session.autopilot(MOST_VISITS_ON_AUTOPILOT, to_change=True)
    game.refused, game.answered = (), None
    game.told = [
        f"The guideline decided at {counted(visits, 'visit')}, from {day_words(day)} to {day_words(game.session.day)}."
    ]


def _news(session: Session) -> None:
    """Draw what the clinic knows to have happened."""
    events = session.events()
    if events.empty:
        return
    with st.expander(f"What has happened ({len(events)})", expanded=False):
        for row in events.iloc[::-1].head(MOST_EVENTS_SHOWN).to_dict("records"):
            verbatim(f"{day_words(row['day'])}: {event_words(row['event'])}. {plain(row['detail'])}")


def _chart_table(visits: pd.DataFrame) -> None:
    if visits.empty:
        return
    with st.expander(f"The chart ({counted(len(visits), 'visit')})"):
        st.dataframe(chart_table(visits), hide_index=True, alt="The visits so far, newest first.")


def chart_table(visits: pd.DataFrame) -> pd.DataFrame:
    """Return the visits as a reader wants them, newest first; without reasons where these are kept back."""
    shown = visits.iloc[::-1]
    chart = pd.DataFrame(
        {
            "day": shown["day"],
            "ANC": [_count(None if math.isnan(one) else one) for one in shown["anc_reported_1e9_per_l"]],
            "from, ug/kg/day": shown["dose_before_ug_per_kg_day"].round(2),
            "to, ug/kg/day": shown["dose_after_ug_per_kg_day"].round(2),
            "what": shown["action"],
        }
    )
    return chart.assign(why=shown["reason"]) if "reason" in shown else chart
