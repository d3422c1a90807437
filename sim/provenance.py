"""Where the rules and numbers of a run come from, in the form that its manifest carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from titranc.models import catalogue
from titranc.models.audit import audit
from titranc.models.distributions import Distribution
from titranc.sim.scenario import Scenario
from titranc.sim.scenario_sections import PythonPolicy

SCENARIO = "scenario"
MONTHS_PER_YEAR = 12


def provenance(scenario: Scenario, patients: pd.DataFrame) -> dict[str, Any]:
    """Return the rules, the deviations from the source, every number used with unit, source and grade, the citations.

    A number that the scenario replaced has `scenario` for source and grade. `patients` is the table of the run: it decides
    which rules of the growth curves were used.
    """
    edition, disease = catalogue.edition(scenario.edition), scenario.cohort.disease
    rules = [entry for entry in edition.rules if not entry.diseases or disease in entry.diseases]
    numbers = {
        "guideline_values": _guideline_values(scenario, edition),
        "parameters": _individual_parameters(scenario),
        "reference_parameters": _reference_parameters(scenario),
        "assay": _assay(scenario),
        "growth": _growth(scenario, patients),
        "drug": _drug(scenario),
    }
    if scenario.simulates_lives:
        numbers["outcomes"] = _outcomes(scenario)
    return {
        "edition": edition.edition,
        "policies": {arm.name: _policies(arm.scenario) for arm in scenario.resolved_arms()},
        "dose_effect": {arm.name: _dose_effect(arm.scenario) for arm in scenario.resolved_arms()},
        "reference_arm": scenario.reference_arm,
        "unconstrained": scenario.unconstrained,
        "coupled": scenario.patients_per_centre is not None,
        "rules": {entry.id: _rule(entry) for entry in rules},
        "deviations": _deviations(edition.audited, rules),
        **numbers,
        "citations": _citations(edition.audited, rules, numbers),
    }


def _deviations(edition: str, rules: Sequence[Any]) -> list[dict[str, Any]]:
    rows = audit(edition)
    deviations = [
        {
            "audit_row": row,
            "rule_id": entry.id,
            "source_line": entry.source_line,
            "article_says": rows[row].article_says,
            "evidence": rows[row].evidence,
            "citation": rows[row].cites,
            "says": entry.says,
            "does": entry.note,
        }
        for entry in rules
        if entry.status != "implement"
        for row in entry.audit_rows
    ]
    return sorted(deviations, key=lambda item: (item["audit_row"], item["rule_id"]))


def _citations(edition: str, rules: Sequence[Any], numbers: dict[str, dict[str, dict[str, Any]]]) -> dict[str, str]:
    cited = {key for entry in rules for key in entry.cites}
    cited |= {key for row in audit(edition).values() for key in row.cites}
    cited |= {entry["source"] for shelf in numbers.values() for entry in shelf.values()}
    return {key: text for key, text in catalogue.references().items() if key in cited}


def _rule(entry: Any) -> dict[str, Any]:
    return {
        "says": entry.says,
        "citation": list(entry.cites),
        "source_line": entry.source_line,
        "audit_row": list(entry.audit_rows),
        "status": entry.status,
        "note": entry.note,
    }


def _guideline_values(scenario: Scenario, edition: catalogue.Edition) -> dict[str, dict[str, Any]]:
    """Return the numbers of the edition by name, with what the scenario and its arms put in their place."""
    arms = {arm.name: _values_of_arm(arm.scenario) for arm in scenario.resolved_arms()}
    own = edition.numbers(scenario.cohort.disease)
    values = {name: _as_used(entry, scenario.edition_overrides.get(name)) for name, entry in own.items()}
    for name, entry in values.items():
        in_arms = {arm: used.get(name, own[name].value) for arm, used in arms.items()}
        others = {arm: value for arm, value in in_arms.items() if value != entry["value"]}
        entry |= {"in_arms": others} if others else {}
    return values


def _values_of_arm(scenario: Scenario) -> dict[str, float]:
    """Return the numbers of the edition that an arm follows, which may be another than the run's."""
    own = catalogue.edition(scenario.edition).numbers(scenario.cohort.disease)
    return catalogue.values(own) | scenario.edition_overrides


