"""A figure as inline SVG: the same bytes for the same data, ids of its own, text that stays text, a spoken description."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_TAG = re.compile(r"<[^<>]+>")
_REFERENCES = ((' id="', ' id="{}-'), ("url(#", "url(#{}-"), ('xlink:href="#', 'href="#{}-'))


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Return `figure` as an <svg> element to stand in a page.

    `name` begins every id, so that several pictures live in one page; `description` is read out by screen readers. No
    date, no namespace address and no font file is in it. The panels of `figure` stay where this drawing puts them.
    """
    _settle(figure)
    drawing = _drawn(figure, name)
    view_box = re.search(r'viewBox="([^"]+)"', drawing)
    inside = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    assert view_box is not None, "matplotlib always writes a viewBox"
    head = f'<svg class="picture" role="img" aria-label="{escape(description)}" viewBox="{view_box[1]}">'
    return head + _TAG.sub(lambda tag: _own_ids(tag[0], name), inside).strip()


def _settle(figure: Figure) -> None:
    """Fix the panels at rounded places: the layout solver's last digits differ from time to time, a page may not."""
    with _unmeasured_glyphs_allowed():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(float(edge), 4) for edge in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


@contextmanager
def _unmeasured_glyphs_allowed() -> Iterator[None]:
    """Let pass a name in a script that the measuring font lacks: the reader's own fonts will draw it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _drawn(figure: Figure, name: str) -> str:
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), _unmeasured_glyphs_allowed():
        FigureCanvasSVG(figure).print_svg(file, metadata=_NO_METADATA)
    return file.getvalue().replace("'DejaVu Sans'", "var(--text-face)")


def _own_ids(tag: str, name: str) -> str:
    """Prefix the ids of one tag; text between tags is never touched, and in a tag only these attributes are."""
    for old, new in _REFERENCES:
        tag = tag.replace(old, new.format(name))
    return tag
