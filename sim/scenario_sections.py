"""The sections of a scenario file: every field with its meaning, unit, range and default."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from titranc.models import shelves
from titranc.models.distributions import Beta, Distribution, Fixed, LogitNormal, Normal, Uniform, centre, kind_of
from titranc.models.input_problems import refusal
from titranc.sim import endpoints
from titranc.sim.course_sections import Course, Outcomes
from titranc.sim.section import Section, Whole, whole

if TYPE_CHECKING:
    from titranc.models.growth import Growth

LARGEST_Z = 5.0


def _one_of(names: Sequence[str], name: str) -> str:
    if name not in names:
        raise refusal("one of " + ", ".join(names), names=names)
    return name


def _on_shelf(folder: str, name: str) -> str:
    return _one_of(shelves.names(folder), name)


def _number_or_map(value: Any) -> str | None:
    kind = kind_of(value)
    return kind if kind in ("number", None) else "distribution"


def _stays_near(value: float | Distribution, low: float, high: float) -> bool:
    """Tell whether a number, the centre of a distribution or both ends of an even one lie from `low` to `high`."""
    if isinstance(value, (int, float)):
        return low <= value <= high
    if isinstance(value, Uniform):
        return low <= value.uniform.low and value.uniform.high <= high
    return low <= centre(value) <= high


def _is_share(value: float | Distribution) -> bool:
    if isinstance(value, (int, float, Fixed, Uniform)):
        return _stays_near(value, 0, 1)
    return isinstance(value, (Beta, LogitNormal))


def _weight_limits(sex: str, age_years: float) -> tuple[float, float]:
    """Return the lightest and heaviest plausible weight in kg, for either sex when the cohort is mixed."""
    curves = [
        _growth(one, z) for one in (("female", "male") if sex == "mixed" else (sex,)) for z in (-LARGEST_Z, LARGEST_Z)
    ]
    weights = [curve.weight_kg(age_years) for curve in curves]
    return max(weights[0::2]), min(weights[1::2])


def _growth(sex: str, z: float) -> Growth:
    from titranc.models.growth import Growth

    return Growth(sex, z, 0.0)


Age = Annotated[
    Annotated[float, Field(ge=0, le=90), Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_number_or_map),
]
Share = Annotated[
    Annotated[float, Field(ge=0, le=1), Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_number_or_map),
]
Quantity = Annotated[
    Annotated[float, Field(ge=-1e12, le=1e12), Tag("number")] | Annotated[Distribution, Tag("distribution")],
    Discriminator(_number_or_map),
]


class Cohort(Section):
    """Who the patients are."""

    disease: Annotated[str, AfterValidator(partial(_on_shelf, "diseases"))] = Field(
        title="disease", description="Diagnosis: the name of a file in models/diseases, such as scn."
    )
    n: Whole = Field(default=1, ge=1, le=1_000_000, title="patients", description="How many patients.")
    age_years: Age = Field(
        title="age at the start",
        description="Age at the first visit in years, one number or a distribution; an age drawn outside 0 to "
        "90 is drawn again.",
    )
    sex: Literal["female", "male", "mixed"] = Field(
        default="mixed", title="sex", description="Sex of every patient; mixed draws each with even odds."
    )
    genotype: Literal["ELANE", "HAX1", "G6PC3", "SRP54", "CSF3R", "other", "unknown"] = Field(
        default="ELANE", title="genotype", description="Gene that carries the cause, as the clinic knows it."
    )
    weight_kg: float | None = Field(
        default=None,
        ge=0.5,
        le=300,
        title="weight at the start",
        description="Weight at the first visit in kg; fixes the weight curve. Needs one age. Absent: drawn.",
    )
    weight_z: float | None = Field(
        default=None,
        ge=-LARGEST_Z,
        le=LARGEST_Z,
        title="weight z-score",
        description="z-score of weight for age, kept for life. Absent: drawn for each patient.",
    )
    height_z: float | None = Field(
        default=None,
        ge=-LARGEST_Z,
        le=LARGEST_Z,
        title="height z-score",
        description="z-score of height for age, kept for life. Absent: drawn for each patient.",
    )
    parameters: dict[str, Quantity] = Field(
        default_factory=dict,
        title="parameters",
        description="Parameters of the body by name, a number or a distribution each, in place of the disease's own.",
    )
    traits: dict[str, Quantity] = Field(
        default={},
        title="traits",
        description="Individual numbers of the disease that are none of the body's, such as chemotherapy_exposure, in "
        "place of the disease's own.",
    )

    @model_validator(mode="after")
    def _age_within_range(self) -> Cohort:
        if not _stays_near(self.age_years, 0, 90):
            raise refusal("a number or a distribution from 0 to 90 (years)", "age_years")
        if isinstance(self.age_years, Normal) and self.age_years.normal.sd > 90:
            # Wider, and hardly a draw would be an age.
            raise refusal("a number from 0 to 90 (years)", "age_years", "normal", "sd")
        return self

    @model_validator(mode="after")
    def _one_plausible_weight(self) -> Cohort:
        if self.weight_kg is None:
            return self
        if self.weight_z is not None:
            raise refusal("`weight_kg` or `weight_z`, not both", "weight_z")
        if not isinstance(self.age_years, (int, float)):
            raise refusal("one number of years when `weight_kg` is given", "age_years")
        low, high = _weight_limits(self.sex, self.age_years)
        if not low <= self.weight_kg <= high:
            at = f"at {self.age_years:g} years (z-score from -{LARGEST_Z:g} to {LARGEST_Z:g})"
            raise refusal(f"a number from {low:.1f} to {high:.1f} (kg) {at}", "weight_kg")
        return self


class Drug(Section):
    """What is given, and how it is measured out."""

    product: Annotated[str, AfterValidator(partial(_on_shelf, "drugs"))] = Field(
        default="filgrastim", title="product", description="Product: the name of a file in models/drugs."
    )
    vial_rounding_ug: float = Field(
        default=0,
        ge=0,
        le=1000,
        title="vial rounding",
        description="Step in ug to which each injection is rounded; 0 gives the exact dose.",
    )
    schedule: Literal["twice daily", "once daily", "every other day", "three times a week", "once"] | None = Field(
        default=None,
        title="schedule",
        description="How often it is given. Absent: as the guideline says; the fixed policy has its own.",
    )
    injection_hours: tuple[Annotated[int, Field(ge=0, le=23), BeforeValidator(whole)], ...] | None = Field(
        default=None,
        min_length=1,
        max_length=2,
        title="injection hours",
        description="Hours after the morning visit of the injections of a day: one for once daily, two for twice "
        "daily. Absent: the product's own.",
    )

    @model_validator(mode="after")
    def _hours_in_order(self) -> Drug:
        hours = self.injection_hours or ()
        if list(hours) != sorted(set(hours)):
            raise refusal("different hours in rising order, as [0, 12]", "injection_hours")
        return self


class Adherence(Section):
    """How many of the doses that are due are taken."""

    doses_taken: Share = Field(
        default=1.0,
        title="doses taken",
        description="Share of due doses a patient takes, from 0 to 1: one number, or a distribution over patients.",
    )

    adolescent_fold: float = Field(
        default=1, ge=0, le=1, title="in adolescence", description="By how much that share is multiplied from 12 to 18."
    )
    holidays_per_year: float = Field(
        default=0,
        ge=0,
        le=12,
        title="drug holidays",
        description="How often a year a patient stops all doses for a time.",
    )
    holiday_days: Whole = Field(
        default=30, ge=1, le=365, title="length of a holiday", description="Days for which all doses are stopped."
    )

    @model_validator(mode="after")
    def _a_share(self) -> Adherence:
        if not _is_share(self.doses_taken):
            raise refusal(
                "a number from 0 to 1 or a distribution that stays there, such as {beta: {mean, sd}}", "doses_taken"
            )
        return self


class Assay(Section):
    """How the laboratory's count differs from the count in the body."""

    within_subject_cv: float | None = Field(
        default=None,
        ge=0,
        le=1,
        title="within-subject variation",
        description="Coefficient of variation of a person's count about its mean. Absent: the value of the data files.",
    )
    cells_counted: Annotated[int, Field(ge=10, le=100_000), BeforeValidator(whole)] | None = Field(
        default=None,
        title="cells counted",
        description="Leukocytes counted for the differential. Absent: the value of the data files.",
    )
    implausible_share: float = Field(
        default=0, ge=0, le=0.2, title="implausible share", description="Share of results that are grossly wrong."
    )
    lost_share: float = Field(
        default=0, ge=0, le=0.5, title="lost share", description="Share of samples that never give a result."
    )


