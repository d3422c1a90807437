"""The source edition does what its lines say, and says which line."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from titranc.models import catalogue, shelves
from titranc.models.clinic_view import Count, CountStatus, Decision, History, Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen, Schedule
from titranc.models.findings import Csf3rFinding, Findings
from titranc.models.guideline import Guideline
from titranc.models.titration import TITRATIONS

CASES: list[dict[str, Any]] = YAML(typ="safe").load(Path(__file__).with_name("guideline_cases.yaml").read_text())
EDITION = catalogue.edition("source")
ACTING_RULES = {rule.id: rule for rule in (*EDITION.dose_rules, *EDITION.standing_rules)}
KINDS = {"flags": "flag", "orders": "order", "begins": "begins", "ends": "ends"}
GIVEN = {
    "name", "disease", "product", "schedule", "fever", "weight_kg", "body_surface_m2", "chart", "today", "drawn",
    "findings", "courses", "last_marrow_day", "boundary", "expect",
}  # fmt: skip
EXPECTED = {"action", "dose", "first_rule", "rules", "not_rules", "phase", "next_visit_days", *KINDS}

every_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
every_rule = pytest.mark.parametrize("rule_id", ACTING_RULES)


def guideline_of(case: dict[str, Any], overrides: Mapping[str, float] | None = None) -> Guideline:
    return catalogue.guideline(
        "source",
        overrides,
        disease=case.get("disease", "scn"),
        product=case.get("product", "filgrastim"),
        schedule=Schedule(case["schedule"]) if "schedule" in case else None,
        fever=case.get("fever"),
    )


def count_of(day: int, value: float | str) -> Count:
    return Count(day, None, CountStatus(value)) if isinstance(value, str) else Count(day, value, CountStatus.VALID)


def schedule_of(case: dict[str, Any]) -> Schedule:
    if case.get("product") == "pegfilgrastim":
        return Schedule.ONCE
    twice = guideline_of(case).values["injections_per_day"] == 2
    return Schedule(case.get("schedule", Schedule.TWICE_DAILY if twice else Schedule.ONCE_DAILY))


def chart_of(case: dict[str, Any]) -> Iterator[PastVisit]:
    schedule, before = schedule_of(case), NO_DOSE
    for day, value, dose, *rule_ids in case["chart"]:
        given = Regimen.average(dose, schedule, product=case.get("product", "filgrastim"))
        after = given if dose else NO_DOSE
        yield PastVisit(day, count_of(day, value), before, after, tuple(rule_ids) or ("chart",))
        before = after


def findings_of(case: dict[str, Any]) -> Findings:
    found = case.get("findings", {})
    return Findings(**(found | {"csf3r": Csf3rFinding(found.get("csf3r", "none"))}))


def observation_of(case: dict[str, Any]) -> Observation:
    history = list(chart_of(case))
    day, value = case["today"]
    return Observation(
        day=day,
        age_years=2.0,
        weight_kg=case.get("weight_kg", 12.0),
        disease=case.get("disease", "scn"),
        count=count_of(case.get("drawn", day), value),
        regimen=history[-1].after if history else None,
        history=History(history),
        findings=findings_of(case),
        last_marrow_day=case.get("last_marrow_day"),
        courses=case.get("courses", {}),
        body_surface_m2=case.get("body_surface_m2"),
    )


def decision_on(case: dict[str, Any]) -> Decision:
    return guideline_of(case).decide(observation_of(case))


@cache
def decisions() -> list[tuple[dict[str, Any], Decision]]:
    return [(case, decision_on(case)) for case in CASES]


def rules_named(expected: dict[str, Any]) -> set[str]:
    """Return the rules that a case says are at work."""
    by_kind = [rule for kind in KINDS if isinstance(expected.get(kind), dict) for rule in expected[kind].values()]
    first = [expected["first_rule"]] if "first_rule" in expected else []
    return {*first, *expected.get("rules", []), *by_kind}


@every_case
def test_the_source_edition(case: dict[str, Any]) -> None:
    decision, expected = decision_on(case), case["expect"]
    assert rules_named(expected) <= set(decision.rule_ids)
    assert not set(expected.get("not_rules", [])) & set(decision.rule_ids)
    assert decision.rule_ids[0] == expected.get("first_rule", decision.rule_ids[0])
    dose = decision.regimen.ug_per_kg_day
    assert dose == pytest.approx(expected.get("dose", dose), abs=0.002)
    for name in ("action", "phase", "next_visit_days"):
        assert getattr(decision, name) == expected.get(name, getattr(decision, name))


@every_case
@pytest.mark.parametrize("kind", KINDS)
def test_flags_orders_and_courses(case: dict[str, Any], kind: str) -> None:
    named = getattr(decision_on(case), kind)
    asked = case["expect"].get(kind, named)
    assert list(named) == list(asked)
    assert not isinstance(asked, dict) or asked.items() <= named.items()


@every_case
def test_every_reason_is_a_sentence_with_its_numbers(case: dict[str, Any]) -> None:
    decision = decision_on(case)
    reason = str(decision.reason)
    assert reason.endswith(".")
    asks_for_numbers = "{" in ACTING_RULES[decision.rule_ids[0]].sentence
    assert not asks_for_numbers or "not known" in reason or any(character.isdigit() for character in reason)
    assert not any(word in reason for word in ("None", "nan", "{"))


@every_case
def test_no_reason_has_a_recalled_number_in_it(case: dict[str, Any]) -> None:
    """Replacing every number of grade C changes no word of the reason for a dose, so none stands there without its mark."""
    recalled = {name: float(entry.low or 1) for name, entry in EDITION.values.items() if entry.grade == "C"}
    as_read, otherwise = decision_on(case), guideline_of(case, recalled).decide(observation_of(case))
    assert recalled
    assert as_read.regimen != otherwise.regimen or str(as_read.reason) == str(otherwise.reason)


def diseases_of(rule_id: str) -> list[str]:
    return ACTING_RULES[rule_id].diseases or shelves.names("diseases")


def is_expected(case: dict[str, Any], rule_id: str) -> bool:
    return rule_id in rules_named(case["expect"])


def is_expected_not(case: dict[str, Any], rule_id: str) -> bool:
    """Return whether a case says that a rule is silent, in a disease of which the rule speaks."""
    return rule_id in case["expect"].get("not_rules", []) and case.get("disease", "scn") in diseases_of(rule_id)


@every_rule
def test_every_rule_has_a_case_in_which_it_is_at_work(rule_id: str) -> None:
    assert any(rule_id in decision.rule_ids and is_expected(case, rule_id) for case, decision in decisions())


@every_rule
def test_every_rule_has_a_case_in_which_it_is_silent(rule_id: str) -> None:
    assert any(is_expected_not(case, rule_id) for case in CASES)


@every_rule
def test_every_rule_has_cases_on_both_sides_of_its_boundary(rule_id: str) -> None:
    at_the_boundary = [case for case in CASES if rule_id in case.get("boundary", [])]
    assert any(is_expected(case, rule_id) for case in at_the_boundary)
    assert any(is_expected_not(case, rule_id) for case in at_the_boundary)


@every_rule
def test_every_rule_has_three_cases(rule_id: str) -> None:
    assert sum(is_expected(case, rule_id) or is_expected_not(case, rule_id) for case in CASES) >= 3


@every_case
def test_a_boundary_is_one_of_a_rule_the_case_speaks_of(case: dict[str, Any]) -> None:
    expected = case["expect"]
    assert set(case.get("boundary", [])) <= rules_named(expected) | set(expected.get("not_rules", []))


@every_case
def test_every_name_in_a_case_exists(case: dict[str, Any]) -> None:
    expected = case["expect"]
    assert set(case) <= GIVEN
    assert set(expected) <= EXPECTED
    assert rules_named(expected) | set(expected.get("not_rules", [])) <= set(ACTING_RULES)
    assert {rule_id for _, _, _, *rule_ids in case["chart"] for rule_id in rule_ids} <= set(ACTING_RULES)
    assert expected.get("action", "keep") in {action for _, action in TITRATIONS.values()}
    assert expected.get("phase", "stable") in {"titrating", "stable", "maintenance"}
    assert set(case.get("findings", {})) <= {field.name for field in fields(Findings)}
    assert set(case.get("courses", {})) <= {rule.begins for rule in ACTING_RULES.values()}
    for kind, field in KINDS.items():
        assert set(expected.get(kind, [])) <= {getattr(rule, field) for rule in ACTING_RULES.values()}


@every_case
def test_what_a_case_chooses_is_on_the_shelves(case: dict[str, Any]) -> None:
    assert case.get("disease", "scn") in shelves.names("diseases")
    assert case.get("product", "filgrastim") in shelves.names("drugs")
    assert case.get("schedule", "once daily") in list(Schedule)
    assert case.get("fever", "idsa") in catalogue.fever_definitions()


def test_no_two_cases_have_the_same_name() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_every_rule_cites_a_known_reference_and_names_line_or_audit_row() -> None:
    for rule in catalogue.guideline("source").rules:
        assert set(rule.cites) <= set(catalogue.references()), rule.id
        assert rule.source_line or rule.audit_rows, rule.id


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in catalogue.guideline("source").rules]
    assert len(ids) == len(set(ids))


def test_an_override_changes_one_number_and_nothing_else() -> None:
    case = next(case for case in CASES if case["name"].startswith("two low counts a week"))
    changed = guideline_of(case, {"step_ug_per_kg_day": 1.0}).decide(observation_of(case))
    assert changed.regimen.ug_per_kg_day == 13.0


@pytest.mark.parametrize("name", shelves.names("guidelines"))
def test_the_numbers_of_an_edition_stand_in_order(name: str) -> None:
    edition = catalogue.edition(name)
    values = {key: quantity.value for key, quantity in edition.values.items()}
    assert edition.at_most
    assert all(values[low] <= values[high] for low, high in edition.at_most)
    assert all(values[low] < values[high] for low, high in edition.less_than)
