"""Every policy passes the same safety: ceilings, intervals and contraindications lie outside it; a user's own cannot do harm."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from titranc.models import catalogue, shelves
from titranc.models.clinic_view import Decision, Observation
from titranc.models.documents import InputRefused
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.policies.python_policy import PolicyFailed, guarded
from titranc.sim import trial
from titranc.sim.failures import explained
from titranc.sim.scenario import check_scenario, load_scenario

Tables = dict[str, pd.DataFrame]
TINY = 0.003
KINDS = {
    "registry": "scn_child",
    "lowest_effective": "scn_child",
    "proportional_integral": "scn_child",
    "model_informed": "scn_child",
    "vial_rounding": "scn_child",
    "cycle_aware": "cyclic_child",
}
POOR_LABORATORY = ("assay.lost_share=0.15", "assay.implausible_share=0.1", "adherence.doses_taken=0.7")


@cache
def run_of(kind: str, *changes: str) -> Tables:
    options = ["cohort.n=20", "horizon_years=2", f"policy={{kind: {kind}}}", "arms=[{name: base}]", *changes]
    return trial.simulate(load_scenario(KINDS[kind], options), "x")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_policy_never_passes_a_ceiling(kind: str) -> None:
    policy, limits = load_scenario(KINDS[kind], [f"policy={{kind: {kind}}}"]).policy_and_limits()
    dose = run_of(kind, *POOR_LABORATORY)["visits"]["dose_after_ug_per_kg_day"]
    most = min(limits.ceiling_ug_per_kg_day, limits.most_of("filgrastim"))
    assert np.isfinite(dose).all()
    assert dose.between(0, most + TINY).all()
    assert policy is not None


def test_a_policy_never_raises_without_a_usable_count(kind: str) -> None:
    visits = run_of(kind, *POOR_LABORATORY)["visits"]
    blind = visits[
        (visits["lab_status"] != "valid") & (visits["visit_no"] > 0) & (visits["dose_before_ug_per_kg_day"] > 0)
    ]
    assert len(blind) > 20
    assert (blind["dose_after_ug_per_kg_day"] <= blind["dose_before_ug_per_kg_day"] + TINY).all()


def test_a_policy_keeps_its_interval_between_raises(kind: str) -> None:
    _, limits = load_scenario(KINDS[kind], [f"policy={{kind: {kind}}}"]).policy_and_limits()
    visits = run_of(kind)["visits"]
    for _, own in visits.groupby("patient_id"):
        before, after = own["dose_before_ug_per_kg_day"], own["dose_after_ug_per_kg_day"]
        changed_on = own["day"].where((after - before).abs() > TINY)
        raised = (after > before + TINY) & (before > 0)
        waited = own["day"] - changed_on.shift().ffill()
        assert (waited[raised] >= limits.step_interval_days).all()


def test_a_policy_treats_and_says_why(kind: str) -> None:
    tables = run_of(kind)
    assert (tables["outcomes"]["share_anc_below_0_5"].median()) < 0.35
    assert (tables["visits"]["reason"].str.len() > 10).all()
    assert not tables["visits"]["reason"].str.contains(r"\b(?:None|nan|inf)\b").any()
    assert not tables["outcomes"]["failed"].any()


def test_nothing_is_injected_during_chest_radiotherapy_under_any_policy(kind: str) -> None:
    radiotherapy = (
        "course={chest_radiotherapy: {from_day: 60, to_day: 90}, findings: {recurrent_severe_infections: true}}"
    )
    tables = run_of(kind, radiotherapy, "horizon_years=0.4")
    days = tables["trajectory"]
    during = days["day"].between(60, 90)
    assert (days.loc[during, "dose_given_ug_per_kg"] == 0).all()
    assert (days.loc[~during, "dose_given_ug_per_kg"] > 0).any()


def test_low_responders_are_referred_whoever_sets_the_dose() -> None:
    """The dose is the policy's, the care is the guideline's."""
    poor = "cohort.parameters={gcsf_insensitivity: 3000}"
    for chosen in ("lowest_effective", "proportional_integral"):
        events = run_of(chosen, poor)["events"]["event"]
        assert events.isin(["hsct_non_responder"]).any()
        assert events.isin(["marrow"]).any()


def test_probing_leads_to_less_drug_than_the_guideline_for_the_child_in_the_middle() -> None:
    guideline = trial.simulate(load_scenario("scn_child", ["cohort.n=20", "horizon_years=2"]), "x")["outcomes"]
    probed = run_of("lowest_effective")["outcomes"]
    assert probed["mean_dose_ug_per_kg_day"].median() < guideline["mean_dose_ug_per_kg_day"].median()


def test_a_clinic_of_whole_vials_gives_parts_of_a_vial() -> None:
    visits = run_of("vial_rounding")["visits"]
    moved = visits[visits["action"].isin(["start", "increase", "decrease"]) & (visits["dose_after_ug_day"] > 0)]
    part = catalogue.drug("filgrastim").vial_ug.value * 0.25
    parts = moved["dose_after_ug_day"] / part
    limited = moved["gate"] != ""
    np.testing.assert_allclose(parts[~limited], parts[~limited].round(), atol=0.05)


def test_clinicians_of_the_registry_differ_and_stay_with_their_patient() -> None:
    first = run_of("registry")["visits"].groupby("patient_id")["dose_after_ug_per_kg_day"].first()
    assert set(first.round(3)) == {5.0, 12.0}
    again = run_of("registry", "horizon_years=1")["visits"].groupby("patient_id")["dose_after_ug_per_kg_day"].first()
    assert first.equals(again)


# Lifted limits


@pytest.mark.parametrize("kind", ["guideline", "cycle_aware"])
def test_one_count_is_not_told_as_one_counts(kind: str) -> None:
    reasons = trial.simulate(load_scenario("cyclic_child", ["horizon_years=0.2", f"policy.kind={kind}"]), "x")[
        "visits"
    ]["reason"]
    assert reasons.str.contains("so far: ").any()
    assert not reasons.str.contains(r"\b1 counts\b").any()


@pytest.mark.parametrize("name", shelves.names("policies"))
def test_the_numbers_of_a_policy_are_replaced_within_what_their_unit_allows(name: str) -> None:
    numbers = catalogue.policy_numbers(name)
    assert all(entry.low <= entry.value <= entry.high for entry in numbers.values() if entry.low is not None)
    for where in ("policy", "switch.policy"):
        given = [f"{where}.kind={name}", *(["switch.from_day=30"] if where != "policy" else [])]
        asked = [f"{where}.overrides.{key}={entry.value}" for key, entry in numbers.items()]
        loaded = load_scenario("scn_child", [*given, *asked])
        policy = loaded.policy if where == "policy" else loaded.switch.policy
        assert policy.overrides == catalogue.values(numbers)
        for key, entry in numbers.items():
            with pytest.raises(InputRefused) as refused:
                load_scenario("scn_child", [*given, f"{where}.overrides.{key}={entry.high * 2}"])
            assert f"{where}.overrides.{key}: " in str(refused.value)
            assert f"a number from {entry.low:g} to {entry.high:g} ({entry.unit})" in str(refused.value)


def test_unconstrained_lifts_the_guidelines_limits_and_never_the_drugs() -> None:
    asked = "policy={kind: fixed, dose_ug_per_kg_day: 100}"
    options = ["cohort.n=2", "horizon_years=0.2", asked]
    usual = trial.simulate(load_scenario("scn_child", options), "x")["visits"]["dose_after_ug_per_kg_day"].max()
    lifted = trial.simulate(load_scenario("scn_child", [*options, "unconstrained=true"]), "x")["visits"]
    assert usual < 100
    assert lifted["dose_after_ug_per_kg_day"].max() == 100.0
    _, limits = load_scenario("scn_child", [*options, "unconstrained=true"]).policy_and_limits()
    assert limits.most_of("filgrastim") == catalogue.drug("filgrastim").absolute_maximum_ug_per_kg_day.value


# A policy of one's own

OWN = """
from titranc.models.clinic_view import Decision
from titranc.models.dosing import Regimen

