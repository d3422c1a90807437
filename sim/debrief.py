"""What a session came to: your line, the guideline's and no treatment, on the same patient and the same luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.clinic_view import Policy
from titranc.models.dosing import NO_DOSE
from titranc.models.policies.fixed import Fixed
from titranc.sim.block_simulation import BlockSimulation
from titranc.sim.columns import BANDS
from titranc.sim.log import EVENT_COLUMNS, PERIOD_COLUMNS, VISIT_COLUMNS
from titranc.sim.people import Fate
from titranc.sim.report.words import ABSENT, DAYS_PER_YEAR, counted, day_words, number, percent
from titranc.sim.scenario import Scenario
from titranc.sim.session import RULE_ID, SMALLEST_CHANGE_UG_PER_KG_DAY, Choice, Opinion, Session
from titranc.sim.tables import BODY, ordered_daily
from titranc.sim.ward import ANC

YOU, GUIDELINE, UNTREATED = "you", "the guideline", "no treatment"
UNTREATED_VISIT_DAYS = 28
# Causes under which G-CSF is a course of days, and what turns a life, as events and in words.
COURSES = ("chemotherapy", "transplant", "drug-induced")
TURNS = {"mds_aml": "MDS or AML", "transplant": "transplant", "death": "death"}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One way of treating the patient over the days played: true count and dose of each day, visits, events.

    `days` is how many were lived with the patient's own marrow, `lived_days` how many in all.
    """

    name: str
    anc_1e9_per_l: Floats
    dose_ug_per_kg_day: Floats
    visits: pd.DataFrame
    events: pd.DataFrame
    fate: Fate | None
    lived_days: int

    @property
    def days(self) -> int:
        """How many days were lived with the own marrow, or with the graft the scenario begins with."""
        return len(self.anc_1e9_per_l)

    def share(self, low: float, high: float) -> float:
        """Return the share of days with a true count from `low` to below `high`, 10^9/L."""
        return float(((self.anc_1e9_per_l >= low) & (self.anc_1e9_per_l < high)).mean()) if self.days else 0.0


@dataclass(frozen=True)
class Divergence:
    """A visit at which the guideline would have ordered another dose, or a referral, on the same chart."""

    day: int
    anc_1e9_per_l: float
    yours_ug_per_kg_day: float
    guideline: Opinion
    referred: bool = False


@dataclass(frozen=True)
class Debrief:
    """What a session came to: three lines, a score card, where you and the guideline parted, and sentences."""

    lines: tuple[Line, ...]
    score: pd.DataFrame
    divergences: tuple[Divergence, ...]
    sentences: tuple[str, ...]


def debrief(session: Session) -> Debrief:
    """Return what a session came to so far; a debrief is the first look at the true count."""
    until_day = session.block.days if session.is_over else session.day
    lines = (
        _line(YOU, session.block, until_day),
        simulated_line(GUIDELINE, session.scenario, session.patient, until_day),
        simulated_line(UNTREATED, session.scenario, session.patient, until_day, Fixed(NO_DOSE, UNTREATED_VISIT_DAYS)),
    )
    parted = tuple(divergences(session))
    risk_line = session.guideline.values["risk_line_ug_per_kg_day"]
    cause = catalogue.disease(session.scenario.cohort.disease).cause
    return Debrief(lines, score_card(lines, risk_line), parted, sentences(lines, parted, cause))


def days_by_line(lines: Sequence[Line]) -> dict[str, pd.DataFrame]:
    """Return by name of a line its days, a row each: day, anc_1e9_per_l, dose_ug_per_kg_day."""
    return {
        line.name: pd.DataFrame(
            {
                "day": range(line.days),
                "anc_1e9_per_l": line.anc_1e9_per_l,
                "dose_ug_per_kg_day": line.dose_ug_per_kg_day,
            }
        )
        for line in lines
    }


def divergences(session: Session) -> list[Divergence]:
    """Return the visits so far at which the guideline would have ordered otherwise, on the same chart."""
    found, referred_before = [], False
    by_day = {opinion.day: opinion for opinion in session.opinions}
    visits = session.visits()
    by_hand = visits[[RULE_ID in rules.split() for rules in visits["rule_ids"]]]
    choices = [act for act in session.acts if isinstance(act, Choice)]
    for row, choice in zip(by_hand.to_dict("records"), choices, strict=True):
        opinion = by_day.get(row["day"])
        yours = row["dose_after_ug_per_kg_day"]
        if opinion is not None:
            apart = abs(yours - opinion.dose_ug_per_kg_day) >= SMALLEST_CHANGE_UG_PER_KG_DAY
            # Who has referred need not do so again when the guideline comes to it.
            if apart or choice.refer > opinion.refers or opinion.refers > (choice.refer or referred_before):
                found.append(Divergence(row["day"], row["anc_reported_1e9_per_l"], yours, opinion, choice.refer))
        referred_before |= choice.refer
    return found


