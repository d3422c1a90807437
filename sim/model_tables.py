"""The models in the terminal: what there is, every number with source and grade, the equations, the card, SBML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from rich.box import HORIZONTALS
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from titranc.models import catalogue, equations, model_numbers, shelves
from titranc.models.documents import InputProblem, InputRefused
from titranc.models.equations import Equation
from titranc.models.model_numbers import BODY, GRADES, Number

HEADINGS = {
    BODY: "The body (models/physiology.yaml)",
    "diseases": "Diseases (models/diseases/KEY.yaml)",
    "drugs": "Drugs (models/drugs/KEY.yaml)",
    "outcomes": "Outcomes (group KEY of models/outcomes.yaml)",
    "policies": "Policies (numbers in models/policies/KEY.yaml)",
}
WIDTH, WIDTH_OF_AN_EQUATION = 80, 46


def list_models(*, as_json: bool) -> None:
    """Print what there is, a line each: key, name, how many numbers of each grade."""
    kinds = {kind: [_entry(kind, name) for name in names] for kind, names in model_numbers.names().items()}
    kinds["policies"] = _policies()
    if as_json:
        print(json.dumps(kinds, indent=1))
        return
    console = Console()
    for kind, entries in kinds.items():
        console.print(_listing(HEADINGS[kind], entries))
    console.print(
        "Grades: A read in the paper, B secondary, C recalled and unverified, calibrated = fitted or chosen here; -: none."
    )


def _entry(kind: str, name: str) -> dict[str, Any]:
    counts = model_numbers.count_by_grade(model_numbers.numbers(name))
    return {"key": name, "name": model_numbers.title(name), "file": model_numbers.file_of(kind, name), "grades": counts}


def _policies() -> list[dict[str, Any]]:
    """Return the policies a scenario can name; not all have numbers of their own."""
    from titranc.sim.scenario_sections import Policy

    found, numbered = [], model_numbers.names()["policies"]
    for section in get_args(get_args(Policy)[0]):
        kind = section.model_fields["kind"]
        (key,) = get_args(kind.annotation)
        own = model_numbers.numbers(key) if key in numbered else []
        file = model_numbers.file_of("policies", key) if own else ""
        counts = model_numbers.count_by_grade(own)
        found.append({"key": key, "name": kind.description.rstrip("."), "file": file, "grades": counts})
    return found


def _listing(heading: str, entries: Iterable[dict[str, Any]]) -> Table:
    table = Table(title=heading, title_justify="left", box=None, expand=True)
    table.add_column("key", no_wrap=True, width=22)
    table.add_column("name", overflow="fold", ratio=1)
    for grade in GRADES:
        table.add_column(grade, justify="right", no_wrap=True)
    for entry in entries:
        table.add_row(entry["key"], escape(entry["name"]), *(str(entry["grades"][grade] or "-") for grade in GRADES))
    return table


def show_model(name: str, *, with_equations: bool, as_json: bool) -> None:
    """Print every number of the body, a disease, a drug, an outcome or a policy; or the body's equations alone."""
    _refuse_without_numbers(name)
    kind = model_numbers.kind(name)
    if with_equations and kind != BODY:
        raise InputRefused(
            [InputProblem("model show", None, "--equations", name, "`body`: all diseases share its equations")]
        )
    if as_json:
        print(json.dumps(_for_programs(name, kind), indent=1))
    elif with_equations:
        show_equations()
    else:
        _show_numbers(name, kind)


def _refuse_without_numbers(name: str) -> None:
    """Refuse an edition or a policy that has no numbers here, and say where they are."""
    if name == "guideline" or name in shelves.names("guidelines"):
        editions = ", ".join(shelves.names("guidelines"))
        where = f"`titranc guideline show EDITION` for the numbers of an edition, one of {editions}"
    elif any(entry["key"] == name and not entry["file"] for entry in _policies()):
        where = f"a name with numbers in `titranc model list`; those of {name} are given in a scenario"
    else:
        return
    raise InputRefused([InputProblem("model show", None, "name", name, where)])


