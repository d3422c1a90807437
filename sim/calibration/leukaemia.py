"""Fit the need of G-CSF, and the rates of MDS and AML of each `dose_effect`, to the registry under registry practice.

Free for each setting: its slope and its centre. Targets: cumulative incidence at ten years of all patients (from the published
hazards of 2.9 and 2.3 % a year; the published incidence itself is held out of every fit), of the less responsive (dose >= 8 and
ANC < 2.188 at 6-18 months) and of the more responsive (dose < 8, ANC >= 2.188), with death from sepsis competing at the
published rates. Run with `python -m titranc.sim.calibration.leukaemia`; it prints, and writes nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from titranc.models import catalogue, outcomes
from titranc.sim import trial
from titranc.sim.calibration.response import HIGH_DOSE, LOW_ANC, by_patient
from titranc.sim.courses import dose_response
from titranc.sim.scenario import load_scenario

SEED, PATIENTS, YEARS, STEP_DAYS, DRAWS = 7003, 1500, 10, 28, 4
SEPSIS_PER_YEAR = {"all": 0.009, "less": 0.016, "more": 0.0042}
PUBLISHED = {"all": 0.20, "less": 0.40, "more": 0.11}
TOLERANCE = {"all": 0.015, "less": 0.03, "more": 0.02}
GOAL = 1.5
DOSES = tuple(float(dose) for dose in np.geomspace(0.3, 100, 14))
CLAMP_LOG = 4.0


def followed() -> dict[str, pd.DataFrame]:
    """Return the tables of a registry without lives."""
    options = ["policy={kind: registry}", f"horizon_years={YEARS}", "output.level=visit", "cohort.sex=mixed"]
    scenario = load_scenario("scn_child", [*options, f"cohort.n={PATIENTS}", f"seed={SEED}"])
    return trial.simulate(scenario, "calibration")


def fit_need(patients: pd.DataFrame) -> dict[str, float]:
    """Return the coefficients of the need: the log of the dose that holds a count of 1.5, from parameters."""
    names = [name for name in patients.columns if name.startswith("p_")]
    people = [{name[2:]: float(row[name]) for name in names} for _, row in patients[names].head(400).iterrows()]
    settled = np.log(dose_response(people, DOSES).to_numpy())
    need = np.array([np.interp(np.log(GOAL), row, np.log(DOSES), right=CLAMP_LOG + 2) for row in settled])
    answering = need < CLAMP_LOG
    design = np.column_stack([_features(person) for person in people]).T
    whole = np.column_stack([design, np.ones(len(design))])
    found, *_ = np.linalg.lstsq(whole[answering], need[answering], rcond=None)
    predicted = design @ found[:3]
    explained = np.corrcoef(predicted[answering], need[answering])[0, 1] ** 2
    names_of = ("by_log_insensitivity", "by_apoptosis_hazard", "by_logit_rescued_fraction")
    middle, sd = float(np.median(predicted)), float(np.std(predicted[answering]))
    return dict(zip(names_of, found[:3].tolist(), strict=True)) | {
        "middle": middle,
        "sd": sd,
        "largest": 2.5,
        "r2": float(explained),
    }


def _features(person: dict[str, float]) -> np.ndarray:
    rescued = person["apoptosis_rescued_fraction"]
    return np.array([np.log(person["gcsf_insensitivity"]), person["apoptosis_hazard"], np.log(rescued / (1 - rescued))])


def needs_of(patients: pd.DataFrame, numbers: dict[str, float]) -> np.ndarray:
    """Return everybody's need."""
    names = [name for name in patients.columns if name.startswith("p_")]
    return np.array(
        [
            outcomes.need_of({name[2:]: float(row[name]) for name in names}, numbers)
            for _, row in patients[names].iterrows()
        ]
    )


def mean_doses(tables: dict[str, pd.DataFrame]) -> np.ndarray:
    """Return the mean dose taken so far every four weeks, [patients, steps]."""
    n, days = len(tables["patients"]), round(YEARS * 365.25)
    daily = np.full((n, days), np.nan)
    visits = tables["visits"]
    daily[visits["patient_id"], visits["day"]] = visits["dose_after_ug_per_kg_day"]
    taken = tables["patients"]["doses_taken_share"].to_numpy()[:, None]
    daily = pd.DataFrame(daily).ffill(axis=1).to_numpy() * taken
    so_far = np.cumsum(daily, axis=1) / np.arange(1, days + 1)
    return so_far[:, STEP_DAYS - 1 :: STEP_DAYS]


