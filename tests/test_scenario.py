"""Scenarios: what a file may say, what is refused and in which words, and what a resolved scenario keeps."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titranc.models import shelves
from titranc.models.allowed import Allowed
from titranc.models.distributions import Beta, BetaShape
from titranc.models.documents import MISSING, InputProblem, InputRefused
from titranc.models.growth import Growth
from titranc.sim import scenario_names
from titranc.sim.scenario import Scenario, ScenarioEntry, json_schema, list_scenarios, load_scenario
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
    assert (child.seed, child.horizon_years) == (20261110, 15.0)
    assert (child.cohort.disease, child.cohort.n, child.cohort.age_years) == ("scn", 1, 2.0)
    assert (child.cohort.sex, child.cohort.genotype) == ("female", "ELANE")
    assert (child.drug.product, child.drug.vial_rounding_ug) == ("filgrastim", 0)
    assert child.adherence.doses_taken == Beta(beta=BetaShape(mean=0.92, sd=0.06))
    assert (child.policy.kind, child.output.level) == ("guideline", "trajectory")
    assert child.policy.model_dump() == {
        "kind": "guideline",
        "edition": "source",
        "fever_definition": None,
        "overrides": {},
    }


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


FIRST_SCENARIO = list_scenarios()[0].name


@pytest.mark.parametrize("source", ["scn_chlid", "scn_chlid.yaml", "elsewhere/scn_chlid.yaml"])
def test_a_missing_file_is_answered_with_the_nearest_scenario(source: str) -> None:
    problem = only_problem(source)
    assert problem.nearest == "scn_child"
    assert str(problem).startswith(
        f"{source}: there is no such file; allowed: a scenario file or one of {list_scenarios()[0].name}"
    )


def test_a_misspelt_path_is_answered_with_the_file_beside_it(tmp_path: Path) -> None:
    there = written(tmp_path, VALID, "cohort.yaml")
    assert only_problem(tmp_path / "cohrt.yaml").nearest == str(there)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert str(only_problem(file)) == f"{file}:1: the file is empty; allowed: a mapping of keys to values"


@pytest.mark.parametrize(
    "base", ["scn_chlid.yaml", "../scn_child.yaml", "/etc/passwd", 5, ["scn_child"], "", ".", "a\0b"]
)
def test_a_base_that_is_not_there_is_refused(tmp_path: Path, base: Any) -> None:
    file = written(tmp_path, {**VALID, "extends": base})
    problem = only_problem(file)
    assert (problem.file, problem.line, problem.field) == (str(file), 5 + 4, "extends")
    assert f"a file in the same folder or a bundled scenario: one of {FIRST_SCENARIO}" in problem.allowed


def test_a_misspelt_base_is_answered_with_the_nearest(tmp_path: Path) -> None:
    assert only_problem(written(tmp_path, {"extends": "scn_chlid"})).nearest == "scn_child"


def test_a_scenario_that_extends_itself_is_refused_with_the_chain(tmp_path: Path) -> None:
    file = written(tmp_path, {"extends": "case.yaml"})
    assert "(case.yaml -> case.yaml)" in only_problem(file).allowed


def test_a_circle_of_bases_is_refused_with_the_chain(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        written(tmp_path, {"extends": f"{base}.yaml"}, f"{name}.yaml")
    problem = only_problem(tmp_path / "a.yaml")
    assert "(a.yaml -> b.yaml -> c.yaml -> a.yaml)" in problem.allowed
    assert (problem.file, problem.line) == (str(tmp_path / "c.yaml"), 2)


def test_a_base_merges_mappings_and_replaces_lists_and_scalars(tmp_path: Path) -> None:
    written(tmp_path, {**VALID, "drug": {"vial_rounding_ug": 30, "injection_hours": [0, 12]}}, "base.yaml")
    child = load_scenario(written(tmp_path, {"extends": "base.yaml", "drug": {"injection_hours": [6]}}))
    assert (child.drug.vial_rounding_ug, child.drug.injection_hours) == (30, (6,))
    assert child.extends is None


def test_a_sibling_file_goes_before_a_bundled_one_and_a_bare_name_is_the_bundled_one(tmp_path: Path) -> None:
    written(tmp_path, {**VALID, "title": "My own child"}, "scn_child.yaml")
    assert load_scenario(written(tmp_path, {"extends": "scn_child.yaml"})).title == "case, which extends: My own child"
    title = load_scenario(written(tmp_path, {"extends": "scn_child"})).title
    assert title == f"case, which extends: {load_scenario('scn_child').title}"


def test_another_kind_of_policy_or_distribution_replaces_the_one_of_the_base(tmp_path: Path) -> None:
    change = {"extends": "scn_child", "policy": {"kind": "fixed", "dose_ug_per_kg_day": 5}}
    change["adherence"] = {"doses_taken": {"fixed": 0.8}}
    child = load_scenario(written(tmp_path, change))
    assert child.policy.model_dump() == {
        "kind": "fixed",
        "dose_ug_per_kg_day": 5.0,
        "times_per_day": 1,
        "visit_every_days": 28,
        "fever_definition": None,
    }
    assert child.adherence.model_dump()["doses_taken"] == {"fixed": 0.8}


def test_a_problem_in_a_base_names_the_file_and_line_of_the_base(tmp_path: Path) -> None:
    base = written(tmp_path, {**VALID, "seed": -1}, "base.yaml")
    file = written(tmp_path, {"extends": "base.yaml", "horizon_years": 99})
    first, second = problems_of(file)
    assert (first.file, first.line, first.field) == (str(base), 9, "seed")
    assert (second.file, second.line, second.field) == (str(file), 3, "horizon_years")


# Every field, from the schema


@dataclass(frozen=True)
class NumericField:
    """A numeric field of the schema and a scenario that holds it."""

    path: tuple[str, ...]
    schema: dict[str, Any]
    base: dict[str, Any]
    nullable: bool

    def outside(self) -> Iterator[float]:
        whole = self.schema["type"] == "integer"
        if "minimum" in self.schema:
            low = self.schema["minimum"]
            yield low - 1 if whole else math.nextafter(low, -math.inf)
        if "exclusiveMinimum" in self.schema:
            yield self.schema["exclusiveMinimum"]
        if "maximum" in self.schema:
            high = self.schema["maximum"]
            yield high + 1 if whole else math.nextafter(high, math.inf)

    def bounds(self) -> Iterator[float]:
        if "exclusiveMinimum" in self.schema:
            yield math.nextafter(self.schema["exclusiveMinimum"], math.inf)
        yield from (self.schema[key] for key in ("minimum", "maximum") if key in self.schema)


FIXED_DOSE = {**VALID, "policy": {"kind": "fixed", "dose_ug_per_kg_day": 5}}
BY_SURFACE = {
    **VALID,
    "drug": {"product": "sargramostim"},
    "policy": {"kind": "fixed_by_surface", "dose_ug_per_m2_day": 250},
}


def alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the plain alternatives of a schema, references followed."""
    if "$ref" in schema:
        yield from alternatives(json_schema()["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
        return
    several = schema.get("anyOf") or schema.get("oneOf")
    for one in several or ():
        yield from alternatives(one)
    if several is None:
        yield schema


def numeric_fields() -> Iterator[NumericField]:
    top = json_schema()["properties"]
    sections = [((), top)]
    for name, schema in top.items():
        sections += [((name,), place["properties"]) for place in alternatives(schema) if "properties" in place]
    for path, properties in sections:
        for name, schema in properties.items():
            kinds = list(alternatives(schema))
            base = FIXED_DOSE if "dose_ug_per_kg_day" in properties else VALID
            base = BY_SURFACE if "dose_ug_per_m2_day" in properties else base
            nullable = any(kind.get("type") == "null" for kind in kinds)
            yield from (
                NumericField((*path, name), kind, base, nullable)
                for kind in kinds
                if kind.get("type") in ("number", "integer") and "enum" not in kind and "const" not in kind
            )


FIELDS = {".".join(field.path): field for field in numeric_fields()}


def test_the_schema_holds_the_numbers_of_this_release() -> None:
    assert set(FIELDS) == {
        "seed",
        "horizon_years",
        "cohort.n",
        "cohort.age_years",
        "cohort.weight_kg",
        "cohort.weight_z",
        "cohort.height_z",
        "drug.vial_rounding_ug",
        "adherence.doses_taken",
        "adherence.adolescent_fold",
        "adherence.holiday_days",
        "adherence.holidays_per_year",
        "assay.within_subject_cv",
        "assay.cells_counted",
        "assay.implausible_share",
        "assay.lost_share",
        "laboratory.turnaround_hours",
        "policy.dose_ug_per_kg_day",
        "policy.dose_ug_per_m2_day",
        "policy.visit_every_days",
        "output.trajectory_patients",
        "switch.from_day",
        "compare.ci",
    }


def test_every_number_declares_a_lowest_and_a_highest_value() -> None:
    for field in FIELDS.values():
        assert {"minimum", "exclusiveMinimum"} & set(field.schema), field.path
        assert "maximum" in field.schema, field.path


@pytest.mark.parametrize("name", FIELDS)
def test_a_number_at_the_ends_of_its_range_is_within_it(tmp_path: Path, name: str) -> None:
    field = FIELDS[name]
    words = Allowed(json_schema(), field.base).words(field.path)
    for value in field.bounds():
        file = written(tmp_path, with_value(field.path, value, field.base))
        if name in ("horizon_years", "cohort.weight_kg", "switch.from_day") and not is_read(file):
            # A check against another field remains, in words of its own.
            assert only_problem(file).allowed != words
        else:
            load_scenario(file)


@pytest.mark.parametrize("name", FIELDS)
def test_a_number_just_outside_its_range_is_refused(tmp_path: Path, name: str) -> None:
    field = FIELDS[name]
    for value in field.outside():
        assert_refused(tmp_path, field, value)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["text", "5", "nan", "inf", True, [1], {"years": 1}, None], ids=repr)
def test_a_number_is_refused_when_it_is_no_number(tmp_path: Path, name: str, value: Any) -> None:
    field = FIELDS[name]
    if value is None and field.nullable:
        load_scenario(written(tmp_path, with_value(field.path, None, field.base)))
        return
    assert_refused(tmp_path, field, value)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("word", [".nan", ".inf", "-.inf", "0x10", "1_0", "0o7", "1:30"])
def test_a_number_is_refused_when_it_is_written_oddly(tmp_path: Path, name: str, word: str) -> None:
    field = FIELDS[name]
    file = written(tmp_path, with_value(field.path, "@", field.base))
    file.write_text(file.read_text().replace('"@"', word))
    problem = only_problem(file)
    assert (problem.line, problem.field) == (line_of(file, word), name)
    assert word in str(problem)
    assert "a decimal number" in problem.allowed


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.schema["type"] == "integer"])
def test_a_whole_number_is_refused_with_a_fraction(tmp_path: Path, name: str) -> None:
    assert_refused(tmp_path, FIELDS[name], 20.5)


