"""Scenarios: what a file may say, what is refused and in which words, and what a resolved scenario keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from titranc.models.distributions import Beta, BetaShape
from titranc.models.documents import InputProblem, InputRefused
from titranc.sim.scenario import ScenarioEntry, list_scenarios, load_scenario
from titranc.sim.scenario_files import bundled_names

ROOT = Path(__file__).parents[1]

VALID: dict[str, Any] = {
    "schema_version": 1,
    "title": "A test",
    "cohort": {"disease": "scn", "age_years": 2.0, "sex": "female"},
}


def written(folder: Path, data: dict[str, Any], name: str = "case.yaml") -> Path:
    """Write the data one key a line, so that every problem has a line of its own."""
    file = folder / name
    file.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return file


def problems_of(source: str | Path, overrides: tuple[str, ...] = ()) -> tuple[InputProblem, ...]:
    with pytest.raises(InputRefused) as refused:
        load_scenario(source, overrides)
    return refused.value.problems


def only_problem(source: str | Path, overrides: tuple[str, ...] = ()) -> InputProblem:
    (problem,) = problems_of(source, overrides)
    return problem


def with_value(path: tuple[str, ...], value: Any, base: dict[str, Any] = VALID) -> dict[str, Any]:
    """Return a copy of the data with one value replaced."""
    if len(path) == 1:
        return {**base, path[0]: value}
    return {**base, path[0]: with_value(path[1:], value, base.get(path[0], {}))}


# The bundled scenarios


def test_the_child_of_the_readme_is_exactly_the_published_case() -> None:
    child = load_scenario("scn_child")
    assert child.title == "Severe congenital neutropenia, a two-year-old, fifteen years on the guideline"
    assert (child.seed, child.horizon_years) == (20261123, 15.0)
    assert (child.cohort.disease, child.cohort.n, child.cohort.age_years) == ("scn", 1, 2.0)
    assert (child.cohort.sex, child.cohort.genotype) == ("female", "ELANE")
    assert (child.drug.product, child.drug.vial_rounding_ug) == ("filgrastim", 0)
    assert child.adherence.doses_taken == Beta(beta=BetaShape(mean=0.92, sd=0.06))
    assert (child.policy.kind, child.output.level) == ("guideline", "trajectory")
    assert child.policy.model_dump() == {"kind": "guideline", "edition": "source", "overrides": {}}


def test_the_child_with_a_syringe_is_the_child_but_for_the_rounding() -> None:
    plain, rounded = load_scenario("scn_child"), load_scenario("scn_child_vials")
    assert rounded.drug.vial_rounding_ug == 30
    same = {"title": plain.title, "question": plain.question, "drug": plain.drug}
    assert rounded.model_copy(update=same) == plain


def test_the_adult_is_a_man_of_thirty() -> None:
    adult = load_scenario("scn_adult")
    assert (adult.cohort.age_years, adult.cohort.sex) == (30.0, "male")


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_scenario_names_its_schema_and_asks_a_question(name: str) -> None:
    text = (ROOT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")
    assert load_scenario(name).question.endswith("?")


def test_the_list_shows_name_title_and_question() -> None:
    listed = list_scenarios()
    assert {"scn_adult", "scn_child", "scn_child_vials"} <= {entry.name for entry in listed}
    child = load_scenario("scn_child")
    assert ScenarioEntry("scn_child", child.title, child.question) in listed


def test_a_bundled_name_works_from_any_folder_and_a_folder_of_that_name_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scn_child").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_scenario("scn_child") == load_scenario("scn_child.yaml")
    assert load_scenario(ROOT / "scenarios" / "scn_child.yaml") == load_scenario("scn_child")


def test_a_path_from_the_working_folder_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    written(tmp_path / "scenarios", VALID, "mine.yaml")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("scenarios/mine.yaml").title == "A test"


# Files that are not there or lead nowhere


@pytest.mark.parametrize("source", ["scn_chlid", "scn_chlid.yaml", "elsewhere/scn_chlid.yaml"])
def test_a_missing_file_is_answered_with_the_nearest_scenario(source: str) -> None:
    problem = only_problem(source)
    assert problem.nearest == "scn_child"
    assert str(problem).startswith(
        f"{source}: a missing file is not allowed; allowed: a scenario file or one of scn_adult"
    )


def test_a_misspelt_path_is_answered_with_the_file_beside_it(tmp_path: Path) -> None:
    there = written(tmp_path, VALID, "cohort.yaml")
    assert only_problem(tmp_path / "cohrt.yaml").nearest == str(there)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert str(only_problem(file)) == f"{file}:1: an empty file is not allowed; allowed: a mapping of keys to values"


@pytest.mark.parametrize(
    "base", ["scn_chlid.yaml", "../scn_child.yaml", "/etc/passwd", 5, ["scn_child"], "", ".", "a\0b"]
)
def test_a_base_that_is_not_there_is_refused(tmp_path: Path, base: Any) -> None:
    file = written(tmp_path, {**VALID, "extends": base})
    problem = only_problem(file)
    assert (problem.file, problem.line, problem.field) == (str(file), 5 + 4, "extends")
    assert "a file in the same folder or a bundled scenario: one of scn_adult" in problem.allowed


def test_a_misspelt_base_is_answered_with_the_nearest() -> None:
    assert only_problem_in_base("scn_chlid") == "scn_child"


def only_problem_in_base(name: str) -> str | None:
    return only_problem("scn_child", (f"cohort.disease={name}",)).nearest if name == "scn" else _nearest_base(name)


def _nearest_base(name: str) -> str | None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return only_problem(written(Path(folder), {"extends": name})).nearest
