"""Fit the need of G-CSF, and the rates of MDS and AML of each `dose_effect`, to the registry under registry practice.

Free for each setting: its slope and its centre. Targets: cumulative incidence at ten years of all patients, of the less responsive
(dose >= 8 and ANC < 2.188 at 6-18 months) and of the more responsive (dose < 8, ANC >= 2.188), and at fifteen years of those on up to 8,
with death from sepsis (published) and transplants (as many as the simulator gives) competing. For all patients the registries
disagree, 21 % in ten years (SCN-L01) and 11 % in ten and a half (SCN-L16); asked is the number of the one that tells its strata.
Run with `python -m titranc.sim.calibration.leukaemia`; it prints what was found and how the incidence of all hangs on slope and
centre, and writes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from titranc.models import catalogue, outcomes
from titranc.sim import trial
from titranc.sim.calibration.response import HIGH_DOSE, LOW_ANC, by_patient
from titranc.sim.courses import dose_response
from titranc.sim.scenario import load_scenario

SEED, PATIENTS, YEARS, STEP_DAYS, DRAWS = 7003, 1500, 15, 28, 4


class Aim(NamedTuple):
    """A published incidence, after how many years, the tolerance that costs one, and the rate of death from sepsis or transplant beside it."""

    years: int
    published: float
    tolerance: float
    competing_per_year: float


AIMS = {
    "all": Aim(10, 0.21, 0.015, 0.023),
    "less responsive": Aim(10, 0.40, 0.03, 0.036),
    "more responsive": Aim(10, 0.11, 0.02, 0.011),
    "dose up to 8": Aim(15, 0.17, 0.01, 0.015),
}
GOAL = 1.5
DOSES = tuple(float(dose) for dose in np.geomspace(0.3, 100, 14))
CLAMP_LOG = 4.0
SENSITIVITY = 0.1


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
        "less responsive": (dose >= HIGH_DOSE) & (anc < LOW_ANC),
        "more responsive": (dose < HIGH_DOSE) & (anc >= LOW_ANC),
        "dose up to 8": dose <= HIGH_DOSE,
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
    """Return the cumulative incidence of the diagnosis in each group after its years, without transplants.

    Those who carry a clone transform first and leave the others behind, so the clones are drawn, several times a patient.
    """
    years = (np.arange(doses.shape[1]) + 0.5) * STEP_DAYS / 365.25
    rate = outcomes.leukaemia_rate(years[None, :], needs[:, None], doses, effect, numbers) * STEP_DAYS / 365.25
    rate = np.tile(rate, (DRAWS, 1))
    rate = rate * outcomes.clone_fold(carriers(len(rate), len(years), numbers), years[None, :], numbers)
    hazard = np.cumsum(rate, axis=1)
    found = {}
    for name, aim in AIMS.items():
        of_group = np.tile(groups[name], DRAWS)
        within = years < aim.years
        diagnosed = -np.expm1(-(aim.years - years[within]) * 365.25 / numbers["progression_days_mean"])
        alive = np.exp(-hazard[of_group] - aim.competing_per_year * years)[:, within]
        found[name] = float((alive * rate[of_group][:, within] * diagnosed).sum(axis=1).mean())
    return found


def fitted(
    effect: str, slope: str, base: dict[str, float], needs: np.ndarray, doses: np.ndarray, groups: dict[str, np.ndarray]
) -> dict[str, float]:
    """Return slope and centre of a setting that bring the incidences nearest to the published."""

    def numbers(x: np.ndarray) -> dict[str, float]:
        return base | {slope: float(x[0]), f"{effect}_centre": float(np.exp(x[1]))}

    def misses(x: np.ndarray) -> list[float]:
        found = incidences(numbers(x), effect, needs, doses, groups)
        return [(found[name] - aim.published) / aim.tolerance for name, aim in AIMS.items()]

    solved = least_squares(misses, [0.8, 0.0])
    moved = {
        f"all of {what} {100 * by:+.0f} %": incidences(numbers(solved.x + shift), effect, needs, doses, groups)["all"]
        for what, by, shift in (
            ("slope", SENSITIVITY, np.array([SENSITIVITY * solved.x[0], 0.0])),
            ("centre", SENSITIVITY, np.array([0.0, np.log1p(SENSITIVITY)])),
        )
    }
    found = incidences(numbers(solved.x), effect, needs, doses, groups)
    return {slope: float(solved.x[0]), f"{effect}_centre": float(np.exp(solved.x[1]))} | found | moved


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
