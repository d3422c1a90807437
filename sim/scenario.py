"""A scenario: a named question with everything needed to answer it.

The schema of the scenario files, their reader and writer. Every quantity's unit ends its key; unknown keys are refused;
a scenario is frozen, and the resolved one written beside the results gives the same tables by itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from titranc.models import catalogue
from titranc.models.clinic_view import Policy as DosePolicy
from titranc.models.documents import Document, InputRefused, KeyPath, check
from titranc.models.dosing import Schedule
from titranc.models.guideline import Guideline, SafetyLimits
from titranc.models.input_problems import refusal
from titranc.models.number_grammar import NumberRefused, value_of
from titranc.models.policies import (
    cycle_aware,
    fixed,
    lowest_effective,
    proportional_integral,
    python_policy,
    registry,
    vial_rounding,
)
from titranc.models.policies.fixed import Fixed
from titranc.models.policies.registry import Registry
from titranc.models.policies.standing_care import StandingCare
from titranc.sim.course_sections import Course, Outcomes
from titranc.sim.scenario_combinations import misfits, missing_policies
from titranc.sim.scenario_files import LONGEST_TITLE, bundled_names, pasted_document, scenario_document
from titranc.sim.scenario_names import problems_with_names, problems_with_the_drug, with_others
from titranc.sim.scenario_sections import (
    Adherence,
    Arm,
    Assay,
    Cohort,
    Compare,
    Drug,
    FixedBySurfacePolicy,
    FixedPolicy,
    GuidelinePolicy,
    Laboratory,
    ModelInformedPolicy,
    Output,
    Policy,
    PythonPolicy,
    Solver,
    Switch,
    VialRoundingPolicy,
)
from titranc.sim.section import Section, Whole

NUMBERED_POLICIES: dict[str, Callable[[str, SafetyLimits, Mapping[str, float]], tuple[DosePolicy, SafetyLimits]]] = {
    "registry": registry.build,
    "lowest_effective": lowest_effective.build,
    "proportional_integral": proportional_integral.build,
    "cycle_aware": cycle_aware.build,
}
DAYS_PER_YEAR = 365.25
DEFAULT_SEED = 20261123
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*\Z")


@dataclass(frozen=True, slots=True)
class ResolvedArm:
    """An arm and the whole scenario it stands for."""

    name: str
    scenario: Scenario


class Scenario(Section):
    """A named question with everything needed to answer it."""

    schema_version: Literal[1] = Field(title="schema version", description="Version of this file format.")
    title: str = Field(min_length=1, max_length=LONGEST_TITLE, title="title", description="Title of the scenario.")
    question: str = Field(
        default="", max_length=1000, title="question", description="The question the scenario answers."
    )
    extends: None = Field(
        default=None,
        title="base",
        description="A scenario file in the same folder, or a bundled scenario, that this one changes.",
    )
    seed: Whole = Field(
        default=DEFAULT_SEED,
        ge=0,
        le=2**64 - 1,
        title="seed",
        description="Seed of all chance; the same seed, the same tables.",
    )
    horizon_years: float = Field(default=15, gt=0, le=30, title="horizon", description="Length of follow-up in years.")
    cohort: Cohort = Field(title="cohort", description="Who the patients are.")
    drug: Drug = Field(default=Drug(), title="drug", description="What is given.")
    adherence: Adherence = Field(default=Adherence(), title="adherence", description="How many doses are taken.")
    assay: Assay = Field(default=Assay(), title="assay", description="How counts are measured.")
    laboratory: Laboratory = Field(default=Laboratory(), title="laboratory", description="When results are there.")
    course: Course = Field(default=Course(), title="course", description="What befalls the patients.")
    policy: Policy = Field(
        default=GuidelinePolicy(kind="guideline"), title="policy", description="Who decides the dose."
    )
    switch: Switch | None = Field(
        default=None, title="switch", description="Another drug, or another way of deciding, from a day on."
    )
    outcomes: Outcomes | None = Field(
        default=None,
        title="outcomes",
        description="Infections, leukaemia, transplants, adverse events; absent: counts and doses only.",
    )
    solver: Solver = Field(default=Solver(), title="solver", description="How exactly to compute.")
    arms: tuple[Arm, ...] = Field(
        default=(Arm(name="base"),),
        min_length=1,
        max_length=50,
        title="arms",
        description="Named changes to the base, compared on the same patients and the same luck.",
    )
    compare: Compare = Field(default=Compare(), title="compare", description="How the arms are compared.")
    unconstrained: bool = Field(
        default=False,
        title="unconstrained",
        description="For research: lift the guideline's own limits from every policy; a drug's hard ceiling and the "
        "contraindications stay. Said in red in the report.",
    )
    output: Output = Field(default=Output(), title="output", description="What is written.")

    @model_validator(mode="after")
    def _at_least_a_day(self) -> Scenario:
        if self.horizon_years * DAYS_PER_YEAR < 1:
            raise refusal(f"a number from {1 / DAYS_PER_YEAR:.5f} (one day) to 30 (years)", "horizon_years")
        return self

    @model_validator(mode="after")
    def _arm_names_differ(self) -> Scenario:
        names = [arm.name for arm in self.arms]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise refusal("a name that no other arm has", "arms", index, "name")
        return self

    @model_validator(mode="after")
    def _reference_is_an_arm(self) -> Scenario:
        names = [arm.name for arm in self.arms]
        if self.compare.reference is not None and self.compare.reference not in names:
            raise refusal(f"one of {', '.join(names)}", "compare", "reference")
        return self

    @property
    def reference_arm(self) -> str:
        """The arm that the others are held against."""
        return self.compare.reference or self.arms[0].name

    @model_validator(mode="after")
    def _parts_go_together(self) -> Scenario:
        misfit = next(misfits(self), None)
        if misfit is not None:
            raise refusal(misfit.allowed, *misfit.path)
        return self

    @property
    def edition(self) -> str:
        """The guideline edition whose limits hold, whoever decides the dose."""
        return self.policy.edition if isinstance(self.policy, (GuidelinePolicy, VialRoundingPolicy)) else "source"

    @property
    def edition_overrides(self) -> dict[str, float]:
        """The numbers of that edition which the scenario replaces, by name."""
        return dict(self.policy.overrides) if isinstance(self.policy, GuidelinePolicy) else {}

    def guideline(self) -> Guideline:
        """Return the edition as it speaks of these patients and this drug; its limits hold whoever decides."""
        schedule = self.drug.schedule
        return catalogue.guideline(
            self.edition,
            self.edition_overrides,
            disease=self.cohort.disease,
            product=self.drug.product,
            schedule=Schedule(schedule) if schedule else None,
            fever=self.policy.fever_definition if isinstance(self.policy, (GuidelinePolicy, FixedPolicy)) else None,
        )

    def policy_and_limits(self) -> tuple[DosePolicy, SafetyLimits]:
        """Return who decides, and the limits that hold for it."""
        policy, limits = self._policy_and_limits()
        return policy, limits.lifted() if self.unconstrained else limits

    def _policy_and_limits(self) -> tuple[DosePolicy, SafetyLimits]:
        guideline, chosen = self.guideline(), self.policy
        if isinstance(chosen, GuidelinePolicy):
            return guideline, guideline.limits
        if isinstance(chosen, VialRoundingPolicy):
            return vial_rounding.build(guideline, self.drug.product, guideline.limits, chosen.overrides)
        if isinstance(chosen, PythonPolicy):
            own = python_policy.build(chosen.object, keep_on_error=chosen.on_error == "keep")
            return StandingCare(own, guideline), guideline.limits
        if isinstance(chosen, (FixedPolicy, FixedBySurfacePolicy)):
            fixed_dose = self._fixed_policy(chosen)
            # Where lives are at stake even a fixed dose comes with fever care, marrow and referral.
            return StandingCare(fixed_dose, guideline) if self.outcomes else fixed_dose, guideline.limits
        if isinstance(chosen, ModelInformedPolicy):
            # The bodies of its particles need the compiled model, which a look at a scenario does not.
            from titranc.models.policies import model_informed

            numbers = dict(chosen.overrides)
            informed, limits = model_informed.build(self.drug.product, self.cohort.disease, guideline.limits, numbers)
            return StandingCare(informed, guideline), limits
        policy, limits = NUMBERED_POLICIES[chosen.kind](self.drug.product, guideline.limits, chosen.overrides)
        return (policy if isinstance(policy, Registry) else StandingCare(policy, guideline)), limits

    def _fixed_policy(self, chosen: FixedPolicy | FixedBySurfacePolicy) -> Fixed:
        """Return the policy of one dose for good."""
        schedule = self.drug.schedule
        if isinstance(chosen, FixedBySurfacePolicy):
            return fixed.build_by_surface(chosen.dose_ug_per_m2_day, self.drug.product, chosen.visit_every_days)
        return fixed.build(
            chosen.dose_ug_per_kg_day,
            Schedule(schedule) if schedule else chosen.times_per_day,
            chosen.visit_every_days,
            self.drug.product,
        )

    @property
    def simulates_lives(self) -> bool:
        """Whether any arm simulates what happens to the patients besides their counts."""
        return any(arm.scenario.outcomes is not None for arm in self.resolved_arms())

    @property
    def patients_per_centre(self) -> int | None:
        """How many patients share the beds of a transplant unit; None where nobody waits for a bed."""
        chosen = (arm.scenario.outcomes for arm in self.resolved_arms())
        units = (outcomes.transplant for outcomes in chosen if outcomes and outcomes.transplant.beds)
        return next((unit.patients_per_centre for unit in units), None)

    def after_switch(self) -> Scenario | None:
        """Return the scenario as it is from the day of the switch on, if there is one."""
        if self.switch is None:
            return None
        changed = {"drug": self.switch.drug or self.drug, "policy": self.switch.policy or self.policy}
        return self.model_copy(update={**changed, "switch": None})

    def resolved_arms(self) -> tuple[ResolvedArm, ...]:
        """Return each arm with the scenario it stands for: the base with the arm's sections in place."""
        return tuple(ResolvedArm(arm.name, self._of_arm(arm)) for arm in self.arms)

    def to_yaml(self) -> str:
        """Return the scenario as a file that stands by itself and loads to an equal scenario."""
        from ruamel.yaml import YAML

        data = self.model_dump(mode="json", exclude={"arms"}, exclude_none=True)
        data["arms"] = [_written_arm(arm) for arm in self.arms]
        stream = io.StringIO()
        writer = YAML(pure=True)
        writer.width = 10_000
        writer.dump(_quoted(data), stream)
        return stream.getvalue()

    def _of_arm(self, arm: Arm) -> Scenario:
        sections = {name: section for name, section in arm if name != "name" and section is not None}
        return self.model_copy(update={**sections, "arms": (Arm(name=arm.name),)})