def assert_refused(folder: Path, field: NumericField, value: Any) -> None:
    file = written(folder, with_value(field.path, value, field.base))
    problem = only_problem(file)
    assert (problem.file, problem.field, problem.value) == (str(file), ".".join(field.path), value)
    assert problem.line == line_of(file, f'"{field.path[-1]}":')
    assert "a number" in problem.allowed or "a whole number" in problem.allowed


def line_of(file: Path, text: str) -> int:
    lines = file.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_a_whole_number_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    file = written(tmp_path, VALID)
    assert load_scenario(file, ("cohort.n=1e3",)).cohort.n == 1000


def test_every_field_says_what_it_is_and_every_optional_one_has_a_default() -> None:
    schema = json_schema()
    places = {"Scenario": schema, **schema["$defs"]}
    required = {("Scenario", name) for name in schema["anyOf"][1]["required"]}
    for owner, place in places.items():
        required |= {(owner, name) for name in place.get("required", [])}
        for name, field in place.get("properties", {}).items():
            assert field.get("title"), (owner, name)
            assert field.get("description") or any("description" in kind for kind in alternatives(field)), (owner, name)
            assert "default" in field or (owner, name) in required or name in ("parameters", "overrides"), (owner, name)


def test_every_range_is_written_in_words_that_editors_understand() -> None:
    text = json.dumps(json_schema())
    assert not any(f'"{word}":' in text for word in ("ge", "le", "gt", "lt"))


