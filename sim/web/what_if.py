"""What if the same patient responded less, missed doses, grew otherwise: the guideline's answer beside the patient as is."""

from __future__ import annotations

from typing import Any

import streamlit as st

from titranc.sim.cohort import draw_patients
from titranc.sim.debrief import Line, days_by_line, simulated_line
from titranc.sim.report.words import number, percent
from titranc.sim.scenario import Scenario
from titranc.sim.streams import Streams
from titranc.sim.web import charts, state
from titranc.sim.web.figures import closed_for_now, draw

AS_IS, WHAT_IF = "as the patient is", "what if"
FOLDS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
INSENSITIVITY = "gcsf_insensitivity"
KEPT = "what-if-kept"


def show() -> None:
    """Draw the tab."""
    if state.in_hands():
        closed_for_now()
        return
    scenario, patient = state.scenario_of(state.setting())
    person = draw_patients(scenario, Streams(scenario.seed), [patient])[0]
    st.write("The patient of your setting under the guideline, and the same patient, changed.")
    columns = st.columns(3)
    fold = columns[0].select_slider(
        "Needs so many times the dose", FOLDS, value=1.0, key="fold", disabled=INSENSITIVITY not in person.parameters,
        help="The patient's insensitivity to G-CSF, times this.",
    )  # fmt: skip
    taken = columns[1].slider(
        "Doses taken, %", 30, 100, round(100 * person.doses_taken_share), step=1, key=f"taken-{patient}"
    )
    weight_z = columns[2].slider(
        "Weight, z-score", -3.0, 3.0, float(round(person.growth.weight_z, 1)), step=0.1, key=f"weight-{patient}"
    )
    changes: dict[str, float] = {}
    if fold != 1.0:
        changes["fold"] = fold
    if taken != round(100 * person.doses_taken_share):
        changes["taken"] = taken / 100
    if weight_z != round(person.growth.weight_z, 1):
        changes["weight_z"] = weight_z
    lines = [_line(AS_IS, scenario, patient)]
    if changes:
        changed = _changed(scenario, changes, person.parameters.get(INSENSITIVITY, 1.0))
        lines.append(_line(WHAT_IF, changed, patient))
    _drawn(lines)


def _changed(scenario: Scenario, changes: dict[str, float], insensitivity: float) -> Scenario:
    cohort: dict[str, Any] = {}
    if "fold" in changes:
        cohort["parameters"] = scenario.cohort.parameters | {INSENSITIVITY: insensitivity * changes["fold"]}
    if "weight_z" in changes:
        cohort |= {"weight_z": changes["weight_z"], "weight_kg": None}
    sections: dict[str, Any] = {"cohort": scenario.cohort.model_copy(update=cohort)}
    if "taken" in changes:
        sections["adherence"] = scenario.adherence.model_copy(update={"doses_taken": changes["taken"]})
    return scenario.model_copy(update=sections)


def _line(name: str, scenario: Scenario, patient: int) -> Line:
    """Return the line under the guideline; the patient as is stays computed while the setting is the same."""
    if name != AS_IS:
        return simulated_line(name, scenario, patient)
    key = (scenario.to_yaml(), patient)
    kept = st.session_state.get(KEPT)
    if kept is None or kept[0] != key:
        kept = st.session_state[KEPT] = (key, simulated_line(name, scenario, patient))
    found: Line = kept[1]
    return found


def _drawn(lines: list[Line]) -> None:
    days = days_by_line(lines)
    draw(charts.anc_of_lines(days, per_ul=state.setting().per_ul), key="what-if-anc")
    draw(charts.dose_of_lines(days), key="what-if-dose")
    for line in lines:
        st.markdown(
            f"- **{line.name}**: {percent(line.share(1.0, 5.0))} of days at 1 to 5, {percent(line.share(0.0, 0.5))} below 0.5, "
            f"mean dose {number(float(line.dose_ug_per_kg_day.mean()))} ug/kg/day, {len(line.visits)} visits."
        )
