"""Guideline editions as tables in the terminal: rules, numbers, audit, and in what two editions differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from titranc.models import catalogue, shelves
from titranc.models.audit import audit
from titranc.models.documents import InputProblem, InputRefused


def list_editions() -> None:
    """Print the editions, one a line."""
    for name in shelves.names("guidelines"):
        print(f"{name:15} {catalogue.edition(name).title}")


def show_edition(name: str, *, audit_only: bool = False) -> None:
    """Print the rules of an edition with their source line, citation and audit note, or its audit alone."""
    edition, console = _edition("guideline show", name), Console()
    if audit_only:
        console.print(_audit(edition))
        return
    console.print(f"[bold]{escape(edition.title)}[/bold]")
    for heading, rules in (
        ("Rules that set the dose, the first that applies", edition.dose_rules),
        ("Standing rules, every one that applies", edition.standing_rules),
        ("Shown; held by construction", edition.shown_rules),
    ):
        console.print(_rules(heading, rules))
    console.print(_values(edition))
    console.print(_audit(edition))


def show_difference(first: str, second: str) -> None:
    """Print side by side the numbers and the rules in which two editions differ."""
    editions, console = [_edition("guideline diff", name) for name in (first, second)], Console()
    console.print(_different_numbers(editions))
    console.print(_different_rules(editions))


def _edition(command: str, name: str) -> catalogue.Edition:
    known = shelves.names("guidelines")
    if name not in known:
        raise InputRefused([InputProblem(command, None, "edition", name, "one of " + ", ".join(known))])
    return catalogue.edition(name)


def _different_numbers(editions: Sequence[catalogue.Edition]) -> Table:
    table = Table(title="Numbers that differ", title_justify="left", expand=True)
    for column in ("number", "for", *(edition.edition for edition in editions), "unit"):
        table.add_column(column, overflow="fold")
    diseases = ["", *dict.fromkeys(name for edition in editions for name in edition.values_for)]
    for disease in diseases:
        numbers = [edition.values if not disease else edition.values_for.get(disease, {}) for edition in editions]
        for name in dict.fromkeys(name for one in numbers for name in one):
            entries = [one.get(name) for one in numbers]
            shown = [f"{entry.value:g}{' (C)' if entry.grade == 'C' else ''}" if entry else "-" for entry in entries]
            if shown[0] != shown[1]:
                unit = next(entry.unit for entry in entries if entry)
                table.add_row(name, disease or "all", *shown, unit)
    return table


def _different_rules(editions: Sequence[catalogue.Edition]) -> Table:
    table = Table(title="Rules that differ", title_justify="left", show_lines=True, expand=True)
    for column in ("rule", *(edition.edition for edition in editions)):
        table.add_column(column, overflow="fold")
    rules = [{rule.id: rule for rule in edition.rules} for edition in editions]
    for rule_id in dict.fromkeys(rule_id for one in rules for rule_id in one):
        entries = [one.get(rule_id) for one in rules]
        if entries[0] != entries[1]:
            table.add_row(rule_id, *(escape(entry.says) if entry else "not in this edition" for entry in entries))
    return table


def _rules(heading: str, rules: list[Any]) -> Table:
    table = Table(title=heading, title_justify="left", show_lines=True, expand=True)
    for column in ("rule", "line", "audit", "status", "says, and note", "citation"):
        table.add_column(column, overflow="fold")
    for rule in rules:
        rows = ", ".join(map(str, rule.audit_rows))
        told = f" ({', '.join(rule.diseases)})" if rule.diseases else ""
        text = f"{escape(rule.says)}{told}\n[italic]{escape(rule.note)}[/italic]"
        lines = [line for line in (rule.source_line, *rule.also_lines) if line]
        table.add_row(rule.id, ", ".join(f"L{line}" for line in lines) or "-", rows, rule.status, text, _cited(rule))
    return table


def _cited(rule: Any) -> str:
    return "\n".join(escape(catalogue.references()[key]) for key in rule.cites)


def _audit(edition: catalogue.Edition) -> Table:
    table = Table(
        title="Where the source is wrong, unsafe or silent", title_justify="left", show_lines=True, expand=True
    )
    for column in ("row", "line", "the source, word for word", "what the evidence says", "answered by"):
        table.add_column(column, overflow="fold")
    for row, entry in audit(edition.audited).items():
        quoted = f"“{escape(entry.article_says)}”" if entry.article_says else "silent"
        rules = "\n".join(rule.id for rule in edition.rules if row in rule.audit_rows)
        lines = ", ".join(f"L{line}" for line in entry.lines) or "-"
        table.add_row(str(row), lines, quoted, escape(entry.evidence), rules or escape(entry.no_rule_because))
    return table


def _values(edition: catalogue.Edition) -> Table:
    table = Table(title="Numbers", title_justify="left", expand=True)
    for column in ("name", "value", "unit", "source", "grade"):
        table.add_column(column, overflow="fold")
    shelves_of_values = {"": edition.values} | edition.values_for
    for disease, values in shelves_of_values.items():
        for name, entry in values.items():
            mark = "C (recalled, unverified)" if entry.grade == "C" else entry.grade
            told = f"{name} ({disease})" if disease else name
            table.add_row(told, f"{entry.value:g}", entry.unit, entry.source, mark)
    return table
