"""Lives on top of counts: hazards draw as they say, lives are consistent, luck is common to all arms.

Statistical checks allow 4.9 standard errors: a correct program fails one of them once in a million draws of the seed, and the
seeds are fixed.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.models import catalogue, outcomes
from titranc.models.documents import InputRefused
from titranc.models.habits import Habits
from titranc.sim import trial
from titranc.sim.report.incidence import at_risk, incidences, survival
from titranc.sim.report.page import write_report
from titranc.sim.report.plots import lives as plots
from titranc.sim.scenario import load_scenario
from titranc.sim.streams import Purpose, Streams
from titranc.sim.verifying import verify

Tables = dict[str, pd.DataFrame]
DRAWS, STANDARD_ERRORS = 100_000, 4.9
NOTHING_HAPPENS = "outcomes={infections: false, adverse_events: false, leukaemia: {dose_effect: none}, transplant: {available: false}}"
UNTREATED = "policy={kind: fixed, dose_ug_per_kg_day: 0, visit_every_days: 28}"


@cache
def simulated(name: str, *changes: str) -> Tables:
    return trial.simulate(load_scenario(name, list(changes)), "x")


def lives() -> Tables:
    return simulated("scn_lives", "cohort.n=120", "horizon_years=8")


def within(found: float, share: float, n: int) -> bool:
    return abs(found - share) <= STANDARD_ERRORS * math.sqrt(share * (1 - share) / n)


# Hazards


@pytest.mark.parametrize("purpose", [Purpose.INFECTION, Purpose.CLONE])
@pytest.mark.parametrize("hazard", [0.01, 0.3, 2.0])
def test_a_hazard_is_met_as_often_as_it_says(purpose: Purpose, hazard: float) -> None:
    streams = Streams(7)
    drawn = np.array([streams.generator(purpose, patient, 0).standard_exponential() for patient in range(DRAWS)])
    assert within(float((drawn < hazard).mean()), -math.expm1(-hazard), DRAWS)


@pytest.mark.parametrize("name", ["graft_failure_share", "acute_gvhd_share", "death_share", "sibling_share"])
def test_what_a_transplant_brings_comes_as_often_as_published(name: str) -> None:
    share, streams = catalogue.outcome_numbers("transplant")[name].value, Streams(8)
    place = {"sibling_share": 0, "graft_failure_share": 3, "death_share": 4, "acute_gvhd_share": 6}[name]
    drawn = [streams.generator(Purpose.TRANSPLANT, patient, 0).random(8)[place] for patient in range(DRAWS)]
    assert within(float((np.array(drawn) < share).mean()), share, DRAWS)


@pytest.mark.slow
def test_first_infections_come_at_the_rate_of_the_counts() -> None:
    """Healthy people: nobody's count is scarce, so a year brings the rate of anybody."""
    tables = simulated(
        "healthy_volunteers", "cohort.n=3000", "horizon_years=1", UNTREATED, "outcomes={}", "output.level=visit"
    )
    found = tables["outcomes"]
    rate = catalogue.outcome_numbers("infection")["rate_high_anc_per_year"].value
    assert within(float((found["infections"] > 0).mean()), -math.expm1(-rate * 365 / 365.25), len(found))


def test_halving_the_step_of_the_memory_leaves_the_hazard() -> None:
    days = 3
    numbers = catalogue.values(catalogue.outcome_numbers("infection")) | {"days_low_for_half": float(days)}
    memory = np.zeros(1)
    for _ in range(days):
        memory = outcomes.next_memory(memory, np.ones(1), numbers)
    assert memory[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("anc", "more_than"), [(0.05, 5.0), (0.5, 3.0)])
def test_fewer_neutrophils_mean_more_and_worse_infections(anc: float, more_than: float) -> None:
    numbers = catalogue.values(catalogue.outcome_numbers("infection"))
    scarce = outcomes.scarcity([anc, 3.0], numbers)
    rates = outcomes.infection_rate(scarce, scarce, 1.0, numbers)
    assert rates[0] > more_than > 2.2 > rates[1]
    assert outcomes.severe_share(anc, 1.0, numbers) > outcomes.severe_share(3.0, 1.0, numbers)
    assert outcomes.death_share(anc, 5.0, 1.0, numbers) > outcomes.death_share(3.0, 5.0, 1.0, numbers)
    assert outcomes.death_share(anc, 0.5, 1.0, numbers) > outcomes.death_share(anc, 5.0, 1.0, numbers)


