"""The body of a typical patient in SBML (level 3 version 1), for COPASI, libRoadRunner and whatever else reads it.

The equations are those of `equations`, written as rules; doses are an event that comes back every day. The clinic, the
guideline, chance and infections stay here: a file holds one body and one regimen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape

from titranc.models import catalogue, equations, shelves
from titranc.models.distributions import centre
from titranc.models.documents import InputProblem, InputRefused
from titranc.models.granulopoiesis import (
    N_B,
    N_M,
    STATES,
    Floats,
    declared,
    parameter_array,
    reference_parameters,
    with_grafts,
)
from titranc.models.integrator import Bodies
from titranc.models.patient import Graft

LEVEL, VERSION = 3, 1
SECONDS_PER_DAY = 86400
NOTICE = "Teaching and research only, never the treatment of a patient."
STAGES = {"nB": N_B, "nM": N_M}

# Units of the data files as powers of SBML's own: (kind, exponent, scale, multiplier).
_DAY = ("second", -1, 0, SECONDS_PER_DAY)
_LITRE, _GRAM_UG, _GRAM_NG = ("litre", -1, 0, 1), ("gram", 1, -6, 1), ("gram", 1, -9, 1)
_PER_KG, _PER_ML = ("kilogram", -1, 0, 1), ("litre", -1, -3, 1)
_CELLS = ("dimensionless", 1, 9, 1)
_UNITS = {
    "days": ("day", [("second", 1, 0, SECONDS_PER_DAY)]),
    "1/day": ("per_day", [_DAY]),
    "ug/kg": ("ug_per_kg", [_GRAM_UG, _PER_KG]),
    "ug/kg/day": ("ug_per_kg_day", [_GRAM_UG, _PER_KG, _DAY]),
    "L/kg": ("l_per_kg", [("litre", 1, 0, 1), _PER_KG]),
    "ng/mL": ("ng_per_ml", [_GRAM_NG, _PER_ML]),
    "ng/mL/day": ("ng_per_ml_day", [_GRAM_NG, _PER_ML, _DAY]),
    "10^9/L": ("billion_per_l", [_CELLS, _LITRE]),
    "10^9/L/day": ("billion_per_l_day", [_CELLS, _LITRE, _DAY]),
}
_PURE_NUMBERS = ("fold", "share", "relative", "dimensionless")


@dataclass(frozen=True)
class Subject:
    """A typical body of a diagnosis on the morning of day 0: what differs from the reference, and its state [21]."""

    disease: str
    parameters: dict[str, float]
    state: Floats


@dataclass(frozen=True)
class Course:
    """A dose of a product every morning, `days` times, from day 0 on."""

    product: str = "filgrastim"
    dose_ug_per_kg_day: float = 0.0
    days: int = 0


def typical_subject(disease: str) -> Subject:
    """Return the body whose every parameter is the centre of its distribution, as the first dose finds it.

    Day 0 is the day of the cycle after chemotherapy, of the graft in a transplant; a drug that causes the neutropenia
    has its full effect from then on. Raises InputRefused on an unknown disease.
    """
    check_name("disease", disease, shelves.names("diseases"))
    diagnosis = catalogue.disease(disease)
    parameters = {name: centre(entry.distribution) for name, entry in diagnosis.parameters.items()}
    traits = {name: centre(entry.distribution) for name, entry in diagnosis.traits.items()}
    bodies = Bodies(parameter_array([parameters]), accuracy="reference")
    bodies.burn_in(int(diagnosis.burn_in_days.value))
    state = bodies.state
    if diagnosis.emptied_marrow:
        left = diagnosis.emptied_marrow
        graft = Graft(traits["graft_progenitors"], left.marrow_share.value, left.anc_1e9_per_l.value)
        state = with_grafts(state, [(0, graft)])
    state[STATES.index("X")] += traits.get("chemotherapy_exposure", 0.0)
    during = {name: value for name, value in traits.items() if name in declared()}
    return Subject(disease, parameters | during, state[:, 0])


def check_name(key: str, name: str, allowed: Iterable[str]) -> None:
    """Refuse a name that is none of those allowed."""
    known = list(allowed)
    if name not in known:
        raise InputRefused([InputProblem("model export", None, key, name, "one of " + ", ".join(known))])


def document(subject: Subject, course: Course) -> str:
    """Return a body and its doses as the text of an SBML file.

    Raises InputRefused on an unknown product, a dose that is negative, no number or above the drug's absolute maximum,
    or when python-libsbml is not installed; RuntimeError when libSBML finds an error in what was written.
    """
    _check(course)
    libsbml = _library()
    file = libsbml.SBMLDocument(LEVEL, VERSION)
    _write(libsbml, file.createModel(), subject, course)
    if problems := errors(file):
        raise RuntimeError(f"libSBML refuses the export: {problems}")
    return str(libsbml.writeSBMLToString(file))


def errors(file: Any) -> list[str]:
    """Return what libSBML's consistency checks, that of units included, find wrong in a document; warnings are errors."""
    file.checkConsistency()
    found = (file.getError(i) for i in range(file.getNumErrors()))
    return [f"line {error.getLine()}: {error.getShortMessage()}: {error.getMessage().strip()}" for error in found]


