"""Model-informed dosing: it finds what a body needs from noisy counts, and never asks for what may not be ordered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from titranc.models import catalogue, order_gate
from titranc.models.clinic_view import Count, CountStatus, Decision, History, Observation, PastVisit, PersonalPolicy
from titranc.models.distributions import sample
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.granulopoiesis import parameter_array
from titranc.models.guideline import SafetyLimits
from titranc.models.integrator import Bodies, DosePlan
from titranc.models.policies import model_informed
from titranc.models.policies.model_informed import ModelInformed

PATIENTS = 20
MISSING = Count(0, None, CountStatus.MISSING)


@dataclass
class Body:
    """A synthetic patient who takes every dose; the counts are the laboratory's."""

    patient: int
    bodies: Bodies

    @classmethod
    def drawn(cls, patient: int, disease: str = "scn", **fixed: float) -> Body:
        """Return a patient of a diagnosis, untreated."""
        diagnosis, luck = catalogue.disease(disease), np.random.default_rng([2024, patient])
        own = {name: sample(entry.distribution, float(luck.random())) for name, entry in diagnosis.parameters.items()}
        bodies = Bodies(parameter_array([own | fixed]))
        bodies.burn_in(int(diagnosis.burn_in_days.value))
        return cls(patient, bodies)

    def count(self, day: int) -> Count:
        noise = np.random.default_rng([2025, self.patient, day])
        return catalogue.assay().report(float(self.bodies.anc[0]), day, noise)

    def take(self, regimen: Regimen, days: int) -> np.ndarray:
        """Return the true ANC of the coming mornings, which pass."""
        times = regimen.injections_per_day
        amount, minute = np.full((days, times, 1), regimen.dose.ug_per_kg), np.array([[0], [720]][:times])
        return self.bodies.advance(days, DosePlan(amount, minute, ["D"] * times))[:, 0, 0]


@cache
def limits(disease: str = "scn") -> SafetyLimits:
    return catalogue.guideline("source", disease=disease).limits


def policy(patient: int, disease: str = "scn", **overrides: float) -> ModelInformed:
    general, _ = model_informed.build("filgrastim", disease, limits(disease), overrides)
    return general.for_patient(np.random.default_rng([2026, patient]))


@dataclass(frozen=True)
class Visit:
    """A visit: what was seen, what was asked and what was ordered."""

    seen: Observation
    decision: Decision
    ordered: order_gate.Order


def visits(
    policy: ModelInformed, body: Body, n: int, disease: str = "scn", losing: tuple[int, ...] = ()
) -> Iterator[Visit]:
    """Follow a patient for n visits; the samples of those `losing` are lost."""
    day, regimen, history = 0, None, []
    for visit in range(n):
        count = replace(MISSING, day=day) if visit in losing else body.count(day)
        seen = Observation(day, 5 + day / 365, 18.0, disease, count, regimen, History(list(history)))
        decision = policy.decide(seen)
        ordered = order_gate.order(seen, decision, policy.limits)
        yield Visit(seen, decision, ordered)
        history.append(PastVisit(day, count, regimen or NO_DOSE, ordered.regimen, decision.rule_ids))
        regimen, day = ordered.regimen, day + ordered.next_visit_days
        body.take(regimen, ordered.next_visit_days)


def after(n: int, patient: int, **overrides: float) -> tuple[ModelInformed, Body, Visit]:
    """Return a policy, its patient on the morning of the n-th visit, and that visit."""
    own, body = policy(patient, **overrides), Body.drawn(patient)
    return own, body, list(islice(visits(own, body, n), n))[-1]


def forged(counts: list[tuple[int, float | None, CountStatus]], doses: list[float]) -> Observation:
    """Return the last of some visits, each with its day, its count and the daily dose that it left in force."""
    history, before = [], NO_DOSE
    for (day, anc, status), dose in zip(counts[:-1], doses, strict=True):
        given = Regimen.daily(dose, 1)
        history.append(PastVisit(day, Count(day, anc, status), before, given, ("forged",)))
        before = given
    day, anc, status = counts[-1]
    return Observation(day, 5.0, 18.0, "scn", Count(day, anc, status), before, History(history))


