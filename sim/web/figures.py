"""What every tab draws with: charts with their spoken description, pictures one at a time, strangers' words as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from threading import Lock
from typing import Any

import streamlit as st
from matplotlib.figure import Figure

from titranc.sim.report.svg import inline_svg
from titranc.sim.report.words import plain

# Matplotlib's settings are the process's: two visitors' pictures must not be drawn at the same time.
_DRAWING = Lock()


def draw(spec: dict[str, Any], key: str) -> None:
    """Draw a Vega-Lite chart as wide as there is room; its description is read out, and stands below for everybody."""
    st.vega_lite_chart(spec, width="stretch", key=key, theme=None)
    st.html(f'<p class="spoken">{escape(spec["description"])}</p>')


@dataclass(frozen=True)
class Picture:
    """A drawn picture, as SVG that stands by itself, and what it shows in words."""

    svg: str
    caption: str

    def show(self) -> None:
        """Put it on the page; the caption is read out and stands below."""
        st.image(self.svg, width="stretch", caption=self.caption.replace("*", ""), alt=self.caption)


def picture(name: str, caption: str, drawn: Callable[[], Figure]) -> Picture:
    """Return a picture of matplotlib."""
    with _DRAWING:
        svg = inline_svg(drawn(), name, caption)
    alone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return Picture(alone.replace("var(--text-face)", "sans-serif"), caption)


def verbatim(text: str, *, heading: bool = False) -> None:
    """Write words that may be a stranger's: no markup of theirs is followed."""
    tag = "h3" if heading else "p"
    st.html(f"<{tag}>{escape(plain(text))}</{tag}>")


def closed_for_now() -> None:
    """Say that a tab would tell too early what the debrief is for."""
    st.info(
        "A patient is in your hands. This tab tells how the guideline does with the same patient: it opens after the debrief."
    )