def test_the_published_schema_is_the_schema() -> None:
    published = json.loads((ROOT / "scenarios" / "scenario.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema(), "renew scenarios/scenario.schema.json from titranc.sim.scenario.json_schema()"


@pytest.mark.parametrize("missing", ["schema_version", "title", "cohort"])
def test_a_required_key_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    file = written(tmp_path, {key: value for key, value in VALID.items() if key != missing})
    problem = only_problem(file)
    assert (problem.field, problem.value, problem.line) == (missing, MISSING, 1)


@pytest.mark.parametrize("missing", ["disease", "age_years"])
def test_a_cohort_without_disease_or_age_is_refused(tmp_path: Path, missing: str) -> None:
    cohort = {key: value for key, value in VALID["cohort"].items() if key != missing}
    problem = only_problem(written(tmp_path, {**VALID, "cohort": cohort}))
    assert (problem.field, problem.value, problem.line) == (f"cohort.{missing}", MISSING, 4)


@pytest.mark.parametrize(
    ("path", "value", "allowed", "nearest"),
    [
        ("schema_version", 2, "1", None),
        ("cohort.sex", "femail", "one of female, male, mixed", "female"),
        ("cohort.genotype", "ELANA", "one of ELANE, HAX1", "ELANE"),
        ("cohort.disease", "scm", "one of autoimmune", "scn"),
        ("drug.product", "filgrastin", "one of filgrastim", "filgrastim"),
        ("policy.edition", "sourse", "one of ", "source"),
        ("policy.kind", "guidelines", "guideline or fixed", "guideline"),
        ("solver.accuracy", "faster", "one of fast, default, reference", "fast"),
        ("output.level", "visits", "one of summary, patient, visit, trajectory", "visit"),
        ("title", "", "text of 1 to 200 characters", None),
        ("title", 5, "text of 1 to 200 characters", None),
        ("question", "x" * 1001, "text of 0 to 1000 characters", None),
        ("policy", "guideline", "{kind, edition, fever_definition, overrides}", None),
        ("cohort", [1], "{disease, n, age_years", None),
        ("arms", [], "a list of 1 to 50 items", None),
    ],
)
def test_a_name_that_is_not_on_the_list_is_refused_with_the_list(
    tmp_path: Path, path: str, value: Any, allowed: str, nearest: str | None
) -> None:
    steps = tuple(path.split("."))
    file = written(tmp_path, with_value(steps, value, {**VALID, "policy": {"kind": "guideline"}}))
    problem = only_problem(file)
    assert (problem.file, problem.field, problem.value) == (str(file), path, value)
    assert problem.line == line_of(file, f'"{steps[-1]}":')
    assert allowed in problem.allowed
    assert problem.nearest == nearest


def test_a_fixed_policy_gives_one_or_two_injections_a_day(tmp_path: Path) -> None:
    problem = only_problem(written(tmp_path, with_value(("policy", "times_per_day"), 3, FIXED_DOSE)))
    assert (problem.field, problem.allowed) == ("policy.times_per_day", "one of 1, 2")


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("sead", "seed"),
        ("cohort.age_yaers", "age_years"),
        ("cohort.weight_lb", "weight_kg"),
        ("horizon_months", "horizon_years"),
        ("laboratory.turnaround_days", "turnaround_hours"),
        ("drug.vial_rounding_ml", "vial_rounding_ug"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path, path: str, nearest: str) -> None:
    steps = tuple(path.split("."))
    file = written(tmp_path, with_value(steps, 3))
    problem = only_problem(file)
    assert (problem.field, problem.nearest, problem.line) == (path, nearest, line_of(file, f'"{steps[-1]}":'))


def test_a_dose_in_milligrams_is_refused_with_the_thousandfold_reason(tmp_path: Path) -> None:
    file = written(tmp_path, with_value(("policy", "dose_mg_per_kg"), 0.005, FIXED_DOSE))
    message = str(only_problem(file))
    assert message.startswith(f"{file}:{line_of(file, 'mg_per_kg')}: policy.dose_mg_per_kg: 0.005 is not allowed; ")
    assert "`dose_ug_per_kg_day` in ug/kg/day" in message
    assert "filgrastim is dosed in micrograms" in message
    assert "a thousandfold overdose" in message


def test_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("schema_version: 1\ntitle: A\ntitle: B\ncohort: {disease: scn, age_years: 2}\n")
    problem = only_problem(file)
    assert (problem.line, problem.field) == (3, "title")
    assert "first on line 2" in problem.allowed


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    rows = ["a: &a [lol, lol]"] + [
        f"{chr(98 + index)}: &{chr(98 + index)} [*{chr(97 + index)}, *{chr(97 + index)}]" for index in range(20)
    ]
    file.write_text("\n".join(rows))
    problems = problems_of(file)
    assert "anchor" in str(problems[0])
    assert problems[0].line == 1


def test_two_problems_are_reported_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, {**VALID, "seed": "abc", "horizon_years": 31})
    first, second = problems_of(file)
    assert (first.field, first.line) == ("seed", 9)
    assert (second.field, second.line) == ("horizon_years", 10)


def test_the_first_twenty_problems_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    file = written(tmp_path, {**VALID, **{f"wrong_{index}": 1 for index in range(25)}})
    text = str(InputRefused(problems_of(file)))
    assert len(text.splitlines()) == 21
    assert text.endswith("... and 5 more")


# Checks across fields


def test_a_horizon_below_a_day_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, {**VALID, "horizon_years": 0.002})
    problem = only_problem(file)
    assert (problem.field, problem.line) == ("horizon_years", 9)
    assert "one day" in problem.allowed


