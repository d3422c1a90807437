"""Every notebook runs from the first cell to the last, draws, and tells nothing of the machine it was made on."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
# What a notebook's first cell asks for, made small.
SMALL = {"01_first_patient": "years = 1", "02_how_the_model_works": "days = 14"}


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, 4)
    shown = pictures(notebook)
    first = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    first.source = SMALL[path.stem]
    NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert pictures(notebook) == shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_pictures_and_without_the_machine(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    assert pictures(notebook) >= 2
    assert path.stat().st_size < 1_000_000
    text = path.read_text()
    assert not [
        word for word in ("/root/", "/home/", "site-packages", "Traceback", str(path.parents[1])) if word in text
    ]
    first_picture = next(i for i, cell in enumerate(notebook.cells) if pictures(nbformat.v4.new_notebook(cells=[cell])))
    assert first_picture <= 3, "figures come first"


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} == set(SMALL)