def groups_of(tables: dict[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Return who belongs to which of the published groups."""
    found = by_patient(tables["visits"]).reset_index().sort_values("patient_id")
    dose, anc = found["dose_ug_per_kg_day"].to_numpy(), found["anc_1e9_per_l"].to_numpy()
    return {
        "all": np.ones(len(found), dtype=bool),
        "less": (dose >= HIGH_DOSE) & (anc < LOW_ANC),
        "more": (dose < HIGH_DOSE) & (anc >= LOW_ANC),
    }


def carriers(n: int, steps: int, numbers: dict[str, float]) -> np.ndarray:
    """Return who carries a CSF3R clone at each step, drawn as clones come and go, [n, steps]."""
    luck, there = np.random.default_rng(SEED), np.zeros(n, dtype=bool)
    found = np.zeros((n, steps), dtype=bool)
    gain, loss = (1 - np.exp(-numbers[f"csf3r_{what}_per_year"] * STEP_DAYS / 365.25) for what in ("gain", "loss"))
    for step in range(steps):
        there = np.where(there, luck.random(n) >= loss, luck.random(n) < gain)
        found[:, step] = there
    return found


def incidences(
    numbers: dict[str, float], effect: str, needs: np.ndarray, doses: np.ndarray, groups: dict[str, np.ndarray]
) -> dict[str, float]:
    """Return the cumulative incidence of the diagnosis at ten years of each group, without transplants.

    Those who carry a clone transform first and leave the others behind, so the clones are drawn, several times a patient.
    """
    years = (np.arange(doses.shape[1]) + 0.5) * STEP_DAYS / 365.25
    rate = outcomes.leukaemia_rate(years[None, :], needs[:, None], doses, effect, numbers) * STEP_DAYS / 365.25
    rate = np.tile(rate, (DRAWS, 1))
    rate = rate * outcomes.clone_fold(carriers(len(rate), len(years), numbers), years[None, :], numbers)
    hazard = np.cumsum(rate, axis=1)
    diagnosed = -np.expm1(-(years[-1] - years) * 365.25 / numbers["progression_days_mean"])
    found = {}
    for name, members in groups.items():
        of_group = np.tile(members, DRAWS)
        alive = np.exp(-hazard[of_group] - SEPSIS_PER_YEAR[name] * years)
        found[name] = float((alive * rate[of_group] * diagnosed).sum(axis=1).mean())
    return found


def fitted(
    effect: str, slope: str, base: dict[str, float], needs: np.ndarray, doses: np.ndarray, groups: dict[str, np.ndarray]
) -> dict[str, float]:
    """Return slope and centre of a setting that bring the incidences nearest to the published."""

    def numbers(x: np.ndarray) -> dict[str, float]:
        return base | {slope: float(x[0]), f"{effect}_centre": float(np.exp(x[1]))}

    def misses(x: np.ndarray) -> list[float]:
        found = incidences(numbers(x), effect, needs, doses, groups)
        return [(found[name] - PUBLISHED[name]) / TOLERANCE[name] for name in PUBLISHED]

    solved = least_squares(misses, [0.8, 0.0])
    return {slope: solved.x[0], f"{effect}_centre": float(np.exp(solved.x[1]))} | incidences(
        numbers(solved.x), effect, needs, doses, groups
    )


def main() -> None:
    """Print what was found."""
    tables = followed()
    need = fit_need(tables["patients"])
    print("need:", {name: round(value, 3) for name, value in need.items()})
    needs, doses, groups = needs_of(tables["patients"], need), mean_doses(tables), groups_of(tables)
    print("groups:", {name: round(float(members.mean()), 3) for name, members in groups.items()})
    base = catalogue.values(catalogue.outcome_numbers("leukaemia"))
    for effect, slope in (("marker", "need_slope"), ("causal", "dose_slope"), ("mixed", "mixed_slope")):
        found = fitted(effect, slope, base, needs, doses, groups)
        base |= found
        print(effect, {name: round(value, 4) for name, value in found.items()})


if __name__ == "__main__":
    main()
