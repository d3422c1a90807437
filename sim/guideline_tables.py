"""Guideline editions as tables in the terminal: rules, numbers, audit, and in what two editions differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from titranc.models import catalogue, shelves
from titranc.models.audit import audit
from titranc.models.documents import InputProblem, InputRefused

# On a screen of fewer columns the cells of a rule are one below the other: side by side no sentence could be read.
WIDE = 120


def list_editions() -> None:
    """Print the editions, one a line."""
    for name in shelves.names("guidelines"):
        print(f"{name:15} {catalogue.edition(name).title}")


def show_edition(name: str, *, audit_only: bool = False) -> None:
    """Print the rules of an edition with their source line, citation and audit note, or its audit alone."""
    edition, console = _edition("guideline show", name), Console()
    if audit_only:
        console.print(_audit(edition, console.width))
        return
    console.print(f"[bold]{escape(edition.title)}[/bold]")
    for heading, rules in (
        ("Rules that set the dose, the first that applies", edition.dose_rules),
        ("Standing rules, every one that applies", edition.standing_rules),
        ("Shown; held by construction", edition.shown_rules),
    ):
        console.print(_rules(heading, rules, console.width))
    console.print(_values(edition))
    console.print(_audit(edition, console.width))


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


def _laid_out(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> RenderableType:
    """Return rows of marked-up text as a table, or on a narrow screen a record a row, headed by its first cell."""
    if width < WIDE:
        return Group(Text(title, style="italic"), *(_record(columns, row) for row in rows))
    table = Table(title=title, title_justify="left", show_lines=True, expand=True)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _record(columns: Sequence[str], row: Sequence[str]) -> RenderableType:
    """Return a row as its first cell and below it the others that are not empty, each with the name of its column."""
    cells = Table.grid(padding=(0, 2, 0, 0))
    cells.add_column(style="dim", width=max(map(len, columns[1:])))
    cells.add_column(overflow="fold")
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell:
            cells.add_row(column, cell)
    return Group(Text(), Text(f"{columns[0]} {row[0]}", style="bold"), cells)


def _rules(heading: str, rules: list[Any], width: int) -> RenderableType:
    columns = ("rule", "line", "audit", "status", "says, and note", "citation")
    return _laid_out(heading, columns, [_rule(rule) for rule in rules], width)


def _rule(rule: Any) -> list[str]:
    rows = ", ".join(map(str, rule.audit_rows))
    told = f" ({', '.join(rule.diseases)})" if rule.diseases else ""
    note = f"\n[italic]{escape(rule.note)}[/italic]" if rule.note else ""
    lines = [f"L{line}" for line in (rule.source_line, *rule.also_lines) if line]
    return [rule.id, ", ".join(lines) or "-", rows, rule.status, f"{escape(rule.says)}{told}{note}", _cited(rule)]


def _cited(rule: Any) -> str:
    return "\n".join(escape(catalogue.references()[key]) for key in rule.cites)


def _audit(edition: catalogue.Edition, width: int) -> RenderableType:
    columns = ("row", "line", "the source, word for word", "what the evidence says", "answered by")
    rows = []
    for row, entry in audit(edition.audited).items():
        quoted = f"“{escape(entry.article_says)}”" if entry.article_says else "silent"
        rules = "\n".join(rule.id for rule in edition.rules if row in rule.audit_rows)
        lines = ", ".join(f"L{line}" for line in entry.lines) or "-"
        rows.append([str(row), lines, quoted, escape(entry.evidence), rules or escape(entry.no_rule_because)])
    return _laid_out("Where the source is wrong, unsafe or silent", columns, rows, width)


def _values(edition: catalogue.Edition) -> Table:
    table = Table(title="Numbers", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for column, width in (("name", 32), ("value", 5), ("unit", 12), ("source", 16), ("grade", None)):
        table.add_column(column, overflow="fold", width=width)
    shelves_of_values = {"": edition.values} | edition.values_for
    for disease, values in shelves_of_values.items():
        for name, entry in values.items():
            mark = "C (recalled, unverified)" if entry.grade == "C" else entry.grade
            told = f"{name} ({disease})" if disease else name
            table.add_row(told, f"{entry.value:g}", entry.unit, entry.source, mark)
    return table
