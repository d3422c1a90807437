"""The body in SBML is the body: the same rates anywhere, the same course under doses, and a file that libSBML accepts."""

from functools import cache
from pathlib import Path

import libsbml
import numpy as np
import pytest
import roadrunner

from titranc.models import catalogue, equations, sbml, shelves
from titranc.models.distributions import centre
from titranc.models.documents import InputRefused
from titranc.models.granulopoiesis import N_B, N_M, STATES, declared, parameter_array, rates
from titranc.models.integrator import Bodies, DosePlan
from titranc.models.sbml import Course, Subject

DAYS = 60
DAILY = Course("filgrastim", 5.0, DAYS)


@cache
def typical(disease: str) -> Subject:
    return sbml.typical_subject(disease)


@cache
def simulator(disease: str, course: Course) -> roadrunner.RoadRunner:
    return roadrunner.RoadRunner(sbml.document(typical(disease), course))


def test_the_equations_name_the_states_in_order_and_every_symbol_once() -> None:
    symbols = [str(entry["symbol"]) for entry in declared().values()]
    algebra = [one.symbol for one in (*equations.REFERENCES, *equations.RESPONSES)]
    named = [*symbols, *STATES, *(stage.name for stage in equations.STAGES), *algebra]
    assert tuple(state.name for state in equations.STATES) == STATES
    assert len(named) == len(set(named))
    assert {one.symbol for one in equations.expanded(equations.RATES)} == set(STATES)
    assert sbml.STAGES == {"nB": N_B, "nM": N_M}


def test_every_parameter_is_used_and_everything_used_is_defined_before() -> None:
    known = {str(entry["symbol"]) for entry in declared().values()} | {*STATES, *sbml.STAGES}
    used = set()
    for equation in equations.expanded((*equations.REFERENCES, *equations.RESPONSES, *equations.RATES)):
        used |= equations.names_in(equation.formula)
        assert equations.names_in(equation.formula) <= known, equation.symbol
        known.add(equation.symbol)
    assert known - used == set()


def test_the_steady_state_is_the_one_that_bodies_begin_with() -> None:
    names = {str(entry["symbol"]): float(entry["value"]) for entry in declared().values()} | sbml.STAGES
    functions = {"exp": np.exp, "sqrt": np.sqrt, "hill": lambda x, half, power: x**power / (half**power + x**power)}
    begun = dict.fromkeys(STATES, 0.0)
    for equation in equations.expanded(equations.REFERENCES):
        names[equation.symbol] = eval(equation.formula, functions, names)  # noqa: S307
    for equation in equations.expanded(equations.STEADY_STATE):
        begun[equation.symbol] = eval(equation.formula, functions, names)  # noqa: S307
    assert list(begun.values()) == pytest.approx(Bodies(parameter_array([{}])).state[:, 0], rel=1e-12)


def test_rates_are_those_of_the_body_for_any_state_and_any_parameters() -> None:
    """The guard over the two hands that wrote the equations: 100 states over four decades, parameters over their range."""
    luck, other = np.random.default_rng(20261123), simulator("healthy", Course())
    symbols = [str(entry["symbol"]) for entry in declared().values()]
    low, high = (np.array([float(entry[end]) for entry in declared().values()]) for end in ("low", "high"))
    for _ in range(100):
        parameters, state = luck.uniform(low, high), 10 ** luck.uniform(-2, 2, len(STATES))
        for name, value in (*zip(symbols, parameters, strict=True), *zip(STATES, state, strict=True)):
            other[name] = value
        found, ours = other.getRatesOfChange(), rates(state, parameters[:, None])
        assert found == pytest.approx(ours, rel=1e-10, abs=1e-10 * float(np.abs(ours).max())), (parameters, state)