def test_an_adults_other_diseases_make_an_infection_deadlier() -> None:
    """Kuderer 2006: 2.6 % died without another major disease, 10.3 % with one, 21.4 % with more than one."""
    numbers = catalogue.values(catalogue.outcome_numbers("infection"))
    none, one, two = (outcomes.death_share(1.0, 55.0, 0.2, numbers, ills) for ills in (0, 1, 2))
    assert one / none == pytest.approx(10.3 / 2.6, rel=0.01)
    assert two / one == pytest.approx(21.4 / 10.3, rel=0.01)
    assert outcomes.death_share(1.0, 12.0, 0.2, numbers, 2) == outcomes.death_share(1.0, 12.0, 0.2, numbers)


def test_the_same_infections_kill_more_of_those_with_other_diseases() -> None:
    options = (
        "cohort.n=80",
        "outcomes={}",
        "policy={kind: fixed, dose_ug_per_kg_day: 0, visit_every_days: 7}",
        "horizon_years=0.24",
    )
    well, ill = (
        simulated("chemotherapy_cycles", *options, f"cohort.traits={{major_comorbidities: {{fixed: {ills}}}}}")[
            "outcomes"
        ]
        for ills in (0, 4)
    )
    died_well, died_ill = (found["status_sepsis_death"].eq(1).sum() for found in (well, ill))
    assert died_ill >= 4 * max(died_well, 1)


def test_half_of_untreated_infants_die_in_the_first_year() -> None:
    """Rosenberg 2006: before G-CSF about half of them did."""
    options = (
        "cohort.n=300",
        "cohort.age_years=0.05",
        "horizon_years=1",
        UNTREATED,
        "outcomes={}",
        "output.level=visit",
    )
    dead = simulated("scn_child", *options)["outcomes"]["status_death"] == 1
    assert dead.mean() == pytest.approx(0.5, abs=0.1)


# Leukaemia


@pytest.mark.parametrize("name", ["idiopathic", "autoimmune", "cyclic"])
def test_no_leukaemia_where_there_is_none(name: str) -> None:
    assert catalogue.disease(name).outcomes.leukaemia_fold.value == 0
    scenario = {"idiopathic": "idiopathic_adult", "autoimmune": "autoimmune_infant", "cyclic": "cyclic_child"}[name]
    options = ("cohort.n=40", "horizon_years=3", "arms=[{name: base}]", "output.level=visit")
    high = "outcomes={overrides: {leukaemia: {plateau_per_year: 5.0}}}"
    assert not simulated(scenario, *options, high)["events"]["event"].isin(["mds_aml", "clone_turns_malignant"]).any()


def test_under_marker_the_dose_changes_nothing_and_under_causal_the_need_does_not() -> None:
    numbers = catalogue.values(catalogue.outcome_numbers("leukaemia"))
    assert outcomes.leukaemia_rate(5.0, 1.0, 3.0, "marker", numbers) == outcomes.leukaemia_rate(
        5.0, 1.0, 30.0, "marker", numbers
    )
    assert outcomes.leukaemia_rate(5.0, -1.0, 8.0, "causal", numbers) == outcomes.leukaemia_rate(
        5.0, 2.0, 8.0, "causal", numbers
    )
    low, high = (outcomes.leukaemia_rate(5.0, 1.0, dose, "mixed", numbers) for dose in (3.0, 30.0))
    assert low < high


def test_clones_foretell_without_changing_the_mean_rate() -> None:
    numbers = catalogue.values(catalogue.outcome_numbers("leukaemia"))
    for years in (0.5, 5.0, 15.0):
        share = outcomes.clone_share(years, numbers)
        with_clone, without = (outcomes.clone_fold(there, years, numbers) for there in (True, False))
        assert share * with_clone + (1 - share) * without == pytest.approx(1.0)
        assert share * with_clone == pytest.approx(numbers["csf3r_share_at_transformation"])


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["marker", "causal", "mixed"])
def test_each_setting_gives_the_leukaemia_of_the_registry_under_registry_practice(effect: str) -> None:
    """Rosenberg 2006: 21 % at ten years; 400 simulated patients have a standard error of 2 %."""
    chosen = f"outcomes={{leukaemia: {{dose_effect: {effect}}}, transplant: {{available: false}}}}"
    found = simulated("scn_registry", "cohort.n=400", "horizon_years=10", "cohort.age_years=2", chosen)["outcomes"]
    assert (found["status_mds_aml"] == 1).mean() == pytest.approx(0.20, abs=0.065)


