"""The report says what the tables say, in one page that no stranger's text can break."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.console import Console

from titranc.sim import trial
from titranc.sim.report.explain import render_explanation
from titranc.sim.report.page import _cell, write_report
from titranc.sim.report.plots.first_weeks import decisions_left_out, first_decisions, plot_first_weeks
from titranc.sim.report.plots.growth import caption_growth, plot_growth
from titranc.sim.report.plots.titration import caption_titration, plot_titration
from titranc.sim.report.style import thinned
from titranc.sim.report.summary import render_summary
from titranc.sim.report.svg import inline_svg
from titranc.sim.report.words import NOTICE
from titranc.sim.scenario import load_scenario

RULES = {
    "SCN-START": {
        "says": "Starting dose: 6 ug/kg subcutaneously twice daily.",
        "citation": ["source"],
        "source_line": 41,
        "audit_row": [3],
        "note": "The article starts above its own risk line; the line is judged on months 6 to 18.",
    },
    "SCN-INCREASE": {
        "says": "If the ANC goal is not reached within 5 to 7 days, increase by 2.5 ug/kg/day every 5 to 7 days.",
        "citation": ["source"],
        "source_line": 44,
        "audit_row": [8],
        "note": "",
    },
    "SCN-DECREASE": {
        "says": "Two counts above 5.0 in a row: lower the dose by a quarter.",
        "citation": ["welte"],
        "source_line": None,
        "audit_row": [10],
        "note": "The article has no rule to lower a dose; this one is ours.",
    },
    "SCN-KEEP": {
        "says": "Target ANC 1.0 to 5.0.",
        "citation": ["source"],
        "source_line": 43,
        "audit_row": [30],
        "note": "",
    },
    "NO-COUNT": {
        "says": "Without a usable count the dose stays.",
        "citation": ["ours"],
        "source_line": None,
        "audit_row": [],
        "note": "",
    },
    "RISK-8": {
        "says": "Daily doses above 8 ug/kg increase the risk of MDS and leukaemia.",
        "citation": ["source"],
        "source_line": 45,
        "audit_row": [15],
        "note": "Marker or cause is not settled.",
    },
    "HSCT-LOW": {
        "says": "Low responders need 15 to 20 ug/kg/day to keep an ANC of 1.0.",
        "citation": ["source"],
        "source_line": 118,
        "audit_row": [13],
        "note": "",
    },
}


def write_run(
    folder: Path, *, years: float = 2.0, n: int = 1, title: str = "A two-year-old on the guideline", reason_end: str = "",
    blank_counts: bool = True, with_events: bool = True, with_trajectory: bool = True, phase: str = "stable", dose_start: float = 12.0,
) -> Path:  # fmt: skip
    """Write a consistent, made-up run: a titration against a noisy count, and every table a report reads."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[pd.DataFrame]] = {}
    for patient_id in range(n):
        story = _made_up_story(patient_id, years, reason_end, blank_counts, with_events, phase, dose_start)
        for name, frame in story.items():
            parts.setdefault(name, []).append(frame)
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    if not with_trajectory:
        del tables["trajectory"]
    for name, frame in tables.items():
        _write_table(folder / f"{name}.parquet", frame)
    (folder / "scenario.yaml").write_text(f"schema_version: 1\ntitle: {title}\ncohort: {{disease: scn, n: {n}}}\n")
    (folder / "manifest.json").write_text(json.dumps(_manifest(title, tables)))
    return folder


