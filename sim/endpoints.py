"""What arms are compared by: endpoints, their units, and which differences matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is compared: its words and unit, whether more of it is better, and what difference matters to anybody.

    `more_is_better` is None where neither is by itself, as with transplants. `per_year`: events over the years lived, for the dead
    gather no more of them. `rare`: to have seen none says little.
    """

    name: str
    words: str
    unit: str
    more_is_better: bool | None
    matters: float
    per_year: bool = False
    rare: bool = False


ENDPOINTS = (
    Endpoint("share_anc_1_to_5", "days with a count of 1 to 5", "% of days", more_is_better=True, matters=1.0),
    Endpoint("share_anc_below_0_5", "days with a count below 0.5", "% of days", more_is_better=False, matters=0.5),
    Endpoint("infections", "infections", "a year", more_is_better=False, matters=0.1, per_year=True, rare=True),
    Endpoint(
        "severe_infections", "severe infections", "a year", more_is_better=False, matters=0.02, per_year=True, rare=True
    ),
    Endpoint("mean_dose_ug_per_kg_day", "mean dose", "ug/kg/day", more_is_better=False, matters=0.5),
    Endpoint("peak_dose_ug_per_kg_day", "highest dose", "ug/kg/day", more_is_better=False, matters=1.0),
    Endpoint("ended_above_8", "last dose above 8", "% of patients", more_is_better=False, matters=1.0),
    Endpoint("ended_above_15", "last dose above 15", "% of patients", more_is_better=False, matters=1.0),
    Endpoint("mds_aml", "MDS or AML", "% of patients", more_is_better=False, matters=0.5, rare=True),
    Endpoint("transplanted", "transplanted", "% of patients", more_is_better=None, matters=1.0, rare=True),
    Endpoint("died", "died", "% of patients", more_is_better=False, matters=0.5, rare=True),
    Endpoint("life_years", "years lived in the follow-up", "years", more_is_better=True, matters=0.05),
    Endpoint(
        "hospital_days", "days in hospital", "a year", more_is_better=False, matters=0.2, per_year=True, rare=True
    ),
    Endpoint("visits", "visits", "a year", more_is_better=False, matters=1.0, per_year=True),
    Endpoint("drug_mg_per_year", "drug", "mg a year", more_is_better=False, matters=2.0),
)
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
# After chemotherapy, a transplant or a culprit drug the question is how long the count is low; a target is for chronic disease.
OF_EPISODES = (
    "share_anc_below_0_5", "infections", "severe_infections", "died", "life_years", "hospital_days",
)  # fmt: skip