class Laboratory(Section):
    """When the result is there."""

    turnaround_hours: Whole = Field(
        default=0, ge=0, le=168, title="turnaround", description="Hours from the blood sample to the result."
    )


FeverDefinition = Annotated[
    Literal["idsa", "esmo", "source_38_1", "trial"] | None,
    Field(title="fever definition", description="What counts as febrile neutropenia. Absent: the edition's own."),
]


class GuidelinePolicy(Section):
    """Titrate by a guideline edition."""

    kind: Literal["guideline"] = Field(title="kind", description="A guideline edition decides.")
    edition: Annotated[str, AfterValidator(partial(_on_shelf, "guidelines"))] = Field(
        default="source", title="edition", description="Edition: the name of a file in models/guidelines."
    )
    fever_definition: FeverDefinition = None
    overrides: dict[str, float] = Field(
        default_factory=dict,
        title="overrides",
        description="Numbers of the edition to replace, by name, within the range the edition declares.",
    )


class FixedPolicy(Section):
    """Give one dose for good, whatever the counts say."""

    kind: Literal["fixed"] = Field(title="kind", description="The dose never changes.")
    dose_ug_per_kg_day: float = Field(ge=0, le=120, title="dose", description="Dose of a day in ug per kg body weight.")
    times_per_day: Annotated[Literal[1, 2], BeforeValidator(whole)] = Field(
        default=1, title="injections a day", description="Injections among which the dose of a day is divided."
    )
    visit_every_days: Whole = Field(
        default=28, ge=1, le=365, title="visit interval", description="Days between visits."
    )
    fever_definition: FeverDefinition = None


