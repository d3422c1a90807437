"""The report: one run as one self-contained page, for reading on a screen, on a phone and on paper.

No script, no request to anywhere, the pictures inline; every string is escaped, and the same tables give the same bytes.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from titranc.sim.report.carried_out import carried_out
from titranc.sim.report.cohort_summary import told_beside
from titranc.sim.report.findings import ANC_BANDS, DOSE, answer, is_change, one_patient, rules_named
from titranc.sim.report.grades import MEANING, number_in, number_rows, weight_legend, weight_mark
from titranc.sim.report.incidence import has_leukaemia, leukaemia_settings
from titranc.sim.report.plots.cohort import (
    MOST_ARMS,
    caption_band,
    caption_dose,
    caption_patients,
    caption_shares,
    plot_band,
    plot_dose,
    plot_patients,
    plot_shares,
)
from titranc.sim.report.plots.comparison import caption_forest, caption_plane, plot_forest, plot_plane
from titranc.sim.report.plots.cycles import caption_cycles, plot_cycles
from titranc.sim.report.plots.first_weeks import (
    caption_first_weeks,
    decisions_left_out,
    first_decisions,
    plot_first_weeks,
)
from titranc.sim.report.plots.growth import caption_growth, plot_growth
from titranc.sim.report.plots.lives import (
    caption_adherence,
    caption_incidence,
    caption_joint,
    caption_states,
    of_months,
    plot_adherence,
    plot_incidence,
    plot_joint,
    plot_states,
)
from titranc.sim.report.plots.titration import caption_titration, plot_titration
from titranc.sim.report.run_folder import Run, Story, first_story, optional_table, read_run
from titranc.sim.report.style import BAND_COLOURS
from titranc.sim.report.svg import inline_svg
from titranc.sim.report.verdict import verdict
from titranc.sim.report.words import NOTICE, anc, counted, day_words, event_words, number, percent, plain

REPORT_NAME = "report.html"
FEWEST_FOR_A_COHORT = 20

_STATUS_WORDS = {
    "implement": "as the article has it",
    "flag": "as the article has it, with a note",
    "correct": "changed from the article",
    "ours": "ours, where the article is silent",
    "block": "refused",
}
_KEY_NUMBERS = {
    "Neutrophils": (
        ("share_anc_1_to_5", "ANC 1 to 5 (target)", "% of days"),
        ("share_anc_below_0_5", "ANC below 0.5 (severe)", "% of days"),
        ("share_anc_0_5_to_1", "ANC 0.5 to 1", "% of days"),
        ("share_anc_5_to_10", "ANC 5 to 10", "% of days"),
        ("share_anc_above_10", "ANC above 10", "% of days"),
        ("mean_anc_1e9_per_l", "Mean ANC", "10⁹/L"),
        ("days_to_first_target", "First on target", "days"),
        ("days_observed", "Followed for", "days"),
        ("visits", "Visits", ""),
    ),
    "Drug": (
        ("mean_dose_ug_per_kg_day", "Mean dose", "ug/kg/day"),
        ("peak_dose_ug_per_kg_day", "Highest dose", "ug/kg/day"),
        ("final_dose_ug_per_kg_day", "Last dose", "ug/kg/day"),
        ("cumulative_dose_ug_per_kg", "Cumulative dose taken", "ug/kg"),
        ("days_dose_at_or_above_8", "Dose at 8 or above", "days"),
        ("days_dose_above_15", "Dose above 15", "days"),
        ("doses_ordered", "Injections ordered", ""),
        ("doses_missed", "Injections missed", ""),
        ("status_hsct_referral", "Transplant referral triggered", "% of patients"),
    ),
}
_LIVED = (
    ("infections", "Infections", ""),
    ("severe_infections", "Severe infections", ""),
    ("hospital_days", "Days in hospital", "days"),
    ("status_mds_aml", "MDS or AML", "% of patients"),
    ("status_transplant", "Transplanted", "% of patients"),
    ("status_sepsis_death", "Died of sepsis", "% of patients"),
    ("status_death", "Died", "% of patients"),
    ("injections_per_year", "Injections a year", ""),
    ("drug_mg_per_year", "Drug a year", "mg"),
)


def write_report(run_folder: Path) -> Path:
    """Write `report.html` into a finished run's folder and return its path; it appears whole or not at all.

    Raises FileNotFoundError when a table is missing and ValueError when no patient was followed.
    """
    page = render_page(read_run(run_folder))
    target = run_folder / REPORT_NAME
    part = run_folder / f"{REPORT_NAME}.part"
    try:
        part.write_text(page, encoding="utf-8", newline="\n")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def render_page(run: Run) -> str:
    """Return the page of a run as text."""
    story = first_story(run) if "visits" in run.manifest.get("tables", ["visits"]) else None
    rules = _rules(run, story) if story else []
    shown = run.outcomes[run.outcomes["arm"] == run.outcomes["arm"].iloc[0]]
    links = {rule["id"]: rule["anchor"] for rule in rules}
    return (
        _environment(links)
        .get_template("report.html.j2")
        .render(
            manifest=run.manifest,
            notice=NOTICE,
            answer=answer(shown, story.visits) if story else _of_cohort(shown),
            arms=list(dict.fromkeys(run.outcomes["arm"])),
            n_patients=run.outcomes["patient_id"].nunique(),
            key_numbers=_key_numbers(run.outcomes),
            bands=_bands(shown),
            failed=_failed(run.outcomes),
            beside=told_beside(run.manifest),
            comparison=_comparison(run),
            rules=rules,
            deviations=_deviations(run.manifest.get("deviations", [])),
            parameters=_parameters(run, story) if story else [],
            guideline_values=number_rows(run.manifest, "guideline_values"),
            model_numbers=number_rows(run.manifest, "reference_parameters", "assay", "growth", "drug", "outcomes"),
            weight_mark=weight_mark(run.manifest),
            weight_legend=weight_legend(run.manifest),
            grade_c=MEANING,
            scenario=run.scenario_text,
            provenance=_provenance(run.manifest),
            cohort=_cohort_pictures(run),
            shown_arm=shown["arm"].iloc[0],
            story=story,
            **(_told(story) if story else {}),
        )
    )


def _told(story: Story) -> dict[str, Any]:
    """Return what the page tells of the one patient it shows."""
    return {
        "pictures": _pictures(story),
        "decisions": first_decisions(story.visits),
        "left_out": decisions_left_out(story.visits),
        "changes": _changes(story.visits),
        "unchanged": int((~is_change(one_patient(story.visits))).sum()),
        "events": story.events[story.events["severity"] != "info"].to_dict("records"),
        "routine": _routine(story.events),
    }


def _environment(links: dict[str, str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (plain, number, anc, day_words, event_words, counted)
    environment.filters.update({words.__name__: words for words in filters})
    environment.globals["rule_links"] = lambda cell: [(rule, links.get(rule)) for rule in plain(cell).split()]
    return environment


def _of_cohort(outcomes: pd.DataFrame) -> str:
    """Return what became of an arm's patients on the whole, of a run that kept no visits."""
    dose, final = outcomes["mean_dose_ug_per_kg_day"], outcomes["final_dose_ug_per_kg_day"]
    return (
        f"{percent(outcomes['share_anc_1_to_5'].mean())} of all patients' days had a count between 1 and 5, "
        f"{percent(outcomes['share_anc_below_0_5'].mean())} one below 0.5. The mean dose was {number(dose.mean())} ug/kg/day, the last "
        f"one {number(final.median())} in the middle of the patients. This run kept no visits, so no patient's story is told."
    )


