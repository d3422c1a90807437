"""Why each dose was what it was: the visits of one patient, their rules, and where the rules come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from titranc.sim.report.findings import DOSE, rules_named
from titranc.sim.report.words import DOSE_UNIT, NOTICE, anc, day_words, number, plain

_ACTION_STYLES = {"increase": "red", "decrease": "blue", "hold": "yellow", "resume": "green", "refer": "magenta"}


def render_explanation(
    visits: pd.DataFrame, manifest: Mapping[str, Any], patient_id: int, visit_no: int | None = None
) -> RenderableType:
    """Return the visits of a patient (or one of them) in every arm, then each rule they name once, for `rich` to print.

    Raises ValueError naming the patient or visit that is not there, and what is.
    """
    chosen = _chosen(visits, patient_id, visit_no)
    parts: list[RenderableType] = [Text(NOTICE, style="yellow")]
    for arm, story in chosen.groupby("arm", sort=False):
        parts += [Text(), Text(f"Patient {patient_id}, arm {plain(arm)}", style="bold")]
        for visit in story.sort_values("day", kind="stable").to_dict("records"):
            parts += _visit(visit)
    parts += [Text(), Text("The rules", style="bold"), *_rules(rules_named(chosen["rule_ids"]), manifest)]
    return Group(*parts)


def _chosen(visits: pd.DataFrame, patient_id: int, visit_no: int | None) -> pd.DataFrame:
    story = visits[visits["patient_id"] == patient_id]
    if story.empty:
        raise ValueError(f"patient: {patient_id} is not in this run; there are {_span(visits['patient_id'])}")
    if visit_no is None:
        return story
    one = story[story["visit_no"] == visit_no]
    if one.empty:
        raise ValueError(f"visit: {visit_no} is not one of patient {patient_id}; there are {_span(story['visit_no'])}")
    return one


def _span(numbers: pd.Series[Any]) -> str:
    return "none" if numbers.empty else f"{numbers.min()} to {numbers.max()}"


def _visit(visit: Mapping[Any, Any]) -> Iterator[RenderableType]:
    before, after, action = visit["dose_before_ug_per_kg_day"], visit[DOSE], plain(visit["action"])
    dose = f"{number(before)} → {number(after)}" if before != after else number(after)
    head = Text()
    head.append(f"Visit {visit['visit_no']}, {day_words(visit['day'])}", style="bold")
    head.append(f"  ANC {anc(visit['anc_reported_1e9_per_l'])}  {dose} {DOSE_UNIT}  ")
    head.append(action, style=_ACTION_STYLES.get(action, ""))
    yield head
    yield Padding(Text(plain(visit["reason"])), (0, 0, 0, 4))
    if plain(visit["gate"]):
        yield Padding(Text(f"Safety gate: {plain(visit['gate'])}", style="red"), (0, 0, 0, 4))
    yield Padding(Text(", ".join(plain(visit["rule_ids"]).split()), style="dim"), (0, 0, 0, 4))


def _rules(names: list[str], manifest: Mapping[str, Any]) -> Iterator[RenderableType]:
    told, citations = manifest.get("rules", {}), manifest.get("citations", {})
    for name in names:
        rule = told.get(name, {})
        yield Text(name, style="bold")
        yield Padding(Text(plain(rule.get("says")) or "The manifest says nothing of this rule."), (0, 0, 0, 4))
        line = plain(rule.get("source_line"))
        where = [f"Source article, line {line}."] if line else []
        cited = " · ".join(plain(citations.get(key, key)) for key in rule.get("citation") or [])
        yield Padding(Text(" ".join([*where, cited]).strip(), style="dim"), (0, 0, 0, 4))
        for deviation in manifest.get("deviations", []):
            if deviation["rule_id"] == name:
                yield Padding(Text(_departure(deviation), style="dim"), (0, 0, 0, 4))


def _departure(deviation: Mapping[str, Any]) -> str:
    """Return what the article says where the rule departs from it, and what the evidence says."""
    said = plain(deviation.get("article_says"))
    article = f"the article says “{said}”." if said else "the article is silent."
    return f"Audit row {deviation['audit_row']}: {article} {plain(deviation.get('evidence'))}"
