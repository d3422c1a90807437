"""A figure as inline SVG: the same bytes for the same data, ids of its own, text that stays text, a spoken description."""

from __future__ import annotations

import io
import re
import warnings
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
    date, no namespace address and no font file is in it.
    """
    drawing = _drawn(figure, name)
    view_box = re.search(r'viewBox="([^"]+)"', drawing)
    inside = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    assert view_box is not None, "matplotlib always writes a viewBox"
    head = f'<svg class="picture" role="img" aria-label="{escape(description)}" viewBox="{view_box[1]}">'
    return head + _TAG.sub(lambda tag: _own_ids(tag[0], name), inside).strip()


def _drawn(figure: Figure, name: str) -> str:
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # A name in a script that the measuring font lacks is drawn by the reader's own fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasSVG(figure).print_svg(file, metadata=_NO_METADATA)
    return file.getvalue().replace("'DejaVu Sans'", "var(--text-face)")


def _own_ids(tag: str, name: str) -> str:
    """Prefix the ids of one tag; text between tags is never touched, and in a tag only these attributes are."""
    for old, new in _REFERENCES:
        tag = tag.replace(old, new.format(name))
    return tag
