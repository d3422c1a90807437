"""The sections of a scenario that say what befalls its patients, by script or by chance, and what else the clinic finds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from titranc.models.input_problems import refusal
from titranc.sim.section import Section, Whole, whole

LONGEST_DAYS = 30 * 366


class Chemotherapy(Section):
    """Cycles of chemotherapy, each given on the morning of one day."""

    first_day: Whole = Field(default=0, ge=0, le=LONGEST_DAYS, title="first day", description="Day of the first cycle.")
    cycles: Whole = Field(default=4, ge=1, le=60, title="cycles", description="How many cycles.")
    every_days: Whole = Field(
        default=21, ge=7, le=120, title="cycle length", description="Days from one cycle to the next."
    )


class Transplant(Section):
    """A transplant on day 0."""

    kind: Literal["autologous", "allogeneic"] = Field(title="kind", description="Whose cells are given back.")


class Period(Section):
    """Days from the first to the last, both among them."""

    from_day: Whole = Field(ge=0, le=LONGEST_DAYS, title="first day", description="First day.")
    to_day: Whole = Field(ge=0, le=LONGEST_DAYS, title="last day", description="Last day.")

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.to_day < self.from_day:
            raise refusal(f"a day from {self.from_day} (`from_day`) on", "to_day")
        return self


class CulpritDrug(Period):
    """A drug that stops the marrow while it is given."""

    name: Literal["ganciclovir", "azathioprine"] = Field(title="drug", description="The drug that causes it.")
    ramp_days: Whole = Field(
        default=0, ge=0, le=180, title="ramp", description="Days over which the effect comes on; 0: at once."
    )


class Infection(Section):
    """An infection as the clinic meets it."""

    day: Whole = Field(ge=0, le=LONGEST_DAYS, title="day", description="Day on which it begins.")
    days: Whole = Field(default=7, ge=1, le=120, title="length", description="Days until it is over.")
    temperature_c: float = Field(
        default=38.8, ge=36, le=42, title="temperature", description="Highest oral temperature in degrees Celsius."
    )
    fever_hours: float = Field(
        default=2, ge=0, le=240, title="fever", description="Hours for which that temperature was held."
    )
    severe: bool = Field(default=True, title="severe", description="A documented severe infection.")
    pneumonia: bool = Field(default=False, title="pneumonia", description="It is a pneumonia.")
    controlled: bool = Field(default=True, title="controlled", description="Treatment gets hold of it.")
    high_risk: bool = Field(
        default=True, title="high risk", description="High risk of complications (as by MASCC below 21)."
    )


class Findings(Section):
    """What the clinic knows besides counts; unchanged for the whole follow-up."""

    recurrent_severe_infections: bool = Field(
        default=False, title="recurrent severe infections", description="Severe infections again and again in the past."
    )
    recurrent_sinusitis: bool = Field(
        default=False, title="recurrent sinusitis", description="Sinusitis and other infections again and again."
    )
    cd4_per_ul: float | None = Field(
        default=None, ge=0, le=5000, title="CD4 count", description="CD4 cells per microlitre; absent: not known."
    )
    on_steroids: bool = Field(
        default=False, title="on steroids", description="Long-term steroids at a dose that weakens T cells."
    )
    fluoroquinolone_prophylaxis: bool = Field(
        default=False, title="fluoroquinolone prophylaxis", description="Already on prophylaxis with a fluoroquinolone."
    )
    haemoglobin_g_per_dl: float | None = Field(
        default=None, ge=2, le=22, title="haemoglobin", description="Haemoglobin in g/dL; absent: not known."
    )
    vitamin_d_deficient: bool = Field(
        default=False, title="vitamin D deficiency", description="Vitamin D is deficient."
    )
    cause_known: bool = Field(
        default=True, title="cause known", description="The cause of the neutropenia has been found."
    )
    csf3r: Literal["none", "isolated", "with_progression"] = Field(
        default="none", title="CSF3R", description="What is known of an acquired CSF3R mutation."
    )


class Course(Section):
    """What befalls the patients, besides their disease, on days counted from the first visit."""

    chemotherapy: Chemotherapy | None = Field(default=None, title="chemotherapy", description="Cycles of chemotherapy.")
    transplant: Transplant | None = Field(default=None, title="transplant", description="A transplant on day 0.")
    chest_radiotherapy: Period | None = Field(
        default=None, title="chest radiotherapy", description="Radiotherapy of the chest."
    )
    culprit_drug: CulpritDrug | None = Field(
        default=None, title="culprit drug", description="A drug that causes neutropenia."
    )
    infections: tuple[Infection, ...] = Field(
        default=(), max_length=200, title="infections", description="Infections, by their day."
    )
    findings: Findings = Field(default=Findings(), title="findings", description="What else the clinic knows.")


class Leukaemia(Section):
    """How MDS and AML come about."""

    dose_effect: Literal["marker", "causal", "mixed", "none"] = Field(
        default="marker",
        title="dose effect",
        description="Whether the dose is a marker of the risk, its cause, half of each; none: no leukaemia at all. All "
        "are calibrated to the same registry, and differ in what another policy would do.",
    )


class TransplantCare(Section):
    """Who can be transplanted, and where."""

    available: bool = Field(default=True, title="available", description="Referred patients are transplanted.")
    beds: Annotated[int, Field(ge=1, le=1000), BeforeValidator(whole)] | None = Field(
        default=None,
        title="beds",
        description="Beds of the transplant unit of a centre; absent: nobody waits for one.",
    )
    patients_per_centre: Whole = Field(
        default=250, ge=1, le=2000, title="patients per centre", description="Patients who share the beds of a centre."
    )


class Prices(Section):
    """Prices the user gives; there are none in the program."""

    currency: str = Field(min_length=1, max_length=12, title="currency", description="Name of the currency.")
    per_vial: float = Field(default=0, ge=0, le=1e6, title="vial", description="Price of an opened vial.")
    per_visit: float = Field(default=0, ge=0, le=1e6, title="visit", description="Price of a visit with its count.")
    per_hospital_day: float = Field(default=0, ge=0, le=1e6, title="hospital day", description="Price of a day.")
    per_transplant: float = Field(default=0, ge=0, le=1e8, title="transplant", description="Price of a transplant.")


class Outcomes(Section):
    """What happens to the patients because of their counts and doses; without this section there are only counts."""

    infections: bool = Field(default=True, title="infections", description="Infections, and deaths from sepsis.")
    adverse_events: bool = Field(default=True, title="adverse events", description="Bone pain, spleen, bone, vessels.")
    leukaemia: Leukaemia = Field(default=Leukaemia(), title="leukaemia", description="MDS and AML.")
    transplant: TransplantCare = Field(
        default=TransplantCare(), title="transplant", description="What becomes of a referral."
    )
    prices: Prices | None = Field(default=None, title="prices", description="Prices, for a column of costs.")
    overrides: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        title="overrides",
        description="Numbers of models/outcomes.yaml to replace, by group and name, each within the range that its unit "
        "allows.",
    )
