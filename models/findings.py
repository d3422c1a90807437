"""What a clinic knows of a patient besides counts, weight and chart: the patient's state and the therapies in progress."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Csf3rFinding(StrEnum):
    """What is known of an acquired CSF3R mutation."""

    NONE = "none"
    ISOLATED = "isolated"
    WITH_PROGRESSION = "with_progression"


@dataclass(frozen=True, slots=True)
class Findings:
    """What is found on the day of a visit.

    `temperature_c` is the highest oral temperature of the last day and `fever_hours` how long it was held; days are those
    of the chart; a chemotherapy day is given on its morning; `culprit_drug` is a drug in use that causes neutropenia.
    """

    temperature_c: float = 37.0
    fever_hours: float = 0.0
    severe_infection: bool = False
    uncontrolled_infection: bool = False
    pneumonia: bool = False
    high_risk: bool = False
    recurrent_severe_infections: bool = False
    recurrent_sinusitis: bool = False
    cd4_per_ul: float | None = None
    on_steroids: bool = False
    fluoroquinolone_prophylaxis: bool = False
    haemoglobin_g_per_dl: float | None = None
    vitamin_d_deficient: bool = False
    cause_known: bool = True
    csf3r: Csf3rFinding = Csf3rFinding.NONE
    chest_radiotherapy: bool = False
    last_chemotherapy_day: int | None = None
    next_chemotherapy_day: int | None = None
    transplant_day: int | None = None
    culprit_drug: str = ""


NOTHING_FOUND = Findings()
