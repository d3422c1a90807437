"""What is read off the tables of outcomes, visits and events: response, dose, infection, leukaemia, transplant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from titranc.sim.validation.samples import Sample, difference, mean, median, percentage, ratio, reduction
from titranc.sim.validation.studies import Virtual, of_arm

DAYS_PER_YEAR = 365.25
DOSE, ANC = "dose_6_18_months_ug_per_kg_day", "anc_6_18_months_1e9_per_l"
REPORTED_DOSE, REPORTED_ANC = "dose_after_ug_per_kg_day", "anc_reported_1e9_per_l"
MONTHS_6_TO_18 = (182, 548)
# How the registry divided its patients.
HIGH_DOSE, LOW_ANC = 8.0, 2.188
STATISTICS = {"mean": mean, "median": median, "percentage": percentage}
KEYS = ["arm", "cohort", "patient_id"]


def column(virtual: Virtual, of: str, statistic: str, arm: str | None = None, table: str = "outcomes") -> Sample:
    """Return a column of outcomes or of patients, under a statistic."""
    return Sample.of(STATISTICS[statistic], of_arm(virtual.tables[table], arm)[of])


def share(
    virtual: Virtual,
    of: str,
    at_least: float = -np.inf,
    below: float = np.inf,
    arm: str | None = None,
    table: str = "outcomes",
) -> Sample:
    """Return the percentage of patients in whom a column lies within bounds, of those in whom it is known."""
    values = of_arm(virtual.tables[table], arm)[of].dropna()
    return Sample.of(percentage, (values >= at_least) & (values < below))


def reported(virtual: Virtual, of: str, statistic: str, at_least: float | None = None) -> Sample:
    """Return each patient's median of a visits' column over months 6 to 18, or the percentage at or above a limit."""
    own = _months_6_to_18(virtual)[of]
    return Sample.of(STATISTICS[statistic], own if at_least is None else own >= at_least)


def _months_6_to_18(virtual: Virtual) -> pd.DataFrame:
    """Return the medians of dose and count over these months, until a transplant."""
    visits = virtual.tables["visits"]
    grafted = virtual.events("transplant").groupby(KEYS)["day"].min().rename("grafted")
    visits = visits[visits["day"].between(*MONTHS_6_TO_18)].join(grafted, on=KEYS)
    own = visits[visits["grafted"].isna() | (visits["day"] < visits["grafted"])]
    return own.groupby(KEYS)[[REPORTED_DOSE, REPORTED_ANC]].median().dropna()


def high_dose_low_count(virtual: Virtual) -> Sample:
    """Return the percentage with a high dose and a low reported count in months 6 to 18."""
    own = _months_6_to_18(virtual)
    return Sample.of(percentage, (own[REPORTED_DOSE] >= HIGH_DOSE) & (own[REPORTED_ANC] < LOW_ANC))


def _of_group(found: pd.DataFrame, group: str | None) -> pd.DataFrame:
    if group is None:
        return found
    found = found.dropna(subset=[DOSE])
    dose, anc = found[DOSE], found[ANC]
    groups = {
        "less responsive": (dose >= HIGH_DOSE) & (anc < LOW_ANC),
        "more responsive": (dose < HIGH_DOSE) & (anc >= LOW_ANC),
        "dose above 8": dose > HIGH_DOSE,
        "dose below 8": dose <= HIGH_DOSE,
    }
    return found[groups[group]]


def met(virtual: Virtual, endpoint: str, years: float, group: str | None = None, arm: str | None = None) -> Sample:
    """Return the cumulative incidence (%) of an endpoint beside its competitors; everybody is followed that long."""
    found = _of_group(virtual.outcomes(arm), group)
    within = found[f"time_to_{endpoint}_days"] <= years * DAYS_PER_YEAR
    return Sample.of(percentage, (found[f"status_{endpoint}"] == 1) & within)


def survived(virtual: Virtual, years: float) -> Sample:
    """Return the percentage alive after some years."""
    found = virtual.outcomes()
    dead = (found["status_death"] == 1) & (found["time_to_death_days"] <= years * DAYS_PER_YEAR)
    return Sample.of(percentage, ~dead)


def hazard(virtual: Virtual, endpoint: str, from_year: float, to_year: float) -> Sample:
    """Return events per hundred patient-years between two times."""
    found = virtual.outcomes()
    years = found[f"time_to_{endpoint}_days"] / DAYS_PER_YEAR
    events = (found[f"status_{endpoint}"] == 1) & years.between(from_year, to_year)
    at_risk = (years.clip(upper=to_year) - from_year).clip(lower=0)
    return Sample.of(lambda values: 100 * ratio(values), events, at_risk)


def sepsis_deaths_on_treatment(virtual: Virtual) -> Sample:
    """Return deaths from sepsis per hundred patient-years of who took almost every dose."""
    found = virtual.outcomes()
    own = found[found["doses_taken"] / found["doses_ordered"].clip(lower=1) > 0.95]
    years = own["days_observed"] / DAYS_PER_YEAR
    return Sample.of(lambda values: 100 * ratio(values), own["status_sepsis_death"] == 1, years)


def yearly(virtual: Virtual, of: str, statistic: str, arm: str | None = None) -> Sample:
    """Return how many of a column's counts a patient has in a year."""
    found = virtual.outcomes(arm)
    return Sample.of(STATISTICS[statistic], found[of] * DAYS_PER_YEAR / found["days_observed"])