def _key_numbers(outcomes: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return by group a row a quantity and a cell an arm: the value of one patient, or median and range of several."""
    arms = [frame for _, frame in outcomes.groupby("arm", sort=False)]
    groups = _KEY_NUMBERS | ({"People": _LIVED} if "status_death" in outcomes else {})
    return {
        group: [
            {"label": label, "unit": unit, "cells": [_cell(frame[column], unit) for frame in arms]}
            for column, label, unit in rows
        ]
        for group, rows in groups.items()
    }


def _cell(values: pd.Series[Any], unit: str) -> str:
    """Return a cell with the unit left to its own column, but for shares of patients."""
    if unit == "% of patients":
        return ("yes" if values.iloc[0] == 1 else "no") if len(values) == 1 else percent((values == 1).mean())
    show = percent if unit.startswith("%") else number
    if len(values) == 1:
        return show(values.iloc[0]).removesuffix(" %")
    known = values.dropna()
    if known.empty:
        return f"none of {len(values)} reached it"
    middle, low, high = (show(value).removesuffix(" %") for value in (known.median(), known.min(), known.max()))
    # Only the first day on target may be missing, of those who were never there.
    reached = f", in the {len(known)} of {len(values)} who reached it" if len(known) < len(values) else ""
    return f"{middle} ({low} to {high}){reached}"


def _bands(outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    means = [float(outcomes[column].mean()) for column, _ in ANC_BANDS]
    return [
        {"label": label, "share": share, "percent": percent(share), "colour": colour}
        for (_, label), share, colour in zip(ANC_BANDS, means, BAND_COLOURS, strict=True)
    ]


def _pictures(story: Story) -> dict[str, dict[str, Any] | None]:
    visits, doses, trajectory = story.visits, story.doses, story.trajectory
    return {
        "titration": _picture(
            "titration", plot_titration(visits, doses, trajectory, story.events), caption_titration(visits, doses)
        ),
        "first_weeks": _picture(
            "first-weeks", plot_first_weeks(visits, trajectory, with_sentences=False), caption_first_weeks(visits)
        ),
        "growth": _picture("growth", plot_growth(visits), caption_growth(visits)),
        "cycles": _cycles(story),
    }


def _cycles(story: Story) -> dict[str, Any] | None:
    """Return the picture of a count that comes and goes; nothing for other diseases."""
    treated = (story.doses["dose_ug_per_kg_day"] > 0).any()
    if story.untreated.empty or story.trajectory.empty or not treated:
        return None
    told = story.untreated, story.trajectory
    return _picture("cycles", plot_cycles(*told), caption_cycles(*told))


def _cohort_pictures(run: Run) -> list[dict[str, Any]]:
    """Return the pictures of the whole cohort, of a run with enough patients to make one."""
    counts = optional_table(run.folder, "anc_days")
    if run.outcomes["patient_id"].nunique() < FEWEST_FOR_A_COHORT or counts.empty:
        return []
    few = optional_table(run.folder, "trajectory", most_patients=3)
    outcomes = run.outcomes
    order = list(dict.fromkeys(outcomes["arm"]))
    counts = counts.sort_values("arm", key=lambda arms: arms.map(order.index), kind="stable")
    return [
        _picture("cohort-band", plot_band(counts, few), caption_band(counts)),
        _picture("cohort-shares", plot_shares(counts), caption_shares(counts)),
        _picture("cohort-dose", plot_dose(outcomes), caption_dose(outcomes)),
        *_lives(run, counts, order),
        _picture("cohort-patients", plot_patients(outcomes), caption_patients(outcomes)),
    ]


def _comparison(run: Run) -> dict[str, Any] | None:
    """Return pictures and sentences on the arms against each other, of a run with several arms and enough patients."""
    table = optional_table(run.folder, "contrasts")
    if table.empty or run.outcomes["patient_id"].nunique() < FEWEST_FOR_A_COHORT:
        return None
    reference = run.manifest["reference_arm"]
    effects = list(leukaemia_settings(run.manifest).values())
    figures = [_picture("comparison-forest", plot_forest(table, reference), caption_forest(table, reference))]
    if (table["endpoint"] == "share_anc_1_to_5").any():
        figures.insert(0, _picture("comparison-plane", plot_plane(run.outcomes), caption_plane(run.outcomes)))
    sentences = [*carried_out(run.folder), *verdict(table, reference, effects)]
    return {"sentences": sentences, "figures": figures}


def _lives(run: Run, counts: pd.DataFrame, arms: list[str]) -> list[dict[str, Any]]:
    """Return the pictures of what became of people, of each arm in which lives were simulated."""
    if "status_death" not in run.outcomes:
        return []
    pictures, of_registry = [], has_leukaemia(run.manifest)
    for arm in arms[:MOST_ARMS]:
        outcomes, own = run.outcomes[run.outcomes["arm"] == arm], counts[counts["arm"] == arm]
        of_arm = f"Arm {arm}: " if len(arms) > 1 else ""
        effect = run.manifest["dose_effect"][arm]
        drawn = [("states", plot_states(own, outcomes), caption_states(own, outcomes))]
        if of_registry and len(of_months(outcomes)):
            drawn.append(("joint", plot_joint(outcomes), caption_joint(outcomes)))
        incidence = caption_incidence(outcomes, effect, of_registry=of_registry)
        drawn.append(("incidence", plot_incidence(outcomes, of_registry=of_registry), incidence))
        if adherence := caption_adherence(outcomes):
            drawn.append(("adherence", plot_adherence(outcomes), adherence))
        pictures += [_picture(f"{name}-{arm}", figure, of_arm + caption) for name, figure, caption in drawn]
    return pictures


def _picture(name: str, figure: Figure, caption: str) -> dict[str, Any]:
    # The drawing is matplotlib's own and its description is escaped in inline_svg.
    return {"name": name, "svg": Markup(inline_svg(figure, name, caption)), "caption": caption}


def _routine(events: pd.DataFrame) -> list[str]:
    """Return the uneventful events in words, one line a kind, in order of first appearance."""
    plain_ones = events[events["severity"] == "info"]
    lines = []
    for kind, rows in plain_ones.groupby("event", sort=False):
        first, last = rows["day"].iloc[0], rows["day"].iloc[-1]
        when = (
            f"on {day_words(first)}"
            if len(rows) == 1
            else f"{len(rows)} times, from {day_words(first)} to {day_words(last)}"
        )
        lines.append(f"{event_words(kind)}, {when}")
    return lines


def _failed(outcomes: pd.DataFrame) -> int:
    return int(outcomes["failed"].sum()) if "failed" in outcomes else 0


def _changes(visits: pd.DataFrame) -> list[dict[Any, Any]]:
    story = one_patient(visits)
    changed = story[is_change(story)]
    return [
        {**visit, "moved": visit["dose_before_ug_per_kg_day"] != visit[DOSE]} for visit in changed.to_dict("records")
    ]


def _rules(run: Run, story: Story) -> list[dict[str, Any]]:
    """Return the rules this patient met, the busiest first, with what the manifest says of them."""
    times = Counter(rule for cell in story.visits["rule_ids"] for rule in plain(cell).split())
    names = rules_named([*story.visits["rule_ids"], *story.events["rule_ids"]])
    told, citations = run.manifest.get("rules", {}), run.manifest.get("citations", {})
    ordered = sorted(names, key=lambda name: -times[name])
    return [
        {"id": name, "anchor": f"rule-{place}", "times": times[name], **_rule_text(told.get(name, {}), citations)}
        for place, name in enumerate(ordered, start=1)
    ]


def _rule_text(rule: dict[str, Any], citations: dict[str, str]) -> dict[str, Any]:
    return {
        "says": plain(rule.get("says")) or "The manifest says nothing of this rule.",
        "status": _STATUS_WORDS.get(plain(rule.get("status")), ""),
        "citations": [plain(citations.get(key, key)) for key in rule.get("citation") or []],
        "source_line": plain(rule.get("source_line")),
        "audit_rows": ", ".join(plain(row) for row in rule.get("audit_row") or []),
        "note": plain(rule.get("note")),
    }


def _deviations(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row a rule, with every audit row it answers, in order of the first."""
    rows: dict[str, dict[str, Any]] = {}
    for deviation in told:
        row = rows.setdefault(deviation["rule_id"], {**deviation, "audit_rows": [], "words": []})
        row["audit_rows"].append(deviation["audit_row"])
        if said := plain(deviation.get("article_says")):
            row["words"].append(said)
    ordered = sorted(rows.values(), key=lambda row: min(row["audit_rows"]))
    return [{**row, "audit_rows": ", ".join(str(number) for number in sorted(row["audit_rows"]))} for row in ordered]


def _parameters(run: Run, story: Story) -> list[dict[str, str]]:
    """Return the patient's individual parameters with meaning, unit, source and grade."""
    told, citations = run.manifest.get("parameters", {}), run.manifest.get("citations", {})
    rows = []
    for column in (str(name) for name in story.patient.index if str(name).startswith("p_")):
        entry = told.get(column.removeprefix("p_"), {})
        source = plain(entry.get("source"))
        rows.append(
            {
                "meaning": plain(entry.get("meaning")) or column.removeprefix("p_").replace("_", " "),
                "value": number_in(story.patient[column]),
                "unit": plain(entry.get("unit") or run.units.get(column)).replace("dimensionless", ""),
                "source": plain(citations.get(source, source)),
                "grade": plain(entry.get("grade")),
            }
        )
    return rows


def _provenance(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what it takes to make the run again and to see that it is the same."""
    rows = [
        ("run", "run_id"),
        ("seed", "seed"),
        ("version", "version"),
        ("started (UTC)", "started_utc"),
        ("finished (UTC)", "finished_utc"),
    ]
    found = [(label, plain(manifest[key])) for label, key in rows if key in manifest]
    packages = [
        (f"package {plain(name)}", plain(version)) for name, version in sorted(manifest.get("packages", {}).items())
    ]
    tables = [
        (f"table {plain(name)}", f"{table['rows']:,} rows, content {plain(table['content'])}")
        for name, table in sorted(manifest.get("tables", {}).items())
    ]
    return found + packages + tables
