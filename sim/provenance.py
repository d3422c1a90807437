"""Where the rules and numbers of a run come from, in the form that its manifest carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from titranc.models import catalogue
from titranc.models.audit import audit

SCENARIO = "scenario"


def guideline_provenance(edition: catalogue.Edition, values: Mapping[str, float]) -> dict[str, Any]:
    """Return the rules by id, the numbers used (`values`, what a scenario replaced among them), the deviations from the source and the citations they use."""
    rows = audit(edition.edition)
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
        for entry in edition.rules
        if entry.status != "implement"
        for row in entry.audit_rows
    ]
    cited = {key for entry in edition.rules for key in entry.cites}
    cited |= {entry.source for entry in edition.values.values()} | {key for row in rows.values() for key in row.cites}
    return {
        "edition": edition.edition,
        "rules": {entry.id: _rule(entry) for entry in edition.rules},
        "guideline_values": {name: _number(entry, float(values[name])) for name, entry in edition.values.items()},
        "deviations": sorted(deviations, key=lambda item: (item["audit_row"], item["rule_id"])),
        "citations": {key: text for key, text in catalogue.references().items() if key in cited},
    }


def _number(entry: catalogue.Quantity, used: float) -> dict[str, Any]:
    """Return a number with its source and grade; one that a scenario replaced is the scenario's own."""
    if used == entry.value:
        return {"value": used, "unit": entry.unit, "source": entry.source, "grade": entry.grade}
    return {"value": used, "unit": entry.unit, "source": SCENARIO, "grade": SCENARIO, "in_the_edition": entry.value}


def _rule(entry: Any) -> dict[str, Any]:
    return {
        "says": entry.says,
        "citation": list(entry.cites),
        "source_line": entry.source_line,
        "audit_row": list(entry.audit_rows),
        "status": entry.status,
        "note": entry.note,
    }


def parameter_provenance(disease: str) -> dict[str, Any]:
    """Return value or distribution, unit, source and grade of the parameters in which patients differ."""
    found = catalogue.disease(disease)
    return {
        "parameters": {
            name: {
                "distribution": entry.distribution.model_dump(),
                "unit": entry.unit,
                "meaning": entry.meaning,
                "source": entry.source,
                "grade": entry.grade,
            }
            for name, entry in found.parameters.items()
        }
    }
