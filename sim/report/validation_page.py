"""The page of a validation: the sentence, the picture, the table of every row, what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from titranc.sim.report.plots.validation import caption_validation, plot_validation
from titranc.sim.report.svg import inline_svg
from titranc.sim.report.words import NOTICE, number

TEMPLATES = Path(__file__).with_name("templates")


def validation_page(
    table: pd.DataFrame,
    areas: pd.DataFrame,
    summary: str,
    grades: Mapping[str, int],
    protocol: str,
    solver: pd.DataFrame,
    drug_balance: float,
) -> str:
    """Return one self-contained page; every string is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = number
    caption = (
        f"{caption_validation(table)} Below, the typical person of each disease over sixty days of 5 ug/kg/day against an integration "
        f"a thousand times more exact; of the drug given in ten days all but {drug_balance:.0e} of it is found again."
    )
    left_out = table[table["verdict"] == "not simulated"]
    return environment.get_template("validation.html.j2").render(
        notice=NOTICE,
        summary=summary,
        protocol=protocol,
        picture=Markup(inline_svg(plot_validation(table, grades, solver), "validation", caption)),
        caption=caption,
        areas=[{"area": name, **row} for name, row in areas.to_dict("index").items()],
        rows=table[table["verdict"] != "not simulated"].to_dict("records"),
        left_out=left_out.to_dict("records"),
    )