def _check(course: Course) -> None:
    check_name("product", course.product, shelves.names("drugs"))
    most = catalogue.drug(course.product).absolute_maximum_ug_per_kg_day
    checks = {
        "dose_ug_per_kg_day": (0 <= course.dose_ug_per_kg_day <= most.value, f"0 to {most.value:g} {most.unit}"),
        "days": (course.days >= 0, "0 or more"),
    }
    problems = [
        InputProblem("model export", None, key, getattr(course, key), allowed)
        for key, (sound, allowed) in checks.items()
        if not sound
    ]
    if problems:
        raise InputRefused(problems)


@cache
def _library() -> ModuleType:
    try:
        import libsbml
    except ImportError:
        allowed = "an installation with python-libsbml: pip install 'titranc[sbml]'"
        raise InputRefused([InputProblem("model export", None, "sbml", "not installed", allowed)]) from None
    return libsbml  # type: ignore[no-any-return]


def _write(libsbml: ModuleType, model: Any, subject: Subject, course: Course) -> None:
    title = catalogue.disease(subject.disease).title
    model.setId(f"titranc_{subject.disease}")
    model.setName(f"titranc: {title}, a typical patient")
    model.setTimeUnits("day")
    model.setNotes(_notes(_story(title, course)))
    _write_units(libsbml, model)
    _write_hill(libsbml, model)
    _write_parameters(model, subject)
    algebra = (*equations.REFERENCES, *equations.RESPONSES)
    for equation in equations.expanded(algebra):
        _parameter(model, equation.symbol, None, equation.unit, constant=False, notes=equation.meaning)
    for equation in equations.expanded((*algebra, *equations.RATES)):
        rule = model.createRateRule() if equation.rate else model.createAssignmentRule()
        rule.setVariable(equation.symbol)
        rule.setMath(_math(libsbml, equation.formula))
    if course.days and course.dose_ug_per_kg_day:
        _write_doses(libsbml, model, course)


def spoken(course: Course) -> str:
    """Return what is given, in words."""
    if not course.days or not course.dose_ug_per_kg_day:
        return "no drug"
    return f"{course.dose_ug_per_kg_day:g} ug/kg of {course.product} every morning, {course.days} times from day 0"


def _story(title: str, course: Course) -> list[str]:
    version = metadata.version("titranc")
    return [
        f"The body of titranc {version}, a simulator of G-CSF titration in neutropenia. {NOTICE}",
        f"{title}: every parameter at the centre of its distribution; {spoken(course)}.",
        "The states on day 0 are those after the days without drug that the disease file names, by titranc's own "
        "integrator; with other parameters let as many days pass without doses.",
        "N is the true absolute neutrophil count, 10^9/L. Of the names, meanings, sources and grades of the parameters "
        "each parameter's notes tell; grade C is recalled and unverified.",
    ]


def _notes(paragraphs: Iterable[str]) -> str:
    text = "".join(f"<p>{escape(one)}</p>" for one in paragraphs)
    return f'<body xmlns="http://www.w3.org/1999/xhtml">{text}</body>'