def _for_programs(name: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "kind": kind, "title": model_numbers.title(name)}
    found["file"] = model_numbers.file_of(kind, name)
    found["numbers"] = [asdict(number) for number in model_numbers.numbers(name)]
    if kind == BODY:
        found["states"] = [asdict(state) for state in equations.STATES]
        found["equations"] = {
            section: [
                {"equation": equations.as_text(one), "latex": equations.as_latex(one), "unit": one.unit, "meaning": one.meaning}
                for one in members
            ]
            for section, members in equations.SECTIONS.items()
        }  # fmt: skip
    return found


def _show_numbers(name: str, kind: str) -> None:
    console, found = Console(), model_numbers.numbers(name)
    console.print(f"[bold]{escape(model_numbers.title(name))}[/bold]   {model_numbers.file_of(kind, name)}")
    if kind == "drugs":
        drug = catalogue.drug(name)
        console.print(f"Goes into {drug.depot}; dosed per {drug.dosed_per}; schedules: {', '.join(drug.schedules)}.")
    console.print(_table(found))
    for line in _how_to_change(found):
        console.print(line, highlight=False)
    for source in sorted({number.source for number in found}):
        console.print(f"{source}: {escape(catalogue.references()[source])}", highlight=False)


def _how_to_change(found: Sequence[Number]) -> Iterator[str]:
    """Yield where a scenario replaces the numbers, by section, and which of them none replaces."""
    sections: dict[str, list[str]] = {}
    for number in found:
        sections.setdefault(number.scenario_path.removesuffix(f".{number.key}"), []).append(number.key)
    fixed = sections.pop("", [])
    for section, keys in sections.items():
        which = "" if len(keys) == len(found) else f" for {', '.join(keys)}"
        yield f"A scenario replaces them by {section}.KEY{which}."
    if fixed:
        yield f"No scenario replaces {', '.join(fixed)}."


def _table(found: Iterable[Number]) -> Table:
    table = Table(show_lines=True, expand=True, box=HORIZONTALS, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("symbol", width=6)
    table.add_column("key and meaning", overflow="fold", ratio=1)
    table.add_column("value", overflow="fold", width=13)
    table.add_column("source, grade", overflow="fold", width=16)
    for number in found:
        words = f"{number.key}\n[italic]{escape(number.meaning)}[/italic]" if number.meaning else number.key
        table.add_row(number.symbol, words, escape(_value(number)), f"{number.source}\n{number.grade_mark}")
    return table


def _value(number: Number) -> str:
    lines = [f"{number.value:g} {number.unit}"]
    if number.spread:
        lines.append(number.spread)
    if number.low is not None and number.high is not None:
        ends = f"90 %: {number.low:.3g} to {number.high:.3g}" if number.spread else f"{number.low:g} to {number.high:g}"
        lines.append(ends)
    return "\n".join(lines)


def show_equations() -> None:
    """Print states and equations as plain text."""
    print("States")
    for state in equations.STATES:
        print(f"  {state.name:4}{state.unit:15}{state.meaning}")
    for stage in equations.STAGES:
        print(f"  {stage.name:4}{stage.unit:15}{stage.meaning}")
    print(f"\n{equations.as_text(equations.HILL)}")
    for section, members in equations.SECTIONS.items():
        print(f"\n{section}")
        for one in members:
            print(_line(one))


def _line(equation: Equation) -> str:
    text = f"  {equations.as_text(equation)}"
    if not equation.meaning:
        return text
    beside = f"{text:{WIDTH_OF_AN_EQUATION}} {equation.meaning}"
    fits = len(text) <= WIDTH_OF_AN_EQUATION and len(beside) <= WIDTH
    return beside if fits else f"{text}\n{'':8}{equation.meaning}"


def show_card(file: Path | None) -> None:
    """Print the model card, or write it into a file."""
    from titranc.sim.model_card import model_card

    if file is None:
        print(model_card(), end="")
    else:
        _write(file, model_card())
        print(f"{file}: the model card.")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def export_sbml(file: Path, disease: str, product: str, dose_ug_per_kg_day: float, days: int) -> None:
    """Write the typical body of a disease and its daily doses as SBML."""
    from titranc.models import sbml

    course = sbml.Course(product, dose_ug_per_kg_day, days)
    text = sbml.document(sbml.typical_subject(disease), course)
    _write(file, text)
    print(
        f"{file}: the typical body of {disease} in SBML level {sbml.LEVEL} version {sbml.VERSION}; {sbml.spoken(course)}."
    )
