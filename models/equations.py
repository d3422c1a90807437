"""The body's equations as words on paper: one list from which the text, the LaTeX and the SBML are made.

`granulopoiesis` is what moves the patients; this list says the same for people and for other programs, and a test holds
the two together on random states and parameters. Symbols are those of physiology.yaml and of the states; a chain of
stages is written once, with `B_i` and `B_before` for a stage and the one before it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

CHAINS = ("B", "M")
_STAGE_OF_CHAIN = re.compile(r"\b([A-Z])_(i|before)\b")
_SUM_OF_CHAIN = re.compile(r"\btotal\((\w)\)")


@dataclass(frozen=True)
class Symbol:
    """A name in the equations, its unit as in physiology.yaml and what it means."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class Equation:
    """`symbol = formula`, or its rate of change per day when `rate`; `stages` are the first and last stage of a chain.

    Formulas are arithmetic in Python's grammar with `exp`, `sqrt`, `hill(x, half, steepness)` and `total(chain)`.
    """

    symbol: str
    formula: str
    unit: str
    meaning: str
    rate: bool = False
    stages: tuple[int, int] | None = None


HILL_ARGUMENTS = ("x", "half", "steepness")
HILL = Equation(
    f"hill({', '.join(HILL_ARGUMENTS)})",
    "(x/half)**steepness/(1 + (x/half)**steepness)",
    "share",
    "response that saturates",
)

STATES = (
    Symbol("D", "ug/kg", "filgrastim under the skin"),
    Symbol("T", "ng/mL", "G-CSF in the blood, own and filgrastim, free and bound"),
    Symbol("Dp", "ug/kg", "pegfilgrastim under the skin"),
    Symbol("Tp", "ng/mL", "pegfilgrastim in the blood, free and bound"),
    Symbol("Ds", "ug/kg", "sargramostim under the skin"),
    Symbol("S", "ng/mL", "sargramostim in the blood"),
    Symbol("X", "dimensionless", "cytotoxic exposure (1 = the reference cycle)"),
    Symbol("P", "relative", "committed progenitors (1 = normal)"),
    *(Symbol(f"B{i}", "10^9/L", f"proliferating cells, stage {i} of 7") for i in range(1, 8)),
    *(Symbol(f"M{i}", "10^9/L", f"maturing cells, stage {i} of 4") for i in range(1, 5)),
    Symbol("R", "10^9/L", "marrow reserve"),
    Symbol("N", "10^9/L", "neutrophils in the blood, the true ANC"),
)

STAGES = (
    Symbol("nB", "dimensionless", "stages of the proliferating chain"),
    Symbol("nM", "dimensionless", "stages of the maturing chain"),
)

REFERENCES = (
    Equation("J0", "kN*N0", "10^9/L/day", "flux of neutrophils in health"),
    Equation("hA0", "hill(C0, EA, gA)", "share", "amplifying response in health"),
    Equation("hV0", "hill(C0, EV, gV)", "share", "hastening response in health"),
    Equation("hR0", "hill(C0, EPh, gV)", "share", "releasing response in health"),
    Equation("s0", "exp(-Lam0*(1 - omega*hA0))", "share", "promyelocytes that survive in health"),
    Equation("Bref", "J0*tauB/s0", "10^9/L", "proliferating cells in health"),
    Equation("Y0", "J0*(tauM + tauR)", "10^9/L", "maturing cells and reserve in health"),
    Equation("kprod", "gprod*(kel*C0 + kint*Rt0*C0/(KD + C0))", "ng/mL/day", "the body's own G-CSF"),
)