@pytest.mark.parametrize(
    "age",
    [
        {"uniform": {"low": -1, "high": 5}},
        {"uniform": {"low": 80, "high": 91}},
        {"fixed": 91},
        {"normal": {"mean": -3, "sd": 1}},
    ],
    ids=str,
)
def test_an_age_outside_0_to_90_years_is_refused_as_a_distribution_too(tmp_path: Path, age: Any) -> None:
    problem = only_problem(written(tmp_path, with_value(("cohort", "age_years"), age)))
    assert (problem.field, problem.allowed) == ("cohort.age_years", "a number or a distribution from 0 to 90 (years)")


@pytest.mark.parametrize(
    "shape", [{"normal": {"mean": 0.9, "sd": 0.1}}, {"fixed": 1.2}, {"uniform": {"low": 0.5, "high": 1.5}}]
)
def test_a_share_that_may_leave_0_to_1_is_refused(tmp_path: Path, shape: Any) -> None:
    problem = only_problem(written(tmp_path, with_value(("adherence", "doses_taken"), shape)))
    assert (problem.field, problem.line) == ("adherence.doses_taken", 10)
    assert "from 0 to 1" in problem.allowed


@pytest.mark.parametrize(("age_years", "sex"), [(0.0, "male"), (2.0, "female"), (14.0, "mixed"), (60.0, "male")])
def test_a_weight_is_taken_up_to_five_z_scores_from_the_median_of_the_age(
    tmp_path: Path, age_years: float, sex: str
) -> None:
    curves = [sex] if sex != "mixed" else ["female", "male"]
    low = max(Growth(one, -5, 0).weight_kg(age_years) for one in curves)
    high = min(Growth(one, 5, 0).weight_kg(age_years) for one in curves)
    cohort = {"disease": "scn", "age_years": age_years, "sex": sex}
    for weight_kg in (low, high):
        load_scenario(written(tmp_path, {**VALID, "cohort": {**cohort, "weight_kg": weight_kg}}))
    for weight_kg in (low * 0.999, high * 1.001):
        problem = only_problem(written(tmp_path, {**VALID, "cohort": {**cohort, "weight_kg": weight_kg}}))
        assert (problem.field, problem.value) == ("cohort.weight_kg", weight_kg)
        assert f"from {low:.1f} to {high:.1f} (kg) at {age_years:g} years" in problem.allowed


