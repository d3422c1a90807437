"""Run notebooks from the first cell to the last and keep what they show: `python -m tests.renew_notebooks [NAME ...]`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
LONGEST_SECONDS = 1800
TRACES = ("execution", "ExecuteTime")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def renewed(path: Path) -> nbformat.NotebookNode:
    """Return the notebook as it runs here now, without times and addresses in memory."""
    notebook = nbformat.read(path, 4)
    with TemporaryDirectory() as elsewhere:
        resources = {"metadata": {"path": elsewhere}}
        NotebookClient(notebook, timeout=LONGEST_SECONDS, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        for trace in TRACES:
            cell.metadata.pop(trace, None)
        for output in cell.get("outputs", []):
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = ADDRESS.sub("", output.data["text/plain"])
    return notebook


def main() -> None:
    """Renew the notebooks that are named, by their file names without the ending, or all."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            nbformat.write(renewed(path), path)
            print(path.stem)


if __name__ == "__main__":
    main()