RESPONSES = (
    Equation("Y", "total(M) + R", "10^9/L", "maturing cells and reserve"),
    Equation("Rt", "Rt0*(wB*total(B)/Bref + wM*Y/Y0 + wN*N/N0)", "ng/mL", "receptors, as drug concentration"),
    Equation("b", "Rt + KD - T - Tp", "ng/mL", "what the binding leaves over"),
    Equation("f", "2*KD/(b + sqrt(b**2 + 4*KD*(T + Tp)))", "share", "free share of the ligand (quasi-equilibrium)"),
    Equation("g", "f*(T + ep*Tp)", "ng/mL", "free G-CSF"),
    Equation("xA", "(g + es*S)/sens", "ng/mL", "stimulus of amplification and survival"),
    Equation("xV", "(g + es*wSV*S)/sens", "ng/mL", "stimulus of cycling and maturation"),
    Equation("xR", "(g + es*wSR*S)/sens", "ng/mL", "stimulus of release"),
    Equation("hA", "hill(xA, EA, gA)", "share", "amplifying response"),
    Equation("hV", "hill(xV, EV, gV)", "share", "hastening response"),
    Equation("hR", "hill(xR, EPh, gV)", "share", "releasing response"),
    Equation("a", "((1 + (Amax - 1)*hA)/(1 + (Amax - 1)*hA0))**(1/nB)", "fold", "gain of one proliferating stage"),
    Equation("k", "nB*(1 + (VB - 1)*hV)/(tauB*(1 + (VB - 1)*hV0))", "1/day", "rate of the proliferating chain"),
    Equation("km", "nM*(1 + (Vmax - 1)*hV)/(tauM*(1 + (Vmax - 1)*hV0))", "1/day", "rate of the maturing chain"),
    Equation("phi", "(1 + (Phmax - 1)*hR)/(tauR*(1 + (Phmax - 1)*hR0))", "1/day", "release from the reserve"),
    Equation("s", "exp(-Lam*(1 - omega*hA))", "share", "promyelocytes that survive"),
    Equation("Z", "Y/(theta*Y0)", "relative", "load of the mature marrow"),
    Equation("Fz", "(1 + bF)/(1 + bF*Z**hF)", "fold", "what that load leaves of the progenitors' output"),
)

RATES = (
    Equation("D", "-ka*D", "ug/kg/day", "", rate=True),
    Equation("T", "ka*F*D/V + kprod - (kel*f + kint*(1 - f))*T", "ng/mL/day", "", rate=True),
    Equation("Dp", "-kap*Dp", "ug/kg/day", "", rate=True),
    Equation("Tp", "kap*Fp*Dp/Vp - (kelp*f + kintp*(1 - f))*Tp", "ng/mL/day", "", rate=True),
    Equation("Ds", "-kas*Ds", "ug/kg/day", "", rate=True),
    Equation("S", "kas*Ds/Vs - kels*S", "ng/mL/day", "", rate=True),
    Equation("X", "-kX*X", "1/day", "", rate=True),
    Equation("P", "rP*(1 + eP*hA)*P*(1 - P/Pset) + supply - killP*X*P", "1/day", "", rate=True),
    Equation("B1", "J0/s0*(1 - inhib)*Fz*P - (k + killB*X)*B1", "10^9/L/day", "", rate=True),
    Equation("B_i", "a*k*B_before - (k + killB*X)*B_i", "10^9/L/day", "", rate=True, stages=(2, 7)),
    Equation("M1", "s*a*k*B7 - (km + killM*X)*M1", "10^9/L/day", "", rate=True),
    Equation("M_i", "km*M_before - (km + killM*X)*M_i", "10^9/L/day", "", rate=True, stages=(2, 4)),
    Equation("R", "km*M4 - (phi + killR*X)*R", "10^9/L/day", "", rate=True),
    Equation("N", "phi*R - kN*kNmult*N", "10^9/L/day", "", rate=True),
)

# The drug-free fixed point of a healthy body; what is not named begins at 0.
STEADY_STATE = (
    Equation("T", "C0 + Rt0*C0/(KD + C0)", "ng/mL", ""),
    Equation("P", "Pset", "relative", ""),
    Equation("B_i", "Bref/nB", "10^9/L", "", stages=(1, 7)),
    Equation("M_i", "J0*tauM/nM", "10^9/L", "", stages=(1, 4)),
    Equation("R", "J0*tauR", "10^9/L", ""),
    Equation("N", "N0", "10^9/L", ""),
)

SECTIONS: Mapping[str, tuple[Equation, ...]] = {
    "What follows from the parameters": REFERENCES,
    "Binding, stimulus and response": RESPONSES,
    "Rates of change, per day": RATES,
    "Steady state of a healthy body without drug; the rest is 0": STEADY_STATE,
}


def expanded(equations: tuple[Equation, ...]) -> Iterator[Equation]:
    """Yield the equations with every stage of a chain by itself and every sum over a chain written out."""
    for equation in equations:
        first, last = equation.stages or (0, 0)
        for stage in range(first, last + 1):
            symbol, formula = (_of_stage(text, stage) for text in (equation.symbol, equation.formula))
            yield replace(equation, symbol=symbol, formula=_SUM_OF_CHAIN.sub(_written_out, formula), stages=None)


def names_in(formula: str) -> set[str]:
    """Return the names of the quantities in a formula of `expanded` equations."""
    functions = {node.func for node in ast.walk(_parsed(formula)) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(_parsed(formula)) if isinstance(node, ast.Name)} - {
        function.id for function in functions if isinstance(function, ast.Name)
    }


