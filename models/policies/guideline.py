"""A guideline edition as a policy."""

from __future__ import annotations

from collections.abc import Mapping

from titranc.models import catalogue
from titranc.models.guideline import Guideline


def build(edition: str, overrides: Mapping[str, float]) -> Guideline:
    """Return the edition with its overrides."""
    return catalogue.guideline(edition, overrides)
