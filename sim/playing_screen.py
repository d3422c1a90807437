"""What a player sees in the terminal: plain lines of at most eighty columns, nothing told by colour alone."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from titranc.models import catalogue
from titranc.models.clinic_view import Observation
from titranc.models.dosing import NO_DOSE
from titranc.sim.debrief import Debrief
from titranc.sim.report.findings import DOSE
from titranc.sim.report.words import ABSENT, NOTICE, anc, counted, day_words, event_words, number, plain
from titranc.sim.session import Opinion, Session

COLUMNS = 80
BLOCKS = "▁▂▃▄▅▆▇█"
MOST_VISITS, MOST_BLOCKS, MOST_PARTED, MOST_EVENTS = 6, 60, 10, 8
# Counts are drawn on a logarithmic scale between these, 10^9/L.
LOWEST, HIGHEST = 0.05, 20.0
MARKS = ((0.5, "v", "red"), (1.0, ".", "yellow"), (5.0, "=", "green"), (math.inf, "^", "blue"))
MARK_WORDS = "v below 0.5   . 0.5 to 1   = 1 to 5   ^ above 5"

HELP = """\
Enter or k     keep the dose              g         what does the guideline say?
5 or 7.5       this dose, ug/kg/day       a         autopilot to the next change
+ or -         one step up or down        a 10      autopilot for ten visits
h              hold, no G-CSF             a end     autopilot to the end
w 14           next visit in 14 days      u         undo, with the same luck
r              refer for transplant       s FILE    save the session
                                          d         debrief so far
w and r go with the next order.           q         debrief, and leave"""


def greeting(session: Session) -> RenderableType:
    """Return who the patient is, what is aimed at, and how to be told more."""
    scenario, values = session.scenario, session.guideline.values
    target = f"{values['target_low_1e9_per_l']:g} to {values['target_high_1e9_per_l']:g}"
    return Group(
        Text(plain(scenario.title), style="bold"),
        Text(NOTICE, style="yellow"),
        Text(
            f"{catalogue.disease(scenario.cohort.disease).title}. You are the clinician; the target is a count of {target} "
            "x 10^9/L, the unit of every count here."
        ),
        Text("Type ? and Enter for your choices, Enter alone to keep the dose."),
    )


def visit(session: Session, seen: Observation, news: Sequence[str]) -> RenderableType:
    """Return the visit that is due: the patient, the count, the dose, what is new, the chart so far."""
    visits = session.visits()
    return Group(
        Text(), Text(_head(seen), style="bold"), *(Text(one) for one in news), *_chart(visits, seen), *_table(visits)
    )


def _head(seen: Observation) -> str:
    regimen = seen.regimen or NO_DOSE
    count = f"ANC {anc(seen.count.anc_1e9_per_l)}" if seen.count.usable else f"ANC {seen.count.status.value}"
    dose = f"{number(regimen.ug_per_kg_day)} ug/kg/day" if regimen.ng_per_kg_day else "no G-CSF"
    ug_day = f" ({number(regimen.ug_per_kg_day * seen.weight_kg)} ug a day)" if regimen.ng_per_kg_day else ""
    return f"{day_words(seen.day)}, {seen.age_years:.1f} years, {seen.weight_kg:.1f} kg: {count}, on {dose}{ug_day}"


def news_of(events: pd.DataFrame, since: int) -> list[str]:
    """Return the last events after the first `since`, each wrapped below its mark."""
    rows = events.iloc[since:].tail(MOST_EVENTS).to_dict("records")
    told = [plain(f"{day_words(row['day'])}: {event_words(row['event'])}. {row['detail']}") for row in rows]
    below = textwrap.TextWrapper(COLUMNS, initial_indent="  ! ", subsequent_indent="    ", break_on_hyphens=False)
    return [below.fill(one) for one in told]


def _chart(visits: pd.DataFrame, seen: Observation) -> Iterator[Text]:
    """Yield the counts as blocks with a mark under each, and the doses."""
    today = math.nan if seen.count.anc_1e9_per_l is None else seen.count.anc_1e9_per_l
    counts = [*visits["anc_reported_1e9_per_l"].tolist(), today][-MOST_BLOCKS:]
    doses = [*visits[DOSE].tolist()][-MOST_BLOCKS + 1 :]
    yield Text("counts  " + "".join(_count_block(one) for one in counts))
    marks = Text("        ")
    for one in counts:
        mark, style = _mark(one)
        marks.append(mark, style=style)
    yield marks
    top = max([1.0, *doses])
    yield Text("dose    " + "".join(BLOCKS[round((len(BLOCKS) - 1) * dose / top)] for dose in doses))
    yield Text(f"        {MARK_WORDS}", style="dim")


def _count_block(count: float) -> str:
    if math.isnan(count):
        return "?"
    share = math.log(min(max(count, LOWEST), HIGHEST) / LOWEST) / math.log(HIGHEST / LOWEST)
    return BLOCKS[round((len(BLOCKS) - 1) * share)]


def _mark(count: float) -> tuple[str, str]:
    return next(((mark, style) for below, mark, style in MARKS if count < below), ("?", "dim"))


def _table(visits: pd.DataFrame) -> Iterator[RenderableType]:
    if visits.empty:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("day", "ANC", "from", "to", "what"):
        table.add_column(name, justify="left" if name == "what" else "right", no_wrap=True)
    for row in visits.tail(MOST_VISITS).to_dict("records"):
        table.add_row(
            str(row["day"]), anc(row["anc_reported_1e9_per_l"]), number(row["dose_before_ug_per_kg_day"]),
            number(row[DOSE]), plain(row["action"]),
        )  # fmt: skip
    yield table


def opinion(told: Opinion) -> RenderableType:
    """Return what the guideline would do now, and why."""
    refers = ", and refer for transplant" if told.refers else ""
    return Group(
        Text(
            f"The guideline would order {number(told.dose_ug_per_kg_day)} ug/kg/day, next visit in "
            f"{counted(told.next_visit_days, 'day')}{refers}.",
            style="cyan",
        ),
        Text(f"  {told.reason}"),
        Text(f"  {', '.join(told.rule_ids)}", style="dim"),
    )


def debriefing(found: Debrief) -> RenderableType:
    """Return what came of it: the sentences, the score card, where you and the guideline parted."""
    card = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    card.add_column("", no_wrap=True)
    for name in found.score.columns:
        card.add_column(name, justify="right")
    for measure, row in found.score.iterrows():
        card.add_row(str(measure), *(str(value) for value in row))
    return Group(
        Text(), Text("Debrief: the true count is told now", style="bold"),
        *(Text(f"- {sentence}") for sentence in found.sentences), Text(), card, *_parted(found),
    )  # fmt: skip


def _parted(found: Debrief) -> Iterator[RenderableType]:
    if not found.divergences:
        return
    yield Text()
    yield Text("Where you and the guideline parted", style="bold")
    for one in found.divergences[:MOST_PARTED]:
        count = ABSENT if math.isnan(one.anc_1e9_per_l) else anc(one.anc_1e9_per_l)
        yield Text(
            f"  {day_words(one.day)}, ANC {count}: you {number(one.yours_ug_per_kg_day)}, "
            f"the guideline {number(one.guideline.dose_ug_per_kg_day)}. {one.guideline.reason}"
        )
    more = len(found.divergences) - MOST_PARTED
    if more > 0:
        yield Text(f"  ... and at {counted(more, 'visit')} more")
