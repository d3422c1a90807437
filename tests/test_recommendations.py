"""Every recommendation of the source article has a rule, and a scenario that shows the rule at work."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from titranc.models import catalogue, shelves
from titranc.sim import trial
from titranc.sim.scenario import load_scenario

ROOT = Path(__file__).parent.parent
ENTRIES: list[dict[str, Any]] = YAML(typ="safe").load((shelves.MODELS_FOLDER / "recommendations.yaml").read_text())
RULES = {rule.id: rule for rule in catalogue.edition("source").rules}
# Lines 20 to 141 of the article that say what to do; the others are headings, results of studies and references.
RECOMMENDING_LINES = {
    20, *range(26, 30), *range(37, 42), *range(45, 49), *range(52, 55), *range(58, 61), 64, 65, 69, 70, *range(74, 78), 81,
    *range(83, 88), 91, *range(93, 97), *range(100, 104), *range(107, 112), *range(115, 118), *range(123, 127),
    *range(130, 134), *range(137, 142),
}  # fmt: skip


@cache
def rules_met(scenario: str) -> set[str]:
    visits = trial.simulate(load_scenario(scenario), "x")["visits"]
    return {rule_id for rule_ids in visits["rule_ids"] for rule_id in rule_ids.split()}


def test_every_recommending_line_is_listed() -> None:
    assert {entry["line"] for entry in ENTRIES} == RECOMMENDING_LINES


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"line-{entry['line']}" for entry in ENTRIES])
def test_a_recommendation_is_carried_by_the_rule_it_names(entry: dict[str, Any]) -> None:
    rule = RULES[entry["rule"]]
    assert entry["line"] in (rule.source_line, *rule.also_lines)
    acts = rule in (*catalogue.edition("source").dose_rules, *catalogue.edition("source").standing_rules)
    assert "scenario" in entry or not acts or rule.ends, "a rule that acts is to be seen in a scenario"


@pytest.mark.parametrize("scenario", sorted({entry["scenario"] for entry in ENTRIES if "scenario" in entry}))
def test_a_scenario_shows_the_rules_it_is_named_for(scenario: str) -> None:
    named = {entry["rule"] for entry in ENTRIES if entry.get("scenario") == scenario}
    assert named <= rules_met(scenario)


def test_every_line_of_a_rule_is_a_recommendation() -> None:
    lines = {line for rule in RULES.values() for line in (rule.source_line, *rule.also_lines) if line}
    assert lines <= RECOMMENDING_LINES


def test_the_readme_names_every_recommendation_with_rule_and_scenario() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| L(\d+) \| (.+?) \| `([a-z0-9-]+)` \| (?:`(\w+)`|-) \|$", readme, re.MULTILINE)
    told = {(int(line), says, rule, scenario) for line, says, rule, scenario in rows}
    assert told == {(entry["line"], entry["says"], entry["rule"], entry.get("scenario", "")) for entry in ENTRIES}


def test_every_audit_row_is_answered_by_a_rule_a_number_or_a_reason() -> None:
    from titranc.models.audit import audit

    answered = {row for rule in RULES.values() for row in rule.audit_rows}
    numbers = catalogue.edition("source").values.values()
    answered |= {number.audit_row for number in numbers if number.audit_row}
    rows = audit("source")
    assert len(rows) == 36
    assert all(row in answered or entry.no_rule_because for row, entry in rows.items())
