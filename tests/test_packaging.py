"""What is installed is whole: every folder is named, the wheel runs far from the checkout, the examples in docstrings hold."""

import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import titranc
import titranc.models
import titranc.scenarios
import titranc.sim

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DATA = (".py", ".yaml", ".md", ".j2", ".css", ".json", ".js", ".typed")


def files_of_the_package() -> set[Path]:
    tree = (path for part in ("models", "sim", "scenarios") for path in (ROOT / part).rglob("*"))
    return {path.relative_to(ROOT) for path in tree if path.is_file() and "__pycache__" not in path.parts}


def test_every_folder_of_the_package_is_named_in_the_project_file() -> None:
    folders = {".".join(("titranc", *path.parent.parts)) for path in files_of_the_package()}
    assert folders == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_kind_of_file_is_one_that_the_wheel_takes() -> None:
    assert {path.suffix for path in files_of_the_package() if path.name != "py.typed"} <= set(DATA)


def module_names() -> list[str]:
    roots = (titranc.models, titranc.sim, titranc.scenarios)
    return [m.name for root in roots for m in pkgutil.walk_packages(root.__path__, root.__name__ + ".")]


def test_the_examples_in_docstrings_hold() -> None:
    results = [doctest.testmod(importlib.import_module(name)) for name in module_names()]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 10


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    checkout = folder / "checkout"
    checkout.mkdir()
    for path in [*files_of_the_package(), Path("pyproject.toml"), Path("README.md"), Path("LICENSE")]:
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_bytes((ROOT / path).read_bytes())
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(checkout),
    ]
    subprocess.run(build, check=True, capture_output=True, cwd=folder)
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_every_file(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"titranc/{path.as_posix()}" for path in files_of_the_package()} <= names


@pytest.mark.slow
def test_the_wheel_runs_far_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    # -S leaves out the checkout's own installation; the libraries are named by hand.
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    program = (
        f"import sys; sys.path[:0] = {[str(site)]!r}; sys.path += {libraries!r}\n"
        "from titranc.sim import cli\n"
        f"assert cli.__file__.startswith({str(site)!r}), cli.__file__\n"
        "cli.main()"
    )
    command = [sys.executable, "-S", "-c", program]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    words = ["run", "scn_child", "--set", "horizon_years=0.1", "--out", "run"]
    done = subprocess.run(
        [*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").stat().st_size > 100_000
    listed = subprocess.run(
        [*command, "scenario", "list"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "scn_child" in listed.stdout
    assert str(ROOT) not in (tmp_path / "run" / "manifest.json").read_text()


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
