"""The models' numbers can be read by people and programs, the model card is whole, and the checklists point at what exists."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.mathtext
import pytest
from typer.main import get_command

from titranc.models import catalogue, equations, model_numbers, shelves
from titranc.models.documents import InputRefused
from titranc.models.granulopoiesis import STATES, declared, reference_parameters
from titranc.sim import cli, model_card, model_tables
from titranc.sim.scenario import load_scenario

ROOT = Path(__file__).parents[1]
CHECKLISTS = ROOT / "models" / "checklists"
PARSER = matplotlib.mathtext.MathTextParser("path")
NO_NUMBERS = dict.fromkeys(model_numbers.GRADES, 0)
ALL_NAMES = [name for members in model_numbers.names().values() for name in members]


def shown(name: str, capsys: pytest.CaptureFixture[str], **how: bool) -> str:
    model_tables.show_model(name, **({"with_equations": False, "as_json": False} | how))
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def card() -> str:
    return model_card.model_card()


def section(card: str, heading: str) -> str:
    return card.split(f"\n## {heading}")[1].split("\n## ")[0]


def test_the_list_names_everything_and_counts_every_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model_tables.list_models(as_json=True)
    kinds = json.loads(capsys.readouterr().out)
    listed = {kind: {entry["key"] for entry in entries} for kind, entries in kinds.items()}
    assert listed["diseases"] == set(shelves.names("diseases"))
    assert listed["drugs"] == set(shelves.names("drugs"))
    assert listed["policies"] >= {"guideline", "fixed", "python", *shelves.names("policies")}
    assert sum(kinds["body"][0]["grades"].values()) == len(declared())
    assert sum(sum(entry["grades"].values()) for entry in kinds["outcomes"]) == sum(
        len(catalogue.outcome_numbers(group)) for group in catalogue.outcome_groups()
    )
    files = {entry["file"] for entries in kinds.values() for entry in entries if entry["grades"] != NO_NUMBERS}
    assert all((ROOT / file).is_file() for file in files)
    monkeypatch.setenv("COLUMNS", "80")
    model_tables.list_models(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(any(line.split()[:1] == [name] for line in lines) for members in listed.values() for name in members)


def grades_in(file: str) -> list[str]:
    return re.findall(r"\bgrade: (\w+)", (ROOT / file).read_text())


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in ("diseases", "policies") for n in shelves.names(k)])
def test_no_number_of_a_file_is_forgotten(kind: str, name: str) -> None:
    found = [number.grade for number in model_numbers.numbers(name)]
    assert sorted(found) == sorted(grades_in(model_numbers.file_of(kind, name)))


@pytest.mark.parametrize("name", ALL_NAMES)
def test_every_number_is_shown_whole_at_eighty_columns(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text, numbers = shown(name, capsys), model_numbers.numbers(name)
    assert max(map(len, text.splitlines())) <= 80
    for number in numbers:
        assert re.search(rf"(^|\s){re.escape(number.key)}\s", text), number.key
        assert f"{number.value:g}" in text
    assert text.count("unverified)") == sum(number.grade == "C" for number in numbers)
    assert all(f"{number.source}: " in text for number in numbers)


def test_a_spread_is_told_with_the_range_of_nine_in_ten(capsys: pytest.CaptureFixture[str]) -> None:
    found = {entry["key"]: entry for entry in json.loads(shown("cyclic", capsys, as_json=True))["numbers"]}
    # exp(+-1.645 x 0.12) about 2.5.
    hazard = found["apoptosis_hazard"]
    assert (hazard["symbol"], hazard["value"], hazard["spread"]) == ("Lam", 2.5, "lognormal, log-SD 0.12")
    assert [hazard["low"], hazard["high"]] == pytest.approx([2.052, 3.046], abs=1e-3)
    assert (found["cycling_max"]["value"], found["cycling_max"]["spread"]) == (1.0, "")


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        (
            "scn",
            "unresponsive.share",
            ["sargramostim: ", "eosinophils instead of neutrophils", "(sargramostim_potency)"],
        ),
        ("scn", "refractory.by", ["hardly responds", "(gcsf_insensitivity)"]),
        ("autoimmune", "remission.share", ["ends by itself", "(neutrophil_loss_multiplier)"]),
        ("transplant_autologous", "emptied_marrow.anc_1e9_per_l", ["when a transplant begins"]),
    ],
)
def test_a_number_of_a_part_of_a_disease_says_what_the_part_is(name: str, key: str, words: list[str]) -> None:
    (number,) = (number for number in model_numbers.numbers(name) if number.key == key)
    assert all(word in number.meaning for word in words)


@pytest.mark.parametrize("name", ALL_NAMES)
def test_every_number_says_where_a_scenario_replaces_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(shown(name, capsys).split())
    for number in model_numbers.numbers(name):
        section = number.scenario_path.removesuffix(f".{number.key}")
        assert (f"replaces them by {section}.KEY" if section else "No scenario replaces ") in text


@pytest.mark.parametrize(
    ("name", "key", "base"),
    [
        ("body", "anc_baseline_1e9_per_l", "scn_child"),
        ("scn", "gcsf_insensitivity", "scn_child"),
        ("chemotherapy", "chemotherapy_exposure", "chemotherapy_cycles"),
        ("infection", "mild_days", "scn_lives"),
        ("registry", "probe_fold", "scn_registry"),
    ],
)
def test_the_path_by_which_a_number_is_replaced_is_one(name: str, key: str, base: str) -> None:
    (number,) = (number for number in model_numbers.numbers(name) if number.key == key)
    found: Any = load_scenario(base, [f"{number.scenario_path}={number.value}"])
    for step in number.scenario_path.split("."):
        found = found[step] if isinstance(found, dict) else getattr(found, step)
    assert found == number.value


def test_programs_get_every_number_state_and_equation_of_the_body(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown("body", capsys, as_json=True))
    assert {entry["key"]: entry["value"] for entry in found["numbers"]} == reference_parameters()
    assert [entry["name"] for entry in found["states"]] == list(STATES)
    told = [one["equation"] for members in found["equations"].values() for one in members]
    assert "dN/dt = phi*R - kN*kNmult*N" in told


def test_the_equations_fit_a_terminal_and_name_every_state_and_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown("body", capsys, with_equations=True)
    assert max(map(len, text.splitlines())) <= 80
    words = set(re.findall(r"\w+", text))
    assert words >= {*STATES, *(str(entry["symbol"]) for entry in declared().values())}
    for one in (one for members in equations.SECTIONS.values() for one in members):
        assert equations.as_text(one) in text


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["show", "snc"], "did you mean `scn`"),
        (["show", "scn", "--equations"], "body"),
        (["show", "guideline"], "`titranc guideline show EDITION` for the numbers of an edition, one of eu_label"),
        (["show", "source"], "`titranc guideline show EDITION`"),
        (["show", "fixed"], "those of fixed are given in a scenario"),
        (["export", "--sbml", "x.xml", "--disease", "flu"], "autoimmune"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(words: list[str], answer: str, tmp_path: Path) -> None:
    program = "from titranc.sim.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "model", *words], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert answer in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_commands_write_the_card_and_the_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], card: str
) -> None:
    model_tables.show_card(tmp_path / "new" / "card.md")
    model_tables.export_sbml(tmp_path / "new" / "body.xml", "cyclic", "filgrastim", 2.5, 30)
    assert (tmp_path / "new" / "card.md").read_text() == card
    assert "<sbml " in (tmp_path / "new" / "body.xml").read_text()
    assert "2.5 ug/kg of filgrastim every morning, 30 times" in capsys.readouterr().out


# The card


def rows_of(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")
    ]


def test_the_card_has_every_parameter_with_its_value_unit_source_and_grade(card: str) -> None:
    rows = {row[1].strip("`"): row for row in rows_of(section(card, "Parameters")) if row[1].startswith("`")}
    for name, entry in catalogue.physiology().items():
        assert rows[name][0].split()[0] == f"`{entry.symbol}`"
        assert rows[name][2:] == [
            entry.meaning, f"{entry.value:g}", entry.unit, f"{entry.low:.3g} to {entry.high:.3g}", f"`{entry.source}`",
            entry.grade,
        ]  # fmt: skip


def test_the_card_has_every_state_with_its_steady_state(card: str) -> None:
    rows = {row[0].split()[0].strip("`"): row for row in rows_of(section(card, "States"))[2:]}
    assert list(rows) == list(STATES)
    assert rows["N"][-1] == "4"
    assert float(rows["B1"][-1]) == pytest.approx(2.1 * 4 / 0.5495 * 6.5 / 7, rel=1e-2)
    assert rows["D"][-1] == "0"


def test_the_card_has_every_number_of_every_disease_and_drug_and_marks_what_is_recalled(card: str) -> None:
    text = section(card, "Parameters")
    recalled = 0
    for name in (*shelves.names("diseases"), *shelves.names("drugs")):
        table = text.split(f"{name}.yaml`)")[1].split("\n*")[0]
        for number in model_numbers.numbers(name):
            kinetics = name in shelves.names("drugs") and number.symbol
            assert kinetics or f"| `{number.key}` |" in table, (name, number.key)
        recalled += sum(number.grade == "C" for number in model_numbers.numbers(name))
    assert recalled > 0
    assert card.count("C (recalled, unverified)") == recalled


def test_the_symbols_of_the_card_are_those_of_its_equations(card: str) -> None:
    written = "\n".join(re.findall(r"\$\$(.+?)\$\$", card))
    symbols = dict(re.findall(r"`(\w+)` \$(.+?)\$", card))
    assert set(symbols) == {*STATES, "nB", "nM", *(str(entry["symbol"]) for entry in declared().values())}
    assert len(set(symbols.values())) == len(symbols)
    for name, latex in symbols.items():
        stage = re.fullmatch(r"([BM])\d", name)
        assert latex in written or (stage and f"{stage[1]}_{{i}}" in written), name


def test_every_formula_of_the_card_can_be_set(card: str) -> None:
    formulas = re.findall(r"\$\$(.+?)\$\$", card)
    assert len(formulas) == 1 + sum(map(len, equations.SECTIONS.values()))
    for formula in formulas:
        PARSER.parse(f"${formula.replace(chr(92) + 'textstyle', '')}$")


def test_the_card_has_its_sections_and_no_empty_place(card: str) -> None:
    for heading in (
        "What it is",
        "What it is for",
        "Equations",
        "Ranges of validity",
        "Known weaknesses",
        "Validation",
    ):
        assert len(section(card, heading).split()) > 30
    assert "Never for the treatment of a patient" in card
    assert not re.search(r"\{\{|\}\}\s*\{\{|\bnan\b|TODO", card)
    assert "titranc validate" in section(card, "Validation")


def test_the_weaknesses_are_told_with_the_numbers_of_the_body(card: str) -> None:
    """Against figures found by other hands: the reference vectors, and what follows from the parameters."""
    text = " ".join(section(card, "Known weaknesses").split())
    health = reference_parameters()
    assert f"take {health['maturation_days'] + health['reserve_days']:.1f} days without drug and 1.4 days" in text
    assert "the count is 3.03 from a baseline of 4" in text
    assert (
        "It is 2.6 h from 6 to 18 hours after 5 ug/kg, 3.4 h from 12 to 18, 3.0 h from 6 to 18 after the label" in text
    )
    assert "settles at 25.9" in text


def test_a_place_for_which_there_is_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model_card.md").write_text("{{nobody_knows}}")
    monkeypatch.setattr(model_card, "CARD", tmp_path / "model_card.md")
    with pytest.raises(KeyError, match="nobody_knows"):
        model_card.model_card()


@pytest.mark.parametrize(
    "file", [ROOT / "models" / "model_card.md", *sorted(CHECKLISTS.glob("*.md"))], ids=lambda p: p.name
)
def test_every_file_and_command_that_is_named_exists(file: Path) -> None:
    named = re.findall(r"`([^`\n]+)`", file.read_text())
    paths = [
        name for name in named if re.search(r"^[\w/.]+\.(py|md|yaml|ipynb|toml|json|cff)$", name) or name == "LICENSE"
    ]
    commands = [name.split() for name in named if name.startswith("titranc ")]
    assert paths
    assert commands
    assert [name for name in paths if not (ROOT / name).is_file()] == []
    for words in commands:
        assert_command(words[1:])


def assert_command(words: list[str]) -> None:
    command: Any = get_command(cli.app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


# The checklists

ITEMS_OF_STRESS = [
    "1.1",
    "1.2",
    "1.3",
    "2.1",
    "2.2",
    "2.3",
    "2.4",
    "2.5.1",
    "2.5.2",
    "2.5.3",
    "2.5.4",
    "2.5.5",
    "3.1",
    "3.2",
    "3.3",
    "3.4",
    "4.1",
    "4.2",
    "4.3",
    "5.1",
    "5.2",
    "5.3",
    "5.4",
    "6.1",
]


@pytest.mark.parametrize("name", ["stress_des", "ispor_smdm"])
def test_every_item_is_answered_and_shown_somewhere(name: str) -> None:
    rows = rows_of((CHECKLISTS / f"{name}.md").read_text())[2:]
    assert len({row[0] for row in rows}) == len(rows) >= 24
    for item, asks, met, answer, where in rows:
        assert asks, item
        assert met in ("yes", "partly", "no", "not applicable"), item
        assert len(answer.split()) > 2, item
        assert re.findall(r"`([^`]+)`", where), item
    assert {row[2] for row in rows} >= {"yes", "partly", "no"}


def test_no_item_of_stress_is_left_out() -> None:
    assert [row[0] for row in rows_of((CHECKLISTS / "stress_des.md").read_text())[2:]] == ITEMS_OF_STRESS


def test_a_wrong_name_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(InputRefused, match="influenza"):
        model_numbers.numbers("influenza")
