"""Guideline editions: what each starts with, how it raises, and what the article as written would do."""

from __future__ import annotations

import pandas as pd
import pytest

from titranc.models import catalogue, shelves
from titranc.models.documents import InputRefused
from titranc.sim import trial
from titranc.sim.scenario import load_scenario

EDITIONS = shelves.names("guidelines")


def test_the_editions_are_there() -> None:
    assert set(EDITIONS) == {"source", "source_literal", "scnir", "eu_label", "us_label", "welte"}


@pytest.mark.parametrize(
    ("edition", "disease", "start"),
    [
        ("source", "scn", 12.0), ("source", "cyclic", 5.0), ("source", "idiopathic", 5.0), ("source", "autoimmune", 5.0),
        ("scnir", "scn", 5.0), ("scnir", "cyclic", 2.0), ("scnir", "idiopathic", 1.5), ("welte", "scn", 5.0),
        ("eu_label", "scn", 12.0), ("us_label", "cyclic", 5.0), ("source_literal", "scn", 12.0),
    ],
)  # fmt: skip
def test_an_edition_starts_as_it_says(edition: str, disease: str, start: float) -> None:
    assert catalogue.guideline(edition, disease=disease).values["start_dose_ug_per_kg_day"] == start


def doses(edition: str, *changes: str, scenario: str = "scn_poor_responder", years: float = 0.4) -> list[float]:
    """Return the doses of a patient whose count stays low, in order."""
    options = [f"policy.edition={edition}", f"horizon_years={years}", "adherence.doses_taken=1.0", *changes]
    visits = trial.simulate(load_scenario(scenario, options), "x")["visits"]
    after = visits["dose_after_ug_per_kg_day"]
    return list(after[after.diff().fillna(1) != 0])


def test_the_steps_of_the_editions_differ_as_they_say() -> None:
    assert doses("source")[:3] == [12.0, 14.5, 17.0]
    assert doses("scnir")[:3] == [5.0, 7.5, 10.0]
    assert doses("welte")[:4] == [5.0, 10.0, 20.0, 30.0]
    assert doses("eu_label")[:2] == [12.0, 24.0]
    assert doses("us_label")[:2] == [12.0, 14.5]


@pytest.mark.parametrize(
    ("edition", "days"), [("source", 5), ("scnir", 7), ("welte", 14), ("eu_label", 7), ("us_label", 28)]
)
def test_no_rise_comes_sooner_than_the_interval_of_the_edition(edition: str, days: int) -> None:
    options = [f"policy.edition={edition}", "cohort.n=15", "horizon_years=1", "output.level=visit"]
    for _, own in trial.simulate(load_scenario("scn_child", options), "x")["visits"].groupby("patient_id"):
        changed = own[own["dose_after_ug_per_kg_day"] != own["dose_before_ug_per_kg_day"]]
        rises = changed["dose_after_ug_per_kg_day"] > changed["dose_before_ug_per_kg_day"]
        resumed = changed["action"].str.contains("resume") | (changed["action"] == "start")
        assert (changed["day"].diff()[rises & ~resumed].dropna() >= days).all()


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("scenario", ["scn_child", "cyclic_child", "idiopathic_adult", "autoimmune_infant"])
def test_an_edition_asks_for_nothing_that_the_gate_must_refuse(edition: str, scenario: str) -> None:
    options = [f"policy.edition={edition}", "cohort.n=8", "horizon_years=1.5", "output.level=visit"]
    visits = trial.simulate(load_scenario(scenario, options), "x")["visits"]
    assert not (visits["gate"] != "").any(), visits.loc[visits["gate"] != "", "gate"].unique()


def test_the_article_as_written_drives_cyclic_disease_up_on_single_counts() -> None:
    written, judged = (
        trial.simulate(
            load_scenario("cyclic_child", [f"policy.edition={edition}", "cohort.n=10", "output.level=patient"]), "x"
        )["outcomes"]
        for edition in ("source_literal", "source")
    )
    assert written["final_dose_ug_per_kg_day"].median() > 2 * judged["final_dose_ug_per_kg_day"].median()


@pytest.mark.parametrize("scenario", ["transplant_autologous", "transplant_allogeneic"])
def test_the_article_as_written_is_refused_where_it_says_milligrams(scenario: str) -> None:
    with pytest.raises(InputRefused, match="thousandfold"):
        load_scenario(scenario, ["policy.edition=source_literal", "arms=[{name: base}]"])


def test_the_article_as_written_starts_prophylaxis_on_a_count() -> None:
    def courses(edition: str) -> set[str]:
        options = [f"policy.edition={edition}", "course.findings.cd4_per_ul=600"]
        events: pd.DataFrame = trial.simulate(load_scenario("around_the_dose", options), "x")["events"]
        return set(events["event"])

    assert {"pneumocystis_prophylaxis", "herpes_prophylaxis"} <= courses("source_literal")
    assert not {"pneumocystis_prophylaxis", "herpes_prophylaxis"} & courses("source")


def test_rules_that_an_edition_leaves_out_must_be_there(tmp_path: pytest.TempPathFactory) -> None:
    assert "wait-at-line" not in {rule.id for rule in catalogue.edition("source_literal").rules}
    assert "wait-at-line" in {rule.id for rule in catalogue.edition("scnir").rules}
