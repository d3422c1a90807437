"""Documents: what cannot be used is refused in words that help, and nothing else ever happens."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from titranc.models.documents import (
    MISSING,
    Document,
    InputProblem,
    InputRefused,
    check,
    merged,
    parse_document,
    read_document,
    refusal,
)
from titranc.models.number_grammar import value_of
from titranc.models.unit_names import stem_of


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Titration(Section):
    kind: Literal["titration"]
    edition: str = "source"


class Constant(Section):
    kind: Literal["constant"]
    dose_ug_per_kg_day: float = Field(ge=0, le=120)


class Person(Section):
    age_years: float = Field(ge=0, le=120)
    sex: Literal["female", "male"] = "female"
    weight_kg: float = Field(default=12.0, gt=0, le=300)
    n: int = Field(default=1, ge=1, le=1_000_000)
    hours: tuple[int, ...] = Field(default=(0,), max_length=2)
    policy: Annotated[Titration | Constant, Field(discriminator="kind")] = Titration(kind="titration")


VALID = """\
age_years: 2.5   # a comment
sex: female
weight_kg: 1.2e1
n: 3
hours: [0, 12]
policy:
  kind: constant
  dose_ug_per_kg_day: 5
"""


def problems_of(text: str, file: str = "x.yaml") -> tuple[InputProblem, ...]:
    with pytest.raises(InputRefused) as refused:
        check(Person, parse_document(text, file))
    return refused.value.problems


def only_problem(text: str) -> InputProblem:
    (problem,) = problems_of(text)
    return problem


def test_a_valid_file_is_read_as_it_says() -> None:
    person = check(Person, parse_document(VALID, "x.yaml"))
    assert (person.age_years, person.weight_kg, person.n, person.hours) == (2.5, 12.0, 3, (0, 12))
    assert person.policy == Constant(kind="constant", dose_ug_per_kg_day=5.0)


def test_every_key_and_list_item_knows_its_line() -> None:
    lines = parse_document(VALID, "x.yaml").lines
    assert lines["age_years",] == 1
    assert lines["hours", 1] == 5
    assert lines["policy", "dose_ug_per_kg_day"] == 8


UNREADABLE = {
    "a duplicate key": ("a: 1\nb: 2\na: 3\n", 3, "a second time", "first on line 1"),
    "an anchor": ("a: 1\nb: &here 2\n", 2, "the anchor &here", "without anchors"),
    "an alias": ("b: &here 2\nc: *here\n", 2, "the alias *here", "written out in full"),
    "a merge key": ("a: 1\n<<: {b: 2}\n", 2, "the merge key", "written out in full"),
    "a tag": ("a: 1\nb: !!python/object:os.system x\n", 2, "a tag", "without tags"),
    "a local tag": ("a: !secret x\n", 1, "a tag", "without tags"),
    "a depth above 32": ("a: 1\nb: " + "[" * 40 + "]" * 40, 2, "a depth of more than 32", "up to 32 levels"),
    "an empty file": ("", 1, "the file is empty", "a mapping"),
    "a file of comments": ("# nothing\n\n", 1, "the file is empty", "a mapping"),
    "a list at the top": ("- a\n- b\n", 1, "a list at the top", "a mapping"),
    "text at the top": ("only words\n", 1, "text or a list", "a mapping"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "a second document", "one document"),
    "a YAML directive": ("%YAML 1.1\n---\na: yes\n", 2, "a YAML directive", "without directives"),
    "a tag directive": ("%TAG ! tag:x,2000:\n---\na: 1\n", 2, "a YAML directive", "without directives"),
    "a missing bracket": ("a: 1\nb: [1, 2\n", 3, "YAML syntax", "YAML 1.2"),
    "a missing quote": ("a: 1\nb: 'x\n", 3, "YAML syntax", "YAML 1.2"),
    "a tab for indentation": ("a:\n\tb: 1\n", 2, "YAML syntax", "YAML 1.2"),
    "a null character": ("a: 1\nb: \0\n", 2, "YAML syntax", "YAML 1.2"),
    "a character that does not exist": ('a: "\\UFFFFFFFF"\n', 1, "YAML syntax", "YAML 1.2"),
    "half a character": ('a: 1\nb: "\\ud800"\n', 2, "a surrogate", "whole Unicode"),
    "a list as a key": ("a: 1\n? [1, 2]\n: 3\n", 2, "a key that is not text", "names as keys"),
    "a number as a key": ("a: 1\n5: 3\n", 2, "a key that is not text", "names as keys"),
    "more values than any scenario has": ("a: [" + "1," * 20_001 + "]", 1, "more than 20000 values", "smaller"),
    "more than 1 MiB": ("a: 1 # " + "x" * 2**20, None, "larger than 1 MiB", "up to 1 MiB"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_is_refused_with_its_line_for(case: str) -> None:
    text, line, found, allowed = UNREADABLE[case]
    problems = problems_of(text)
    matching = [problem for problem in problems if found in str(problem)]
    assert [problem.line for problem in matching] == [line]
    assert allowed in str(matching[0])
    assert str(matching[0]).startswith("x.yaml:" if line is None else f"x.yaml:{line}: ")


ODD_NUMBERS = {
    "0o17": "octal",
    "017": "octal",
    "010.5": "octal",
    "0x1F": "hexadecimal",
    "0b101": "binary",
    "1_000": "underscores",
    "1_0.5": "underscores",
    "1:30": "sexagesimal",
    "190:20:30.15": "sexagesimal",
    ".inf": "infinity",
    "-.Inf": "infinity",
    ".nan": "not-a-number",
    "1e400": "too large",
    "1" * 41: "digits",
}


@pytest.mark.parametrize("word", ODD_NUMBERS)
def test_an_odd_number_is_refused_by_its_kind(word: str) -> None:
    problem = only_problem(f"n: 1\nage_years: {word}\n")
    assert (problem.line, problem.field) == (2, "age_years")
    assert ODD_NUMBERS[word] in str(problem)
    assert "allowed: a decimal number such as 5, 0.25 or 1e3" in str(problem)


@pytest.mark.parametrize(
    ("word", "value"),
    [("1e3", 1000.0), ("1E-2", 0.01), ("-5", -5), ("+5", 5), ("0", 0), (".5", 0.5), ("5.", 5.0), ("0.25", 0.25)],
)
def test_a_decimal_number_is_that_number(word: str, value: float) -> None:
    assert value_of(word) == value
    assert type(value_of(word)) is type(value)


@pytest.mark.parametrize(
    "word", ["yes", "no", "on", "off", "Yes", "nan", "inf", "1.2.3", "2026-11-23", "1e", "-", "0.1ug"]
)
def test_other_words_stay_text(word: str) -> None:
    assert value_of(word) == word


def test_a_number_in_quotes_is_text() -> None:
    assert parse_document("a: '0x1F'\nb: \"1_000\"\n", "x").data == {"a": "0x1F", "b": "1_000"}


@pytest.mark.parametrize(
    "value", ["yes", "'2.5'", "true", "[2.5]", "{years: 2.5}", "null", "nan", "infinity", "2.5 years"]
)
def test_a_number_field_takes_nothing_but_a_number(value: str) -> None:
    problem = only_problem(f"n: 2\nage_years: {value}\n")
    assert (problem.file, problem.line, problem.field) == ("x.yaml", 2, "age_years")
    assert problem.allowed == "a number from 0 to 120 (years)"


@pytest.mark.parametrize("value", ["2.5", "true", "'3'", "yes", "0", "1000001"])
def test_a_whole_number_field_takes_nothing_but_a_whole_number_in_its_range(value: str) -> None:
    problem = only_problem(f"age_years: 2\nn: {value}\n")
    assert (problem.line, problem.allowed) == (2, "a whole number from 1 to 1000000")


def test_the_message_reads_as_promised() -> None:
    assert str(only_problem("n: 1\n\nage_years: 250\n")) == (
        "x.yaml:3: age_years: 250 is not allowed; allowed: a number from 0 to 120 (years)"
    )


def test_a_missing_key_is_required() -> None:
    problem = only_problem("n: 1\n")
    assert problem.value is MISSING
    assert str(problem) == "x.yaml:1: age_years: required; allowed: a number from 0 to 120 (years)"


def test_an_unknown_key_gets_the_nearest_valid_one() -> None:
    problem = only_problem("age_years: 2\nwieght_kg: 12\n")
    assert (problem.line, problem.value, problem.nearest) == (2, 12, "weight_kg")
    assert "allowed: the keys age_years, sex, weight_kg" in str(problem)
    assert str(problem).endswith("did you mean `weight_kg`?")


def test_a_misspelt_name_gets_the_nearest_valid_one() -> None:
    problem = only_problem("age_years: 2\nsex: femal\n")
    assert (problem.line, problem.allowed, problem.nearest) == (2, "one of female, male", "female")


@pytest.mark.parametrize(
    ("key", "meant"),
    [("weight_lb", "weight_kg"), ("weight", "weight_kg"), ("age_months", "age_years"), ("Age (weeks)", "age_years")],
)
def test_a_key_in_another_unit_is_answered_with_the_expected_unit(key: str, meant: str) -> None:
    text = f"age_years: 2\n{key}: 3\n"
    problem = next(problem for problem in problems_of(text) if problem.line == 2)
    assert problem.nearest == meant
    assert problem.allowed == f"`{meant}` in {meant.rsplit('_', 1)[1]}"


MILLIGRAM_KEYS = [
    "dose_mg_per_kg",
    "dose_mg_per_kg_day",
    "dose_mg",
    "dose_mg_kg",
    "dose_mg_kg_d",
    "dose mg/kg",
    "dose (mg/kg/day)",
    "dose_milligrams_per_kg",
    "DOSE_MG_PER_KG",
    "dose-mg-per-kg-per-day",
]
OTHER_DOSE_KEYS = [
    "dose",
    "dose_ug",
    "dose_ug_per_kg",
    "dose_ug_kg_day",
    "dose_ug_per_kg_per_day",
    "dose_mcg_per_kg_day",
    "dose_mcg/kg",
    "dose_µg_per_kg",
    "dose_micrograms_per_kg",
    "dose_g_per_kg",
    "dose_ng_per_kg",
    "dose_iu_per_kg",
    "dose_MU",
    "dose_per_day",
    "dose_ug_per_lb",
    "dose_ug_per_m2",
    "dose_ug_weekly",
    "dose_units",
]


@pytest.mark.parametrize("key", [*MILLIGRAM_KEYS, *OTHER_DOSE_KEYS])
def test_a_dose_in_another_unit_is_answered_with_micrograms_and_milligrams_with_the_thousandfold_reason(
    key: str,
) -> None:
    text = f"age_years: 2\npolicy:\n  kind: constant\n  dose_ug_per_kg_day: 5\n  {key}: 5\n"
    problem = only_problem(text)
    assert (problem.line, problem.field, problem.nearest) == (5, f"policy.{key}", "dose_ug_per_kg_day")
    assert "`dose_ug_per_kg_day` in ug/kg/day" in problem.allowed
    assert ("dosed in micrograms" in str(problem)) == (key in MILLIGRAM_KEYS)
    assert ("thousandfold overdose" in str(problem)) == (key in MILLIGRAM_KEYS)


@pytest.mark.parametrize("value", ["5 mg/kg", "5mg/kg", "5 milligrams per kg"])
def test_a_value_in_milligrams_is_refused_with_the_thousandfold_reason(value: str) -> None:
    text = f"age_years: 2\npolicy:\n  kind: constant\n  dose_ug_per_kg_day: {value}\n"
    problem = only_problem(text)
    assert problem.line == 4
    assert "a number from 0 to 120 (ug/kg/day)" in problem.allowed
    assert "thousandfold overdose" in problem.allowed


def test_a_stem_keeps_its_first_word_even_when_it_is_a_unit() -> None:
    assert stem_of("kg") == "kg"


def test_an_unknown_kind_is_answered_with_the_kinds_there_are() -> None:
    problem = only_problem("age_years: 2\npolicy:\n  kind: titrate\n")
    assert (problem.line, problem.field, problem.value) == (3, "policy.kind", "titrate")
    assert problem.allowed == "titration or constant"


def test_a_missing_kind_is_required() -> None:
    problem = only_problem("age_years: 2\npolicy: {edition: source}\n")
    assert (problem.field, problem.value, problem.allowed) == ("policy.kind", MISSING, "titration or constant")


def test_problems_in_different_places_come_at_once_in_the_order_of_the_file() -> None:
    text = "hours: [0, 12, 18]\nsex: girl\nage_years: -1\nm: 3\n"
    assert [(problem.line, problem.field) for problem in problems_of(text)] == [
        (1, "hours"),
        (2, "sex"),
        (3, "age_years"),
        (4, "m"),
    ]


def test_the_first_twenty_problems_are_shown_and_the_rest_counted() -> None:
    refused = InputRefused(problems_of("age_years: 1\n" + "".join(f"wrong_{index}: 1\n" for index in range(33))))
    assert len(refused.problems) == 33
    assert len(str(refused).splitlines()) == 21
    assert str(refused).endswith("\n... and 13 more")


def test_a_validator_can_say_what_is_allowed_below_itself() -> None:
    error = refusal("a weight for this age", "weight_kg", names=["12"])
    assert (error.context, str(error)) == (
        {"allowed": "a weight for this age", "at": ["weight_kg"], "names": ["12"]},
        "a weight for this age",
    )


def test_control_characters_never_reach_the_terminal() -> None:
    problem = only_problem('age_years: 2\n"a\\e[31mb": "x\\e[0m"\n')
    assert "\x1b" not in str(problem)
    assert "\\x1b" in str(problem)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"none\.yaml: there is no such file; allowed: a readable file"):
        read_document(tmp_path / "none.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="this is a folder or a device; allowed: a file"):
        read_document(tmp_path)


def test_a_name_the_system_cannot_take_is_refused(tmp_path: Path) -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(InputRefused):
            read_document(tmp_path / name)


def test_a_byte_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(InputRefused, match=r"latin\.yaml:2: a byte that is not UTF-8 .* allowed: text in UTF-8"):
        read_document(file, shown_as="latin.yaml")


def test_a_file_above_1_mib_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(InputRefused, match="the file is larger than 1 MiB; allowed: up to 1 MiB"):
        read_document(file)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbfage_years: 2\n")
    assert read_document(file).data == {"age_years": 2}


def test_a_merged_document_keeps_the_file_and_line_of_every_key() -> None:
    base = parse_document(
        "age_years: 2\npolicy: {kind: constant, dose_ug_per_kg_day: 5}\nhours: [0, 12]\n", "base.yaml"
    )
    change = parse_document("\n\npolicy:\n  dose_ug_per_kg_day: 500\nhours: [99, 1, 2]\n", "change.yaml")
    whole = merged(base, change)
    assert whole.data["policy"] == {"kind": "constant", "dose_ug_per_kg_day": 500}
    assert whole.data["hours"] == [99, 1, 2]
    assert whole.place(("age_years",)) == ("base.yaml", 1)
    assert whole.place(("policy", "kind")) == ("base.yaml", 2)
    assert whole.place(("policy", "dose_ug_per_kg_day")) == ("change.yaml", 4)
    assert whole.place(("hours", 2)) == ("change.yaml", 5)
    assert base.data["policy"]["dose_ug_per_kg_day"] == 5
    with pytest.raises(InputRefused, match=r"change\.yaml:4: policy\.dose_ug_per_kg_day: 500 is not allowed"):
        check(Person, whole)


HOSTILE = {
    "brackets": "a: " + "[" * (2**20 - 10),
    "braces": "{" * (2**20 - 10),
    "numbers": "a: [" + "1," * (2**19 - 10) + "1]",
    "keys": "".join(f"wrong_{index}: 1\n" for index in range(9_900)),
    "anchors": "".join(f"k{index}: &a 1\n" for index in range(70_000)),
    "laughs": "a: &a [x]\n" + "".join(f"b{index}: &b{index} [*a, *a, *a, *a]\n" for index in range(9)),
    "words": 'a: "' + "x " * (2**19 - 10) + '"',
    "comments": "#\n" * (2**19 - 10),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_within_two_seconds_of_work(case: str) -> None:
    started = time.process_time()
    assert problems_of(HOSTILE[case])
    assert time.process_time() - started < 2.0


def problems_or_none(text: str) -> tuple[InputProblem, ...] | None:
    """Return the problems of a refused file, None for one that can be read; any other exception leaves."""
    try:
        check(Person, parse_document(text, "x.yaml"))
    except InputRefused as refused:
        return refused.problems
    return None


def is_read_or_refused(text: str) -> bool:
    problems = problems_or_none(text)
    return problems is None or (len(problems) > 0 and all(str(problem).startswith("x.yaml") for problem in problems))


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert is_read_or_refused(text)


@given(
    st.lists(
        st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 3), st.binary(min_size=1, max_size=3)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=300, deadline=None)
def test_a_file_with_flipped_bytes_is_read_or_refused(edits: list[tuple[int, int, bytes]]) -> None:
    content = bytearray(VALID.encode())
    for at, length, new in edits:
        content[at : at + length] = new
    assert is_read_or_refused(content.decode("utf-8", "surrogateescape"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(Person.model_fields)), VALUES, st.text(max_size=8) | st.none())
@settings(max_examples=300, deadline=None)
def test_a_file_with_another_structure_is_read_or_refused(key: str, value: Any, extra: str | None) -> None:
    data = {**parse_document(VALID, "x").data, key: value}
    if extra is not None:
        data[extra] = value
    assert is_read_or_refused(json.dumps(data))


def test_a_document_made_by_hand_needs_no_lines() -> None:
    document = Document("by hand", {"age_years": 500}, {})
    with pytest.raises(InputRefused, match="by hand:1: age_years: 500 is not allowed"):
        check(Person, document)