class FixedBySurfacePolicy(Section):
    """Give one dose by body surface for good, once daily, whatever the counts say."""

    kind: Literal["fixed_by_surface"] = Field(title="kind", description="The dose by body surface never changes.")
    dose_ug_per_m2_day: float = Field(
        ge=0, le=500, title="dose by surface", description="Dose of a day in ug per square metre of body surface."
    )
    visit_every_days: Whole = Field(
        default=28, ge=1, le=365, title="visit interval", description="Days between visits."
    )


class _NumberedPolicy(Section):
    """A policy with numbers of its own, in models/policies."""

    overrides: dict[str, float] = Field(
        default_factory=dict,
        title="overrides",
        description="Numbers of the policy's file in models/policies to replace, each within the range that its unit "
        "allows.",
    )


class RegistryPolicy(_NumberedPolicy):
    """Treat as the clinics of the registry did: unhurried, each its own way, with the lowest dose that suffices."""

    kind: Literal["registry"] = Field(title="kind", description="Registry practice, a clinician a patient.")


class LowestEffectivePolicy(_NumberedPolicy):
    """Probe downwards while the count stays in target."""

    kind: Literal["lowest_effective"] = Field(title="kind", description="The lowest effective dose.")


class ProportionalIntegralPolicy(_NumberedPolicy):
    """Steer the logarithm of the count with a proportional-integral controller."""

    kind: Literal["proportional_integral"] = Field(title="kind", description="A proportional-integral controller.")


class CycleAwarePolicy(_NumberedPolicy):
    """Judge trough and mean of a whole cycle."""

    kind: Literal["cycle_aware"] = Field(title="kind", description="For counts that come and go.")


