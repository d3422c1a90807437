"""The teaching page, every tab's logic, without a browser."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from titranc.models.input_problems import InputRefused
from titranc.sim import session_files
from titranc.sim.debrief import days_by_line, debrief
from titranc.sim.scenario import Scenario, load_scenario
from titranc.sim.session import Session
from titranc.sim.web import charts, comparing, serve
from titranc.sim.web.cards import DIFFICULTIES, admitted, cards
from titranc.sim.web.clinician import chart_table
from titranc.sim.web.debrief_page import debrief_html
from titranc.sim.web.settings import SPEAKS, UNITS, Setting, from_query
from titranc.sim.web.state import Game

APP = Path(serve.__file__).with_name("app.py")
MARKUP = "<img src=x onerror=alert(1)> ![a](http://example.org/a.png) **b**"


def opened(tab: str = "You are the clinician", **query: str) -> AppTest:
    page = AppTest.from_file(str(APP), default_timeout=60)
    for name, value in query.items():
        page.query_params[name] = value
    page.session_state["tab"] = tab
    return sound(page.run())


def sound(page: AppTest) -> AppTest:
    assert [error.value for error in page.exception] == []
    return page


def press(page: AppTest, key: str) -> AppTest:
    return sound(page.button(key=key).click().run())


def go_to(page: AppTest, tab: str) -> AppTest:
    page.session_state["tab"] = tab
    return sound(page.run())


def numbers(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def words(page: AppTest) -> str:
    told = [*page.markdown, *page.info, *page.error, *page.warning, *page.caption, *page.subheader]
    return " ".join([*(str(one.value) for one in told), *(html.proto.body for html in page.get("html"))])


def chart_of(page: AppTest) -> pd.DataFrame:
    return page.session_state["game"].session.visits()


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serve.TOKEN_VARIABLE, raising=False)


def test_a_patient_is_played_to_the_debrief() -> None:
    page = press(opened(), "begin")
    assert numbers(page)["day"] == "0"
    page.radio(key="choice").set_value("One step up")
    page = press(page, "order")
    assert numbers(page)["dose, ug/kg/day"] == "2.5"
    assert "would have ordered" in words(page)
    page = press(page, "autopilot")
    after = numbers(page)
    page = press(page, "undo")
    assert numbers(page) != after
    assert "Taken back" in words(page)
    page = press(page, "autopilot")
    assert numbers(page) == after
    page = press(page, "debrief")
    assert "The true count was 1 to 5" in words(page)
    assert page.table[0].value.columns.tolist() == ["you", "the guideline", "no treatment"]
    page = press(page, "back")
    assert numbers(page) == after
    page = press(page, "leave")
    assert page.button(key="begin")


def test_the_gate_refuses_on_the_page_and_nothing_is_ordered() -> None:
    page = press(opened(), "begin")
    page.radio(key="choice").set_value("Another dose")
    page.number_input(key="other-0").set_value(100.0)
    page = press(page, "order")
    assert "The safety gate refuses" in words(page)
    assert "above the ceiling" in words(page)
    assert chart_of(page).empty


def test_the_page_orders_what_was_chosen() -> None:
    page = press(opened(), "begin")
    page.radio(key="choice").set_value("Another dose")
    page.number_input(key="other-0").set_value(4.0)
    page.selectbox(key="wait").set_value(14)
    page.checkbox(key="refer-0").set_value(True)
    page = press(page, "order")
    row = chart_of(page).iloc[0]
    assert (row["dose_after_ug_per_kg_day"], row["next_visit_days"]) == (4.0, 14)
    assert "hsct_clinician" in set(page.session_state["game"].session.events()["event"])
    assert numbers(page)["day"] == "14"


@pytest.mark.parametrize("card", list(cards()))
def test_every_card_can_be_played_and_left_to_the_guideline(card: str) -> None:
    page = press(opened(card=card), "begin")
    for _ in range(3):
        if "autopilot" in {button.key for button in page.button}:
            page = press(page, "autopilot")
    assert len(chart_of(page))


@pytest.mark.parametrize("speaks", list(SPEAKS))
def test_the_guideline_speaks_when_the_teacher_says(speaks: str) -> None:
    page = press(opened(speaks=speaks), "begin")
    assert ("The guideline says" in words(page)) == (speaks == "at_once")
    page.radio(key="choice").set_value("One step up")
    page = press(page, "order")
    assert ("would have ordered" in words(page)) == (speaks == "after")


def test_a_hidden_diagnosis_is_told_in_the_debrief() -> None:
    page = press(opened(hidden="1"), "begin")
    assert "ongenital" not in words(page)
    page = press(press(page, "autopilot"), "debrief")
    assert "congenital neutropenia" in words(page)


@pytest.mark.parametrize("speaks", ["at_once", "after"])
def test_no_rule_and_no_reason_gives_a_hidden_diagnosis_away(speaks: str) -> None:
    page = press(press(opened(hidden="1", card="cyclic", speaks=speaks), "begin"), "order")
    assert "cycl" not in words(page).lower()
    game = page.session_state["game"]
    assert not {"rule_ids", "reason"} & set(game.chart.columns)
    assert "why" not in chart_table(game.chart)
    game.finish()
    assert {"rule_ids", "reason"} <= set(game.chart.columns)


def test_a_link_that_hides_shows_no_card_and_gives_no_file_that_names_it() -> None:
    page = opened(hidden="1", card="cyclic")
    assert "yclic" not in words(page)
    assert "card" not in {radio.key for radio in page.radio}
    page = go_to(press(page, "begin"), "Data")
    keys = {button.key for button in page.get("download_button")}
    assert "download-visits.csv" in keys
    assert not keys & {"download-scenario.yaml", "download-session.json"}
    assert not page.code
    page = opened(hidden="1")
    assert press(page, "choose").radio(key="card")


@pytest.mark.parametrize("tab", ["Watch the guideline", "What if"])
def test_what_the_debrief_is_for_is_not_told_while_a_patient_is_played(tab: str) -> None:
    page = go_to(press(opened(), "begin"), tab)
    assert "opens after the debrief" in words(page)
    assert not page.get("vega_lite_chart")
    page = press(go_to(page, "You are the clinician"), "autopilot")
    page = go_to(press(page, "debrief"), tab)
    assert "opens after the debrief" not in words(page)


def test_without_streamlit_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    with pytest.raises(InputRefused, match=r"titranc\[web\]"):
        serve.serve("127.0.0.1", 0, lambda told: None)


def test_counts_in_cells() -> None:
    page = press(opened(), "begin")
    count = float(numbers(page)["ANC, 10⁹/L"])
    page = sound(page.radio(key="units").set_value("cells_per_ul").run())
    assert float(numbers(page)["ANC, cells/uL"].replace(",", "")) == pytest.approx(1000 * count)


def test_no_true_count_is_sent_before_the_debrief() -> None:
    page = press(opened(), "begin")
    for _ in range(4):
        page = press(page, "order")
    true = [row[1 + 7] for row in page.session_state["game"].session.block.log.visits]
    sent = "".join(str(node) for node in page.main) + words(page)
    assert all(f"{count:.6g}" not in sent for count in true)


def test_the_teachers_options_are_kept_in_the_setting() -> None:
    page = opened()
    page.radio(key="card").set_value("cyclic")
    page.selectbox(key="difficulty").set_value("poor")
    page.checkbox(key="lives").set_value(True)
    page.number_input(key="luck").set_value(12)
    page = sound(page.run())
    setting: Setting = page.session_state["setting"]
    assert (setting.card, setting.difficulty, setting.lives, setting.luck) == ("cyclic", "poor", True, 12)
    assert from_query(dict(pair.split("=") for pair in setting.query().split("&"))) == (setting, [])


@given(
    st.builds(
        Setting,
        card=st.sampled_from(list(cards())),
        difficulty=st.sampled_from(list(DIFFICULTIES)),
        luck=st.integers(0, 9999),
        years=st.sampled_from([0.0, 0.5, 2.0, 15.0]),
        lives=st.booleans(),
        speaks=st.sampled_from(list(SPEAKS)),
        hidden=st.booleans(),
        units=st.sampled_from(list(UNITS)),
    )
)
def test_a_link_brings_the_setting_back(setting: Setting) -> None:
    pairs = [pair.split("=") for pair in setting.query().split("&") if pair]
    assert from_query(dict(pairs)) == (setting, [])  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Setting)]), st.text()))
def test_a_link_never_breaks_the_page(query: dict[str, str]) -> None:
    setting, problems = from_query(query)
    assert all(len(words) < 400 for words in problems)
    assert 0 < setting.horizon_years <= 30


def test_a_bad_link_is_answered_and_the_rest_of_it_holds() -> None:
    page = opened(luck="999999", card=MARKUP, years="nan", hidden="1", units="<b>")
    assert "Part of this link cannot be used" in words(page)
    assert "<img" not in words(page).replace("&lt;img", "")
    assert "luck: " in words(page)
    assert page.session_state["setting"] == Setting(hidden=True)


def test_a_pasted_scenario_is_played_or_answered() -> None:
    page = opened()
    page.text_area(key="scenario-text").set_value("extends: scn_adult\nhorizon_years: 900\n" + f"title: '{MARKUP}'\n")
    page = press(page, "open-scenario")
    assert "horizon_years" in words(page)
    assert "<img src" not in words(page)
    page.text_area(key="scenario-text").set_value(f"extends: scn_adult\ntitle: '{MARKUP}'\nhorizon_years: 1\n")
    page = press(page, "open-scenario")
    assert "&lt;img" in words(page)
    assert "<img src" not in words(page)
    assert page.session_state["game"].session.scenario.cohort.disease == "scn"


@pytest.mark.parametrize(
    "text", ["extends: ../../etc/passwd", "policy: {kind: python, object: 'os:system'}", "a: [", "{}"]
)
def test_a_scenario_that_cannot_be_is_answered(text: str) -> None:
    page = opened()
    page.text_area(key="scenario-text").set_value(text)
    page = press(page, "open-scenario")
    assert "This cannot be used" in words(page)
    assert "game" not in page.session_state


def test_a_saved_session_goes_on() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.decide(5.0, 7)
    page = opened()
    page.file_uploader(key="session-file").set_value(
        ("mine.json", session_files.dumped(session).encode(), "application/json")
    )
    page = press(sound(page.run()), "open-session")
    assert numbers(page)["day"] == "7"


def test_an_altered_session_is_answered() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.decide(5.0, 7)
    record = json.loads(session_files.dumped(session))
    record["acts"][0]["dose_ug_per_kg_day"] = 6.0
    page = opened()
    page.file_uploader(key="session-file").set_value(("<b>.json", json.dumps(record).encode(), "application/json"))
    page = press(sound(page.run()), "open-session")
    assert "altered" in words(page)
    assert "<b>.json" not in words(page)
    assert "game" not in page.session_state


def test_the_guideline_is_watched_visit_by_visit_with_the_rules_that_speak() -> None:
    page = opened("Watch the guideline", years="0.5")
    assert "Visit 1 of" in words(page)
    assert "scn-start" in words(page).split("rule spoke")[1]
    page = press(page, "watch-change")
    row = page.session_state["watched"][1].iloc[page.session_state["watched-visit"]]
    assert row["dose_before_ug_per_kg_day"] != row["dose_after_ug_per_kg_day"] or "Visit" in words(page)
    assert page.session_state["watched-visit"] > 0
    page = press(press(page, "watch-next"), "watch-first")
    assert page.session_state["watched-visit"] == 0


def test_policies_are_compared() -> None:
    page = opened("Compare policies")
    page.slider(key="compare-n").set_value(10)
    page.slider(key="compare-years").set_value(0.5)
    page.checkbox(key="compare-lives").set_value(True)
    page = press(page, "compare-go")
    assert "10 children, 0.5 years" in words(page)
    assert "fixed5" in words(page)
    found = page.session_state[comparing.COMPARED]
    assert len(found.pictures) == 3
    assert all(drawn.svg.startswith("<svg xmlns=") and drawn.caption for drawn in found.pictures)


def test_one_comparison_at_a_time() -> None:
    turn = comparing._turn()
    assert turn.acquire(blocking=False)
    try:
        page = press(opened("Compare policies"), "compare-go")
        assert "Somebody else is comparing" in words(page)
    finally:
        turn.release()


def test_a_stopped_comparison_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException):
        pass

    def stopped(scenario: Scenario) -> Iterator[None]:
        yield from ()
        raise Stop

    monkeypatch.setattr(comparing, "_portions", stopped)
    monkeypatch.setattr(comparing.st, "progress", lambda *words: SimpleNamespace(progress=lambda *more: None))
    with pytest.raises(Stop):
        comparing._compare(load_scenario("scn_child"))
    turn = comparing._turn()
    assert turn.acquire(blocking=False)
    turn.release()


def test_what_if_changes_one_thing_of_the_same_patient() -> None:
    page = opened("What if", years="0.5")
    assert "as the patient is" in words(page)
    assert "what if" not in words(page)
    page = sound(page.select_slider(key="fold").set_value(3.0).run())
    assert "**what if**" in words(page)


def test_everything_can_be_taken_along() -> None:
    page = press(opened(luck="3"), "begin")
    page = press(page, "autopilot")
    page = go_to(page, "Data")
    keys = {button.key for button in page.get("download_button")}
    assert {
        "download-visits.csv",
        "download-visits.parquet",
        "download-events.csv",
        "download-session.json",
        "download-scenario.yaml",
    } <= keys
    assert "download-days.csv" not in keys
    assert any("luck=3" in code.value for code in page.code)
    page = go_to(press(go_to(page, "You are the clinician"), "debrief"), "Data")
    assert {"download-days.csv", "download-debrief.html"} <= {button.key for button in page.get("download_button")}


def test_about_says_what_this_is() -> None:
    page = opened("About")
    assert "never the treatment of a patient" in words(page)
    assert any("titranc" in code.value for code in page.code)


def test_a_class_needs_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serve.TOKEN_VARIABLE, "right")
    for query in ({}, {"token": "wrong"}, {"token": "righ\xe9"}):
        page = opened(**query)
        assert "needs a link with its token" in words(page)
        assert not page.button
    assert opened(token="right").button(key="begin")


def test_a_learners_name_stays_a_name() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.autopilot(visits=3)
    game = Game(Setting(), session, MARKUP, learner="<script>alert('x')</script>")
    game.finish()
    page = debrief_html(game)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<img" not in page
    assert page.count("<svg") == 1
    assert not re.search(r"<(script|img|link|iframe)|(src|href)=.?http|url\(http", page)


@pytest.mark.parametrize("difficulty", list(DIFFICULTIES))
@pytest.mark.parametrize("card", list(cards()))
def test_a_card_brings_the_same_patient_again(card: str, difficulty: str) -> None:
    first = admitted(card, difficulty, 5, 1.0, lives=False)
    assert first == admitted(card, difficulty, 5, 1.0, lives=False)
    assert first[0].outcomes is not None or difficulty != "surprise"
    assert first[0].horizon_years <= cards()[card].most_years


def test_the_poor_responder_needs_more_than_the_easy_one() -> None:
    answer = {}
    for difficulty in ("easy", "typical", "poor"):
        scenario, patient = admitted("scn_adult", difficulty, 0, 1.0, lives=False)
        session = Session(scenario, patient)
        for _ in range(6):
            assert not session.decide(5.0, 14)
        answer[difficulty] = float(np.mean(debrief(session).lines[0].anc_1e9_per_l[28:]))
    assert answer["easy"] > answer["typical"] > answer["poor"]


def test_charts_say_what_they_show_and_hide_what_is_hidden() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.autopilot(visits=8)
    visits = session.visits()
    for spec in (
        charts.anc_of_chart(visits, session.day, 0.42, per_ul=True),
        charts.anc_of_chart(visits.iloc[:0], 0, math.nan, per_ul=False),
        charts.dose_of_chart(visits, session.day),
        charts.dose_of_chart(visits.iloc[:0], 0),
    ):
        assert len(spec["description"]) > 10
        assert "true" not in json.dumps(spec).replace("true}", "").replace(": true", "")
    assert "420 cells/uL" in charts.anc_of_chart(visits, session.day, 0.42, per_ul=True)["description"]
    days = days_by_line(debrief(session).lines)
    assert "of days in the target" in charts.anc_of_lines(days, per_ul=False)["description"]
    assert len(json.dumps(charts.anc_of_lines(days, per_ul=False))) < 200_000
    assert charts.dose_of_lines(days)["description"].startswith("Mean doses")
    assert "non-responder" in json.dumps(charts.dose_of_chart(visits, session.day))
    for plain in (
        charts.dose_of_chart(visits, session.day, risk_lines=False),
        charts.dose_of_lines(days, risk_lines=False),
    ):
        assert "non-responder" not in json.dumps(plain)


@pytest.mark.parametrize("host", ["example.org", "1.2.3", "", "<b>"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(InputRefused, match="--host"):
        serve.serve(host, 8501, lambda told: None)


def test_a_port_that_is_taken_is_refused() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputRefused, match="free"):
            serve.serve("127.0.0.1", taken.getsockname()[1], lambda told: None)


def test_a_class_is_served_on_purpose_with_a_warning_and_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_run", lambda host, port: None)
    monkeypatch.setattr(serve.gc, "freeze", lambda: None)
    told: list[str] = []
    serve.serve("0.0.0.0", 0, told.append)  # noqa: S104
    assert "Whoever has the link may come in" in told[0]
    token = serve.os.environ[serve.TOKEN_VARIABLE]
    assert len(token) >= 16
    assert token in told[1]
    serve.serve("127.0.0.1", 0, told.append)
    assert serve.os.environ[serve.TOKEN_VARIABLE] == ""


def test_nothing_is_sent_anywhere_and_no_errors_inside_is_shown() -> None:
    options = serve.options("127.0.0.1", 8501)
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["server.maxUploadSize"] == 1


def test_parquet_of_the_chart_reads_back() -> None:
    from titranc.sim.web.data import _parquet

    table = pd.DataFrame({"day": [1, 2], "anc": [0.5, 1.0]})
    assert pd.read_parquet(io.BytesIO(_parquet(table))).equals(table)
