"""What the program says of itself and of its rules."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from titranc.models import catalogue, shelves
from titranc.models.audit import audit
from titranc.models.documents import InputProblem, InputRefused
from titranc.sim import compiling

CITATION = "titranc: a longitudinal simulator of G-CSF titration in neutropenia, version {version}, 2026."
PACKAGES = ("numpy", "pandas", "scipy", "numba", "simpy", "matplotlib", "pyarrow")


def show(*, cite: bool) -> None:
    """Print versions and folders, or how to cite."""
    version = metadata.version("titranc")
    if cite:
        print(CITATION.format(version=version))
        return
    print(f"titranc {version}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES))
    print(f"compiled code is kept in: {compiling.where_kept()}")
    print("Teaching and research only, never the treatment of a patient.")


def list_editions() -> None:
    """Print the editions, one a line."""
    for name in shelves.names("guidelines"):
        print(f"{name:12} {catalogue.edition(name).title}")


def show_edition(name: str) -> None:
    """Print the rules of an edition with their source line, citation and audit note."""
    known = shelves.names("guidelines")
    if name not in known:
        raise InputRefused([InputProblem("guideline show", None, "edition", name, "one of " + ", ".join(known))])
    edition, console = catalogue.edition(name), Console()
    console.print(f"[bold]{escape(edition.title)}[/bold]")
    for heading, rules in (
        ("Rules that set the dose, the first that applies", edition.dose_rules),
        ("Standing rules, every one that applies", edition.standing_rules),
        ("Shown; held by construction", edition.shown_rules),
    ):
        console.print(_rules(heading, rules))
    console.print(_values(edition))
    console.print(_audit(edition))


def _rules(heading: str, rules: list[Any]) -> Table:
    table = Table(title=heading, title_justify="left", show_lines=True, expand=True)
    for column in ("rule", "line", "audit", "status", "says, and note", "citation"):
        table.add_column(column, overflow="fold")
    for rule in rules:
        rows = ", ".join(map(str, rule.audit_rows))
        text = f"{rule.says}\n[italic]{escape(rule.note)}[/italic]"
        table.add_row(
            rule.id, f"L{rule.source_line}" if rule.source_line else "-", rows, rule.status, text, _cited(rule)
        )
    return table


def _cited(rule: Any) -> str:
    return "\n".join(escape(catalogue.references()[key]) for key in rule.cites)


def _audit(edition: catalogue.Edition) -> Table:
    table = Table(
        title="Where the source is wrong, unsafe or silent", title_justify="left", show_lines=True, expand=True
    )
    for column in ("row", "line", "the source, word for word", "what the evidence says", "answered by"):
        table.add_column(column, overflow="fold")
    for row, entry in audit(edition.edition).items():
        quoted = f"“{escape(entry.article_says)}”" if entry.article_says else "silent"
        rules = "\n".join(rule.id for rule in edition.rules if row in rule.audit_rows)
        lines = ", ".join(f"L{line}" for line in entry.lines) or "-"
        table.add_row(str(row), lines, quoted, escape(entry.evidence), rules or escape(entry.no_rule_because))
    return table


def _values(edition: catalogue.Edition) -> Table:
    table = Table(title="Numbers", title_justify="left", expand=True)
    for column in ("name", "value", "unit", "source", "grade"):
        table.add_column(column, overflow="fold")
    for name, entry in edition.values.items():
        mark = "C (recalled, unverified)" if entry.grade == "C" else entry.grade
        table.add_row(name, f"{entry.value:g}", entry.unit, entry.source, mark)
    return table