# Whole lives


def test_nothing_happens_after_death() -> None:
    tables = lives()
    end = tables["outcomes"].set_index(["arm", "patient_id"])["days_observed"]
    died = tables["outcomes"].set_index(["arm", "patient_id"])["status_death"] == 1
    assert died.sum() > 10
    for name in ("visits", "events"):
        rows = tables[name].set_index(["arm", "patient_id"])
        last = rows["day"].groupby(level=[0, 1]).max()
        assert (last <= end.reindex(last.index)).all()
        if name == "visits":
            assert (last[died.reindex(last.index)] < end[died].reindex(last[died.reindex(last.index)].index)).all()
    periods = tables["doses"].set_index(["arm", "patient_id"])["day_end"].groupby(level=[0, 1]).max()
    assert (periods <= end.reindex(periods.index)).all()


def test_each_dies_once_and_of_a_cause() -> None:
    tables = lives()
    deaths = tables["events"][tables["events"]["event"] == "death"]
    assert not deaths.duplicated(["arm", "patient_id"]).any()
    found = tables["outcomes"]
    assert (found["cause_of_death"].ne("") == found["status_death"].eq(1)).all()
    assert set(found["cause_of_death"]) <= {"", "sepsis", "mds_aml", "transplant"}
    assert (found.loc[found["status_sepsis_death"] == 1, "cause_of_death"] == "sepsis").all()


def test_a_transplant_is_conditioned_engrafts_and_ends_the_drug() -> None:
    tables = lives()
    events, visits = tables["events"], tables["visits"]
    given = events[events["event"] == "transplant"]
    assert len(given) > 10
    for row in given.itertuples():
        own = visits[(visits["arm"] == row.arm) & (visits["patient_id"] == row.patient_id)]
        before = events[(events["arm"] == row.arm) & (events["patient_id"] == row.patient_id)]
        assert (before.loc[before["event"] == "conditioning", "day"] == row.day - 9).any()
        first = own[(own["day"] >= row.day) & (own["day"] < row.day + 5)]
        assert (first["dose_after_ug_per_kg_day"] == 0).all()
        later = own[(own["day"] >= row.day + 40) & (own["day"] < row.day + 80)]
        if len(later) and later["anc_true_1e9_per_l"].min() > 1.0:
            assert (later["dose_after_ug_per_kg_day"] == 0).all()


def test_a_graft_that_fails_is_followed_by_another_and_never_by_two_at_once() -> None:
    always = "outcomes={overrides: {transplant: {graft_failure_share: 1.0, death_share: 0.0}}}"
    tables = simulated("scn_poor_responder", "cohort.n=12", "horizon_years=4", always, "output.level=visit")
    events = tables["events"]
    for _, own in events.groupby("patient_id"):
        days = own.loc[own["event"] == "transplant", "day"].tolist()
        failures = own.loc[own["event"] == "graft_failure", "day"].tolist()
        assert len(days) <= 2
        if len(days) == 2:
            assert days[0] < failures[0] < days[1]
    assert (events["event"] == "graft_failure").any()


def test_arms_with_the_same_policy_are_the_same() -> None:
    tables = simulated("scn_lives", "cohort.n=30", "horizon_years=5", "arms=[{name: one}, {name: two}]")
    for name in ("visits", "events", "doses", "outcomes"):
        one, two = (tables[name][tables[name]["arm"] == arm].drop(columns="arm") for arm in ("one", "two"))
        pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_a_life_alone_is_the_life_in_the_cohort() -> None:
    few = simulated("scn_lives", "cohort.n=7", "horizon_years=6")
    many = simulated("scn_lives", "cohort.n=40", "horizon_years=6")
    for name in ("visits", "events", "outcomes"):
        own = many[name][many[name]["patient_id"] < 7].reset_index(drop=True)
        pd.testing.assert_frame_equal(few[name].reset_index(drop=True), own)