def test_weight_comes_in_kg_or_as_a_z_score_not_both(tmp_path: Path) -> None:
    cohort = {**VALID["cohort"], "weight_kg": 12.0, "weight_z": 0.0}
    problem = only_problem(written(tmp_path, {**VALID, "cohort": cohort}))
    assert (problem.field, problem.allowed) == ("cohort.weight_z", "`weight_kg` or `weight_z`, not both")


def test_a_weight_in_kg_needs_one_age(tmp_path: Path) -> None:
    cohort = {**VALID["cohort"], "age_years": {"uniform": {"low": 1, "high": 3}}, "weight_kg": 12.0}
    problem = only_problem(written(tmp_path, {**VALID, "cohort": cohort}))
    assert (problem.field, problem.allowed) == ("cohort.age_years", "one number of years when `weight_kg` is given")


@pytest.mark.parametrize("hours", [[12, 0], [6, 6], [0, 8, 16], [], [24], [-1], [0.5], "0", [True]], ids=str)
def test_injection_hours_are_one_or_two_rising_hours_of_the_day(tmp_path: Path, hours: Any) -> None:
    problem = only_problem(written(tmp_path, {**VALID, "drug": {"injection_hours": hours}}))
    assert problem.field.startswith("drug.injection_hours")
    assert problem.line is not None


@pytest.mark.parametrize(
    ("hours", "allowed"), [([0], 1), ([6], 1), ([0, 22], 1), ([7], 0), ([20], 0), ([6, 18], 0), ([7.0], 0)]
)
def test_a_dose_hours_before_the_blood_sample_is_refused(tmp_path: Path, hours: list[float], allowed: int) -> None:
    arm = {"name": "other", "drug": {"injection_hours": hours}}
    for content in ({**VALID, "drug": {"injection_hours": hours}}, {**VALID, "arms": [arm]}):
        file = written(tmp_path, content)
        if allowed:
            assert load_scenario(file)
        else:
            problem = only_problem(file)
            assert problem.field.endswith("drug.injection_hours")
            assert problem.line is not None
            assert "the first is 0" in problem.allowed
            assert "at most 6 (18 hours" in problem.allowed


@pytest.mark.parametrize(
    ("overrides", "field", "allowed"),
    [
        ({"step_interval_dayz": 7}, "step_interval_dayz", "`step_interval_days`?"),
        ({"step_interval_days": 0}, "step_interval_days", "a number from 5 to 60 (days)"),
        ({"max_dose_mg_per_kg_day": 0.03}, "max_dose_mg_per_kg_day", "thousandfold overdose"),
        ({"step_interval_days": "7"}, "step_interval_days", "a number"),
        ({"step_interval_days": True}, "step_interval_days", "a number"),
        ({"step_interval_days": None}, "step_interval_days", "a number"),
    ],
    ids=str,
)
def test_an_override_is_checked_against_the_edition(tmp_path: Path, overrides: Any, field: str, allowed: str) -> None:
    file = written(tmp_path, {**VALID, "policy": {"kind": "guideline", "overrides": overrides}})
    problem = only_problem(file)
    assert (problem.field, problem.line) == (f"policy.overrides.{field}", line_of(file, field))
    assert allowed in str(problem)


def test_a_parameter_of_the_body_is_checked_against_the_model(tmp_path: Path) -> None:
    known = {"apoptosis_hazard": 5.0, "gcsf_insensitivity": {"lognormal": {"median": 12, "cv": 0.4}}}
    cohort = {**VALID["cohort"], "parameters": known}
    assert load_scenario(written(tmp_path, {**VALID, "cohort": cohort})).cohort.parameters["apoptosis_hazard"] == 5.0
    cohort = {**VALID["cohort"], "parameters": {"apoptosis_hazart": 5.0, "apoptosis_hazard": -1}}
    first, second = problems_of(written(tmp_path, {**VALID, "cohort": cohort}))
    assert (first.field, first.nearest) == ("cohort.parameters.apoptosis_hazart", "apoptosis_hazard")
    assert (second.field, second.value) == ("cohort.parameters.apoptosis_hazard", -1)


# Options


