"""The wait for the compiled model: some seconds once on a machine, and said while it lasts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Timer

from titranc.models import integrator

# To load what is compiled takes less, even on a busy machine.
PATIENCE_SECONDS = 3.0
MESSAGE = "Compiling the model, once on this machine (about ten seconds) ..."


def make_ready(say: Callable[[str], None]) -> None:
    """Load the compiled model, or compile it; `say` hears of it when it takes a while."""
    timer = Timer(PATIENCE_SECONDS, say, [MESSAGE])
    timer.daemon = True
    timer.start()
    try:
        integrator.warm_up()
    finally:
        timer.cancel()


def where_kept() -> str:
    """Return the folder of the compiled code, and whether it can be kept there."""
    folder = Path(integrator.compiled_code_folder())
    there = folder if folder.exists() else folder.parent
    return str(folder) if os.access(there, os.W_OK) else f"{folder} (not writable: compiled anew by every process)"
