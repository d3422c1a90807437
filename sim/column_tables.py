"""The data dictionary in the terminal: every column of every table of a run, with unit and meaning."""

from __future__ import annotations

import json

from rich.box import HORIZONTALS
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from titranc.models.documents import InputProblem, InputRefused, nearest_name
from titranc.sim import data_dictionary


def show_columns(table: str | None, *, as_json: bool) -> None:
    """Print the columns of a table, or of all; raises InputRefused with the tables there are."""
    about = data_dictionary.tables()
    if table is not None and table not in about:
        near = nearest_name(table, about)
        raise InputRefused([InputProblem("columns", None, "table", table, f"one of {', '.join(about)}", near)])
    chosen = about if table is None else {table: about[table]}
    if as_json:
        print(json.dumps({name: _for_programs(name, words) for name, words in chosen.items()}, indent=1))
        return
    console = Console()
    for name, words in chosen.items():
        console.print(f"[bold]{name}[/bold]: {escape(words)}.", highlight=False)
        console.print(_rendered(name))
    if data_dictionary.OF_STATUSES in chosen:
        console.print(data_dictionary.STATUS_CODES, highlight=False)


def _for_programs(name: str, about: str) -> dict[str, object]:
    columns = {column: entry._asdict() for column, entry in data_dictionary.described(name).items()}
    return {"about": about, "columns": columns}


def _rendered(name: str) -> Table:
    table = Table(expand=True, box=HORIZONTALS, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("column", overflow="fold", width=31)
    table.add_column("unit", overflow="fold", width=15)
    table.add_column("meaning", overflow="fold", ratio=1)
    for column, entry in data_dictionary.described(name).items():
        table.add_row(column, escape(entry.unit), escape(entry.meaning))
    if name == data_dictionary.OF_PARAMETERS:
        table.add_row(
            f"{data_dictionary.PARAMETER}KEY", "of KEY", "the patient's own parameter KEY of `titranc model show body`"
        )
    return table