def _made_up_story(
    patient_id: int, years: float, reason_end: str, blank_counts: bool, with_events: bool, phase: str, dose_start: float
) -> dict[str, pd.DataFrame]:
    luck = np.random.default_rng(77 + patient_id)
    days = int(years * 365.25)
    age = 2.0 + np.arange(days) / 365.25
    weight = 11.9 + 2.15 * (age - 2) + 0.115 * np.clip(age - 2, 0, 13) ** 2
    need = 20.5 - 12.0 * (1 - np.exp(-np.arange(days) / 230)) + 5.2 * np.exp(-(((age - 13.2) / 1.6) ** 2))
    wobble = np.zeros(days)
    for day in range(1, days):
        wobble[day] = 0.86 * wobble[day - 1] + luck.normal(0, 0.12)
    missed = (luck.random((days, 2)) > 0.93).sum(axis=1)
    anc, dose, drive = np.zeros(days), np.zeros(days), 0.02
    visits: list[dict[str, Any]] = []
    due, current, high = 0, 0.0, 0
    for day in range(days):
        drive += 0.16 * (0.14 + 2.6 * (current / need[day]) ** 2.6 - drive)
        anc[day] = max(0.01, drive * np.exp(wobble[day] - 0.25 * missed[max(day - 1, 0)]))
        if day == due:
            visit, current, high = _decide(
                len(visits), day, anc[day], current, high, luck, blank_counts, reason_end, phase, dose_start
            )
            visit |= {"age_years": age[day], "weight_kg": weight[day], "dose_after_ug_day": current * weight[day]}
            visits.append(visit)
            due = day + visit["next_visit_days"]
        dose[day] = current
    ids = {"run_id": "demo-1", "arm": "source", "patient_id": patient_id}
    trajectory = pd.DataFrame(
        {
            **ids, "day": np.arange(days), "anc_1e9_per_l": anc, "gcsf_ng_per_ml": 0.02 + dose * 0.4, "proliferating_1e9_per_l": 3.0,
            "maturing_1e9_per_l": 4.0, "reserve_1e9_per_l": 5.0, "weight_kg": weight, "dose_given_ug_per_kg": dose * (1 - missed / 2),
            "doses_missed": missed,
        }
    )  # fmt: skip
    frame = pd.DataFrame([ids | visit for visit in visits])
    doses = _dose_periods(ids, frame, days, missed)
    events = _events(ids, frame) if with_events else _events(ids, frame).iloc[:0]
    return {
        "patients": _patient(ids, weight[0]),
        "visits": frame,
        "doses": doses,
        "trajectory": trajectory,
        "events": events,
        "outcomes": _outcome(ids, frame, trajectory, doses, dose, events),
    }


def _decide(
    number: int, day: int, anc: float, current: float, high: int, luck: np.random.Generator, blank: bool, reason_end: str,
    phase: str, dose_start: float,
) -> tuple[dict[str, Any], float, int]:  # fmt: skip
    seen = float("nan") if blank and number and luck.random() < 0.04 else anc * float(np.exp(luck.normal(0, 0.2)))
    before, action, rules, reason = (
        current,
        "keep",
        "SCN-KEEP",
        f"ANC {seen:.2f} lies in the target 1.0 to 5.0: keep {current:g} ug/kg/day",
    )
    if number == 0:
        current, action, rules, reason = (
            dose_start,
            "start",
            "SCN-START RISK-8",
            f"Severe congenital neutropenia: start at {dose_start:g} ug/kg/day in two doses",
        )
    elif np.isnan(seen):
        rules, reason = "NO-COUNT", f"The sample gave no count: keep {current:g} ug/kg/day and sample again"
    elif seen < 1.0:
        current, action, rules = current + 2.5, "increase", "SCN-INCREASE"
        reason = f"ANC {seen:.2f} is below 1.0 after 7 days at {before:g} ug/kg/day: increase by 2.5 to {current:g} ug/kg/day"
    elif seen > 5.0:
        high += 1
        if high > 1:
            current, action, rules, high = round(current * 0.75, 2), "decrease", "SCN-DECREASE", 0
            reason = f"ANC {seen:.2f} is above 5.0 for the second time: lower by a quarter to {current:g} ug/kg/day"
    high = 0 if seen <= 5 else high
    if current >= 8 and action != "start":
        rules += " RISK-8"
    wait = 7 if day < 84 else 30 if day < 730 else 61
    visit = {
        "visit_no": number, "day": day, "lab_status": "missing" if np.isnan(seen) else "valid", "anc_reported_1e9_per_l": seen,
        "anc_true_1e9_per_l": anc, "dose_before_ug_per_kg_day": before, "dose_requested_ug_per_kg_day": current,
        "dose_after_ug_per_kg_day": current, "every_hours": 12, "phase": "titrating" if day < 84 else phase, "action": action,
        "rule_ids": rules, "reason": reason + "." + reason_end, "flags": "tight_monitoring" if current >= 8 else "", "gate": "",
        "next_visit_days": 7 if action in ("increase", "decrease") else wait,
    }  # fmt: skip
    return visit, current, high