def test_where_nothing_can_happen_the_run_is_the_one_without_lives() -> None:
    options = ("cohort.n=20", "horizon_years=3", "output.level=visit")
    with_lives, without = simulated("scn_child", *options, NOTHING_HAPPENS), simulated("scn_child", *options)
    pd.testing.assert_frame_equal(with_lives["visits"], without["visits"])
    pd.testing.assert_frame_equal(with_lives["events"], without["events"])
    shared = list(without["outcomes"].columns)
    pd.testing.assert_frame_equal(with_lives["outcomes"][shared], without["outcomes"])


def test_an_infection_brings_the_patient_to_the_clinic_on_its_morning() -> None:
    tables = simulated("scn_child", "cohort.n=30", "horizon_years=3", "outcomes={}", "output.level=visit")
    ill = tables["events"][tables["events"]["event"] == "infection"]
    seen = set(zip(tables["visits"]["patient_id"], tables["visits"]["day"], strict=True))
    assert len(ill) > 50
    assert all((row.patient_id, row.day) in seen for row in ill.itertuples())


@pytest.mark.parametrize("hours", [30, 72])
def test_late_results_do_not_upset_a_life(hours: int) -> None:
    options = ("cohort.n=20", "horizon_years=3", "outcomes={}", "output.level=trajectory")
    tables = simulated("scn_child", *options, f"laboratory.turnaround_hours={hours}")
    assert not tables["outcomes"]["failed"].any()
    assert tables["outcomes"]["infections"].sum() > 20
    assert np.isfinite(tables["trajectory"]["anc_1e9_per_l"]).all()


def test_one_bed_is_never_given_to_two() -> None:
    tables = simulated("scn_few_beds", "cohort.n=150", "horizon_years=5")
    # Who dies before the graft is given leaves the bed at once.
    events = tables["events"][tables["events"]["event"] == "transplant"]
    stay = catalogue.outcome_numbers("transplant")["graft_failure_seen_after_days"].value
    apart = events.groupby("arm")["day"].apply(lambda days: np.diff(np.sort(days)).min())
    assert apart["one_bed"] >= stay
    assert apart["no_limit"] < stay


def test_a_run_of_lives_verifies_and_its_report_names_the_setting(tmp_path: Path) -> None:
    trial.run(load_scenario("scn_lives", ["cohort.n=24", "horizon_years=4"]), tmp_path / "lives")
    verify(tmp_path / "lives", as_json=True)
    page = write_report(tmp_path / "lives").read_text()
    assert "dose as: marker (arm guideline), marker (arm registry)" in page
    assert "Kaplan-Meier" in page


def test_a_block_is_a_centre_where_beds_are_shared_and_everybody_is_told(tmp_path: Path) -> None:
    options = ["cohort.n=60", "horizon_years=2", "outcomes.transplant.patients_per_centre=25"]
    result = trial.run(load_scenario("scn_few_beds", options), tmp_path / "beds")
    assert result.manifest["coupled"]
    assert [part["rows"] for part in result.manifest["tables"]["patients"]["parts"]] == [50, 50, 20]
    verify(tmp_path / "beds", as_json=True)
    assert "Patients share transplant beds" in write_report(tmp_path / "beds").read_text()


def test_costs_come_from_the_prices_given_and_from_nowhere_else() -> None:
    options = ("cohort.n=10", "horizon_years=2", "output.level=patient")
    prices = "outcomes={prices: {currency: EUR, per_vial: 100, per_visit: 50}}"
    found = simulated("scn_child", *options, prices)["outcomes"]
    years = found["days_observed"] / 365.25
    expected = 100 * found["vials_per_year"] * years + 50 * found["visits"]
    np.testing.assert_allclose(found["cost"], expected)
    assert "cost" not in simulated("scn_child", *options, "outcomes={}")["outcomes"]


@pytest.mark.parametrize("name", list(catalogue.outcome_numbers("adverse_events")))
def test_adverse_events_come_as_often_as_published_in_the_end(name: str) -> None:
    shares = catalogue.values(catalogue.outcome_numbers("adverse_events"))
    streams, place = Streams(9), list(shares).index(name)
    drawn = [streams.generator(Purpose.ADVERSE_EVENT, patient).random(len(shares))[place] for patient in range(DRAWS)]
    assert within(float((np.array(drawn) < shares[name]).mean()), shares[name], DRAWS)


# Curves