def as_text(equation: Equation) -> str:
    """Return an equation on one line of plain text.

    >>> as_text(RATES[0])
    'dD/dt = -ka*D'
    """
    symbol, formula = map(_with_index, (equation.symbol, equation.formula))
    left = f"d{symbol}/dt" if equation.rate else symbol
    stages = f"   (i = {equation.stages[0]}..{equation.stages[1]})" if equation.stages else ""
    return f"{left} = {formula.replace('**', '^')}{stages}"


def as_latex(equation: Equation) -> str:
    r"""Return an equation as LaTeX.

    >>> as_latex(RATES[0])
    '\\frac{\\mathrm{d}D}{\\mathrm{d}t} = -k_{\\mathrm{a}}\\,D'
    """
    symbol = as_latex_formula(equation.symbol)
    left = rf"\frac{{\mathrm{{d}}{symbol}}}{{\mathrm{{d}}t}}" if equation.rate else symbol
    stages = rf", \quad i = {equation.stages[0]} \ldots {equation.stages[1]}" if equation.stages else ""
    return f"{left} = {as_latex_formula(equation.formula)}{stages}"


def as_latex_formula(formula: str) -> str:
    """Return a formula, or a single symbol, as LaTeX."""
    return _latex(_parsed(formula))


def _with_index(text: str) -> str:
    return _STAGE_OF_CHAIN.sub(lambda found: found[1] + ("[i]" if found[2] == "i" else "[i-1]"), text)


def _of_stage(text: str, stage: int) -> str:
    return _STAGE_OF_CHAIN.sub(lambda found: f"{found[1]}{stage if found[2] == 'i' else stage - 1}", text)


def _written_out(found: re.Match[str]) -> str:
    stages = [state.name for state in STATES if re.fullmatch(rf"{found[1]}\d+", state.name)]
    return f"({' + '.join(stages)})"


def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


_WHOLE_WORDS = {"supply", "inhib", "sens", *HILL_ARGUMENTS[1:]}
_STEMS = {
    "tau": r"\tau", "theta": r"\theta", "omega": r"\omega", "phi": r"\varphi", "Lam": r"\Lambda", "Ph": r"\Phi",
    "kill": r"\kappa",
}  # fmt: skip
_FUNCTIONS = {"exp": r"\exp", "hill": "h"}
_PRECEDENCE = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 4, ast.USub: 2, ast.Pow: 3}
_ATOM = 4


def _latex(node: ast.expr, least: int = 0) -> str:
    """Return a node as LaTeX, in brackets when it binds less than `least`."""
    text, binds = _bare_latex(node)
    return text if binds >= least else rf"\left({text}\right)"


def _bare_latex(node: ast.expr) -> tuple[str, int]:
    if isinstance(node, ast.BinOp):
        return _operation(node), _PRECEDENCE[type(node.op)]
    if isinstance(node, ast.UnaryOp):
        return f"-{_latex(node.operand, 2)}", _PRECEDENCE[ast.USub]
    if isinstance(node, ast.Call):
        return _function(node), _ATOM
    return (_name(node.id) if isinstance(node, ast.Name) else ast.unparse(node)), _ATOM


def _operation(node: ast.BinOp) -> str:
    match node.op:
        case ast.Div():
            return rf"\frac{{{_latex(node.left)}}}{{{_latex(node.right)}}}"
        case ast.Pow():
            # A fraction as a base needs brackets, though it binds as an atom elsewhere.
            base = _latex(node.left, _ATOM + isinstance(node.left, ast.BinOp))
            return f"{base}^{{{_latex(node.right)}}}"
        case ast.Mult():
            return rf"{_latex(node.left, 2)}\,{_latex(node.right, 2)}"
        case ast.Sub():
            return f"{_latex(node.left, 1)} - {_latex(node.right, 2)}"
        case _:
            return f"{_latex(node.left, 1)} + {_latex(node.right, 1)}"


def _function(node: ast.Call) -> str:
    function, inner = ast.unparse(node.func), ", ".join(map(_latex, node.args))
    if function == "sqrt":
        return rf"\sqrt{{{inner}}}"
    if function == "total":
        return rf"{{\textstyle\sum_i {ast.unparse(node.args[0])}_{{i}}}}"
    return rf"{_FUNCTIONS[function]}\left({inner}\right)"


def _name(name: str) -> str:
    if name in _WHOLE_WORDS:
        return rf"\mathrm{{{name}}}"
    chain = _STAGE_OF_CHAIN.fullmatch(name)
    if chain:
        return f"{chain[1]}_{{{chain[2].replace('before', 'i-1')}}}"
    stem = next((word for word in _STEMS if name.startswith(word)), name[0])
    rest = name[len(stem) :]
    return _STEMS.get(stem, stem) + (rf"_{{\mathrm{{{rest}}}}}" if rest else "")
