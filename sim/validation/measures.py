"""Every measure by the name under which `models/evidence/targets.yaml` asks for it."""

from __future__ import annotations

from collections.abc import Callable

from titranc.sim.validation import body_measures, course_measures, outcome_measures
from titranc.sim.validation.samples import Estimate, Sample
from titranc.sim.validation.studies import Studies
from titranc.sim.validation.targets import Target

OF_TABLES: dict[str, Callable[..., Sample]] = {
    measure.__name__: measure
    for measure in (
        outcome_measures.column,
        outcome_measures.share,
        outcome_measures.reported,
        outcome_measures.high_dose_low_count,
        outcome_measures.met,
        outcome_measures.survived,
        outcome_measures.hazard,
        outcome_measures.sepsis_deaths_on_treatment,
        outcome_measures.yearly,
        outcome_measures.prevented,
        outcome_measures.ever,
        outcome_measures.relative_risk,
        outcome_measures.marks,
        outcome_measures.csf3r_at_transformation,
        outcome_measures.found_within,
        outcome_measures.transplant_survival,
        outcome_measures.transplant_mortality,
        outcome_measures.graft_failure,
        outcome_measures.acute_gvhd,
        outcome_measures.referred_for_poor_response,
        outcome_measures.febrile_death,
        outcome_measures.hospital_stay,
        outcome_measures.treated_days,
        outcome_measures.dose_while_treated,
        outcome_measures.median_difference,
        course_measures.days_below,
        course_measures.days_below_a_cycle,
        course_measures.days_below_difference,
        course_measures.nadir,
        course_measures.nadir_below,
        course_measures.below_in_a_row,
        course_measures.recovery_day,
        course_measures.recovery_earlier,
        course_measures.engraftment_day,
        course_measures.recovered_and_stayed,
        course_measures.reached,
        course_measures.risen,
        course_measures.average,
        course_measures.held,
        course_measures.fold,
        course_measures.cycle_days,
        course_measures.remission_month,
        course_measures.remission,
        course_measures.weekly_variation,
    )
}
OF_BODY: dict[str, Callable[..., Sample]] = {
    measure.__name__: measure
    for measure in (
        body_measures.parameter,
        body_measures.half_life_hours,
        body_measures.clearance_ml_per_min_kg,
        body_measures.volume_ml_per_kg,
        body_measures.peak_hour,
        body_measures.days_to_half,
        body_measures.rise,
        body_measures.amplification,
        body_measures.weight_kg,
    )
}


def estimate(target: Target, studies: Studies) -> Estimate:
    """Return what the virtual study makes of a target; raises KeyError for a measure or study that does not exist."""
    arguments = dict(target.measure)
    name = arguments.pop("name")
    if name in OF_BODY:
        return OF_BODY[name](**arguments).estimate()
    return OF_TABLES[name](studies.run(target.study), **arguments).estimate()