def test_incidence_with_competing_risks_is_that_of_a_small_example_by_hand() -> None:
    """Four patients: leukaemia at 1 year, sepsis at 2, a transplant at 3, nothing until 4."""
    days = 365.25 * np.array([1.0, 2.0, 3.0, 4.0])
    columns = {"days_observed": [1461.0] * 4}
    for number, name in enumerate(("mds_aml", "sepsis_death", "transplant", "death")):
        status = [int(who == number) for who in range(4)] if name != "death" else [0, 1, 0, 0]
        columns[f"time_to_{name}_days"] = days if name != "death" else [1461.0, days[1], 1461.0, 1461.0]
        columns[f"status_{name}"] = status
    curves = {curve.endpoint: curve for curve in incidences(pd.DataFrame(columns))}
    assert {name: curve.share[-1] for name, curve in curves.items()} == pytest.approx(
        {"mds_aml": 0.25, "sepsis_death": 0.25, "transplant": 0.25}
    )
    assert at_risk(pd.DataFrame(columns), np.array([0.0, 1.5, 3.5])).tolist() == [4, 3, 1]
    assert survival(pd.DataFrame(columns)) == pytest.approx(2 / 3, abs=0.1)


def made_up(**columns: object) -> pd.DataFrame:
    """Four patients to whom nothing happened in ten years, with columns changed."""
    plain = {"days_observed": 3652, "share_anc_1_to_5": [0.2, 0.4, 0.6, 0.8], "doses_ordered": 100, "doses_taken": 90}
    for name in ("mds_aml", "sepsis_death", "transplant", "death"):
        plain |= {f"status_{name}": 0, f"time_to_{name}_days": 3652}
    return pd.DataFrame(plain | {plots.DOSE: [2.0, 4.0, 10.0, 12.0], plots.ANC: [3.0, 3.0, 1.0, 1.0]} | columns)


def test_captions_leave_out_what_there_is_no_number_for() -> None:
    assert plots.caption_incidence(made_up(), "marker").startswith(
        "After 10 years 100 % are alive (Kaplan-Meier); none of the three events came."
    )
    both = plots.caption_joint(made_up(status_mds_aml=[0, 1, 1, 1]))
    assert "MDS or AML came in 100 % of them and in 50 % of those with less drug and higher counts." in both
    assert "MDS or AML came in 0 % of those with less drug" in plots.caption_joint(made_up().head(2))
    assert "MDS or AML" not in plots.caption_joint(made_up().iloc[[2]].assign(**{plots.ANC: 3.0}))


def test_adherence_is_told_where_some_take_more_than_others() -> None:
    told = plots.caption_adherence(made_up(doses_taken=[50, 80, 90, 99]))
    assert "took at most 59 % of their doses spent 20 % of the days" in told
    assert "at least 96 %, 80 %." in told
    for same in (made_up(), made_up(doses_taken=100), made_up(doses_ordered=0, doses_taken=0)):
        assert plots.caption_adherence(same) == ""


@pytest.mark.filterwarnings("error")
def test_who_has_no_dose_is_counted_and_not_drawn_on_a_scale_of_doses() -> None:
    some = made_up(**{plots.DOSE: [0.0, 4.0, 10.0, 12.0]})
    assert "1 patient without G-CSF in those months left out." in plots.caption_joint(some)
    assert "67 % of the patients needed 8" in plots.caption_joint(some)
    plots.plot_joint(some)
    assert plots.of_months(made_up(**{plots.DOSE: 0.0})).empty


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "of_registry"), [("idiopathic_stable", False), ("scn_child", True)])
def test_the_registry_stands_beside_its_own_disease_alone(tmp_path: Path, name: str, of_registry: bool) -> None:
    untreated = (UNTREATED, "outcomes={}", "cohort.n=20", "horizon_years=0.6", "course={}", "output.level=patient")
    trial.run(load_scenario(name, untreated), tmp_path / "run")
    page = write_report(tmp_path / "run").read_text()
    for words in ("published for the registry", "MDS and AML were simulated"):
        assert (words in page) == of_registry
    assert "29 % in the registry" not in page, "nobody had a dose to be compared"
    assert "of their doses" not in page
    axes = plots.plot_incidence(made_up(days_observed=3700), of_registry=of_registry).axes[0]
    assert any("Rosenberg 2006" in text.get_text() for text in axes.texts) == of_registry


# Habits