def _dose_periods(ids: dict[str, Any], visits: pd.DataFrame, days: int, missed: Any) -> pd.DataFrame:
    ends = [*visits["day"].iloc[1:], days]
    rows = []
    for (_, visit), end in zip(visits.iterrows(), ends, strict=True):
        ordered, lost = 2 * (end - visit["day"]), int(missed[visit["day"] : end].sum())
        rows.append(
            ids | {
                "day_start": visit["day"], "day_end": end, "product": "filgrastim", "dose_ug_per_kg_day": visit["dose_after_ug_per_kg_day"],
                "dose_ug": visit["dose_after_ug_day"] / 2, "every_hours": 12, "doses_ordered": ordered, "doses_taken": ordered - lost,
                "doses_missed": lost,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _events(ids: dict[str, Any], visits: pd.DataFrame) -> pd.DataFrame:
    columns = ["day", "event", "severity", "dose_ug_per_kg_day", "anc_1e9_per_l", "detail", "rule_ids"]
    rows: list[list[Any]] = []
    above = visits["dose_after_ug_per_kg_day"]
    for event, severity, rule, crossed in (
        ("ceiling_8", "warning", "RISK-8", above >= 8), ("ceiling_15", "critical", "RISK-8", above > 15), ("hsct_low_responder", "critical", "HSCT-LOW", above > 15),
    ):  # fmt: skip
        for row in visits.index[crossed & ~crossed.shift(fill_value=False)]:
            visit = visits.loc[row]
            rows.append(
                [
                    visit["day"],
                    event,
                    severity,
                    visit["dose_after_ug_per_kg_day"],
                    visit["anc_reported_1e9_per_l"],
                    "The line was crossed upwards.",
                    rule,
                ]
            )
    last = int(visits["day"].iloc[-1])
    rows += [
        [day, "marrow", "info", float("nan"), float("nan"), "Yearly examination: no sign of MDS.", "SCN-KEEP"]
        for day in range(365, last, 365)
    ]
    frame = pd.DataFrame(rows, columns=columns).sort_values("day", kind="stable", ignore_index=True)
    return pd.DataFrame([ids] * len(frame)).join(frame) if len(frame) else frame.assign(**ids)


def _outcome(
    ids: dict[str, Any], visits: pd.DataFrame, truth: pd.DataFrame, doses: pd.DataFrame, dose: Any, events: pd.DataFrame
) -> pd.DataFrame:
    anc = truth["anc_1e9_per_l"]
    on_target = np.flatnonzero((anc >= 1) & (anc <= 5))
    referred = events[events["event"].str.startswith("hsct")]["day"]
    return pd.DataFrame(
        [
            ids | {
                "days_observed": len(truth), "share_anc_below_0_5": (anc < 0.5).mean(), "share_anc_0_5_to_1": ((anc >= 0.5) & (anc < 1)).mean(),
                "share_anc_1_to_5": ((anc >= 1) & (anc <= 5)).mean(), "share_anc_5_to_10": ((anc > 5) & (anc <= 10)).mean(),
                "share_anc_above_10": (anc > 10).mean(), "days_to_first_target": float(on_target[0]) if len(on_target) else float("nan"),
                "mean_anc_1e9_per_l": anc.mean(), "mean_dose_ug_per_kg_day": dose.mean(), "final_dose_ug_per_kg_day": dose[-1],
                "peak_dose_ug_per_kg_day": dose.max(), "cumulative_dose_ug_per_kg": dose.sum(), "days_dose_at_or_above_8": int((dose >= 8).sum()),
                "days_dose_above_15": int((dose > 15).sum()), "doses_ordered": int(doses["doses_ordered"].sum()),
                "doses_taken": int(doses["doses_taken"].sum()), "doses_missed": int(doses["doses_missed"].sum()), "visits": len(visits),
                "time_to_hsct_referral_days": int(referred.iloc[0]) if len(referred) else len(truth), "status_hsct_referral": int(len(referred) > 0),
            }
        ]
    )  # fmt: skip


def _patient(ids: dict[str, Any], weight: float) -> pd.DataFrame:
    return pd.DataFrame(
        [
            ids | {
                "disease": "scn", "genotype": "ELANE", "sex": "female", "age_start_years": 2.0, "weight_start_kg": weight,
                "height_start_cm": 86.0, "weight_z": 0.1, "height_z": -0.2, "anc_untreated_1e9_per_l": 0.12, "gcsf_untreated_ng_per_ml": 0.6,
                "doses_taken_share": 0.93, "refractory": False, "p_gcsf_insensitivity": 2.41, "p_filgrastim_elimination_per_day": 4.77,
            }
        ]
    )  # fmt: skip


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    notes = {
        "p_filgrastim_elimination_per_day": {b"label": b"Filgrastim elimination", b"unit": b"1/day"},
    }
    fields = [field.with_metadata(notes.get(field.name)) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), path)


def _manifest(title: str, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "run_id": "demo-1",
        "title": title,
        "question": "What dose does she need, and what does growth do to it?",
        "seed": 20261123,
        "version": "0.1.0",
        "solver": {"accuracy": "default", "max_relative_error": "3.1e-05"},
        "started_utc": "2026-11-23T08:00:00Z",
        "finished_utc": "2026-11-23T08:00:02Z",
        "wall_seconds": 1.9,
        "packages": {"numpy": "2.4.1", "pandas": "3.0.0"},
        "tables": {
            name: {"rows": len(frame), "content": f"{len(frame)}-" + "ab" * 16, "parts": []}
            for name, frame in tables.items()
        },
        "deviations": [
            {
                "audit_row": 10,
                "rule_id": "SCN-DECREASE",
                "source_line": 43,
                "says": "No rule to lower, hold or stop; above 10 is unnecessary.",
                "does": "Lowers by a quarter after two counts above 5.0.",
            },
            {
                "audit_row": 13,
                "rule_id": "SCN-DECREASE",
                "source_line": 43,
                "says": "No rule to lower, hold or stop; above 10 is unnecessary.",
                "does": "Lowers by a quarter after two counts above 5.0.",
            },
        ],
        "citations": {
            "source": "What is the treatment for severe leukopenia? Article, 6 December 2025, unreviewed.",
            "welte": "Welte K, Zeidler C, Dale DC. Semin Hematol 2006.",
            "ours": "This project.",
        },
        "rules": RULES,
        "parameters": {
            "gcsf_insensitivity": {
                "unit": "dimensionless",
                "meaning": "how many times more G-CSF is needed",
                "source": "ours",
                "grade": "C",
            },
            "filgrastim_elimination_per_day": {
                "unit": "1/day",
                "meaning": "renal loss of filgrastim",
                "source": "welte",
                "grade": "B",
            },
        },
        "notice": "Teaching and research only, never the treatment of a patient.",
    }


class Page(HTMLParser):
    """A page taken apart as a browser would: its tags, its attributes, its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def pictures(self) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if attributes.get("class") == "picture"]


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}


def printed(renderable: Any) -> str:
    console = Console(width=100, color_system=None, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page(write_report(run))


def hand_made_visits() -> pd.DataFrame:
    """Five visits, with numbers a reader can check by heart."""
    return pd.DataFrame(
        {
            "arm": "source",
            "patient_id": 0,
            "visit_no": range(5),
            "day": [0, 7, 21, 50, 400],
            "age_years": [2.0, 2.02, 2.06, 2.14, 3.1],
            "weight_kg": [12.0, 12.1, 12.2, 12.4, 15.0],
            "anc_reported_1e9_per_l": [0.1, 0.4, 0.8, 2.0, np.nan],
            "dose_before_ug_per_kg_day": [0.0, 12.0, 14.5, 17.0, 17.0],
            "dose_after_ug_per_kg_day": [12.0, 14.5, 17.0, 17.0, 10.0],
            "dose_after_ug_day": [144.0, 175.0, 207.0, 211.0, 150.0],
            "phase": "titrating",
            "action": ["start", "increase", "increase", "keep", "decrease"],
            "rule_ids": "SCN-KEEP",
            "reason": "Because.",
            "gate": "",
        }
    )


def hand_made_doses() -> pd.DataFrame:
    return pd.DataFrame({"day_start": [0], "day_end": [401], "doses_ordered": [800], "doses_missed": [40]})


def test_the_page_is_one_file_that_asks_for_nothing(page: Page) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    )
    for _, attributes in page.tags:
        assert all(not name.startswith("on") for name in attributes)
        assert all(attributes.get(name, "#").startswith("#") for name in ("href", "src", "xlink:href"))
    assert re.findall(r"url\((?!#)", page.source) == []
    assert "@import" not in page.source


def test_every_link_and_reference_leads_to_an_id_that_stands_once(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {attributes["href"][1:] for _, attributes in page.tags if "href" in attributes}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", page.source))
    assert len(wanted) > 10
    assert wanted <= set(ids)


def test_each_picture_is_described_by_its_caption(page: Page) -> None:
    assert len(page.pictures) == 3
    for picture in page.pictures:
        assert picture["role"] == "img"
        assert len(picture["aria-label"]) > 80
        assert picture["aria-label"] in page.text


def test_the_notice_the_question_and_the_provenance_are_on_the_page(page: Page) -> None:
    for words in (NOTICE, "What dose does she need", "20261123", "abab", "schema_version: 1", "3.1e-05", "Welte K"):
        assert words in page.text


def test_a_recalled_number_carries_its_mark(page: Page) -> None:
    assert "2.41 This project. C, unverified" in page.text


def test_a_deviation_stands_once_with_every_audit_row_it_answers(page: Page) -> None:
    assert page.text.count("Lowers by a quarter after two counts above 5.0.") == 1
    assert "10, 13 SCN-DECREASE 43" in page.text


def test_the_story_lists_the_visits_that_changed_something_and_counts_the_others(run: Path, page: Page) -> None:
    visits = read_tables(run)["visits"]
    changed = visits[visits["action"] != "keep"]
    assert (
        f"{len(changed)} visits changed something; at the other {len(visits) - len(changed)} the dose stayed as it was"
        in page.text
    )
    for visit in changed.to_dict("records"):
        assert visit["reason"] in page.text


def test_a_story_in_which_g_csf_is_withheld_throughout_changes_nothing_after_its_first_visit(tmp_path: Path) -> None:
    run = write_run(tmp_path, years=0.5, blank_counts=False)
    visits = pd.read_parquet(run / "visits.parquet")
    doses = {name: 0.0 for name in visits.columns if "dose" in name}
    visits.assign(action="withhold", reason="Nothing is given.", **doses).to_parquet(run / "visits.parquet")
    page = Page(write_report(run))
    assert f"1 visit changed something; at the other {len(visits) - 1} the dose stayed as it was." in page.text
    assert "the dose stayed at 0 ug/kg/day" in page.text
    assert "The daily dose went" not in page.text
    visits.iloc[:1].to_parquet(run / "visits.parquet")
    assert "1 visit changed something. Doses in" in Page(write_report(run)).text


def test_a_day_that_some_never_reached_says_how_many_did() -> None:
    days = pd.Series([94.0, 0.0, 972.0, np.nan, np.nan])
    assert _cell(days, "days") == "94 (0 to 972), in the 3 of 5 who reached it"
    assert _cell(days.iloc[:3], "days") == "94 (0 to 972)"
    assert _cell(days.iloc[3:], "days") == "none of 2 reached it"


HOSTILE = "<script>alert(1)</script>"


def test_a_strangers_text_stays_text_on_the_page_and_in_the_pictures(tmp_path: Path) -> None:
    run = write_run(
        tmp_path,
        title=HOSTILE,
        reason_end=' <img src=x onerror=alert(1)> $x_$ \x1b[31m "',
        phase="<svg onload=alert(2)>",
    )
    page = Page(write_report(run))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img"})
    assert all("onload" not in attributes and "onerror" not in attributes for _, attributes in page.tags)
    assert page.text.count(HOSTILE) >= 2
    assert "<svg onload=alert(2)>" in page.text
    assert "\x1b" not in page.source


def test_a_hostile_event_name_stays_text_in_the_description_and_the_drawing(run: Path) -> None:
    tables = read_tables(run)
    events = tables["events"].assign(event='"><script>')
    figure = plot_titration(tables["visits"], tables["doses"], tables["trajectory"], events)
    drawing = inline_svg(figure, "t", 'a "quoted" <b>')
    assert "<script>" not in drawing
    assert 'aria-label="a &quot;quoted&quot; &lt;b&gt;"' in drawing


def test_the_caption_states_the_facts_of_the_data() -> None:
    caption = caption_titration(hand_made_visits(), hand_made_doses())
    assert "started at 12 ug/kg/day, was highest at 17 on day 21 and ended at 10." in caption
    assert "at 8 ug/kg/day or above from day 0, passed 15 on day 21 and never passed 20." in caption
    assert "Of 4 reported counts, 25 % lay between 1 and 5 and 2 below 0.5, the last on day 7." in caption
    assert "1 visit had no number" in caption
    assert "5 % of the 800 ordered doses were missed, which the clinic cannot see." in caption


def test_the_growth_caption_says_what_the_last_dose_would_have_been_at_the_first_weight() -> None:
    caption = caption_growth(hand_made_visits())
    assert "12.0 to 15.0 kg, 1.2 times the start" in caption
    assert "would have been 12.5 ug/kg/day" in caption


def test_a_dose_that_stays_low_crosses_no_line() -> None:
    visits = hand_made_visits().assign(dose_after_ug_per_kg_day=5.0)
    caption = caption_titration(visits, hand_made_doses())
    assert "started at 5 ug/kg/day and stayed there. It never reached 8 ug/kg/day." in caption


def test_the_same_tables_give_the_same_bytes(run: Path, page: Page, tmp_path: Path) -> None:
    assert write_report(run).read_text(encoding="utf-8") == page.source
    assert write_report(write_run(tmp_path / "again")).read_text(encoding="utf-8") == page.source


def test_a_story_without_events_trajectory_or_usable_counts_is_still_told(tmp_path: Path) -> None:
    run = write_run(tmp_path, years=0.6, with_events=False, with_trajectory=False)
    visits = pd.read_parquet(run / "visits.parquet").assign(anc_reported_1e9_per_l=np.nan)
    visits.to_parquet(run / "visits.parquet")
    page = Page(write_report(run))
    assert "No event was recorded for this patient." in page.text
    assert "No visit had a count." in page.text
    assert "the true count" not in page.text


def test_several_patients_are_summed_up_and_the_first_is_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path, years=1, n=3)
    page = Page(write_report(run))
    assert "This run has 3 patients" in page.text
    assert "show the first patient, number 0" in page.text
    assert "The median of 3 patients" in page.text
    first = pd.read_parquet(run / "visits.parquet").query("patient_id == 0")
    assert f"{len(first)} visits" not in page.text.split("The titration")[0]
    assert page.pictures[0]["aria-label"] == caption_titration(
        first, pd.read_parquet(run / "doses.parquet").query("patient_id == 0")
    )


def test_the_pictures_refuse_several_patients_by_saying_how_to_choose(tmp_path: Path) -> None:
    visits = pd.read_parquet(write_run(tmp_path, years=0.3, n=2) / "visits.parquet")
    with pytest.raises(ValueError, match="2 patients or arms; choose one"):
        plot_growth(visits)


def test_a_report_that_cannot_be_made_leaves_the_old_one_whole(tmp_path: Path) -> None:
    run = write_run(tmp_path, years=0.3)
    before = write_report(run).read_bytes()
    (run / "visits.parquet").unlink()
    with pytest.raises(FileNotFoundError):
        write_report(run)
    assert (run / "report.html").read_bytes() == before
    assert list(run.glob("*.part")) == []


def test_fifteen_years_of_days_stay_a_small_picture(tmp_path: Path) -> None:
    page = Page(write_report(write_run(tmp_path, years=15)))
    drawings = re.findall(r"<svg.*?</svg>", page.source, re.DOTALL)
    assert max(len(drawing) for drawing in drawings) < 200_000


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    days = np.arange(20_000.0)
    values = np.random.default_rng(5).normal(size=20_000)
    values[12_345], values[777] = 50.0, -50.0
    kept_days, kept = thinned(days, values, bins=100)
    assert len(kept) <= 200
    assert (kept.max(), kept.min()) == (50.0, -50.0)
    assert (np.diff(kept_days) > 0).all()


def test_the_first_weeks_number_fourteen_decisions_and_put_the_rest_in_words() -> None:
    base = hand_made_visits().iloc[[0] + [3] * 19 + [2]]
    visits = base.assign(day=np.arange(21) * 4, reason="A sentence.", visit_no=range(21))
    decisions = first_decisions(visits)
    assert [decision.number for decision in decisions] == list(range(1, 15))
    assert (decisions[0].action, decisions[-1].action, decisions[-1].day) == ("start", "increase", 80)
    assert decisions_left_out(visits) == "At 7 further visits of these weeks the dose was kept."


def test_the_sentences_stand_below_the_chart_inside_the_figure_and_overlap_nothing() -> None:
    visits = hand_made_visits().assign(reason="A long sentence that must be wrapped to stay on the figure, " * 5)
    figure = plot_first_weeks(visits, pd.DataFrame({"day": [0.0, 80.0], "anc_1e9_per_l": [0.1, 2.0]}))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    sentences = figure.texts[0].get_window_extent(canvas.get_renderer())
    charts = min(axes.get_tightbbox(canvas.get_renderer()).ymin for axes in figure.axes)
    assert 0 <= sentences.ymin < sentences.ymax <= charts
    assert sentences.xmax <= figure.bbox.xmax


def test_the_labels_of_the_titration_do_not_overlap_and_are_not_cut_off(run: Path) -> None:
    tables = read_tables(run)
    figure = plot_titration(tables["visits"], tables["doses"], tables["trajectory"], tables["events"])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for axes in figure.axes for text in axes.texts]
    assert len(boxes) > 8
    assert all(box.xmax <= figure.bbox.xmax and box.ymin >= 0 for box in boxes)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
    assert not any(a.overlaps(b) for a, b in pairs)


@pytest.mark.parametrize(("years", "n"), [(0.25, 1), (2.0, 3), (15.0, 1), (40.0, 1)])
def test_the_summary_fits_one_screen_without_colour(tmp_path: Path, years: float, n: int) -> None:
    run = write_run(tmp_path, years=years, n=n, title="[bold]\x1b[31m" + "long title " * 30)
    text = printed(render_summary(read_tables(run), json.loads((run / "manifest.json").read_text()), run))
    lines = text.split("Files:")[0].splitlines()
    assert len(lines) <= 38
    assert max(len(line) for line in lines) <= 100
    assert "\x1b" not in text
    for words in ("[bold]", NOTICE, "1-5", "ug/kg/day", "8 ug/kg/day reached", "SCN-KEEP"):
        assert words in text


def test_the_summary_reports_the_dose_and_the_median_count_of_each_stretch(run: Path) -> None:
    tables = read_tables(run)
    text = printed(render_summary(tables, json.loads((run / "manifest.json").read_text())))
    quarter = tables["visits"].query("day < 91")
    row = next(line for line in text.splitlines() if line.strip().startswith("13 "))
    assert f"{quarter['anc_reported_1e9_per_l'].median():.2f}" in row
    assert f"{quarter['dose_after_ug_per_kg_day'].iloc[-1]:g}" in row


def test_the_summary_names_a_policy_that_is_not_the_guideline_and_gives_its_own_reason(run: Path) -> None:
    tables = read_tables(run)
    manifest = json.loads((run / "manifest.json").read_text())
    assert "What the guideline did and why" in printed(render_summary(tables, manifest))
    manifest["policies"] = {"source": ["mine:Half", "guideline"]}
    own = tables["visits"].assign(action="keep", rule_ids="half", reason="Half of it.")
    for visits, line in (
        (own, "times, mostly half: Half of it."),
        (own.assign(reason=""), "times, mostly half"),
        (own.assign(rule_ids=""), "times: Half of it."),
    ):
        lines = printed(render_summary({**tables, "visits": visits}, manifest)).splitlines()
        assert "What the policy mine:Half, then guideline did and why" in lines
        assert f"  keep {len(own)} {line}" in lines


def test_a_run_says_who_decided(tmp_path: Path) -> None:
    fixed = "policy={kind: fixed, dose_ug_per_kg_day: 5}"
    assert policies_of("scn_child", tmp_path / "guideline") == ["guideline"]
    assert policies_of("scn_child", tmp_path / "fixed", fixed) == ["fixed"]
    assert policies_of("sargramostim_then_filgrastim", tmp_path / "both", "cohort.n=1") == [
        "fixed_by_surface", "guideline",
    ]  # fmt: skip


def policies_of(name: str, folder: Path, *changes: str) -> list[str]:
    manifest = trial.run(load_scenario(name, ["horizon_years=0.02", *changes]), folder).manifest
    policies: list[str] = manifest["policies"]["base"]
    return policies


def test_a_long_title_is_wrapped(run: Path) -> None:
    title = "A child of two years, " * 6 + "[changed: cohort.age_years=80]"
    manifest = json.loads((run / "manifest.json").read_text()) | {"title": title, "question": ""}
    assert title in " ".join(printed(render_summary(read_tables(run), manifest)).split())


def test_explain_names_the_rule_the_sentence_and_the_source_of_one_visit(run: Path) -> None:
    visits, manifest = read_tables(run)["visits"], json.loads((run / "manifest.json").read_text())
    number = int(visits.loc[visits["action"] == "increase", "visit_no"].iloc[0])
    text = " ".join(printed(render_explanation(visits, manifest, 0, number)).split())
    assert visits["reason"].iloc[number] in text
    for words in (f"Visit {number}, day", "SCN-INCREASE", "Source article, line 44.", "6 December 2025"):
        assert words in text
    assert text.count("Visit ") == 1


def test_explain_tells_more_than_a_hundred_visits_and_each_rule_once(tmp_path: Path) -> None:
    run = write_run(tmp_path, years=15)
    visits, manifest = read_tables(run)["visits"], json.loads((run / "manifest.json").read_text())
    text = printed(render_explanation(visits, manifest, 0))
    assert len(re.findall(r"^Visit \d+, day", text, re.MULTILINE)) == len(visits) > 100
    assert text.count(RULES["SCN-START"]["says"]) == 1


@pytest.mark.parametrize(
    ("patient", "visit", "says"), [(7, None, "patient: 7 is not .* 0 to 0"), (0, 999, "visit: 999 is not .* 0 to ")]
)
def test_explain_refuses_what_is_not_there_by_saying_what_is(
    run: Path, patient: int, visit: int | None, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        render_explanation(read_tables(run)["visits"], {}, patient, visit)


def test_the_package_itself_loads_nothing_heavy() -> None:
    code = (
        "import sys, titranc.sim.report; print(sorted({'matplotlib', 'pandas', 'numpy', 'jinja2'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
