"""What became of the orders of an arm: who was never given the drug, and which doses the safety gate cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from titranc.sim import parts, storage
from titranc.sim.report.words import counted, plain

CUT = "cut to"
# So many in a hundred without a dose make the arm one that mostly does not treat.
MOSTLY_UNTREATED_PERCENT = 50
COLUMNS = ["arm", "patient_id", "action", "rule_ids", "gate", "dose_after_ug_per_kg_day"]


def carried_out(folder: Path) -> list[str]:
    """Return a sentence on each arm of a run that mostly does not treat, and on each whose doses were cut; none without visits."""
    entry = storage.read_manifest(folder)["tables"].get("visits")
    if entry is None:
        return []
    visits = parts.read_parts(folder, entry, COLUMNS)
    return [
        line
        for arm, own in visits.groupby("arm", sort=False)
        for line in (*_untreated(str(arm), own), *_cut(str(arm), own))
    ]


def _untreated(arm: str, visits: pd.DataFrame) -> Iterator[str]:
    never = visits.groupby("patient_id")["dose_after_ug_per_kg_day"].max() == 0
    withheld = visits.loc[visits["action"] == "withhold", "rule_ids"].str.split().str[0]
    if len(never) == 1 or withheld.empty or 100 * never.mean() < MOSTLY_UNTREATED_PERCENT:
        return
    yield (
        f"{plain(arm)} never gave G-CSF to {int(never.sum())} of {counted(len(never), 'patient')}, mostly by the rule "
        f"{withheld.mode().iloc[0]}."
    )


def _cut(arm: str, visits: pd.DataFrame) -> Iterator[str]:
    cut = visits.loc[visits["gate"].str.contains(CUT), "gate"]
    if cut.empty:
        return
    yield f"{plain(arm)}: the safety gate cut the dose at {len(cut)} of {counted(len(visits), 'visit')}: {cut.mode().iloc[0]}."
