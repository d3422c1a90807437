"""You are the clinician: what the clinic knows and nothing else, your orders, and afterwards what came of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd
import streamlit as st

from titranc.models.clinic_view import Observation
from titranc.models.dosing import NO_DOSE, DoseRefused
from titranc.models.input_problems import InputRefused
from titranc.sim import session_files
from titranc.sim.debrief import Debrief, Divergence, days_by_line
from titranc.sim.report.words import ABSENT, anc, counted, day_words, event_words, number, plain
from titranc.sim.scenario import read_scenario
from titranc.sim.session import Opinion, Session, check_wait
from titranc.sim.web import charts, state
from titranc.sim.web.cards import DIFFICULTIES, cards
from titranc.sim.web.debrief_page import debrief_html
from titranc.sim.web.figures import draw, verbatim
from titranc.sim.web.settings import MOST_LUCK, SPEAKS, UNITS, Setting

LONGEST_SCENARIO = 100_000
LONGEST_NAME = 60
MOST_EVENTS_SHOWN = 30
MOST_VISITS_ON_AUTOPILOT = 10
KEEP, UP, DOWN, HOLD, OTHER = "Keep the dose", "One step up", "One step down", "Hold (no G-CSF)", "Another dose"
USUAL = "as usual"
CHOOSING = "choosing"


def show() -> None:
    """Draw the tab."""
    game = state.game()
    if game is None and state.setting().hidden and not st.session_state.get(CHOOSING):
        _referral(state.setting())
    elif game is None:
        _admission(state.setting())
    elif game.came_to is not None:
        _debrief(game, game.came_to)
    elif game.session.is_over:
        game.finish()
        _debrief(game, game.came_to)  # type: ignore[arg-type]
    else:
        _visit(game)


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


def _try_to_open(opened) -> None:  # type: ignore[no-untyped-def]
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


def _visit(game: state.Game) -> None:
    """Draw the visit that is due: chart, choices, what was said."""
    session, seen = game.session, game.session.seen
    assert seen is not None  # noqa: S101 - a session that is not over has a visit due
    _heading(game, seen)
    left, right = st.columns([1.6, 1], gap="medium")
    with left:
        count = math.nan if seen.count.anc_1e9_per_l is None else seen.count.anc_1e9_per_l
        visits, per_ul = session.visits(), state.setting().per_ul
        draw(charts.anc_of_chart(visits, session.day, count, per_ul=per_ul), key="anc")
        draw(charts.dose_of_chart(visits, session.day), key="dose")
    with right:
        _say(game)
        if game.setting.speaks == "at_once" and session.opinion:
            _opinion("The guideline says", session.opinion)
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
        _opinion("At that visit the guideline would have ordered", game.answered)
    for words in game.told:
        st.info(words)


def _opinion(opening: str, opinion: Opinion) -> None:
    refers = " and refers for transplant" if opinion.refers else ""
    st.info(
        f"{opening}: **{number(opinion.dose_ug_per_kg_day)} ug/kg/day**, next visit in "
        f"{counted(opinion.next_visit_days, 'day')}{refers}. {opinion.reason}"
    )
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
    """Return the visits as a reader wants them, newest first."""
    shown = visits.iloc[::-1]
    return pd.DataFrame(
        {
            "day": shown["day"],
            "ANC": [_count(None if math.isnan(one) else one) for one in shown["anc_reported_1e9_per_l"]],
            "from, ug/kg/day": shown["dose_before_ug_per_kg_day"].round(2),
            "to, ug/kg/day": shown["dose_after_ug_per_kg_day"].round(2),
            "what": shown["action"],
            "why": shown["reason"],
        }
    )


def _debrief(game: state.Game, found: Debrief) -> None:
    """Draw what came of it: sentences, three lines, score card, where you parted."""
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
    draw(charts.dose_of_lines(days), key="lines-dose")
    st.caption("The true count, which no clinic sees, day by day: you, the guideline, and no treatment.")
    st.table(found.score)
    _parted(found.divergences)
    with st.container(horizontal=True):
        if not game.session.is_over:
            st.button("Back to the patient", on_click=_go_back, args=[game], key="back")
        st.button("Another patient", on_click=state.leave, key="leave")
        st.download_button(
            "Download the session", session_files.dumped(game.session), "session.json", "application/json",
            on_click="ignore", key="download-session",
        )  # fmt: skip
        st.download_button(
            "Download this page",
            debrief_html(game),
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


def units_switch() -> None:
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