def prevented(virtual: Virtual, of: str, treated: str, control: str) -> Sample:
    """Return by how much the same patients have less of something under treatment, in percent of the control."""
    with_drug, without = (virtual.outcomes(arm).set_index(KEYS[1:])[of] for arm in (treated, control))
    return Sample.of(reduction, with_drug, without.reindex(with_drug.index))


def ever(virtual: Virtual, event: str, arm: str | None = None) -> Sample:
    """Return the percentage of patients with an event of a kind."""
    who = virtual.outcomes(arm).set_index(KEYS).index
    return Sample.of(percentage, who.isin(virtual.events(event, arm).set_index(KEYS).index))


def relative_risk(virtual: Virtual, event: str, treated: str, control: str) -> Sample:
    """Return the risk of an event under treatment over that of the control, in the same patients."""
    sides = []
    for arm in (treated, control):
        who = virtual.outcomes(arm).set_index(KEYS).index
        sides.append(who.isin(virtual.events(event, arm).set_index(KEYS).index))
    return Sample.of(ratio, *sides)


def marks(virtual: Virtual, words: str) -> Sample:
    """Return the percentage of malignant clones with a mark."""
    return Sample.of(percentage, virtual.events("clone_turns_malignant")["detail"].str.contains(words))


def csf3r_at_transformation(virtual: Virtual) -> Sample:
    """Return the percentage of those diagnosed in whom a clone with a CSF3R mutation had been found by then."""
    ill = virtual.events("mds_aml").set_index(KEYS)["day"]
    found = virtual.events("csf3r_found").groupby(KEYS)["day"].min().reindex(ill.index)
    return Sample.of(percentage, found <= ill)


def found_within(virtual: Virtual, event: str, years: float) -> Sample:
    """Return the percentage of all patients with an event within some years."""
    first = virtual.events(event).groupby(KEYS)["day"].min()
    who = virtual.outcomes().set_index(KEYS).index
    return Sample.of(percentage, first.reindex(who).le(years * DAYS_PER_YEAR))


def _transplanted(virtual: Virtual, years: float) -> pd.DataFrame:
    """Return who was transplanted and could be followed for some years, with the day and the day of death."""
    found = virtual.outcomes().set_index(KEYS)
    first = virtual.events("transplant").groupby(KEYS)["day"].min()
    own: pd.DataFrame = found.loc[first.index].assign(day=first)
    own["died"] = own["time_to_death_days"].where(own["status_death"] == 1)
    last = found["days_observed"].max()
    followed: pd.DataFrame = own[own["day"] + years * DAYS_PER_YEAR <= last]
    return followed


