"""What was published of lives, beside what is simulated: infection, sepsis, leukaemia, transplant, adverse events, remission.

Congenital disease is treated as the registries' clinics did. Run with `python -m titranc.sim.calibration.lives [PATIENTS]`;
its seed is not one that anything was fitted with. It prints a table, and writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, cached_property

import numpy as np
import pandas as pd

from titranc.models.documents import read_document
from titranc.models.shelves import MODELS_FOLDER
from titranc.sim import trial
from titranc.sim.report.incidence import Incidence, incidences
from titranc.sim.scenario import load_scenario

SEED, PATIENTS = 9001, 1500
DAYS_PER_YEAR, DAYS_PER_MONTH = 365.25, 30.4
HIGH_DOSE, LOW_ANC, RECOVERED_SHARE = 8.0, 2.188, 0.8
UNTREATED = "policy={kind: fixed, dose_ug_per_kg_day: 0, visit_every_days: 28}"
DOSE, ANC = "dose_6_18_months_ug_per_kg_day", "anc_6_18_months_1e9_per_l"
Tables = dict[str, pd.DataFrame]


class Simulated:
    """The virtual counterparts of the studies, each simulated once when it is asked for."""

    def __init__(self, patients: int) -> None:
        self.patients = patients

    @cache  # noqa: B019 - lives as long as the program
    def tables(self, name: str, *changes: str) -> Tables:
        """Return the tables of a scenario under the seed of the comparison."""
        options = [f"seed={SEED}", "output.level=visit", "arms=[{name: base}]", *changes]
        return trial.simulate(load_scenario(name, options), "lives")

    @cached_property
    def registry(self) -> Tables:
        """Twenty years of registry practice."""
        n = f"cohort.n={self.patients}"
        return self.tables("scn_registry", n, "horizon_years=20", "cohort.age_years=2")

    @cached_property
    def curves(self) -> dict[str, Incidence]:
        """Cumulative incidence by endpoint."""
        return {curve.endpoint: curve for curve in incidences(self.registry["outcomes"])}

    def incidence(self, endpoint: str, years: float) -> float:
        """Return the cumulative incidence at a time, in percent."""
        curve = self.curves[endpoint]
        return 100 * float(np.interp(years, curve.years, curve.share))

    def of_group(self, which: str, endpoint: str, years: float) -> float:
        """Return the percentage of a response group who met an endpoint within some years."""
        found = self.registry["outcomes"].dropna(subset=[DOSE])
        dose, anc = found[DOSE], found[ANC]
        groups = {
            "less": (dose >= HIGH_DOSE) & (anc < LOW_ANC),
            "more": (dose < HIGH_DOSE) & (anc >= LOW_ANC),
            "above": dose > HIGH_DOSE,
            "below": dose <= HIGH_DOSE,
        }
        return _within(found[groups[which]], endpoint, years)

    def rate(self, endpoint: str, from_year: float, to_year: float) -> float:
        """Return events per hundred patient-years between two times."""
        found = self.registry["outcomes"]
        years = found[f"time_to_{endpoint}_days"] / DAYS_PER_YEAR
        met = (found[f"status_{endpoint}"] == 1) & years.between(from_year, to_year)
        return 100 * float(met.sum() / (years.clip(upper=to_year) - from_year).clip(lower=0).sum())

    def events(self, name: str) -> pd.DataFrame:
        """Return the events of a kind in the registry."""
        events = self.registry["events"]
        return events[events["event"] == name]

    def transplanted(self, years: float) -> pd.DataFrame:
        """Return who was transplanted and could be followed for some years, with the day and the day of death."""
        found, events = self.registry["outcomes"].set_index("patient_id"), self.events("transplant")
        first = events.groupby("patient_id")["day"].min()
        own = found.loc[first.index].assign(
            day=first, died=lambda t: t["time_to_death_days"].where(t["status_death"] == 1)
        )
        return own[own["day"] + years * DAYS_PER_YEAR <= 20 * DAYS_PER_YEAR]


def _within(found: pd.DataFrame, endpoint: str, years: float) -> float:
    met = (found[f"status_{endpoint}"] == 1) & (found[f"time_to_{endpoint}_days"] <= years * DAYS_PER_YEAR)
    return 100 * float(met.mean())


def _share(flags: pd.Series) -> float:
    return 100 * float(flags.mean())


def _rates(tables: Tables, column: str) -> float:
    found = tables["outcomes"]
    return float(found[column].sum() / found["days_observed"].sum() * DAYS_PER_YEAR)


def _prevented(s: Simulated, column: str) -> float:
    """Return by how much a year on G-CSF lowers a rate against a year without, in percent."""
    options = ("cohort.n=400", "cohort.age_years=6", "horizon_years=1", "outcomes={}")
    without, treated = (s.tables("scn_child", *options, policy) for policy in (UNTREATED, "policy={kind: registry}"))
    return 100 * (1 - _rates(treated, column) / _rates(without, column))


def _marks(s: Simulated, words: str) -> float:
    return _share(s.events("clone_turns_malignant")["detail"].str.contains(words))


def _csf3r_at_transformation(s: Simulated) -> float:
    """Return how many of those diagnosed carried a clone that an examination had found by then, in percent."""
    ill = s.events("mds_aml").set_index("patient_id")["day"]
    found = s.events("csf3r_found").groupby("patient_id")["day"].min().reindex(ill.index)
    return _share(found <= ill)


def _remission(s: Simulated) -> pd.Series:
    """Return the month in which the count of untreated infants had come back for good; not-a-number when it had not."""
    days = ("cohort.n=200", "horizon_years=4", "output.level=trajectory", "output.trajectory_patients=200")
    tables = s.tables("autoimmune_infant", *days, UNTREATED)
    anc = tables["trajectory"].pivot_table(index="day", columns="patient_id", values="anc_1e9_per_l")
    healthy = tables["patients"].set_index("patient_id")["p_anc_baseline_1e9_per_l"]
    back = anc > RECOVERED_SHARE * healthy
    return back.idxmax().where(back.any()) / DAYS_PER_MONTH


def _autoimmune(s: Simulated) -> pd.DataFrame:
    return s.tables("autoimmune_infant", "cohort.n=400", "horizon_years=2", UNTREATED, "outcomes={}")["outcomes"]


def _idiopathic(s: Simulated) -> pd.DataFrame:
    return s.tables("idiopathic_adult", "cohort.n=400", "horizon_years=8", UNTREATED, "outcomes={}")["outcomes"]


def _without_leukaemia(s: Simulated, *names: str) -> float:
    options = ("cohort.n=200", "horizon_years=5", "outcomes={}")
    return 100 * float(
        np.mean([(s.tables(name, *options)["outcomes"]["status_mds_aml"] == 1).mean() for name in names])
    )


def _adverse(s: Simulated, name: str) -> float:
    return _share(s.registry["outcomes"][f"status_{name}"] == 1)


def _transplant_deaths(s: Simulated) -> float:
    own = s.transplanted(3)
    return _share((own["cause_of_death"] == "transplant") & (own["died"] - own["day"] <= 3 * DAYS_PER_YEAR))


def _transplant_survival(s: Simulated) -> float:
    own = s.transplanted(3)
    return _share(~(own["died"] - own["day"] <= 3 * DAYS_PER_YEAR))


def _poor_response(s: Simulated) -> float:
    """Return how many of those transplanted without leukaemia had been referred for their poor response, in percent."""
    reasons = s.events("donor_search").set_index("patient_id")["detail"]
    own = s.transplanted(0)
    reasons = reasons.reindex(own[own["status_mds_aml"] != 1].index)
    return _share(reasons.str.contains("responder"))


MEASURES: dict[str, Callable[[Simulated], float]] = {
    "infections_prevented": lambda s: _prevented(s, "infections"),
    "antibiotic_days_prevented": lambda s: _prevented(s, "antibiotic_days"),
    "sepsis_death_rate": lambda s: s.rate("sepsis_death", 0, 10),
    "sepsis_death_10_years": lambda s: s.incidence("sepsis_death", 10),
    "sepsis_death_11_years": lambda s: s.incidence("sepsis_death", 11.1),
    "sepsis_death_10_years_less_responsive": lambda s: s.of_group("less", "sepsis_death", 10),
    "sepsis_death_10_years_more_responsive": lambda s: s.of_group("more", "sepsis_death", 10),
    "sepsis_death_rate_high_adherence": lambda s: (
        100
        * _rates(
            {
                "outcomes": s.registry["outcomes"].assign(dead=lambda t: t["status_sepsis_death"] == 1)[
                    _well_answered(s)
                ]
            },
            "dead",
        )
    ),
    "untreated_infants_dead_in_a_year": lambda s: _within(
        s.tables("scn_child", "cohort.n=500", "cohort.age_years=0.05", "horizon_years=1", UNTREATED, "outcomes={}")[
            "outcomes"
        ],
        "death",
        1.0,
    ),
    "survival_20_years": lambda s: 100 - _within(s.registry["outcomes"], "death", 20),
    "died_10_years": lambda s: _within(s.registry["outcomes"], "death", 10),
    "infections_per_year_half_treated": lambda s: float(
        np.mean(
            [
                _rates(
                    s.tables(
                        "scn_child", "cohort.n=400", "cohort.age_years=6", "horizon_years=1", "outcomes={}", policy
                    ),
                    "infections",
                )
                for policy in (UNTREATED, "policy={kind: registry}")
            ]
        )
    ),
    "mds_aml_6_years": lambda s: s.incidence("mds_aml", 6),
    "mds_aml_10_years": lambda s: s.incidence("mds_aml", 10),
    "mds_aml_15_years": lambda s: s.incidence("mds_aml", 15),
    "mds_aml_20_years": lambda s: s.incidence("mds_aml", 20),
    "mds_aml_rate_at_6_years": lambda s: s.rate("mds_aml", 4, 8),
    "mds_aml_rate_after_10_years": lambda s: s.rate("mds_aml", 10, 15),
    "mds_aml_10_years_less_responsive": lambda s: s.of_group("less", "mds_aml", 10),
    "mds_aml_10_years_more_responsive": lambda s: s.of_group("more", "mds_aml", 10),
    "mds_aml_15_years_dose_above_8": lambda s: s.of_group("above", "mds_aml", 15),
    "mds_aml_15_years_dose_below_8": lambda s: s.of_group("below", "mds_aml", 15),
    "mds_aml_idiopathic_autoimmune": lambda s: _without_leukaemia(s, "idiopathic_adult", "autoimmune_infant"),
    "mds_aml_cyclic_idiopathic": lambda s: _without_leukaemia(s, "cyclic_child", "idiopathic_adult"),
    "monosomy_7_at_transformation": lambda s: _marks(s, "chromosome 7"),
    "chromosome_21_at_transformation": lambda s: _marks(s, "chromosome 21"),
    "runx1_at_transformation": lambda s: _marks(s, "RUNX1"),
    "csf3r_at_transformation": _csf3r_at_transformation,
    "csf3r_found_10_years": lambda s: (
        100
        * float((s.events("csf3r_found").groupby("patient_id")["day"].min() <= 10 * DAYS_PER_YEAR).sum() / s.patients)
    ),
    "transplant_survival_3_years": _transplant_survival,
    "transplant_mortality": _transplant_deaths,
    "graft_failure": lambda s: _share(s.transplanted(1)["graft_failures"] > 0),
    "acute_gvhd": lambda s: 100 * len(s.events("acute_gvhd")) / max(len(s.events("transplant")), 1),
    "transplanted_for_poor_response": _poor_response,
    "bone_pain": lambda s: _adverse(s, "bone_pain"),
    "splenomegaly": lambda s: _adverse(s, "splenomegaly"),
    "thrombocytopenia": lambda s: _adverse(s, "thrombocytopenia"),
    "osteopenia": lambda s: _adverse(s, "osteopenia"),
    "vasculitis": lambda s: _adverse(s, "vasculitis"),
    "idiopathic_severe_infection": lambda s: _share(_idiopathic(s)["severe_infections"] > 0),
    "autoimmune_remission": lambda s: _share(_remission(s).notna()),
    "autoimmune_remission_months": lambda s: float(_remission(s).median()),
    "autoimmune_only_benign_infections": lambda s: _share(_autoimmune(s)["severe_infections"] == 0),
}


def _well_answered(s: Simulated) -> pd.Series:
    """Return who took most doses and answered."""
    found = s.registry["outcomes"]
    taken = found["doses_taken"] / found["doses_ordered"].clip(lower=1)
    return (taken > 0.95) & (found["share_anc_below_0_5"] < 0.01)


def compared(patients: int = PATIENTS) -> pd.DataFrame:
    """Return every published row with the simulated value beside it."""
    simulated, rows = Simulated(patients), []
    for row in read_document(MODELS_FOLDER / "evidence" / "lives.yaml").data["rows"]:
        value = MEASURES[row["measure"]](simulated)
        interval = f"{row['low']:g} to {row['high']:g}" if "low" in row else ""
        rows.append(
            {
                "id": row["id"],
                "measure": row["measure"].replace("_", " "),
                "published": row["published"],
                "interval": interval,
                "simulated": round(value, 2),
                "unit": row["unit"],
                "grade": row["grade"],
                "source": row["source"],
            }
        )
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print(compared(int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS).to_string(index=False))
