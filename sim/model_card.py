"""The model card: prose from models/model_card.md, with tables, equations and measured numbers put into their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import metadata

import numpy as np

from titranc.models import catalogue, equations, granulopoiesis, model_numbers, shelves
from titranc.models.equations import Equation
from titranc.models.granulopoiesis import STATES, baseline_state, parameter_array, rates, reference_parameters
from titranc.models.model_numbers import BODY, Number
from titranc.sim.about import CITATION
from titranc.sim.reference_body import ANC, half_life_hours, hourly, transit_days

CARD = shelves.MODELS_FOLDER / "model_card.md"
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def model_card() -> str:
    """Return the model card as Markdown with LaTeX; raises KeyError on a place for which there is nothing."""
    filled = _words() | _tables() | _measured()
    return _PLACE.sub(lambda found: filled[found[1]], CARD.read_text(encoding="utf-8"))


def _words() -> dict[str, str]:
    version = metadata.version("titranc")
    counts = model_numbers.count_by_grade(model_numbers.numbers(BODY))
    total = sum(counts.values())
    own = f"of the body's {total} numbers {counts['A']} were read in a paper and {counts['calibrated']} were fitted or chosen here"
    most = {
        f"most_{name}": f"{catalogue.drug(name).absolute_maximum_ug_per_kg_day.value:g}"
        for name in shelves.names("drugs")
    }
    grafts = {"graft_sens": "transplant_allogeneic", "graft_sens_autologous": "transplant_autologous"}
    return (
        most
        | {
            "version": version,
            "citation": CITATION.format(version=version),
            "n_states": str(len(STATES)),
            "n_parameters": str(total),
            "grades": own,
        }
        | {place: _typical(disease, "gcsf_insensitivity") for place, disease in grafts.items()}
    )


def _typical(disease: str, key: str) -> str:
    return next(f"{number.value:g}" for number in model_numbers.numbers(disease) if number.key == key)


def _tables() -> dict[str, str]:
    shown = [number for name in _shown() for number in model_numbers.numbers(name)]
    sources = {number.source: number.citation for number in shown}
    return {
        "hill": equations.as_latex(equations.HILL),
        "equations": "\n\n".join(_section(*section) for section in equations.SECTIONS.items()),
        "states": _states(),
        "parameters": _parameters(),
        "diseases": "\n\n".join(map(_named_table, shelves.names("diseases"))),
        "drugs": "\n\n".join(map(_named_table, shelves.names("drugs"))),
        "sources": "\n".join(f"- `{source}`: {citation}" for source, citation in sorted(sources.items())),
    }


def _shown() -> list[str]:
    return [BODY, *shelves.names("diseases"), *shelves.names("drugs")]


def _section(heading: str, members: Sequence[Equation]) -> str:
    lines = [f"*{heading}.*"]
    for one in members:
        told = f"{one.meaning} ({one.unit}):\n" if one.meaning else ""
        lines.append(f"{told}$${equations.as_latex(one)}$$")
    return "\n\n".join(lines)


def _states() -> str:
    begun = baseline_state(parameter_array([{}]))[:, 0]
    rows = (
        (_symbol(state.name), state.meaning, state.unit, f"{value:.4g}")
        for state, value in zip(equations.STATES, begun, strict=True)
    )
    return _markdown(("state", "what it is", "unit", "in health"), rows)


def _parameters() -> str:
    found = model_numbers.numbers(BODY)
    rows = [
        (_symbol(one.symbol), f"`{one.key}`", one.meaning, f"{one.value:g}", one.unit, _range(one), *_origin(one))
        for one in found
    ]
    rows += [
        (_symbol(stage.name), "", stage.meaning, str(count), stage.unit, "", "`titranc`", "calibrated")
        for stage, count in zip(equations.STAGES, (granulopoiesis.N_B, granulopoiesis.N_M), strict=True)
    ]
    return _markdown(("symbol", "key", "meaning", "value", "unit", "range", "source", "grade"), rows)


def _named_table(name: str) -> str:
    rows = (
        (
            f"`{one.key}`",
            one.meaning,
            f"{one.value:g}",
            one.unit,
            one.spread,
            _range(one) if one.spread else "",
            *_origin(one),
        )
        for one in model_numbers.numbers(name)
        if not one.symbol or model_numbers.kind(name) == "diseases"
    )
    columns = ("key", "meaning", "typical", "unit", "distribution", "nine in ten", "source", "grade")
    return f"*{model_numbers.title(name)}* (`{model_numbers.file_of(model_numbers.kind(name), name)}`)\n\n{_markdown(columns, rows)}"


def _symbol(name: str) -> str:
    return f"`{name}` ${equations.as_latex_formula(name)}$"


def _range(number: Number) -> str:
    return "" if number.low is None or number.high is None else f"{number.low:.3g} to {number.high:.3g}"


def _origin(number: Number) -> tuple[str, str]:
    return f"`{number.source}`", number.grade_mark


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _measured() -> dict[str, str]:
    """Return what the reference body does, where that is known to be wrong or cannot be compared."""
    parameters, health = parameter_array([{}]), reference_parameters()
    residue = np.abs(rates(baseline_state(parameters)[:, 0], parameters)).max()
    single, chronic = hourly(5.0, 1, 5), hourly(5.0, 365, 365)
    gm_csf = hourly(6.5, 14, 14, depot="Ds")
    sargramostim = gm_csf[:, ANC, 0] / health["anc_baseline_1e9_per_l"]
    unbound = health["filgrastim_internalisation_per_day"] / health["filgrastim_elimination_per_day"]
    bound = health["receptor_total_ng_per_ml"] / (
        health["receptor_dissociation_ng_per_ml"] + health["gcsf_baseline_ng_per_ml"]
    )
    return {
        "residue": f"no state changes by more than {residue:.1g} a day there, which is the supply from stem cells",
        "transit_none": f"{transit_days(hourly(0.0, 1, 1)):.1f}",
        "transit_300": f"{transit_days(hourly(300 / 70, 60, 60)):.1f}",
        "single_day_5": f"{single[4, ANC, 0]:.2f}",
        "baseline": f"{health['anc_baseline_1e9_per_l']:g}",
        "half_life": f"{half_life_hours(5.0, 6, 18):.1f}",
        "half_life_late": f"{half_life_hours(5.0, 12, 18):.1f}",
        "half_life_label": f"{half_life_hours(3.45, 6, 18):.1f}",
        "sargramostim": ", ".join(f"{sargramostim[day - 1]:.1f}" for day in (1, 3, 7, 14)),
        "sargramostim_transit": f"{transit_days(gm_csf):.1f}",
        "most_gcsf": f"{health['gcsf_baseline_ng_per_ml'] * (1 + unbound * bound):.2f}",
        "chronic": f"{chronic[-1, ANC].mean():.1f}",
    }  # fmt: skip