def test_options_replace_values_and_a_later_one_wins() -> None:
    options = (
        "cohort.n=1e2",
        "seed=7",
        "seed=8",
        "policy.overrides.step_interval_days=7",
        "drug.injection_hours=[0, 12]",
    )
    changed = load_scenario("scn_child", options)
    assert (changed.cohort.n, changed.seed, changed.drug.injection_hours) == (100, 8, (0, 12))
    assert changed.policy.model_dump()["overrides"] == {"step_interval_days": 7.0}


def test_options_may_change_the_kind_of_policy_in_any_order() -> None:
    for options in (
        ("policy.kind=fixed", "policy.dose_ug_per_kg_day=5"),
        ("policy.dose_ug_per_kg_day=5", "policy.kind=fixed"),
    ):
        assert load_scenario("scn_child", options).policy.model_dump()["dose_ug_per_kg_day"] == 5.0


@pytest.mark.parametrize(
    ("option", "field", "allowed"),
    [
        ("cohort.n=0", "cohort.n", "a whole number from 1 to 1000000"),
        ("cohort.age_yeers=3", "cohort.age_yeers", "the keys disease"),
        ("cohort.age_years=1:30", "cohort.age_years", "a decimal number"),
        ("cohort.age_years=.inf", "cohort.age_years", "a decimal number"),
        ("cohort.age_years=", "cohort.age_years", "a number from 0 to 90 (years)"),
        ("cohort.age_years=[", "cohort.age_years", "YAML 1.2"),
        (
            "policy.overrides.stp_ug_per_kg_day=5",
            "policy.overrides.stp_ug_per_kg_day",
            "the keys start_dose_ug_per_kg_day",
        ),
        ("policy.dose_mg_per_kg=5", "policy.dose_mg_per_kg", "thousandfold"),
        ("extends=scn_adult", "extends", "key.key=value"),
        ("seed", "seed", "key.key=value"),
        ("=5", "", "key.key=value"),
        ("cohort..n=5", "cohort..n", "key.key=value"),
        ("seed=1\nhorizon_years: 3", "seed", "key.key=value"),
    ],
)
def test_a_bad_option_is_refused_by_its_own_words(option: str, field: str, allowed: str) -> None:
    problem = only_problem("scn_child", (option,))
    assert (problem.file, problem.line, problem.field) == (f"--set {option}", None, field)
    assert allowed in problem.allowed
    assert str(problem).isprintable()


# Arms


ARMS: dict[str, Any] = {
    "extends": "scn_child",
    "arms": [
        {"name": "source"},
        {"name": "slow", "policy": {"overrides": {"step_interval_days": 14}}},
        {"name": "fixed5", "policy": {"kind": "fixed", "dose_ug_per_kg_day": 5.0}},
        {"name": "half_taken", "adherence": {"doses_taken": 0.5}, "laboratory": {"turnaround_hours": 24}},
        {"name": "evening", "drug": {"injection_hours": [0, 10]}},
    ],
}


def test_an_arm_is_the_base_with_its_changes(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, ARMS))
    arms = {arm.name: arm.scenario for arm in scenario.resolved_arms()}
    assert list(arms) == ["source", "slow", "fixed5", "half_taken", "evening"]
    assert arms["source"].policy == scenario.policy
    assert arms["slow"].policy.model_dump() == {
        "kind": "guideline",
        "edition": "source",
        "fever_definition": None,
        "overrides": {"step_interval_days": 14.0},
    }
    assert arms["fixed5"].policy.kind == "fixed"
    assert arms["half_taken"].adherence.doses_taken == 0.5
    assert arms["half_taken"].laboratory.turnaround_hours == 24
    assert arms["evening"].drug.model_dump() == {
        "product": "filgrastim",
        "vial_rounding_ug": 0.0,
        "schedule": None,
        "injection_hours": (0, 10),
    }
    assert all(arm.cohort == scenario.cohort for arm in arms.values())
    assert all(arm.seed == scenario.seed for arm in arms.values())


def test_a_scenario_without_arms_has_the_one_arm_base() -> None:
    (arm,) = load_scenario("scn_child").resolved_arms()
    assert (arm.name, arm.scenario) == ("base", load_scenario("scn_child"))


def test_an_arm_written_out_runs_by_itself(tmp_path: Path) -> None:
    for arm in load_scenario(written(tmp_path, ARMS)).resolved_arms():
        file = tmp_path / f"{arm.name}.yaml"
        file.write_text(arm.scenario.to_yaml(), encoding="utf-8")
        assert load_scenario(file) == arm.scenario


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "../x", "a.b", "1a", "é", "a" * 41, "a\n", 5, None], ids=repr)
def test_an_arm_has_a_name_that_may_name_a_file(tmp_path: Path, name: Any) -> None:
    problem = only_problem(written(tmp_path, {**VALID, "arms": [{"name": name}]}))
    assert (problem.field, problem.value) == ("arms[0].name", name)


