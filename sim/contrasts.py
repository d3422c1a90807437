"""Arms against a reference on the same patients and the same luck: paired differences, how sure we are, how many more it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from titranc.sim.endpoints import BY_NAME, OF_EPISODES, Endpoint

RESAMPLES, BOOTSTRAP_SEED = 2000, 20261123
DAYS_PER_YEAR = 365.25
FEWEST_IN_A_SUBGROUP = 20
NORMAL_95, NORMAL_POWER_80 = 1.96, 0.8416
# With none seen among n, three in n is the most that is compatible at 95 %; with fewer than five pairs that differ nothing is planned.
RULE_OF_THREE, FEWEST_THAT_DIFFER = 3.0, 5
AS_LISTED: Mapping[str, float] = MappingProxyType({})


def endpoint_values(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the endpoints of each row of the table of outcomes, and its years observed.

    Those `per_year` are how many there were; the others are in their units. Without lives those that need them are absent.
    """
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
    found = pd.DataFrame({name: values[name].astype(float) for name in BY_NAME if name in values})
    return found.assign(years=years.astype(float))


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
    matters: Mapping[str, float] = AS_LISTED,
) -> pd.DataFrame:
    """Return a row an arm, endpoint and subgroup (`all` first): the mean paired difference from the reference arm.

    The interval is the bootstrap's over patients, for events of which no pair differs the rule of three's; `mcse` says how far the
    mean would move with other patients of the same kind; `patients_to_tell` is how many would tell a difference of the size seen
    from none with a power of 80 %, absent where too few pairs differ. Events a year are those of the arm over the years
    its patients lived. `of_episodes`: only endpoints that mean something in a neutropenia that passes, such as that after
    chemotherapy. `matters`: what difference matters, by endpoint, where it is not the usual one.
    """
    values = endpoint_values(outcomes)
    if of_episodes:
        values = values[[name for name in (*OF_EPISODES, "years") if name in values]]
    by_arm = {
        str(arm): values.loc[rows.index].set_axis(rows["patient_id"]).sort_index()
        for arm, rows in outcomes.groupby("arm", sort=False)
    }
    people = patients[patients["arm"] == reference].set_index("patient_id").sort_index()
    groups = {"all": pd.Series(data=True, index=people.index), **subgroups_of(people)}
    rows = [
        {"arm": arm, "subgroup": name} | row
        for arm, own in by_arm.items()
        if arm != reference
        for name, members in groups.items()
        for row in _differences(own[members.to_numpy()], by_arm[reference][members.to_numpy()], confidence, matters)
    ]
    return pd.DataFrame(rows)


def _differences(
    own: pd.DataFrame, reference: pd.DataFrame, confidence: float, matters: Mapping[str, float]
) -> Iterator[dict[str, object]]:
    n, names = len(own), [str(name) for name in own.columns if name != "years"]
    differ = (own[names] != reference[names]).sum()
    arm, base = _a_patient(own, names), _a_patient(reference, names)
    difference = (arm - base).to_numpy()
    means = _resampled_means(difference)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    sd = difference.std(axis=0, ddof=1) if n > 1 else np.full(difference.shape[1], np.nan)
    for place, name in enumerate(names):
        endpoint, mean = BY_NAME[name], float(difference[:, place].mean())
        unseen = _unseen(endpoint, own["years"]) if endpoint.rare and not differ[name] else 0.0
        yield {
            "endpoint": name,
            "unit": endpoint.unit,
            "reference_mean": float(base[name].mean()),
            "arm_mean": float(arm[name].mean()),
            "paired_difference": mean,
            "ci_low": float(low[place]) - unseen,
            "ci_high": float(high[place]) + unseen,
            "mcse": float(sd[place] / np.sqrt(n)),
            "matters": matters.get(name, endpoint.matters),
            "n": n,
            "pairs_that_differ": int(differ[name]),
            "patients_to_tell": _patients_to_tell(mean, float(sd[place]), int(differ[name])),
        }


def _a_patient(values: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return what each patient adds to the mean; events a year in a form whose mean is all events over all years lived."""
    return pd.DataFrame(
        {name: _over_years(values[name], values["years"]) if BY_NAME[name].per_year else values[name] for name in names}
    )


def _over_years(events: pd.Series[float], years: pd.Series[float]) -> pd.Series[float]:
    """Return the linear form of the ratio of sums (its influence on each patient), whose spread is that of the ratio."""
    rate = float(events.sum() / years.sum())
    return rate + (events - rate * years) / float(years.mean())


def _unseen(endpoint: Endpoint, years: pd.Series[float]) -> float:
    """Return how large a difference may be though no pair differs."""
    return RULE_OF_THREE / float(years.sum()) if endpoint.per_year else 100 * RULE_OF_THREE / len(years)


def _resampled_means(difference: np.ndarray) -> np.ndarray:
    """Return the means of resampled patients, [resamples, endpoints]; the draws are the same for every endpoint."""
    luck, n = np.random.default_rng(BOOTSTRAP_SEED), len(difference)
    weights = luck.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
    return np.asarray(weights @ difference)


def _patients_to_tell(mean: float, sd: float, differ: int) -> float:
    """Return how many patients tell the difference from none in four trials of five; not a number when too few pairs differ."""
    if differ < FEWEST_THAT_DIFFER or not mean or not np.isfinite(sd):
        return np.nan
    return float(np.ceil(((NORMAL_95 + NORMAL_POWER_80) * sd / mean) ** 2))
