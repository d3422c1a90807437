"""What the program says of itself."""

from __future__ import annotations

import platform
from importlib import metadata

from titranc.sim import compiling

CITATION = "titranc: a longitudinal simulator of G-CSF titration in neutropenia, version {version}, 2026."
PACKAGES = ("numpy", "pandas", "scipy", "numba", "simpy", "matplotlib", "pyarrow")


def citation() -> str:
    """Return how to cite the version that is installed."""
    return CITATION.format(version=metadata.version("titranc"))


def show(*, cite: bool) -> None:
    """Print versions and folders, or how to cite."""
    version = metadata.version("titranc")
    if cite:
        print(citation())
        return
    print(f"titranc {version}, Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES))
    print(f"compiled code is kept in: {compiling.where_kept()}")
    print("Teaching and research only, never the treatment of a patient.")