def at_fifteen(ancs: list[float], days_apart: int = 7) -> Observation:
    """Return a visit of a patient who came to the line on day 7 and had these counts since."""
    counts = [(0, 0.1), (7, 0.2), *((7 + days_apart * (i + 1), anc) for i, anc in enumerate(ancs))]
    valid = [(day, anc, CountStatus.VALID) for day, anc in counts]
    return forged(valid, [12.0] + [15.0] * len(ancs))


def test_predicted_counts_cover_the_true_ones_after_eight_visits() -> None:
    covered, narrowed, errors = [], [], []
    for patient in range(PATIENTS):
        own, body, last = after(8, patient)
        foretold = np.median(own.estimate(last.seen).foretell([last.ordered.regimen])[0], axis=1)
        blind = policy(patient).estimate(forged([(0, None, CountStatus.MISSING)], []))
        unlearnt = np.median(blind.foretell([last.ordered.regimen])[0], axis=1)
        true = float(np.median(body.take(last.ordered.regimen, 28)))
        low, high = np.quantile(foretold, [0.05, 0.95])
        covered.append(low <= true <= high)
        narrowed.append(np.log(high / low) / np.log(np.quantile(unlearnt, 0.95) / np.quantile(unlearnt, 0.05)))
        errors.append(abs(np.log(np.median(foretold) / true)))
    assert np.mean(covered) >= 0.8
    assert np.median(narrowed) < 0.4
    assert np.median(errors) < 0.2


def test_the_dose_found_brings_the_body_into_target() -> None:
    in_target = []
    for patient in range(PATIENTS):
        _, body, last = after(12, patient)
        anc = body.take(last.ordered.regimen, 28)
        in_target.append(np.mean((anc >= 1.0) & (anc <= 5.0)))
    assert np.median(in_target) > 0.95
    assert np.mean(in_target) > 0.75