def score_card(lines: Sequence[Line], risk_line_ug_per_kg_day: float) -> pd.DataFrame:
    """Return one row per measure and one column per line, in words."""
    rows = {
        "days, until a new marrow or death": [f"{line.days:,}" for line in lines],
        "days with a true ANC below 0.5": [percent(line.share(*BANDS["share_anc_below_0_5"])) for line in lines],
        "days with a true ANC of 1 to 5": [percent(line.share(*BANDS["share_anc_1_to_5"])) for line in lines],
        "days with a true ANC above 10": [percent(line.share(*BANDS["share_anc_above_10"])) for line in lines],
        "mean dose, ug/kg/day": [number(_mean(line.dose_ug_per_kg_day)) for line in lines],
        "highest dose, ug/kg/day": [number(_highest(line)) for line in lines],
        f"days at {number(risk_line_ug_per_kg_day)} ug/kg/day or more": [
            f"{int((line.dose_ug_per_kg_day >= risk_line_ug_per_kg_day).sum()):,}" for line in lines
        ],
        "visits": [f"{len(line.visits):,}" for line in lines],
        "first referral for HSCT": [_first(line, "hsct") for line in lines],
    }
    if any(line.fate for line in lines):
        rows |= {
            "infections (severe)": [_infections(line) for line in lines],
            "MDS or AML": [_first(line, "mds_aml") for line in lines],
            "transplant": [_first(line, "transplant") for line in lines],
            "death": [_first(line, "death") for line in lines],
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[line.name for line in lines])


def sentences(lines: Sequence[Line], parted: Sequence[Divergence], cause: str) -> tuple[str, ...]:
    """Return in plain sentences what came of it: what ended or turned a life, what the disease is judged by, the doses.

    `cause` is that of the disease: where G-CSF is a course of days, it is there to shorten severe neutropenia.
    """
    turned = [words for line in lines if (words := _turns(line))]
    ended = (f"{'; '.join(turned)}.",) if turned else ()
    return (*ended, _judged(lines, cause), _doses(lines), _parted(parted))


def _turns(line: Line) -> str:
    """Return what turned this life, with its days; nothing when nothing did or lives were not followed."""
    days = {words: _first(line, event) for event, words in TURNS.items()} if line.fate else {}
    told = ", ".join(f"{words} on {day}" for words, day in days.items() if day != ABSENT)
    return f"{line.name.capitalize()}: {told}" if told else ""


def _judged(lines: Sequence[Line], cause: str) -> str:
    short = cause in COURSES
    yours, guideline, untreated = (
        percent(line.share(*BANDS["share_anc_below_0_5" if short else "share_anc_1_to_5"])) for line in lines
    )
    count = "below 0.5, which G-CSF is there to shorten," if short else "1 to 5"
    return (
        f"The true count was {count} on {yours} of your days, on {guideline} under the guideline and on {untreated} "
        "without treatment."
    )


def _doses(lines: Sequence[Line]) -> str:
    yours, guideline = lines[:2]
    days = int((yours.dose_ug_per_kg_day > 0).sum())
    if days and not _highest(guideline):
        return f"You gave G-CSF on {counted(days, 'day')}, the guideline on none."
    return (
        f"You gave {number(_mean(yours.dose_ug_per_kg_day))} ug/kg/day on average and {number(_highest(yours))} at "
        f"most; the guideline {number(_mean(guideline.dose_ug_per_kg_day))} and {number(_highest(guideline))}."
    )


def _parted(parted: Sequence[Divergence]) -> str:
    if not parted:
        return "You and the guideline never parted."
    one = parted[0]
    yours, theirs = (" and a referral" * referred for referred in (one.referred, one.guideline.refers))
    return (
        f"You parted at {counted(len(parted), 'visit')}, first on {day_words(one.day)}: you ordered "
        f"{number(one.yours_ug_per_kg_day)}{yours}, the guideline {number(one.guideline.dose_ug_per_kg_day)}{theirs} ug/kg/day. "
        f"{one.guideline.reason}"
    )


def simulated_line(
    name: str, scenario: Scenario, patient: int, until_day: int | None = None, policy: Policy | None = None
) -> Line:
    """Return how it goes under the guideline, or under another policy with the standing care of the guideline."""
    arm = scenario.arms[0].name
    block = BlockSimulation(scenario, range(patient, patient + 1), {arm: policy} if policy else None)
    day = block.days if until_day is None else until_day
    block.run_until(day)
    line = _line(name, block, day)
    block.close()
    return line


def _line(name: str, block: BlockSimulation, until_day: int) -> Line:
    fate = block.lives.people[0].fate if block.lives else None
    lived_until = min(until_day, int(block.ward.ended_day[0]))
    own_until = min([lived_until, *(fate.transplant_days if fate else [])])
    periods = pd.DataFrame(block.log.periods, columns=[BODY, *PERIOD_COLUMNS])
    dose = ordered_daily(periods, 1, block.days)[0, :own_until]
    visits = pd.DataFrame([row[1:] for row in block.log.visits], columns=list(VISIT_COLUMNS))
    events = pd.DataFrame([row[1:] for row in block.log.events], columns=list(EVENT_COLUMNS))
    return Line(
        name,
        block.ward.mornings[0, :own_until, ANC].copy(),
        dose,
        visits[visits["day"] < until_day],
        events[events["day"] <= until_day],
        fate,
        lived_until,
    )


def _infections(line: Line) -> str:
    """Return how many infections there were and in how long, for lives that end early have few."""
    if line.fate is None:
        return ABSENT
    return f"{line.fate.infections} ({line.fate.severe_infections}) in {line.lived_days / DAYS_PER_YEAR:.1f} years"


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _highest(line: Line) -> float:
    return float(line.dose_ug_per_kg_day.max(initial=0.0))


def _first(line: Line, event: str) -> str:
    """Return the day of the first event of a kind, in words; a dash for none."""
    days = [row["day"] for row in line.events.to_dict("records") if row["event"].startswith(event)]
    return day_words(min(days)) if days else ABSENT