class Half:
    def decide(self, seen):
        return Decision(Regimen.daily(2.5, 1), 28, "start" if seen.regimen is None else "keep", ("half",), "Half of five.")

class Broken:
    def decide(self, seen):
        if seen.day > 20:
            raise KeyError("a number I forgot")
        return Half().decide(seen)

class Greedy:
    def decide(self, seen):
        return Decision(Regimen.daily(5000.0, 1), 7, "increase", ("greedy",), "More of 5000.")

class Backwards:
    def decide(self, seen):
        return Decision(Regimen.daily(2.5, 1), float("nan"), "keep", ("backwards",), "Back to day 0.")

not_a_policy = 7
"""


def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, on_error: str = "stop") -> Tables:
    module = f"policy_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    policy = f"policy={{kind: python, object: '{module}:{name}', on_error: {on_error}}}"
    return trial.simulate(load_scenario("scn_child", ["cohort.n=2", "horizon_years=0.3", policy]), "x")


def test_a_policy_from_a_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = own(tmp_path, monkeypatch, "Half")["visits"]
    assert (visits["dose_after_ug_per_kg_day"] == 2.5).all()
    assert visits["rule_ids"].str.startswith("half").all()


def test_an_error_names_policy_patient_and_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PolicyFailed, match=r"patient 0, day 28.*:Broken.*KeyError.*a number I forgot") as failed:
        own(tmp_path, monkeypatch, "Broken")
    message, code = explained(failed.value) or ("", 0)
    assert code == 2
    assert "patient 0, day 28" in message


def test_an_error_may_keep_the_dose_and_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = own(tmp_path, monkeypatch, "Broken", "keep")["visits"]
    late = visits[visits["day"] > 20]
    assert (late["dose_after_ug_per_kg_day"] == 2.5).all()
    assert late["reason"].str.contains("a number I forgot").all()


def test_five_thousand_becomes_the_ceiling_and_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = own(tmp_path, monkeypatch, "Greedy")
    assert tables["visits"]["dose_after_ug_per_kg_day"].max() <= 15.0
    assert (tables["events"]["event"] == "gate_refused").any()


def test_a_visit_at_no_time_keeps_the_dose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = own(tmp_path, monkeypatch, "Backwards")["visits"]
    assert (visits["dose_after_ug_per_kg_day"] == 0).all()
    assert visits["rule_ids"].str.startswith("policy-refused").all()


@pytest.mark.parametrize("name", ["not_a_policy", "Nobody"])
def test_what_cannot_decide_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(InputRefused, match=r"policy\.object"):
        own(tmp_path, monkeypatch, name)


@pytest.mark.parametrize(
    ("place", "named", "words"),
    [
        ("policy", "mine:Half", ""),
        ("policy", "inside.mine:Half", ""),
        ("policy", "math:nothing_of_ours", ""),
        ("policy", "yours:Half", "there is no module yours in this folder, nor installed"),
        ("policy", "inside.yours:Half", "there is no module inside.yours"),
        ("policy", "mine.inside:Half", "there is no module mine.inside"),
        ("policy", "mine:Halve", "module:name with a name that mine.py has"),
        ("policy", "broken:Half", "broken.py, line 1: "),
        ("switch", "yours:Half", "there is no module yours"),
        ("arms", "yours:Half", "there is no module yours"),
    ],
)
def test_a_check_looks_for_a_policy_of_ones_own_without_executing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, named: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inside").mkdir()
    for file in ("mine.py", "inside/mine.py"):
        (tmp_path / file).write_text(f"raise SystemExit('executed')\n{OWN}")
    (tmp_path / "broken.py").write_text("class Half\n")
    policy = f"{{kind: python, object: '{named}'}}"
    section = {
        "policy": policy,
        "switch": f"{{from_day: 9, policy: {policy}}}",
        "arms": f"[{{name: a, policy: {policy}}}]",
    }
    (tmp_path / "asked.yaml").write_text(f"extends: scn_child\n{place}: {section[place]}\n")
    if not words:
        assert check_scenario("asked.yaml").cohort.disease == "scn"
        return
    with pytest.raises(InputRefused) as refused:
        check_scenario("asked.yaml")
    (problem,) = refused.value.problems
    field = {"policy": "policy.object", "switch": "switch.policy.object", "arms": "arms[0].policy.object"}[place]
    assert (problem.file, problem.line, problem.field) == ("asked.yaml", 2, field)
    assert words in problem.allowed


@pytest.mark.parametrize("answer", [None, 5.0, "more", Decision(NO_DOSE, -3, "keep", ("x",), "Past.")])
def test_what_is_no_decision_keeps_the_dose_in_force(answer: object) -> None:
    class Odd:
        def decide(self, observation: Observation) -> Decision:
            return answer  # type: ignore[return-value]

    seen = replace(observation(), regimen=Regimen.daily(6.0, 1))
    decision = guarded(Odd(), "odd", keep_on_error=True).decide(seen)
    assert decision.regimen == seen.regimen
    assert "odd" in str(decision.reason)


@pytest.mark.parametrize("answer", [None, 5.0, "more"])
def test_what_is_no_decision_at_all_ends_the_run_unless_the_scenario_says_keep(answer: object) -> None:
    class Odd:
        def decide(self, observation: Observation) -> Decision:
            return answer  # type: ignore[return-value]

    with pytest.raises(PolicyFailed, match=f"odd: decide returned {answer!r}.* to return a .*Decision"):
        guarded(Odd(), "odd").decide(observation())


def observation() -> Observation:
    from titranc.models.clinic_view import Count, CountStatus

    return Observation(7, 2.0, 12.0, "scn", Count(7, 0.4, CountStatus.VALID), None)


def test_a_policy_object_can_be_handed_to_a_simulation() -> None:
    class Seven:
        def decide(self, observation: Observation) -> Decision:
            action = "start" if observation.regimen is None else "keep"
            return Decision(Regimen.daily(7.0, 1), 28, action, ("seven",), "Always 7.")

    scenario = load_scenario("scn_child", ["cohort.n=2", "horizon_years=0.3", "arms=[{name: source}, {name: seven}]"])
    visits = trial.simulate(scenario, "x", policies={"seven": Seven()})["visits"]
    assert (visits.loc[visits["arm"] == "seven", "dose_after_ug_per_kg_day"] == 7.0).all()
    assert not (visits.loc[visits["arm"] == "source", "dose_after_ug_per_kg_day"] == 7.0).all()
    assert math.isfinite(visits["day"].max())