def test_holidays_and_adolescence_take_doses_away() -> None:
    fold = Habits(0.5, ((10, 5),)).daily_fold(11.9, 120)
    assert (fold[:10] == 1).all()
    assert (fold[10:15] == 0).all()
    assert fold[-1] == 0.5


def test_a_drug_holiday_lowers_the_count() -> None:
    options = ("cohort.n=20", "horizon_years=2", "policy={kind: fixed, dose_ug_per_kg_day: 8}")
    usual = simulated("scn_child", *options)["outcomes"]["share_anc_below_0_5"].mean()
    holidays = simulated("scn_child", *options, "adherence.holidays_per_year=2")["outcomes"][
        "share_anc_below_0_5"
    ].mean()
    assert holidays > usual + 0.03


# Wrong input


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        ("infection.severe_share_low_anc", "7", "a number from 0 to 1 (share)"),
        ("infection.death_share_low_anc", "-1", "a number from 0 to 1 (share of severe infections)"),
        ("infection.rate_low_anc_per_year", "-5", "a number from 0 to 365 (1/year)"),
        ("infection.rate_low_anc_per_year", "1e9", "a number from 0 to 365 (1/year)"),
        ("infection.mild_days", "-1", "a number from 0 to 3650 (days)"),
        ("infection.days_log_sd", "-1", "a number from 0 to 3 (dimensionless)"),
        ("leukaemia.need_slope", "1e6", "a number from -100 to 100 (dimensionless)"),
        ("need.sd", "0", "a number from 0.001 to 100 (log fold)"),
        ("infection.rate_low", "4", "the keys rate_high_anc_per_year, "),
        ("infection.mild_day", "4", "did you mean `mild_days`?"),
        ("infectio.mild_days", "4", "the group one of infection, leukaemia, "),
        ("infection", "4", "a number for each of its keys that is replaced: rate_high_anc_per_year, "),
        ("mild_days", "4", "`mild_days` is replaced as outcomes.overrides.infection.mild_days"),
        (
            "infection_fold",
            "0.25",
            "`infection_fold` is the disease's own, in models/diseases/scn.yaml, and no scenario",
        ),
    ],
)
def test_a_number_of_outcomes_is_held_to_its_name_and_unit(path: str, value: str, allowed: str) -> None:
    with pytest.raises(InputRefused) as refused:
        load_scenario("scn_child", [f"outcomes.overrides.{path}={value}"])
    (problem,) = refused.value.problems
    assert f"outcomes.overrides.{path}".startswith(problem.field)
    assert allowed in str(problem)


def test_every_wrong_number_of_outcomes_is_told_at_once_and_in_arms_too() -> None:
    wrong = "{overrides: {infection: {mild_days: -1}, need: {largest: -1}}}"
    with pytest.raises(InputRefused) as refused:
        load_scenario("scn_child", [f"outcomes={wrong}", f"arms=[{{name: one, outcomes: {wrong}}}]"])
    places = [
        ("", "infection.mild_days"),
        ("", "need.largest"),
        ("arms[0].", "infection.mild_days"),
        ("arms[0].", "need.largest"),
    ]
    assert [problem.field for problem in refused.value.problems] == [
        f"{at}outcomes.overrides.{key}" for at, key in places
    ]


def test_the_numbers_of_outcomes_lie_within_what_may_replace_them() -> None:
    for group in catalogue.outcome_groups():
        for name, entry in catalogue.outcome_numbers(group).items():
            assert entry.low is not None, name
            assert entry.high is not None, name
            assert entry.low <= entry.value <= entry.high, name
            assert not entry.unit.startswith("share") or (entry.low, entry.high) == (0, 1), name


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("outcomes={overrides: {infections: {}}}", "outcomes.overrides.infections"),
        ("outcomes={overrides: {infection: {rate: 1}}}", "outcomes.overrides.infection.rate"),
        ("outcomes={leukaemia: {dose_effect: strong}}", "outcomes.leukaemia.dose_effect"),
        ("policy={kind: registry, overrides: {start: 5}}", "policy.overrides.start"),
        ("outcomes={transplant: {beds: 0}}", "outcomes.transplant.beds"),
    ],
)
def test_what_is_not_known_is_refused_by_name(change: str, field: str) -> None:
    with pytest.raises(InputRefused) as refused:
        load_scenario("scn_child", [change])
    assert field in str(refused.value)