@dataclass(frozen=True, slots=True)
class ScenarioEntry:
    """A bundled scenario as a list shows it."""

    name: str
    title: str
    question: str


def load_scenario(source: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a file, or the bundled one of that name, with options such as `cohort.n=100` laid over.

    Raises InputRefused with every problem found.
    """
    return _titled(_checked(scenario_document(source, overrides)), overrides)


def check_scenario(source: str | Path) -> Scenario:
    """Return the scenario in a file or of that name, the policies of one's own that it names looked for but not executed.

    Raises InputRefused with every problem found.
    """
    document = scenario_document(source)
    scenario = _checked(document)
    missing = [document.problem(misfit.path, misfit.allowed) for misfit in missing_policies(scenario)]
    if missing:
        raise InputRefused(missing)
    return scenario


def read_scenario(text: str, shown_as: str, overrides: Sequence[str] = ()) -> Scenario:
    """Return the scenario in a text, such as a stranger's; no file is read but those of bundled scenarios it extends.

    Raises InputRefused with every problem found, among them a policy of the stranger's own, which would be imported.
    """
    document = pasted_document(text, shown_as, overrides)
    refused = [document.problem(path, "a policy that comes with titranc") for path in _own_policies(document.data)]
    if refused:
        raise InputRefused(refused)
    return _titled(_checked(document), overrides)


def _own_policies(data: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield where a document names a policy written in Python."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, inner in inside:
        if step == "kind" and inner == "python":
            yield (*path, step)
        yield from _own_policies(inner, (*path, step))


def _checked(document: Document) -> Scenario:
    names, of_drug = problems_with_names(document), list(problems_with_the_drug(document))
    try:
        scenario = check(Scenario, document)
    except InputRefused as refused:
        # That a name is wrong says more than that its value has the wrong form.
        raise InputRefused(with_others(with_others(names, refused.problems), of_drug)) from None
    problems = with_others(names, of_drug)
    if problems:
        raise InputRefused(problems)
    return scenario


def _titled(scenario: Scenario, overrides: Sequence[str]) -> Scenario:
    """Return the scenario with what was laid over it in its title: the title of the file tells of the file."""
    told = [change for change in overrides if not change.startswith(("cohort.n=", "seed=", "output.", "title="))]
    if not told:
        return scenario
    return scenario.model_copy(update={"title": f"{scenario.title} [changed: {', '.join(told)}]"})


def list_scenarios() -> list[ScenarioEntry]:
    """Return the bundled scenarios."""
    return [_entry(name) for name in bundled_names()]


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, for editors; a file that extends another may leave anything out."""
    schema = Scenario.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "titranc scenario"
    schema["properties"]["extends"]["type"] = ["string", "null"]
    required = schema.pop("required")
    schema["anyOf"] = [{"required": ["extends"]}, {"required": required}]
    return schema


def _entry(name: str) -> ScenarioEntry:
    data = scenario_document(name).data
    return ScenarioEntry(name, str(data.get("title", "")), str(data.get("question", "")))


def _written_arm(arm: Arm) -> dict[str, Any]:
    # Inside a section null is kept: there it may undo a value of the base.
    return {key: value for key, value in arm.model_dump(mode="json").items() if value is not None}


def _quoted(value: Any) -> Any:
    """Return the data with every text in quotes that a reader could take for something else."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, dict):
        return {_quoted(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not _is_plain(value) else value


def _is_plain(text: str) -> bool:
    try:
        return _PLAIN_TEXT.match(text) is not None and value_of(text) == text
    except NumberRefused:
        return False