def test_two_arms_of_one_name_are_refused(tmp_path: Path) -> None:
    problem = only_problem(written(tmp_path, {**VALID, "arms": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}))
    assert (problem.field, problem.allowed) == ("arms[2].name", "a name that no other arm has")


@pytest.mark.parametrize("section", ["cohort", "seed", "arms", "assay", "horizon_years", "polcy"])
def test_an_arm_changes_nothing_that_the_arms_share(tmp_path: Path, section: str) -> None:
    problem = only_problem(written(tmp_path, {**VALID, "arms": [{"name": "a", section: {}}]}))
    assert problem.field == f"arms[0].{section}"
    assert problem.allowed.startswith("the keys name, drug, adherence, policy, laboratory")


def test_a_problem_in_an_arm_names_its_line(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {**VALID, "arms": [{"name": "a"}, {"name": "b", "policy": {"kind": "guideline", "overrides": {"stepp": 1}}}]},
    )
    problem = only_problem(file)
    assert (problem.field, problem.line) == ("arms[1].policy.overrides.stepp", line_of(file, "stepp"))


# The resolved scenario


@pytest.mark.parametrize("name", bundled_names())
def test_a_scenario_written_out_loads_to_an_equal_one(tmp_path: Path, name: str) -> None:
    scenario = load_scenario(name)
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load_scenario(file) == scenario
    assert load_scenario(file).to_yaml() == scenario.to_yaml()
    assert "extends" not in scenario.to_yaml()


