"""What this is, what it is not, where its numbers come from, how to cite it."""

from __future__ import annotations

from importlib import metadata

import streamlit as st

from titranc.models.shelves import MODELS_FOLDER
from titranc.sim.about import citation
from titranc.sim.report.words import NOTICE

WORDS = """
Virtual patients, whose neutrophil count answers G-CSF through a model of drug, marrow and blood, come to a virtual
clinic. A guideline edition, rule by rule with its source, decides on what the laboratory reported, or you do. A safety
gate stands between every decision and the order.

**What the clinic sees** is a count with the laboratory's noise, the weight, the chart. The true count is shown in the debrief.

**Limits.** The patients are drawn from published summaries, not from anybody's record. What is calibrated, what is
recalled and unverified (grade C) and how published numbers compare with simulated ones stands in the model card below and in
the validation page of `titranc validate`. What holds for a thousand patients on average need not hold for one.
"""


def show() -> None:
    """Draw the tab."""
    st.markdown(f"**{NOTICE}**")
    st.markdown(WORDS)
    st.markdown(f"Version {metadata.version('titranc')}. Cite it as:")
    st.code(citation(), language=None, wrap_lines=True)
    with st.expander("The model card: purpose, equations, sources, weaknesses"):
        st.markdown((MODELS_FOLDER / "model_card.md").read_text(encoding="utf-8"))
