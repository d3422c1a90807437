"""Arms against a reference on the same patients and the same luck: paired differences, how sure we are, how many more it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

RESAMPLES, BOOTSTRAP_SEED = 2000, 20261123
DAYS_PER_YEAR = 365.25
FEWEST_IN_A_SUBGROUP = 20
NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is compared: its words and unit, whether more of it is better, and what difference matters to anybody."""

    name: str
    words: str
    unit: str
    more_is_better: bool
    matters: float


ENDPOINTS = (
    Endpoint("share_anc_1_to_5", "days with a count of 1 to 5", "% of days", more_is_better=True, matters=1.0),
    Endpoint("share_anc_below_0_5", "days with a count below 0.5", "% of days", more_is_better=False, matters=0.5),
    Endpoint("infections", "infections", "a patient", more_is_better=False, matters=0.5),
    Endpoint("severe_infections", "severe infections", "a patient", more_is_better=False, matters=0.1),
    Endpoint("mean_dose_ug_per_kg_day", "mean dose", "ug/kg/day", more_is_better=False, matters=0.5),
    Endpoint("peak_dose_ug_per_kg_day", "highest dose", "ug/kg/day", more_is_better=False, matters=1.0),
    Endpoint("ended_above_8", "last dose above 8", "% of patients", more_is_better=False, matters=1.0),
    Endpoint("ended_above_15", "last dose above 15", "% of patients", more_is_better=False, matters=1.0),
    Endpoint("mds_aml", "MDS or AML", "% of patients", more_is_better=False, matters=0.5),
    Endpoint("transplanted", "transplanted", "% of patients", more_is_better=False, matters=1.0),
    Endpoint("died", "died", "% of patients", more_is_better=False, matters=0.5),
    Endpoint("life_years", "years lived in the follow-up", "years", more_is_better=True, matters=0.05),
    Endpoint("hospital_days", "days in hospital", "days", more_is_better=False, matters=1.0),
    Endpoint("visits", "visits", "a patient", more_is_better=False, matters=5.0),
    Endpoint("drug_mg_per_year", "drug", "mg a year", more_is_better=False, matters=2.0),
)
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
# After chemotherapy, a transplant or a culprit drug the question is how long the count is low; a target is for chronic disease.
OF_EPISODES = (
    "share_anc_below_0_5", "infections", "severe_infections", "died", "life_years", "hospital_days",
)  # fmt: skip


def endpoint_values(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the endpoints of each row of the table of outcomes, in their units; without lives those that need them are absent."""
    years = outcomes["days_observed"] / DAYS_PER_YEAR
    values = {name: 100 * outcomes[name] for name in ("share_anc_1_to_5", "share_anc_below_0_5")}
    values |= {name: outcomes[name] for name in ("mean_dose_ug_per_kg_day", "peak_dose_ug_per_kg_day")}
    values |= {f"ended_above_{line}": 100.0 * (outcomes["final_dose_ug_per_kg_day"] > line) for line in (8, 15)}
    if "status_death" in outcomes:
        values |= {name: outcomes[name] for name in ("infections", "severe_infections")}
        values |= {
            name: 100.0 * (outcomes[f"status_{status}"] == 1)
            for name, status in (("mds_aml", "mds_aml"), ("transplanted", "transplant"), ("died", "death"))
        }
        values |= {"life_years": years, "hospital_days": outcomes["hospital_days"]}
        values |= {"drug_mg_per_year": outcomes["drug_mg_per_year"]}
    values |= {"visits": outcomes["visits"]}
    return pd.DataFrame({name: values[name].astype(float) for name in BY_NAME if name in values})


def subgroups_of(patients: pd.DataFrame) -> Mapping[str, pd.Series[bool]]:
    """Return by name who belongs to which subgroup, of the patients of one arm; small ones are left out."""
    groups: dict[str, pd.Series[bool]] = {}
    age = patients["age_start_years"]
    groups |= {"younger than 2 years": age < 2, "2 to 12 years": age.between(2, 12), "older than 12 years": age > 12}
    for name in ("p_gcsf_insensitivity",):
        if name in patients and patients[name].nunique() > 1:
            high = patients[name] > patients[name].median()
            groups |= {"answers well to G-CSF": ~high, "answers poorly to G-CSF": high}
    taken = patients["doses_taken_share"]
    groups |= {"takes 9 doses in 10 or more": taken >= 0.9, "takes fewer": taken < 0.9}
    groups |= {str(sex): patients["sex"] == sex for sex in patients["sex"].unique()}
    n = len(patients)
    return {name: members for name, members in groups.items() if FEWEST_IN_A_SUBGROUP <= members.sum() < n}


def contrasts(
    patients: pd.DataFrame,
    outcomes: pd.DataFrame,
    reference: str,
    confidence: float = 0.95,
    *,
    of_episodes: bool = False,
) -> pd.DataFrame:
    """Return a row an arm, endpoint and subgroup (`all` first): the mean paired difference from the reference arm.

    The interval is the bootstrap's over patients; `mcse` says how far the mean would move with other patients of the same
    kind; `patients_to_tell` is how many would be enough to tell a difference of the size seen from none. `of_episodes`: only
    endpoints that mean something in a neutropenia that passes, such as that after chemotherapy.
    """
    values = endpoint_values(outcomes)
    if of_episodes:
        values = values[[name for name in OF_EPISODES if name in values]]
    by_arm = {
        str(arm): values.loc[rows.index].set_axis(rows["patient_id"]).sort_index()
        for arm, rows in outcomes.groupby("arm", sort=False)
    }
    people = patients[patients["arm"] == reference].set_index("patient_id").sort_index()
    groups = {"all": pd.Series(data=True, index=people.index), **subgroups_of(people)}
    rows = [
        row
        for arm, own in by_arm.items()
        if arm != reference
        for name, members in groups.items()
        for row in _differences(arm, name, own[members.to_numpy()], by_arm[reference][members.to_numpy()], confidence)
    ]
    return pd.DataFrame(rows)


def _differences(
    arm: str, subgroup: str, own: pd.DataFrame, reference: pd.DataFrame, confidence: float
) -> Iterator[dict[str, object]]:
    difference = (own - reference).to_numpy()
    n = len(difference)
    means = _resampled_means(difference)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    sd = difference.std(axis=0, ddof=1) if n > 1 else np.full(difference.shape[1], np.nan)
    for place, name in enumerate(own.columns):
        mean = float(difference[:, place].mean())
        yield {
            "arm": arm,
            "subgroup": subgroup,
            "endpoint": name,
            "unit": BY_NAME[str(name)].unit,
            "reference_mean": float(reference[name].mean()),
            "arm_mean": float(own[name].mean()),
            "paired_difference": mean,
            "ci_low": float(low[place]),
            "ci_high": float(high[place]),
            "mcse": float(sd[place] / np.sqrt(n)),
            "n": n,
            "patients_to_tell": _patients_to_tell(mean, float(sd[place])),
        }


def _resampled_means(difference: np.ndarray) -> np.ndarray:
    """Return the means of resampled patients, [resamples, endpoints]; the draws are the same for every endpoint."""
    luck, n = np.random.default_rng(BOOTSTRAP_SEED), len(difference)
    weights = luck.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
    return np.asarray(weights @ difference)


def _patients_to_tell(mean: float, sd: float) -> float:
    """Return how many patients make twice the error as small as the difference; infinite when none was seen."""
    return float(np.ceil((NORMAL_95 * sd / mean) ** 2)) if mean and np.isfinite(sd) else np.inf