def transplant_survival(virtual: Virtual, years: float, ill: bool = False) -> Sample:
    """Return the percentage alive some years after the transplant; `ill`: only of those with MDS or AML."""
    own = _transplanted(virtual, years)
    own = own[own["status_mds_aml"] == 1] if ill else own
    return Sample.of(percentage, ~(own["died"] - own["day"] <= years * DAYS_PER_YEAR))


def transplant_mortality(virtual: Virtual, years: float) -> Sample:
    """Return the percentage who died of the transplant."""
    own = _transplanted(virtual, years)
    return Sample.of(percentage, (own["cause_of_death"] == "transplant") & (own["died"] - own["day"] <= years * 365.25))


def graft_failure(virtual: Virtual) -> Sample:
    """Return the percentage of transplanted patients who lost a graft."""
    return Sample.of(percentage, _transplanted(virtual, 1)["graft_failures"] > 0)


def acute_gvhd(virtual: Virtual) -> Sample:
    """Return the percentage of transplanted patients with acute graft-versus-host disease."""
    own = _transplanted(virtual, 0)
    return Sample.of(percentage, own.index.isin(virtual.events("acute_gvhd").set_index(KEYS).index))


def referred_for_poor_response(virtual: Virtual) -> Sample:
    """Return the percentage referred for their poor response, of those transplanted without leukaemia."""
    reasons = virtual.events("donor_search").set_index(KEYS)["detail"]
    own = _transplanted(virtual, 0)
    reasons = reasons.groupby(level=KEYS).first().reindex(own[own["status_mds_aml"] != 1].index)
    return Sample.of(percentage, reasons.str.contains("responder", na=False))


def febrile_death(virtual: Virtual, arm: str | None = None, admitted: bool = False) -> Sample:
    """Return deaths in a hundred episodes of febrile neutropenia, or in a hundred that led to an admission."""
    episodes = virtual.events("febrile_neutropenia", arm)[[*KEYS, "day"]]
    if admitted:
        infections = virtual.events("infection", arm)
        severe = infections[infections["severity"] == "warning"]
        episodes = episodes.merge(severe[[*KEYS, "day"]], on=[*KEYS, "day"])
    counted = episodes.groupby(KEYS).size()
    died = virtual.outcomes(arm).set_index(KEYS).loc[counted.index, "status_sepsis_death"] == 1
    return Sample.of(lambda values: 100 * ratio(values), died, counted)


def hospital_stay(virtual: Virtual, arm: str | None = None) -> Sample:
    """Return the median length of a stay in hospital, of those who had one."""
    found = virtual.outcomes(arm)
    return Sample.of(median, found.loc[found["severe_infections"] == 1, "hospital_days"])


def treated_days(virtual: Virtual, statistic: str, arm: str | None = None) -> Sample:
    """Return the days with an ordered dose, of who had any."""
    days = virtual.outcomes(arm)["doses_ordered"]
    return Sample.of(STATISTICS[statistic], days[days > 0])


def dose_while_treated(virtual: Virtual, arm: str | None = None) -> Sample:
    """Return the mean daily dose (ug/kg) over the days with one, of who had any."""
    found = virtual.outcomes(arm)
    found = found[found["doses_taken"] > 0]
    return Sample.of(mean, found["cumulative_dose_ug_per_kg"] / found["doses_taken"])


def median_difference(virtual: Virtual, of: str, first: str, second: str) -> Sample:
    """Return the difference between two arms' medians of a column, in the same patients."""
    one, other = (virtual.outcomes(arm).set_index(KEYS[1:])[of] for arm in (first, second))
    return Sample.of(difference, one, other.reindex(one.index))
