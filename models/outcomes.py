"""What happens to people besides their count: rates of infection and of leukaemia, and what an infection does.

Pure functions over arrays; the numbers, with their sources, are in `models/outcomes.yaml`. Rates are per year.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Numbers = Mapping[str, float]
DAYS_PER_YEAR = 365.25
DOSE_EFFECTS = ("marker", "causal", "mixed")


def share_low(anc_1e9_per_l: ArrayLike, half_1e9_per_l: float, steepness: float) -> Floats:
    """Return how much of the risk of an empty blood there is: 1 at a count of 0, a half at `half_1e9_per_l`, towards 0."""
    return np.asarray(1.0 / (1.0 + (np.asarray(anc_1e9_per_l) / half_1e9_per_l) ** steepness))


def scarcity(anc_1e9_per_l: ArrayLike, numbers: Numbers) -> Floats:
    """Return how scarce neutrophils are as far as infections go, from 0 to 1."""
    return share_low(anc_1e9_per_l, numbers["rate_half_anc_1e9_per_l"], numbers["rate_steepness"])


def next_memory(memory: Floats, scarce: Floats, numbers: Numbers) -> Floats:
    """Return the scarcity of late, a day later: it follows the count with a delay, so that days low weigh more and more."""
    return np.asarray(memory + (scarce - memory) * -math.expm1(-math.log(2) / numbers["days_low_for_half"]))


def infection_rate(scarce: Floats, memory: Floats, added_fold: ArrayLike, numbers: Numbers) -> Floats:
    """Return infections per year: those of anybody, and those added while neutrophils are scarce and have been for days."""
    high, low = numbers["rate_high_anc_per_year"], numbers["rate_low_anc_per_year"]
    return np.asarray(high + np.asarray(added_fold) * (low - high) * np.minimum(scarce, memory))


def severe_share(anc_1e9_per_l: float, fold: float, numbers: Numbers) -> float:
    """Return the probability that an infection at this count is severe; `fold` is the marrow's reserve of a diagnosis."""
    low = float(share_low(anc_1e9_per_l, numbers["severe_half_anc_1e9_per_l"], numbers["severe_steepness"]))
    high_share = numbers["severe_share_high_anc"]
    return min(1.0, fold * (high_share + (numbers["severe_share_low_anc"] - high_share) * low))


def death_share(
    anc_1e9_per_l: float, age_years: float, death_fold: float, numbers: Numbers, major_comorbidities: float = 0.0
) -> float:
    """Return the probability that a severe infection at this count ends in death; `death_fold` is the diagnosis's.

    An adult's other major diseases multiply it, the first by more than each further one.
    """
    low = float(share_low(anc_1e9_per_l, numbers["death_half_anc_1e9_per_l"], numbers["death_steepness"]))
    share = numbers["death_share_high_anc"] + (numbers["death_share_low_anc"] - numbers["death_share_high_anc"]) * low
    infant = age_years < numbers["infant_until_years"]
    counted = major_comorbidities if age_years >= numbers["comorbidity_from_years"] else 0.0
    by_age = numbers["infant_death_fold"] if infant else _comorbidity_fold(counted, numbers)
    return min(1.0, share * death_fold * by_age)


def _comorbidity_fold(counted: float, numbers: Numbers) -> float:
    if counted < 1:
        return 1.0
    further: float = numbers["further_comorbidity_death_fold"] ** (counted - 1)
    return numbers["first_comorbidity_death_fold"] * further


def need_of(parameters: Mapping[str, float], numbers: Numbers) -> float:
    """Return a patient's need of G-CSF, standardised over the diagnosis: 0 in the middle, 1 a standard deviation above."""
    rescued = parameters["apoptosis_rescued_fraction"]
    log_need = (
        numbers["by_log_insensitivity"] * math.log(parameters["gcsf_insensitivity"])
        + numbers["by_apoptosis_hazard"] * parameters["apoptosis_hazard"]
        + numbers["by_logit_rescued_fraction"] * math.log(rescued / (1 - rescued))
    )
    return max(-numbers["largest"], min(numbers["largest"], (log_need - numbers["middle"]) / numbers["sd"]))


def leukaemia_rate(
    years_on_gcsf: ArrayLike, need: ArrayLike, mean_dose_ug_per_kg_day: ArrayLike, dose_effect: str, numbers: Numbers
) -> Floats:
    """Return the rate of transformation per year.

    Under `marker` it goes by the patient's innate need of G-CSF whatever is given, under `causal` by the mean dose taken so
    far, under `mixed` by half of each on the scale of logarithms, with a slope of its own.
    """
    of_need = numbers["need_slope"] * np.asarray(need)
    dose = np.maximum(np.asarray(mean_dose_ug_per_kg_day), numbers["smallest_dose_ug_per_kg_day"])
    of_dose = numbers["dose_slope"] * np.log(dose / numbers["reference_dose_ug_per_kg_day"])
    weighed = {"marker": of_need, "causal": of_dose, "mixed": numbers["mixed_slope"] * (of_need + of_dose) / 2}[
        dose_effect
    ]
    rising = -np.expm1(-np.asarray(years_on_gcsf) / numbers["rise_years"])
    return np.asarray(numbers["plateau_per_year"] * numbers[f"{dose_effect}_centre"] * rising * np.exp(weighed))


def clone_share(years_on_gcsf: ArrayLike, numbers: Numbers) -> Floats:
    """Return the probability that a patient who did not transform carries a CSF3R clone: clones come and go."""
    gain, loss = numbers["csf3r_gain_per_year"], numbers["csf3r_loss_per_year"]
    return np.asarray(gain / (gain + loss) * -np.expm1(-(gain + loss) * np.asarray(years_on_gcsf)))


def clone_fold(with_clone: ArrayLike, years_on_gcsf: ArrayLike, numbers: Numbers) -> Floats:
    """Return by how much a CSF3R clone, or its absence, multiplies the rate of transformation.

    Averaged over who carries one, the fold is 1; and of those who transform, the published share carries one.
    """
    share = np.clip(clone_share(years_on_gcsf, numbers), 1e-9, 1 - 1e-9)
    carried = numbers["csf3r_share_at_transformation"]
    return np.where(np.asarray(with_clone), carried / share, (1 - carried) / (1 - share))
