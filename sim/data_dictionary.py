"""What every column of every table of a run is, from sim/columns.yaml: its unit and its meaning, a public interface."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from titranc.models import catalogue
from titranc.models.documents import read_document

FILE = Path(__file__).with_name("columns.yaml")
# The parameters of the body stand in one table, their names with a letter before them.
OF_PARAMETERS, PARAMETER = "patients", "p_"
OF_STATUSES = "outcomes"
STATUS_CODES = (
    "A status says how the waiting for an event ended: 0 it had not happened by the end of follow-up (censored), 1 it happened, "
    "2 a competing event came first and made it impossible."
)


class Column(NamedTuple):
    """What a column is; a column that is not described has neither unit nor meaning."""

    unit: str = ""
    meaning: str = ""


def tables() -> dict[str, str]:
    """Return what each table is about, by name."""
    return {name: entry["about"] for name, entry in _described()["tables"].items()}


def described(table: str) -> dict[str, Column]:
    """Return what the columns of a table are, by name; of a table that is not described, nothing."""
    found = _described()["tables"].get(table, {"shared": [], "columns": {}})
    shared = {name: _described()["shared"][name] for name in found["shared"]}
    return {name: Column(**entry) for name, entry in (shared | found["columns"]).items()}


def column(table: str, name: str) -> Column:
    """Return what a column of a table is."""
    if name.startswith(PARAMETER) and (entry := catalogue.physiology().get(name.removeprefix(PARAMETER))):
        return Column(entry.unit, entry.meaning)
    return described(table).get(name, Column())


@cache
def _described() -> dict[str, Any]:
    return read_document(FILE).data