@pytest.mark.parametrize("disease", ["healthy", "scn", "cyclic"])
def test_sixty_days_of_daily_doses_are_those_of_the_integrator(disease: str) -> None:
    subject, other = typical(disease), simulator(disease, DAILY)
    other.reset()
    other.integrator.relative_tolerance, other.integrator.absolute_tolerance = 1e-9, 1e-12
    found = other.simulate(0, DAYS, DAYS + 1, ["time", *STATES[1:]])[1:, 1:]
    bodies = Bodies(parameter_array([subject.parameters]), subject.state[:, None], accuracy="reference")
    plan, ours = DosePlan(np.full((1, 1, 1), 5.0), np.zeros((1, 1), dtype=np.int64), ("D",)), []
    for _ in range(DAYS):
        bodies.advance(1, plan)
        ours.append(bodies.state[1:, 0])
    assert max(row[-1] for row in ours) > 3 * subject.state[-1]
    assert found == pytest.approx(np.array(ours), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("product", "depot"), [("filgrastim", "D"), ("pegfilgrastim", "Dp"), ("sargramostim", "Ds")])
def test_doses_go_where_the_product_goes_as_often_as_asked_and_again_after_a_reset(product: str, depot: str) -> None:
    other = simulator("healthy", Course(product, 10.0, 3))
    other.reset()
    other["ka"] = other["kap"] = other["kas"] = 0.0
    for _ in range(2):
        found = other.simulate(0, 5, 11, ["time", depot])[:, 1]
        assert found[1::2].tolist() == [10.0, 20.0, 30.0, 30.0, 30.0]
        other.reset()


def test_what_begins_with_the_treatment_has_begun() -> None:
    for disease, state, trait in (
        ("chemotherapy", "X", "chemotherapy_exposure"),
        ("transplant_autologous", "P", "graft_progenitors"),
    ):
        centred = centre(catalogue.disease(disease).traits[trait].distribution)
        assert typical(disease).state[STATES.index(state)] == pytest.approx(centred)
    inhibition = catalogue.disease("ganciclovir").traits["production_inhibition"]
    assert typical("ganciclovir").parameters["production_inhibition"] == centre(inhibition.distribution) > 0.5
    assert typical("healthy").state[STATES.index("N")] == pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("disease", shelves.names("diseases"))
def test_libsbml_finds_nothing_wrong_in_any_disease(disease: str) -> None:
    file = libsbml.readSBMLFromString(sbml.document(typical(disease), DAILY))
    assert (file.getLevel(), file.getVersion()) == (3, 1)
    assert sbml.errors(file) == []
    model = file.getModel()
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    algebra = {one.symbol for one in (*equations.REFERENCES, *equations.RESPONSES)}
    assert ruled == {*STATES, *algebra, "since_dose"}
    for name, entry in declared().items():
        written = model.getParameter(str(entry["symbol"]))
        assert written.getName() == name
        assert written.getValue() == typical(disease).parameters.get(name, entry["value"])


def test_a_wrong_unit_would_be_found() -> None:
    file = libsbml.readSBMLFromString(sbml.document(typical("healthy"), DAILY))
    file.getModel().getParameter("V").setUnits("dimensionless")
    assert sbml.errors(file) != []


@pytest.mark.parametrize(
    ("disease", "course", "words"),
    [
        ("influenza", DAILY, "autoimmune"),
        ("scn", Course("aspirin", 1.0, 1), "pegfilgrastim"),
        ("scn", Course("filgrastim", 500.0, 1), "0 to 120"),
        ("scn", Course("filgrastim", float("nan"), 1), "0 to 120"),
        ("scn", Course("filgrastim", 5.0, -1), "0 or more"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_what_can(disease: str, course: Course, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        sbml.document(sbml.typical_subject(disease), course)


def test_a_file_says_what_it_is_and_what_it_is_not(tmp_path: Path) -> None:
    text = sbml.document(typical("scn"), DAILY)
    assert "never the treatment of a patient" in text
    assert "5 ug/kg of filgrastim every morning, 60 times" in text
