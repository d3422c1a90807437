"""From what became of each patient to columns of the table of outcomes: counts, times, states, quantities, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from titranc.models import catalogue
from titranc.sim.course_sections import Prices
from titranc.sim.people import Fate
from titranc.sim.ward import DAYS_PER_YEAR, Ward

# What may happen first; a transplant or a death ends the waiting for everything else.
CENSORED, EVENT, COMPETING = range(3)
ADVERSE_EVENTS = ("bone_pain", "splenomegaly", "thrombocytopenia", "osteopenia", "vasculitis")


class Endpoint(NamedTuple):
    """The day of an event, and the days of what makes it impossible, each None when it did not happen."""

    name: str
    day: int | None
    competing: tuple[int | None, ...]


def endpoints(fate: Fate) -> tuple[Endpoint, ...]:
    """Return the endpoints of a life: MDS/AML, transplant and death from sepsis compete; death of any cause does not."""
    transplant = fate.transplant_days[0] if fate.transplant_days else None
    sepsis = fate.death_day if fate.death_cause == "sepsis" else None
    other = fate.death_day if fate.death_cause and fate.death_cause != "sepsis" else None
    return (
        Endpoint("mds_aml", fate.mds_aml_day, (transplant, fate.death_day)),
        Endpoint("transplant", transplant, (fate.death_day,)),
        Endpoint("sepsis_death", sepsis, (transplant, fate.mds_aml_day, other)),
        Endpoint("death", fate.death_day, ()),
    )


def fate_columns(
    fates: Sequence[Fate], ward: Ward, outcomes: pd.DataFrame, prices: Sequence[Prices | None]
) -> dict[str, Any]:
    """Return the columns that lives add to the table of outcomes, a value a body."""
    years = ward.ended_day / DAYS_PER_YEAR
    columns: dict[str, Any] = {
        "infections": [fate.infections for fate in fates],
        "severe_infections": [fate.severe_infections for fate in fates],
        "hospital_days": [fate.hospital_days for fate in fates],
        "antibiotic_days": [fate.antibiotic_days for fate in fates],
        "donor": [fate.donor for fate in fates],
        "transplants": [len(fate.transplant_days) for fate in fates],
        "graft_failures": [fate.graft_failures for fate in fates],
        "cause_of_death": [fate.death_cause for fate in fates],
    }
    columns |= {f"status_{name}": [int(name in fate.adverse_events) for fate in fates] for name in ADVERSE_EVENTS}
    columns |= {"status_csf3r_found": [int(fate.csf3r_found_day is not None) for fate in fates]}
    columns |= _times(fates, ward)
    columns |= _quantities(ward, outcomes, years)
    cost = _costs(columns, outcomes, prices)
    return columns | ({"cost": cost} if np.isfinite(cost).any() else {})


def _times(fates: Sequence[Fate], ward: Ward) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = {}
    for body, fate in enumerate(fates):
        for endpoint in endpoints(fate):
            day, status = _first(endpoint, int(ward.ended_day[body]))
            columns.setdefault(f"time_to_{endpoint.name}_days", []).append(day)
            columns.setdefault(f"status_{endpoint.name}", []).append(status)
    return columns


def _first(endpoint: Endpoint, end: int) -> tuple[int, int]:
    """Return when the waiting for an endpoint was over, and why."""
    before = min((day for day in endpoint.competing if day is not None), default=end + 1)
    if endpoint.day is not None and endpoint.day <= before:
        return endpoint.day, EVENT
    return (before, COMPETING) if before <= end else (end, CENSORED)


def _quantities(ward: Ward, outcomes: pd.DataFrame, years: np.ndarray) -> dict[str, np.ndarray]:
    """Return drug, injections, vials and visits per year of follow-up."""
    given_ng = np.where(ward.taken, ward.due_ng, 0)
    injections = (given_ng > 0).sum(axis=(1, 2))
    return {
        "injections_per_year": injections / years,
        "drug_mg_per_year": given_ng.sum(axis=(1, 2)) / 1e6 / years,
        "vials_per_year": _vials(ward, given_ng) / years,
        "visits_per_year": outcomes["visits"].to_numpy() / years,
    }


def _vials(ward: Ward, given_ng: np.ndarray) -> np.ndarray:
    """Return the vials opened: a vial begun is a vial used."""
    drugs = given_ng[:, :, ward.slots.drugs]
    products = ward.slots.products[ward.slots.drugs]
    content_ng = np.array([catalogue.drug(product).vial_ug.value * 1000 for product in products])
    return np.asarray(np.ceil(drugs / content_ng).sum(axis=(1, 2)))


def _costs(columns: Mapping[str, Any], outcomes: pd.DataFrame, prices: Sequence[Prices | None]) -> np.ndarray:
    """Return what the follow-up of each body cost at its prices; not-a-number without prices."""
    years = outcomes["days_observed"].to_numpy() / DAYS_PER_YEAR
    cost = np.full(len(outcomes), np.nan)
    for body, price in enumerate(prices):
        if price is not None:
            cost[body] = (
                price.per_vial * columns["vials_per_year"][body] * years[body]
                + price.per_visit * outcomes["visits"].iloc[body]
                + price.per_hospital_day * columns["hospital_days"][body]
                + price.per_transplant * columns["transplants"][body]
            )
    return cost
