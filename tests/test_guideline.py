"""The source edition does what its lines say, and says which line."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from titranc.models import catalogue, shelves
from titranc.models.clinic_view import Count, CountStatus, History, Observation, PastVisit
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.findings import Csf3rFinding, Findings

CASES = YAML(typ="safe").load(Path(__file__).with_name("guideline_cases.yaml").read_text())


def count_of(day: int, value: float | str) -> Count:
    return Count(day, None, CountStatus(value)) if isinstance(value, str) else Count(day, value, CountStatus.VALID)


def observation_of(case: dict[str, Any]) -> Observation:
    history, before = [], NO_DOSE
    for day, value, dose in case["chart"]:
        after = Regimen.daily(dose, 2)
        history.append(PastVisit(day, count_of(day, value), before, after, ("chart",)))
        before = after
    day, value = case["today"]
    return Observation(
        day=day,
        age_years=2.0,
        weight_kg=12.0,
        disease="scn",
        count=count_of(case.get("drawn", day), value),
        regimen=before if history else None,
        history=History(history),
        findings=Findings(**(case.get("findings", {}) | {"csf3r": Csf3rFinding(case.get("csf3r", "none"))})),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_source_edition(case: dict[str, Any]) -> None:
    decision = catalogue.guideline("source").decide(observation_of(case))
    expected = case["expect"]
    assert decision.action == expected["action"]
    assert decision.regimen.ug_per_kg_day == pytest.approx(expected["dose"], abs=0.002)
    assert decision.rule_ids[0] == expected["first_rule"]
    for name in ("phase", "next_visit_days"):
        assert getattr(decision, name) == expected.get(name, getattr(decision, name))
    for name in ("flags", "orders"):
        named, asked = getattr(decision, name), expected.get(name, {})
        assert list(named) == list(expected.get(name, named))
        assert not isinstance(asked, dict) or asked.items() <= named.items()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_reason_is_a_sentence_with_numbers(case: dict[str, Any]) -> None:
    reason = str(catalogue.guideline("source").decide(observation_of(case)).reason)
    assert reason.endswith(".")
    assert any(character.isdigit() for character in reason)
    assert not any(word in reason for word in ("None", "nan", "{"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_no_reason_has_a_recalled_number_in_it(case: dict[str, Any]) -> None:
    """Replacing every number of grade C changes no word of a reason, so none stands there without its mark."""
    edition = catalogue.edition("source")
    recalled = {name: float(entry.low or 1) for name, entry in edition.values.items() if entry.grade == "C"}
    as_read, otherwise = catalogue.guideline("source"), catalogue.guideline("source", recalled)
    assert recalled
    assert str(as_read.decide(observation_of(case)).reason) == str(otherwise.decide(observation_of(case)).reason)


def test_every_rule_cites_a_known_reference_and_names_line_or_audit_row() -> None:
    for rule in catalogue.guideline("source").rules:
        assert set(rule.cites) <= set(catalogue.references()), rule.id
        assert rule.source_line or rule.audit_rows, rule.id


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in catalogue.guideline("source").rules]
    assert len(ids) == len(set(ids))


def test_an_override_changes_one_number_and_nothing_else() -> None:
    case = next(case for case in CASES if case["name"].startswith("two low counts a week"))
    changed = catalogue.guideline("source", {"step_ug_per_kg_day": 1.0}).decide(observation_of(case))
    assert changed.regimen.ug_per_kg_day == 13.0


@pytest.mark.parametrize("name", shelves.names("guidelines"))
def test_the_numbers_of_an_edition_stand_in_order(name: str) -> None:
    edition = catalogue.edition(name)
    values = {key: quantity.value for key, quantity in edition.values.items()}
    assert edition.at_most
    assert all(values[low] <= values[high] for low, high in edition.at_most)
    assert all(values[low] < values[high] for low, high in edition.less_than)
