"""A session as a small JSON file: the scenario and what was ordered, not what came of it.

To open one is to play it again. It may come from a stranger: its size and fields are checked, nothing of it is imported or
run, and what it leads to must be what its author saw.
"""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from titranc.models.documents import Document, InputProblem, InputRefused, check, refusal
from titranc.models.input_problems import Complaint, Words
from titranc.models.order_gate import LONGEST_WAIT_DAYS
from titranc.sim.scenario import read_scenario
from titranc.sim.section import Section, Whole
from titranc.sim.session import Act, Autopilot, Choice, Session
from titranc.sim.storage import write_whole

LARGEST_BYTES = 1_000_000
MOST_ACTS = 12_000


class ActRecord(Section):
    """A choice, or a stretch on the autopilot."""

    dose_ug_per_kg_day: float | None = Field(default=None, ge=0, le=240)
    next_visit_days: Whole | None = Field(default=None, ge=1, le=LONGEST_WAIT_DAYS)
    refer: bool = False
    autopilot_visits: Whole | None = Field(default=None, ge=1, le=MOST_ACTS)

    @model_validator(mode="after")
    def _one_of_two(self) -> ActRecord:
        chosen = self.dose_ug_per_kg_day is not None and self.next_visit_days is not None
        if chosen == (self.autopilot_visits is not None):
            raise refusal("either dose_ug_per_kg_day and next_visit_days, or autopilot_visits", "autopilot_visits")
        return self

    def act(self) -> Act:
        """Return what was done."""
        if self.autopilot_visits is not None:
            return Autopilot(self.autopilot_visits)
        return Choice(self.dose_ug_per_kg_day or 0.0, self.next_visit_days or 1, self.refer)


class SessionRecord(Section):
    """What a session file holds."""

    format: Literal["titranc session"]
    format_version: Literal[1]
    titranc: str = Field(max_length=40)
    patient: Whole = Field(ge=0, lt=1_000_000)
    scenario: str = Field(max_length=LARGEST_BYTES)
    acts: tuple[ActRecord, ...] = Field(max_length=MOST_ACTS)
    chart_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def dumped(session: Session) -> str:
    """Return a session as the text of its file."""
    record = {
        "format": "titranc session",
        "format_version": 1,
        "titranc": metadata.version("titranc"),
        "patient": session.patient,
        "scenario": session.scenario.to_yaml(),
        "acts": [_written(act) for act in session.acts],
        "chart_sha256": chart_sha256(session),
    }
    return json.dumps(record, indent=1)


def save(session: Session, path: Path) -> None:
    """Write a session's file, whole or not at all."""
    write_whole(path, dumped(session).encode())


def load(path: Path) -> Session:
    """Return the session of a file, played again to where it stood; raises InputRefused."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "there is no such file" if missing else f"the file cannot be read ({error.strerror})"
        raise InputRefused([InputProblem(str(path), None, "", Complaint(reason), "a session file")]) from None
    return loaded(data, str(path))


def loaded(data: bytes, shown_as: str) -> Session:
    """Return the session that these bytes hold; raises InputRefused with what does not fit, `shown_as` in its words."""
    record = check(SessionRecord, Document(shown_as, _parsed(data, shown_as), {}))
    scenario = read_scenario(record.scenario, f"{shown_as}, its scenario")
    session = Session(scenario, record.patient)
    for index, each in enumerate(record.acts):
        try:
            session.repeat(each.act())
        except ValueError as error:
            allowed = f"what can be ordered at that visit ({error})"
            problem = InputProblem(shown_as, None, f"acts[{index}]", each.model_dump(exclude_none=True), allowed)
            raise InputRefused([problem]) from None
    if chart_sha256(session) != record.chart_sha256:
        allowed = f"the chart that these choices lead to in titranc {metadata.version('titranc')}"
        value = Words(f"a chart of titranc {record.titranc}, another version's or an altered one,")
        raise InputRefused([InputProblem(shown_as, None, "chart_sha256", value, allowed)])
    return session


def chart_sha256(session: Session) -> str:
    """Return a digest of what the chart says: days, counts, doses."""
    chart = session.visits()[["day", "anc_reported_1e9_per_l", "dose_after_ug_per_kg_day"]]
    told = chart.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return hashlib.sha256(told.encode()).hexdigest()


def _written(act: Act) -> dict[str, Any]:
    if isinstance(act, Autopilot):
        return {"autopilot_visits": act.visits}
    return {
        "dose_ug_per_kg_day": act.dose_ug_per_kg_day,
        "next_visit_days": act.next_visit_days,
        "refer": act.refer,
    }


def _parsed(data: bytes, shown_as: str) -> dict[str, Any]:
    def refused(value: str, allowed: str, line: int | None = None) -> InputRefused:
        return InputRefused([InputProblem(shown_as, line, "", Complaint(value), allowed)])

    if len(data) > LARGEST_BYTES:
        raise refused("the file is larger", f"a session file of at most {LARGEST_BYTES:,} bytes")
    try:
        found = json.loads(data.decode("utf-8"))
    except json.JSONDecodeError as error:
        complaint = f"this is not JSON ({error.msg}, column {error.colno})"
        raise refused(complaint, "a session file, which is JSON", error.lineno) from None
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise refused("this is not JSON", "a session file, which is JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise refused(f"this is a JSON {type(found).__name__}", "a session file, which is one JSON object")
    return found
