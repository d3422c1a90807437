"""The page that a learner takes along: the debrief as one self-contained file, every word escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from titranc.sim.debrief import days_by_line
from titranc.sim.report.plots.session import caption_lines, plot_lines
from titranc.sim.report.words import NOTICE, anc, number, plain
from titranc.sim.web.figures import picture

if TYPE_CHECKING:
    from titranc.sim.web.state import Game


@cache
def _template() -> Template:
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {"anc": anc, "number": number, "plain": plain}
    return environment.get_template("debrief.html.j2")


def debrief_html(game: Game) -> str:
    """Return the debrief of a game that has come to one."""
    found = game.came_to
    if found is None:
        raise ValueError("came_to: the game has no debrief yet")
    days = days_by_line(found.lines)
    per_ul = game.setting.per_ul
    drawn = picture("lines", caption_lines(days), lambda: plot_lines(days, per_ul=per_ul))
    return _template().render(
        game=game,
        found=found,
        notice=NOTICE,
        picture=Markup(drawn.svg),  # noqa: S704 - our own drawing, what it says escaped
        caption=drawn.caption,
        visits=game.session.visits().to_dict("records"),
    )