def courses() -> st.SearchStrategy[list[tuple[int, int, float, CountStatus]]]:
    """Visits of a course: days until the next, age of the count in days, the count, whether it may be acted upon."""
    anc = st.one_of(st.floats(0, 0.99), st.floats(0, 30), st.sampled_from([0.0, 0.5, 1.0, 5.0, 10.0]))
    wait, lag = st.sampled_from([1, 3, 5, 7, 14, 56]), st.sampled_from([0] * 8 + [1, 3, 4, 30])
    visit = st.tuples(wait, lag, anc, st.sampled_from([*CountStatus, *[CountStatus.VALID] * 10]))
    return st.lists(visit, min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(courses(), st.sampled_from(["scn", "cyclic"]))
def test_nothing_is_asked_for_that_the_gate_refuses(
    course: list[tuple[int, int, float, CountStatus]], disease: str
) -> None:
    own, regimen, history, day, held_to = policy(3, disease), None, [], 0, limits(disease)
    for wait, lag, anc, status in course:
        count = Count(day - lag, None if status is CountStatus.MISSING else anc, status)
        seen = Observation(day, 5.0, 18.0, disease, count, regimen, History(list(history)))
        decision = own.decide(seen)
        ordered = order_gate.order(seen, decision, own.limits)
        assert ordered.refusals == ()
        dose, before = decision.regimen.ug_per_kg_day, regimen.ug_per_kg_day if regimen else 0.0
        assert 0 <= dose <= held_to.ceiling_ug_per_kg_day
        assert dose <= before or (count.usable and lag <= held_to.count_valid_days)
        if dose > before and any(visit.changed for visit in history):
            assert anc < held_to.target_low_1e9_per_l
        if dose > max(before, held_to.exception_above_ug_per_kg_day):
            assert decision.rule_ids == ("mipd-raise", "mipd-exception")
        history.append(PastVisit(day, count, regimen or NO_DOSE, ordered.regimen, decision.rule_ids))
        regimen, day = ordered.regimen, day + wait


@pytest.mark.parametrize(
    ("ancs", "days_apart", "crosses"),
    [
        ([0.3, 0.4, 0.3], 7, True),
        ([0.4, 0.3], 7, False),
        ([0.3, 1.2, 0.3], 7, False),
        ([0.3, 0.4, 0.3], 4, False),
    ],
    ids=["three low counts over three weeks", "two counts", "one was in target", "twelve days"],
)
def test_the_line_is_crossed_only_when_counts_stay_low_at_it(ancs: list[float], days_apart: int, crosses: bool) -> None:
    decision = policy(1).decide(at_fifteen(ancs, days_apart))
    assert (decision.regimen.ug_per_kg_day > 15) is crosses
    assert ("mipd-exception" in decision.rule_ids) is crosses


@pytest.mark.parametrize("status", [status for status in CountStatus if status is not CountStatus.VALID])
def test_a_count_that_is_not_usable_keeps_the_dose_and_calls_for_another(status: CountStatus) -> None:
    counts = [(0, 0.05, CountStatus.VALID), (7, 0.1, CountStatus.VALID)]
    assert policy(2).decide(forged([*counts, (14, 0.1, CountStatus.VALID)], [5.0, 5.0])).rule_ids == ("mipd-raise",)
    anc = None if status is CountStatus.MISSING else 0.1
    decision = policy(2).decide(forged([*counts, (14, anc, status)], [5.0, 5.0]))
    assert decision.regimen == Regimen.daily(5.0, 1)
    assert (decision.action, decision.rule_ids, decision.next_visit_days) == ("keep", ("mipd-not-usable",), 7)
    assert status.value in str(decision.reason)


def test_without_a_count_no_treatment_begins() -> None:
    decision = policy(2).decide(Observation(0, 5.0, 18.0, "scn", MISSING, None))
    assert (decision.regimen.ng_per_kg_day, decision.rule_ids) == (0, ("mipd-not-usable",))


def test_a_lost_sample_changes_nothing_until_the_next_one() -> None:
    followed = list(visits(policy(4), Body.drawn(4), 4, losing=(2,)))
    assert followed[2].ordered.regimen == followed[1].ordered.regimen
    assert followed[2].decision.rule_ids == ("mipd-not-usable",)
    assert followed[3].decision.rule_ids != ("mipd-not-usable",)


def test_a_high_count_on_a_dose_lowers_it_and_a_low_one_raises_it() -> None:
    start = [(0, 0.1, CountStatus.VALID)]
    high = policy(5).decide(forged([*start, (7, 9.0, CountStatus.VALID), (14, 9.5, CountStatus.VALID)], [8.0, 8.0]))
    low = policy(5).decide(forged([*start, (7, 0.4, CountStatus.VALID), (14, 0.5, CountStatus.VALID)], [8.0, 8.0]))
    assert (high.action, high.rule_ids) == ("decrease", ("mipd-lower",))
    assert (low.action, low.rule_ids) == ("increase", ("mipd-raise",))
    assert high.regimen.ug_per_kg_day < 8 < low.regimen.ug_per_kg_day
    assert f"{low.regimen.ug_per_kg_day:g} ug/kg/day" in str(low.reason)


def test_a_higher_price_of_drug_never_gives_more_of_it() -> None:
    seen = after(8, 0)[2].seen
    doses = [policy(0, price_per_ug_per_kg_day=price).decide(seen).regimen.ug_per_kg_day for price in (0.0, 0.01, 0.5)]
    assert doses == sorted(doses, reverse=True)
    assert doses[-1] < doses[0]


def test_a_cycle_raises_no_dose_on_a_count_that_is_not_low() -> None:
    low = [(7 * visit, 0.1, CountStatus.VALID) for visit in range(8)]
    own = {anc: policy(2, "cyclic") for anc in (0.99, 1.01)}
    actions = {
        anc: own[anc].decide(replace(forged([*low, (56, anc, CountStatus.VALID)], [2.0] * 8), disease="cyclic")).action
        for anc in own
    }
    assert not limits("cyclic").rise_needs_low_count
    assert actions == {0.99: "increase", 1.01: "keep"}


@pytest.mark.parametrize("n", [2, 3, 11])
def test_every_particle_stands_where_its_own_parameters_lead_under_the_doses_ordered(n: int) -> None:
    own, body = policy(0), Body.drawn(0)
    followed = list(islice(visits(own, body, n), n))
    particles = own.estimate(followed[-1].seen)
    alone = Bodies(particles.bodies.parameters, accuracy="default")
    alone.burn_in(250)
    for visit in followed[:-1]:
        days, taken = visit.ordered.next_visit_days, own.values["doses_taken_share"]
        amount = np.full((days, 1, alone.n), taken * visit.ordered.regimen.dose.ug_per_kg)
        alone.advance(days, DosePlan(amount, np.zeros((1, alone.n), np.int64), ["D"]))
    apart = np.abs(np.log(particles.bodies.anc / alone.anc))
    assert apart.max() < 0.08


def test_the_same_luck_makes_the_same_decisions_and_other_luck_other_particles() -> None:
    first, second = (list(visits(policy(6), Body.drawn(6), 8)) for _ in range(2))
    assert [str(visit.decision.reason) for visit in first] == [str(visit.decision.reason) for visit in second]
    assert [visit.ordered for visit in first] == [visit.ordered for visit in second]
    weighed = [policy(patient).estimate(first[-1].seen).weights for patient in (6, 7)]
    assert not np.array_equal(*weighed)


def test_a_decision_can_be_made_again_from_its_observation_alone() -> None:
    for visit in visits(policy(8), Body.drawn(8), 14):
        again = policy(8).decide(visit.seen)
        assert (again.regimen, again.rule_ids, str(again.reason)) == (
            visit.decision.regimen,
            visit.decision.rule_ids,
            str(visit.decision.reason),
        )


def test_a_decision_depends_on_nothing_but_observation_and_luck() -> None:
    shared, told = policy(9), {}
    followed = {patient: list(visits(policy(9), Body.drawn(patient), 6)) for patient in (9, 10)}
    for index in (3, 0, 5, 2):
        for patient in (9, 10):
            np.random.default_rng(index).random(index)
            told[patient, index] = shared.decide(followed[patient][index].seen)
            shared.decide(followed[patient][index].seen)
    for (patient, index), decision in told.items():
        expected = followed[patient][index].decision
        assert (decision.regimen, str(decision.reason)) == (expected.regimen, str(expected.reason))


def test_visits_are_weekly_then_fortnightly_then_every_eight_weeks() -> None:
    days = [visit.seen.day for visit in visits(policy(11), Body.drawn(11), 12)]
    assert np.diff(days).tolist() == [7, 7, 7, 7, 14, 14, 14, 14, 56, 56, 56]


@pytest.mark.parametrize("disease", ["scn", "cyclic", "idiopathic", "autoimmune"])
def test_every_chronic_neutropenia_is_dosed(disease: str) -> None:
    followed = list(visits(policy(12, disease), Body.drawn(12, disease), 6, disease))
    assert followed[0].decision.rule_ids[0] in ("mipd-start", "mipd-keep")
    assert all(not visit.ordered.refusals for visit in followed)


def test_a_body_that_leaps_into_health_is_noticed_and_needs_less() -> None:
    counts = [(0, 0.3), *((day, 2.5) for day in range(7, 85, 7)), *((day, 14.0) for day in range(91, 182, 14))]
    seen = [(day, anc, CountStatus.VALID) for day, anc in counts]
    history = replace(forged(seen, [3.0] * (len(seen) - 1)), disease="autoimmune")
    own = policy(13, "autoimmune")
    assert own.decide(history).action == "decrease"
    assert own.estimate(history).anc_quantiles([0.5])[0] > 7


@pytest.mark.parametrize(
    ("product", "disease", "named"),
    [
        ("pegfilgrastim", "scn", "product"),
        ("filgrastim", "chemotherapy", "disease"),
        ("filgrastim", "transplant_autologous", "disease"),
    ],
)
def test_what_the_model_does_not_cover_is_refused_by_name(product: str, disease: str, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: .*allowed: "):
        model_informed.build(product, disease, limits(disease), {})


def test_it_is_personal_and_its_limits_are_those_of_the_edition_but_for_its_exception() -> None:
    general, own = model_informed.build("filgrastim", "scn", limits(), {"particles": 32})
    assert isinstance(general, PersonalPolicy)
    assert replace(own, exception_rules=limits().exception_rules) == limits()
    assert own.exception_rules - limits().exception_rules == {"mipd-exception"}
    assert len(general.estimate(at_fifteen([0.3])).weights) == 32


def test_every_number_has_a_known_source() -> None:
    assert {entry.source for entry in model_informed.numbers().values()} <= set(catalogue.references())