class ModelInformedPolicy(_NumberedPolicy):
    """Estimate the patient's own body from the counts so far, and choose the dose that it predicts to be best."""

    kind: Literal["model_informed"] = Field(title="kind", description="Model-informed precision dosing.")


class VialRoundingPolicy(_NumberedPolicy):
    """Follow the guideline, in whole parts of a vial."""

    kind: Literal["vial_rounding"] = Field(title="kind", description="The guideline, rounded to parts of a vial.")
    edition: Annotated[str, AfterValidator(partial(_on_shelf, "guidelines"))] = Field(
        default="source", title="edition", description="Edition: the name of a file in models/guidelines."
    )


class PythonPolicy(Section):
    """A policy of your own: a class or function in a module that Python finds."""

    kind: Literal["python"] = Field(title="kind", description="A Python object decides.")
    object: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        title="object",
        description="module:name of a class without arguments, or of an object, with decide(observation).",
    )
    on_error: Literal["stop", "keep"] = Field(
        default="stop",
        title="on error",
        description="What an error in it does: stop the run, or keep the dose in force and go on.",
    )


Policy = Annotated[
    GuidelinePolicy
    | FixedPolicy
    | FixedBySurfacePolicy
    | RegistryPolicy
    | LowestEffectivePolicy
    | ProportionalIntegralPolicy
    | CycleAwarePolicy
    | ModelInformedPolicy
    | VialRoundingPolicy
    | PythonPolicy,
    Field(discriminator="kind"),
]


class Compare(Section):
    """How arms are compared."""

    reference: str | None = Field(
        default=None,
        title="reference",
        description="Name of the arm that the others are held against; absent: the first.",
    )
    ci: float = Field(default=0.95, ge=0.5, le=0.999, title="confidence", description="Level of the intervals.")
    matters: dict[
        Annotated[str, AfterValidator(partial(_one_of, list(endpoints.BY_NAME)))], Annotated[float, Field(gt=0, le=1e6)]
    ] = Field(
        default={},
        title="what matters",
        description="By endpoint, what difference from the reference matters, where it is not the usual one.",
    )


class Solver(Section):
    """How exactly the bodies are computed."""

    accuracy: Literal["fast", "default", "reference"] = Field(
        default="default", title="accuracy", description="Error bound of the integration; fast for a first look."
    )


class Output(Section):
    """Which tables are written."""

    level: Literal["summary", "patient", "visit", "trajectory"] = Field(
        default="trajectory", title="level", description="Finest table written; each level includes the coarser ones."
    )
    trajectory_patients: Whole = Field(
        default=20,
        ge=0,
        le=100_000,
        title="patients with trajectories",
        description="How many patients get a row for each day.",
    )


class Switch(Section):
    """From a day on another drug, or another way of deciding."""

    from_day: Whole = Field(ge=1, le=30 * 366, title="first day", description="Day of the visit that switches.")
    drug: Drug | None = Field(default=None, title="drug", description="What is given from then on.")
    policy: Policy | None = Field(default=None, title="policy", description="Who decides from then on.")

    @model_validator(mode="after")
    def _switches_something(self) -> Switch:
        if self.drug is None and self.policy is None:
            raise refusal("`drug`, `policy` or both: what is different from that day on", "drug")
        return self


class Arm(Section):
    """A named change to the base; sections not named are those of the base."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,39}$",
        title="name",
        description="Name of the arm: lower-case letters, digits and _, at most 40; unique.",
    )
    drug: Drug | None = Field(default=None, title="drug", description="Changes to the drug section.")
    adherence: Adherence | None = Field(
        default=None, title="adherence", description="Changes to the adherence section."
    )
    policy: Policy | None = Field(default=None, title="policy", description="Changes to the policy section.")
    laboratory: Laboratory | None = Field(
        default=None, title="laboratory", description="Changes to the laboratory section."
    )
    course: Course | None = Field(default=None, title="course", description="Changes to the course section.")
    switch: Switch | None = Field(default=None, title="switch", description="Changes to the switch section.")
    outcomes: Outcomes | None = Field(default=None, title="outcomes", description="Changes to the outcomes section.")