def _individual_parameters(scenario: Scenario) -> dict[str, dict[str, Any]]:
    given = scenario.cohort.parameters
    return {
        name: {
            "distribution": _written(given.get(name, entry.distribution)),
            "unit": entry.unit,
            "meaning": entry.meaning,
            "source": SCENARIO if name in given else entry.source,
            "grade": SCENARIO if name in given else entry.grade,
        }
        for name, entry in catalogue.disease(scenario.cohort.disease).parameters.items()
    }


def _written(value: float | Distribution) -> Any:
    return value if isinstance(value, (int, float)) else value.model_dump(exclude_none=True)


def _reference_parameters(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Return the parameters in which the patients of the disease do not differ."""
    own = catalogue.disease(scenario.cohort.disease).parameters
    given = {name: _written(value) for name, value in scenario.cohort.parameters.items()}
    return {name: _as_used(entry, given.get(name)) for name, entry in catalogue.physiology().items() if name not in own}


def _assay(scenario: Scenario) -> dict[str, dict[str, Any]]:
    given = scenario.assay.model_dump()
    return {name: _as_used(entry, given.get(name)) for name, entry in catalogue.assay_numbers().items()}


def _growth(scenario: Scenario, patients: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the rules of the growth curves that the weights of these patients rest on."""
    rules = catalogue.growth_rules()
    oldest_months = (patients["age_start_years"].max() + scenario.horizon_years) * MONTHS_PER_YEAR
    used = {
        "linear_beyond_z": patients["weight_z"].abs().max() > rules["linear_beyond_z"].value,
        "adult_from": oldest_months > rules["adult_from"].value,
    }
    return {name: _as_read(rules[name]) for name, holds in used.items() if holds}


def _policies(scenario: Scenario) -> list[str]:
    """Return who decides, by name, one after the other where the scenario switches."""
    switched = scenario.switch.policy if scenario.switch else None
    chosen = [scenario.policy, *([switched] if switched else [])]
    return [policy.object if isinstance(policy, PythonPolicy) else policy.kind for policy in chosen]


def _dose_effect(scenario: Scenario) -> str:
    """Return under which setting leukaemia is simulated, `none` without."""
    return scenario.outcomes.leukaemia.dose_effect if scenario.outcomes else "none"


def _outcomes(scenario: Scenario) -> dict[str, Any]:
    """Return the numbers that lives rest on, by group and name."""
    given = scenario.outcomes.overrides if scenario.outcomes else {}
    own = catalogue.disease(scenario.cohort.disease).outcomes
    used = {f"disease.{name}": _as_read(getattr(own, name)) for name in type(own).model_fields}
    for group in catalogue.outcome_groups():
        for name, entry in catalogue.outcome_numbers(group).items():
            used[f"{group}.{name}"] = _as_used(entry, given.get(group, {}).get(name))
    return used


def _drug(scenario: Scenario) -> dict[str, Any]:
    product = catalogue.drug(scenario.drug.product)
    names = ("absolute_maximum_ug_per_kg_day", "hours_from_dose_to_sample")
    used = {name: _as_read(getattr(product, name)) for name in names}
    for name, entry in used.items():
        in_arms = {
            arm.name: getattr(catalogue.drug(arm.scenario.drug.product), name).value for arm in scenario.resolved_arms()
        }
        others = {arm: value for arm, value in in_arms.items() if value != entry["value"]}
        entry |= {"in_arms": others} if others else {}
    return used


def _as_read(entry: catalogue.Quantity) -> dict[str, Any]:
    return entry.model_dump(include={"value", "unit", "meaning", "source", "grade"})


def _as_used(entry: catalogue.Quantity, given: Any) -> dict[str, Any]:
    """Return a number, or what a scenario gives in its place (None: nothing)."""
    if given is None or given == entry.value:
        return _as_read(entry)
    return _as_read(entry) | {"value": given, "source": SCENARIO, "grade": SCENARIO, "data_value": entry.value}