def _write_units(libsbml: ModuleType, model: Any) -> None:
    for name, parts in _UNITS.values():
        definition = model.createUnitDefinition()
        definition.setId(name)
        for kind, exponent, scale, multiplier in parts:
            unit = definition.createUnit()
            unit.setKind(libsbml.UnitKind_forName(kind))
            unit.setExponent(exponent)
            unit.setScale(scale)
            unit.setMultiplier(multiplier)


def _unit(unit: str) -> str:
    if unit in _PURE_NUMBERS:
        return "dimensionless"
    return _UNITS[unit][0]


def _write_hill(libsbml: ModuleType, model: Any) -> None:
    function = model.createFunctionDefinition()
    function.setId("hill")
    function.setMath(_math(libsbml, f"lambda({', '.join(equations.HILL_ARGUMENTS)}, {equations.HILL.formula})"))


def _write_parameters(model: Any, subject: Subject) -> None:
    values = reference_parameters() | subject.parameters
    own = catalogue.disease(subject.disease)
    individual = own.parameters | own.traits
    for name, entry in catalogue.physiology().items():
        said = individual.get(name, entry)
        grade = "C (recalled, unverified)" if said.grade == "C" else said.grade
        notes = f"{said.meaning}; source {catalogue.references()[said.source]} Grade {grade}."
        _parameter(model, entry.symbol, values[name], entry.unit, constant=True, name=name, notes=notes)
    for stage in equations.STAGES:
        _parameter(model, stage.name, STAGES[stage.name], stage.unit, constant=True, notes=stage.meaning)
    for state, value in zip(equations.STATES, subject.state, strict=True):
        _parameter(model, state.name, value, state.unit, constant=False, notes=state.meaning)


def _parameter(
    model: Any, symbol: str, value: float | None, unit: str, *, constant: bool, name: str = "", notes: str = ""
) -> None:
    parameter = model.createParameter()
    parameter.setId(symbol)
    if name:
        parameter.setName(name)
    if value is not None:
        parameter.setValue(float(value))
    parameter.setUnits(_unit(unit))
    parameter.setConstant(constant)
    if notes:
        parameter.setNotes(_notes([notes]))


def _write_doses(libsbml: ModuleType, model: Any, course: Course) -> None:
    """Write the doses: the first lies under the skin on day 0, for programs differ in what an event at time 0 does."""
    depot = catalogue.drug(course.product).depot
    first = model.getParameter(depot)
    first.setValue(first.getValue() + course.dose_ug_per_kg_day)
    _parameter(model, "dose", course.dose_ug_per_kg_day, "ug/kg", constant=True, notes="what a day's injection holds")
    _parameter(model, "dose_interval", 1.0, "days", constant=True, notes="from one injection to the next")
    _parameter(model, "doses", course.days, "dimensionless", constant=True, notes="injections, that of day 0 included")
    _parameter(model, "since_dose", 0.0, "days", constant=False, notes="time since the last injection")
    # A clock that runs by a rate rule goes back with the states when a program resets the model; a counter may not.
    clock = model.createRateRule()
    clock.setVariable("since_dose")
    clock.setMath(_math(libsbml, "1"))
    event = model.createEvent()
    event.setId("injection")
    event.setUseValuesFromTriggerTime(True)
    trigger = event.createTrigger()
    trigger.setInitialValue(False)
    trigger.setPersistent(True)
    trigger.setMath(_math(libsbml, "since_dose >= dose_interval && time < (doses - 0.5) * dose_interval"))
    given = {depot: f"{depot} + dose", "since_dose": "since_dose - dose_interval"}
    for symbol, formula in given.items():
        assignment = event.createEventAssignment()
        assignment.setVariable(symbol)
        assignment.setMath(_math(libsbml, formula))


def _math(libsbml: ModuleType, formula: str) -> Any:
    math = libsbml.parseL3Formula(formula.replace("**", "^"))
    if math is None:
        raise RuntimeError(f"{formula}: {libsbml.getLastParseL3Error()}")
    _mark_numbers(math)
    return math


def _mark_numbers(node: Any) -> None:
    """Say of every number in a formula that it has no unit, which level 3 leaves open otherwise."""
    if node.isNumber():
        node.setUnits("dimensionless")
    for i in range(node.getNumChildren()):
        _mark_numbers(node.getChild(i))