def test_arms_written_out_load_to_equal_ones_even_when_they_undo_the_base(tmp_path: Path) -> None:
    undo = {"name": "own_hours", "drug": {"injection_hours": None}}
    base = {**ARMS, "drug": {"injection_hours": [6]}, "arms": [*ARMS["arms"], undo]}
    scenario = load_scenario(written(tmp_path, base))
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load_scenario(file) == scenario
    assert load_scenario(file).resolved_arms()[-1].scenario.drug.injection_hours is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(st.text(min_size=1, max_size=30), st.integers(0, 2**64 - 1), st.floats(0.01, 30), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_any_scenario_written_out_loads_to_an_equal_one(
    folder: Path, title: str, seed: int, horizon_years: float, share: float
) -> None:
    data = {**VALID, "title": title, "seed": seed, "horizon_years": horizon_years, "assay": {"lost_share": share / 2}}
    scenario = Scenario.model_validate(data)
    file = folder / "round.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    assert load_scenario(file) == scenario


@pytest.mark.parametrize(
    "title", ["010", "1:30", "yes", "null", "~", "1_000", "a: b # c", "'", '"', "- a", "*a", "a\nb", "<<", "{"]
)
def test_a_title_that_looks_like_something_else_stays_a_title(tmp_path: Path, title: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(Scenario.model_validate({**VALID, "title": title}).to_yaml(), encoding="utf-8")
    assert load_scenario(file).title == title


def test_a_scenario_is_frozen() -> None:
    child = load_scenario("scn_child")
    with pytest.raises(ValueError, match="frozen"):
        child.seed = 5  # type: ignore[misc]


# Whatever comes


CHILD = (ROOT / "scenarios" / "scn_child.yaml").read_bytes()


def is_read(file: Path) -> bool:
    """Tell whether a file can be loaded."""
    try:
        load_scenario(file)
    except InputRefused:
        return False
    return True


def is_read_or_refused(file: Path) -> bool:
    """Tell whether a file is read or refused with places and words; any other exception leaves."""
    try:
        load_scenario(file)
    except InputRefused as refused:
        return len(refused.problems) > 0 and all(": " in str(problem) for problem in refused.problems)
    return True


@given(
    st.lists(
        st.tuples(st.integers(0, len(CHILD) - 1), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=8
    )
)
@settings(max_examples=250, deadline=None)
def test_a_scenario_with_flipped_bytes_is_read_or_refused(folder: Path, edits: list[tuple[int, int, bytes]]) -> None:
    content = bytearray(CHILD)
    for at, length, new in edits:
        content[at : at + length] = new
    file = folder / "bytes.yaml"
    file.write_bytes(content)
    assert is_read_or_refused(file)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
WHOLE: dict[str, Any] = {**json.loads(json.dumps(ARMS)), **FIXED_DOSE, "extends": "scn_child"}
PATHS = [(key,) for key in [*json_schema()["properties"], "extra"]] + [
    (section, key)
    for section, schema in json_schema()["properties"].items()
    for place in alternatives(schema)
    for key in [*place.get("properties", {}), "extra"]
]


@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=4))
@settings(max_examples=250, deadline=None)
def test_a_scenario_with_another_structure_is_read_or_refused(
    folder: Path, edits: list[tuple[tuple[str, ...], Any]]
) -> None:
    data = json.loads(json.dumps(WHOLE))
    for path, value in edits:
        below = data
        for step in path[:-1]:
            below = below.setdefault(step, {}) if isinstance(below, dict) else {}
        if isinstance(below, dict):
            below[path[-1]] = value
    assert is_read_or_refused(written(folder, data, "structure.yaml"))


# The price of a check


CHECK = """
import sys
from titranc.sim.scenario import load_scenario
load_scenario("scn_child")
heavy = {"numpy", "pandas", "scipy", "numba", "matplotlib", "simpy", "pyarrow"} & set(sys.modules)
print(*sorted(heavy))
"""


def test_checking_a_scenario_loads_nothing_heavy(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", CHECK], cwd=tmp_path, capture_output=True, check=True)
    assert run.stdout.decode().split() == []


@pytest.mark.parametrize(
    ("overrides", "key", "allowed"),
    [
        ("{start_dose_ug_per_kg_day: 20, max_dose_ug_per_kg_day: 10}", "start_dose_ug_per_kg_day", "at most max_dose"),
        ("{max_dose_ug_per_kg_day: 5}", "max_dose_ug_per_kg_day", "at least start_dose_ug_per_kg_day, which is 12"),
        (
            "{target_low_1e9_per_l: 3, comfortable_anc_1e9_per_l: 3, target_high_1e9_per_l: 3}",
            "target_low",
            "less than",
        ),
        ("{risk_line_ug_per_kg_day: 15}", "risk_line", "less than critical_line_ug_per_kg_day, which is 15"),
        ("{critical_line_ug_per_kg_day: 20}", "critical_line", "less than non_responder_line_ug_per_kg_day"),
        ("{comfortable_anc_1e9_per_l: 5, target_high_1e9_per_l: 4}", "comfortable_anc", "at most target_high"),
        ("{visit_stable_days: 60, visit_maintenance_days: 28}", "visit_stable_days", "at most visit_maintenance"),
    ],
)
def test_replaced_numbers_keep_their_order(tmp_path: Path, overrides: str, key: str, allowed: str) -> None:
    file = tmp_path / "order.yaml"
    file.write_text(
        "schema_version: 1\ntitle: x\ncohort: {disease: scn, age_years: 2}\n"
        f"policy: {{kind: guideline, edition: source, overrides: {overrides}}}\n"
    )
    with pytest.raises(InputRefused) as refused:
        load_scenario(file)
    assert "order.yaml:4" in str(refused.value)
    assert key in str(refused.value)
    assert allowed in str(refused.value)


def weak_drug_shelf(folder: Path) -> Path:
    """Return a copy of the data in which filgrastim may be given up to 20 ug/kg/day."""
    for name in ("guidelines/source.yaml", "physiology.yaml", "drugs/filgrastim.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((shelves.MODELS_FOLDER / name).read_text().replace("{value: 120.0", "{value: 20.0"))
    return folder


@pytest.mark.parametrize(
    ("policy", "line", "field"),
    [
        ("policy: {kind: fixed, dose_ug_per_kg_day: 21}", 4, "policy.dose_ug_per_kg_day"),
        (
            "policy: {kind: guideline, overrides: {max_dose_ug_per_kg_day: 25}}",
            4,
            "policy.overrides.max_dose_ug_per_kg_day",
        ),
        ("arms:\n- {name: a}\n- {name: b, policy: {kind: fixed, dose_ug_per_kg_day: 21}}", 6, "arms[1].policy.dose"),
    ],
)
def test_no_dose_above_what_may_ever_be_given_of_the_drug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, line: int, field: str
) -> None:
    file = tmp_path / "above.yaml"
    file.write_text(f"schema_version: 1\ntitle: x\ncohort: {{disease: scn, age_years: 2}}\n{policy}\n")
    load_scenario(file)
    monkeypatch.setattr(scenario_names, "MODELS_FOLDER", weak_drug_shelf(tmp_path / "models"))
    with pytest.raises(InputRefused) as refused:
        load_scenario(file)
    assert f"above.yaml:{line}: {field}" in str(refused.value)
    assert "at most 20 (ug/kg/day), the most that may ever be given of filgrastim" in str(refused.value)


def test_a_dose_out_of_every_range_gets_one_answer(tmp_path: Path) -> None:
    policy = {"kind": "fixed", "dose_ug_per_kg_day": 121}
    assert only_problem(written(tmp_path, with_value(("policy",), policy))).field == "policy.dose_ug_per_kg_day"


def test_an_age_so_wide_that_hardly_a_draw_is_one_is_refused(tmp_path: Path) -> None:
    age = {"normal": {"mean": 45, "sd": 91}}
    problem = only_problem(written(tmp_path, with_value(("cohort", "age_years"), age)))
    assert (problem.field, problem.allowed) == ("cohort.age_years.normal.sd", "a number from 0 to 90 (years)")


def test_another_title_does_not_inherit_the_question(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("schema_version: 1\nextends: scn_child\ntitle: Mine\n", encoding="utf-8")
    assert load_scenario(own).question == ""
    own.write_text("schema_version: 1\nextends: scn_child\nseed: 5\n", encoding="utf-8")
    assert load_scenario(own).question == load_scenario("scn_child").question != ""
