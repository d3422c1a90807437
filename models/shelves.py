"""The data folders of the medicine and what stands in them."""

from __future__ import annotations

from pathlib import Path

MODELS_FOLDER = Path(__file__).parent


def names(folder: str) -> list[str]:
    """Return the names of the entries of a data folder, such as `diseases`."""
    return sorted(path.stem for path in (MODELS_FOLDER / folder).glob("*.yaml"))
