"""Marks for what rests on a number of grade C, one that was recalled and not read in its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from titranc.sim.report.words import number, plain

MARK = "(C)"
MEANING = "C: recalled, not read in its source, unverified"
SCENARIO = "scenario"


def weight_mark(manifest: Mapping[str, Any]) -> str:
    """Return the mark that weights and doses in ug carry in this run; empty when their growth curves are read."""
    return MARK if any(entry["grade"] == "C" for entry in manifest.get("growth", {}).values()) else ""


def weight_legend(manifest: Mapping[str, Any]) -> str:
    """Return the sentence that explains the mark of the weights; empty when they carry none."""
    rules = [plain(entry["meaning"]) for entry in manifest.get("growth", {}).values() if entry["grade"] == "C"]
    return f"{MEANING}. Weights, and with them doses in ug, rest on: {'; '.join(rules)}." if rules else ""


def number_rows(manifest: Mapping[str, Any], *shelves: str) -> list[dict[str, str]]:
    """Return a row a number of these parts of the manifest: name, value, unit, source and grade, in words."""
    citations = manifest.get("citations", {})
    return [
        {
            "name": plain(entry.get("meaning")) or name.replace("_", " "),
            "value": _value(entry),
            "unit": plain(entry["unit"]).replace("dimensionless", ""),
            "source": _source(entry, citations),
            "grade": "" if entry["grade"] == SCENARIO else plain(entry["grade"]),
        }
        for shelf in shelves
        for name, entry in manifest.get(shelf, {}).items()
    ]


def _value(entry: Mapping[str, Any]) -> str:
    others = [f"{number_in(value)} in arm {plain(arm)}" for arm, value in entry.get("in_arms", {}).items()]
    return "; ".join([number_in(entry["value"]), *others])


def number_in(value: Any) -> str:
    """Return a number of the data files with four digits, a distribution as it was written."""
    return f"{value:.4g}" if isinstance(value, float) else plain(value)


def _source(entry: Mapping[str, Any], citations: Mapping[str, str]) -> str:
    if entry["source"] == SCENARIO:
        return f"This scenario, in the place of {number(entry['data_value'])}."
    return plain(citations.get(entry["source"], entry["source"]))
