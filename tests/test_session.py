"""One patient stepped by hand: equal to a run, blind to the truth, undone exactly, safe to open from a stranger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from titranc.models.dosing import DoseRefused
from titranc.models.input_problems import InputRefused
from titranc.sim import session_files, trial
from titranc.sim.debrief import debrief, divergences
from titranc.sim.session import HIDDEN_COLUMN, Session
from titranc.sim.ward import ANC

SCENARIOS = [
    ("scn_child", ["horizon_years=2"], 0),
    ("scn_lives", ["horizon_years=6", "cohort.n=4"], 3),
    ("cyclic_child", ["horizon_years=1"], 0),
    ("chemotherapy_cycles", [], 0),
    ("around_the_dose", [], 0),
    ("azathioprine", [], 0),
    ("transplant_allogeneic", [], 0),
    ("scn_child", ["horizon_years=1", "laboratory.turnaround_hours=6"], 0),
]


@pytest.mark.parametrize(("name", "changes", "patient"), SCENARIOS)
def test_autopilot_is_a_run(name: str, changes: list[str], patient: int) -> None:
    session = Session.open(name, changes, patient)
    visits = session.autopilot()
    run = trial.simulate(session.scenario.model_copy(update={"output": _with_truth(session, patient)}), "run")
    mine = session.block.tables("run")
    assert visits > 5
    for table in ("visits", "doses", "events", "outcomes"):
        theirs = run[table][run[table]["patient_id"] == patient].reset_index(drop=True)
        assert mine[table].equals(theirs), table
    daily = run["trajectory"].query("patient_id == @patient")["anc_1e9_per_l"].to_numpy()
    # The last morning of a run's trajectory is that of the last day.
    np.testing.assert_array_equal(session.block.ward.mornings[0, : len(daily), ANC], daily)


def _with_truth(session: Session, patient: int) -> object:
    return session.scenario.output.model_copy(update={"level": "trajectory", "trajectory_patients": patient + 1})


def test_a_chart_shows_no_true_count_before_the_debrief() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.autopilot(visits=6)
    true = [row[1 + 7] for row in session.block.log.visits]
    assert HIDDEN_COLUMN not in session.visits()
    told = repr(session.seen) + session.visits().to_json() + session.events().to_json() + repr(session.opinions)
    for count in true:
        assert repr(float(count))[:8] not in told


def test_events_that_nobody_sees_stay_hidden() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.decide(5.0)
    session.block.log.happening(0, session.day, "clone_turns_malignant", "critical", "RUNX1")
    session.block.log.happening(0, session.day, "infection", "info", "mild")
    session.block.log.happening(0, session.day + 1, "infection", "warning", "of tomorrow")
    assert "clone_turns_malignant" not in set(session.events()["event"])
    assert "of tomorrow" not in set(session.events()["detail"])
    assert "mild" in set(session.events()["detail"])


choices = st.tuples(st.floats(0, 25), st.integers(1, 60), st.booleans())


@settings(max_examples=12, deadline=None)
@given(st.lists(choices, min_size=1, max_size=6), choices)
def test_undo_brings_back_chart_and_luck(before: list[tuple[float, int, bool]], last: tuple[float, int, bool]) -> None:
    session = Session.open("scn_lives", ["horizon_years=1", "cohort.n=1"])
    for dose, wait, refer in before:
        if not session.is_over:
            session.decide(dose, wait, refer=refer)
    assume(not session.is_over)
    chart, seen, events = session.visits(), session.seen, session.events()
    if session.decide(last[0], last[1], refer=last[2]):
        return
    after = session.visits()
    assert session.undo()
    assert session.visits().equals(chart)
    assert session.events().equals(events)
    assert session.seen is not None
    assert seen is not None
    assert session.seen.count == seen.count
    assert list(session.seen.history) == list(seen.history)
    assert session.seen.findings == seen.findings
    assert not session.decide(last[0], last[1], refer=last[2])
    assert session.visits().equals(after)


def test_undo_takes_back_a_stretch_on_the_autopilot_and_says_when_nothing_is_left() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.decide(5.0, 7)
    assert session.autopilot(to_change=True) >= 1
    assert session.undo()
    assert session.day == 7
    assert session.undo()
    assert session.day == 0
    assert not session.undo()


def test_autopilot_to_the_next_change_ends_with_a_change() -> None:
    session = Session.open("scn_child", ["horizon_years=2"])
    for _ in range(3):
        session.autopilot(to_change=True)
        last = session.visits().iloc[-1]
        assert last["dose_before_ug_per_kg_day"] != last["dose_after_ug_per_kg_day"]


@pytest.mark.parametrize(
    ("dose", "wait", "words"),
    [
        (200.0, 7, ("200 ug/kg/day is above the ceiling of 15",)),
        (5.0, 10_000, ("next visit in 10000 days is not allowed (1 to 365)",)),
        (5.0, 0, ("next visit in 0 days is not allowed (1 to 365)",)),
    ],
)
def test_the_gate_refuses_in_words_and_nothing_happens(dose: float, wait: int, words: tuple[str, ...]) -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    # What the gate would put in its place is not told, for nothing is ordered.
    assert session.decide(dose, wait) == words
    assert session.day == 0
    assert session.acts == []
    assert session.visits().empty


def test_no_rise_before_the_interval_is_over() -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    assert not session.decide(2.0, 1)
    assert "allowed after" in " ".join(session.decide(9.0, 7))
    assert not session.decide(2.0, 14)


@pytest.mark.parametrize("dose", [-1.0, float("nan"), float("inf"), "5", True])
def test_what_is_no_dose_is_refused(dose: object) -> None:
    session = Session.open("scn_child", ["horizon_years=1"])
    with pytest.raises(DoseRefused, match=r"allowed: a number from 0 on \(ug/kg\)"):
        session.decide(dose)  # type: ignore[arg-type]


def test_the_clinician_alone_refers() -> None:
    session = Session.open("scn_poor_responder")
    while not session.is_over:
        opinion = session.opinion
        assert opinion is not None
        assert not session.decide(opinion.dose_ug_per_kg_day, opinion.next_visit_days)
    assert not session.events()["event"].str.startswith("hsct").any()
    guideline = debrief(session)
    assert "first referral for HSCT" in guideline.score.index
    assert guideline.score.loc["first referral for HSCT", "the guideline"] != "–"
    assert guideline.score.loc["first referral for HSCT", "you"] == "–"
    assert any(one.guideline.refers for one in guideline.divergences)
    session = Session.open("scn_poor_responder")
    session.decide(5.0, 7, refer=True)
    assert "hsct_clinician" in set(session.events()["event"])


def test_a_debrief_counts_the_days_played_on_the_same_luck() -> None:
    session = Session.open("scn_child", ["horizon_years=3"])
    session.autopilot(visits=20)
    found = debrief(session)
    you, guideline, untreated = found.lines
    assert you.days == session.day == guideline.days == untreated.days
    np.testing.assert_array_equal(you.anc_1e9_per_l, guideline.anc_1e9_per_l)
    assert untreated.anc_1e9_per_l.max() < 0.5 < you.anc_1e9_per_l.max()
    assert found.divergences == ()
    assert "never parted" in found.sentences[-1]
    session.undo()
    session.decide(1.0, 30)
    assert len(debrief(session).divergences) == 1


def test_a_referral_that_only_you_asked_for_is_where_you_parted() -> None:
    session = Session.open("scn_lives", ["horizon_years=3"])
    session.autopilot(visits=5)
    assert session.opinion is not None
    as_the_guideline = session.opinion.dose_ug_per_kg_day
    session.decide(as_the_guideline, 3, refer=True)
    found = debrief(session)
    assert [one.referred for one in found.divergences] == [True]
    assert f"you ordered {as_the_guideline:g} and a referral, the guideline" in found.sentences[-1]


def test_what_was_ordered_by_hand_is_paired_with_its_visit() -> None:
    """With luck of its own: choices, undone ones, stretches of the guideline, to the end of follow-up."""
    luck = np.random.default_rng(5)
    session = Session.open("scn_lives", ["horizon_years=2"])
    for _ in range(60):
        if session.is_over:
            break
        if luck.random() < 0.2:
            session.undo()
        elif luck.random() < 0.3:
            session.autopilot(visits=2)
        else:
            session.decide(float(luck.uniform(0, 12)), int(luck.integers(5, 40)), refer=bool(luck.random() < 0.1))
        assert all(one.day < session.day or session.is_over for one in divergences(session))
    assert len(divergences(session)) >= 3


def test_a_course_after_chemotherapy_is_judged_by_the_days_it_shortens() -> None:
    session = Session.open("chemotherapy_cycles", ["cohort.n=1"])
    session.autopilot(visits=40)
    told = debrief(session).sentences[0]
    assert "below 0.5" in told
    assert "1 to 5" not in told
    yours, untreated = (debrief(session).lines[place].share(0, 0.5) for place in (0, 2))
    assert yours < untreated


def test_gcsf_where_the_guideline_gives_none_is_told() -> None:
    session = Session.open("idiopathic_stable")
    session.decide(5.0, 7)
    session.decide(0.0, 28)
    assert "You gave G-CSF on 7 days, the guideline on none." in debrief(session).sentences


def test_a_life_that_ended_is_told_first() -> None:
    session = Session.open("scn_lives", ["cohort.n=1"])
    session.autopilot(visits=30)
    while not session.is_over:
        session.decide(0.0, 60)
    found = debrief(session)
    assert "death on day" in found.sentences[0]
    assert "years" in found.score.loc["infections (severe)", "no treatment"]


def test_after_a_death_there_is_no_visit() -> None:
    session = Session.open("scn_lives", ["cohort.n=1"])
    while not session.is_over:
        session.decide(0.0, 60)
    assert "death" in set(session.events()["event"])
    with pytest.raises(ValueError, match="follow-up is over"):
        session.decide(5.0)
    assert session.opinion is None
    assert debrief(session).lines[0].days <= session.block.days


@pytest.fixture(scope="module")
def saved() -> str:
    session = Session.open("scn_child", ["horizon_years=1"])
    session.decide(5.0, 7)
    session.autopilot(visits=4)
    session.decide(2.5, 14, refer=True)
    return session_files.dumped(session)


def test_a_file_brings_the_session_back(saved: str, tmp_path: Path) -> None:
    session = session_files.loaded(saved.encode(), "mine.json")
    session_files.save(session, tmp_path / "again.json")
    again = session_files.load(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == saved
    assert again.visits().equals(session.visits())
    assert again.acts == session.acts
    assert len(again.acts) == 3


def _without(name: str) -> Callable[[dict[str, object]], object]:
    return lambda record: record.pop(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{\n", "mine.json:2: this is not JSON (Expecting property name"),
        (b"", "mine.json:1: this is not JSON (Expecting value, column 1); allowed: a session file"),
        (b"[]", "mine.json: this is a JSON list; allowed: a session file, which is one JSON object"),
        (b"\xff", "mine.json: this is not JSON; allowed: "),
    ],
)
def test_what_is_no_session_file_is_told_in_words(content: bytes, words: str) -> None:
    with pytest.raises(InputRefused) as refused:
        session_files.loaded(content, "mine.json")
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda record: record["acts"][0].update(dose_ug_per_kg_day=6.0), "altered"),
        (lambda record: record["acts"][0].update(dose_ug_per_kg_day=-6.0), "acts[0].dose_ug_per_kg_day"),
        (lambda record: record["acts"][0].update(dose_ug_per_kg_day=100.0), "acts[0]"),
        (lambda record: record["acts"][0].update(autopilot_visits=3), "acts[0]"),
        (lambda record: record["acts"][1].update(autopilot_visits=9000), "acts[1]"),
        (lambda record: record.update(patient=10**9), "patient"),
        (lambda record: record.update(format="another"), "format"),
        (lambda record: record.update(format_version=2), "format_version"),
        (lambda record: record.update(extra="<script>"), "extra"),
        (lambda record: record.update(chart_sha256="0" * 64), "chart_sha256"),
        (lambda record: record.update(scenario="a: [1"), "its scenario"),
        (lambda record: record.update(scenario=record["scenario"].replace("horizon_years: 1.0", "horizon_years: 900")), "horizon_years"),
        (lambda record: record.update(scenario=record["scenario"].replace("kind: guideline", "kind: python\n  object: os:system")), "policy.kind"),
        (lambda record: record.update(scenario="extends: ../../etc/passwd"), "extends"),
        (_without("acts"), "acts"),
    ],
)  # fmt: skip
def test_an_altered_file_is_answered(saved: str, alter: Callable[[dict[str, object]], object], words: str) -> None:
    record = json.loads(saved)
    alter(record)
    with pytest.raises(InputRefused) as refused:
        session_files.loaded(json.dumps(record).encode(), "mine.json")
    assert "mine.json" in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"x" * 1_000_001, b'{"format": NaN}', b"5"]
)
def test_a_foreign_file_is_answered(data: bytes) -> None:
    with pytest.raises(InputRefused, match=r"mine\.json"):
        session_files.loaded(data, "mine.json")


def test_a_drug_that_is_not_given_day_by_day_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"drug\.product"):
        Session.open("scn_child", ["drug.product=pegfilgrastim"])


def test_an_environment_and_a_session_treat_the_same_patient() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    from titranc.sim import environment

    assert environment.IDS
    env = gymnasium.make("titranc/SCN-v0", interval_days=14, horizon_years=1.0).unwrapped
    env.reset(seed=0)
    session = Session.open("scn_child", ["horizon_years=1"])
    for dose in (5.0, 5.0, 5.0, 2.5, 2.5, 2.5):
        env.step(np.array([dose]))
        assert not session.decide(dose, 14)
    chart = session.visits()
    seen = env.episode.cohort.seen[0]
    assert list(chart["day"]) == [14 * k for k in range(6)]
    assert session.seen is not None
    assert seen.count == session.seen.count
    assert [visit.count for visit in seen.history] == [visit.count for visit in session.seen.history]
