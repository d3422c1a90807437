"""Which policy is better, for whom, and how sure we are: sentences from a table of contrasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from titranc.sim.contrasts import BY_NAME, Endpoint
from titranc.sim.report.words import counted, number

Row = Mapping[str, Any]
MOST_TOLD, ENOUGH = 4, 1_000_000
ALIKE, BETTER, WORSE, OPEN = "alike", "better", "worse", "open"
# What matters most to a patient first.
ORDER = (
    "died", "mds_aml", "severe_infections", "share_anc_below_0_5", "share_anc_1_to_5", "transplanted",
    "mean_dose_ug_per_kg_day", "hospital_days", "visits",
)  # fmt: skip


def judged(row: Row) -> str:
    """Return what an interval says: better, worse, alike (no difference that matters), or open.

    >>> judged({"endpoint": "died", "ci_low": -3.0, "ci_high": -1.0})
    'better'
    """
    endpoint = BY_NAME[row["endpoint"]]
    low, high = (row["ci_low"], row["ci_high"]) if endpoint.more_is_better else (-row["ci_high"], -row["ci_low"])
    if low > 0:
        return BETTER if high > endpoint.matters or low > endpoint.matters else ALIKE
    if high < 0:
        return WORSE if low < -endpoint.matters else ALIKE
    return ALIKE if max(-low, high) <= endpoint.matters else OPEN


def verdict(contrasts: pd.DataFrame, reference: str, effects: Sequence[str] = ()) -> list[str]:
    """Return the sentences on each arm against the reference; `effects` are the settings of the leukaemia."""
    whole = contrasts[contrasts["subgroup"] == "all"]
    lines = [line for arm, rows in whole.groupby("arm", sort=False) for line in _of_arm(str(arm), rows, reference)]
    lines += list(_for_whom(contrasts))
    if "mds_aml" in set(whole["endpoint"]) and effects:
        lines.append(
            f"What is said of leukaemia holds with the dose as {' and '.join(dict.fromkeys(effects))} of the risk; the "
            "published numbers cannot tell these settings apart."
        )
    return lines


def rows_of(contrasts: pd.DataFrame) -> list[Row]:
    """Return the rows of a table of contrasts as mappings."""
    return [{str(name): value for name, value in row.items()} for row in contrasts.to_dict("records")]


def _of_arm(arm: str, own: pd.DataFrame, reference: str) -> Iterator[str]:
    rows = {row["endpoint"]: row for row in rows_of(own)}
    kinds = {name: judged(row) for name, row in rows.items()}
    told = [name for name in ORDER if name in kinds]
    for kind in (BETTER, WORSE):
        named = [_difference(BY_NAME[name], rows[name]) for name in told if kinds[name] == kind][:MOST_TOLD]
        if named:
            yield f"{arm} is {kind} than {reference}: {'; '.join(named)}."
    if not any(kinds[name] in (BETTER, WORSE) for name in told):
        yield f"{arm} and {reference}: no difference could be told in this cohort."
    unknown = [name for name in ("died", "mds_aml", "severe_infections") if kinds.get(name) == OPEN]
    if unknown:
        yield _too_small(arm, reference, unknown, rows)


def _difference(endpoint: Endpoint, row: Row) -> str:
    sign = "+" if row["paired_difference"] > 0 else ""
    return (
        f"{endpoint.words} {sign}{number(row['paired_difference'])} {endpoint.unit} "
        f"({number(row['ci_low'])} to {number(row['ci_high'])})"
    )


def _too_small(arm: str, reference: str, names: Sequence[str], rows: Mapping[str, Row]) -> str:
    words = ", ".join(BY_NAME[name].words for name in names)
    needed = max(float(rows[name]["patients_to_tell"]) for name in names)
    n = int(rows[names[0]]["n"])
    if not needed <= ENOUGH:
        enough = "no cohort of a size that can be run would tell"
    else:
        enough = f"about {counted(int(needed), 'patient')} would be enough, if the difference is the one seen"
    return f"{arm} against {reference}, {words}: {counted(n, 'patient')} are too few to tell; {enough}."


def _for_whom(contrasts: pd.DataFrame) -> Iterator[str]:
    """Return where a subgroup says the opposite of the whole."""
    rows = [row for row in rows_of(contrasts) if row["endpoint"] in ORDER]
    whole = {(row["arm"], row["endpoint"]): judged(row) for row in rows if row["subgroup"] == "all"}
    for row in rows:
        kind, overall = judged(row), whole[(row["arm"], row["endpoint"])]
        if {overall, kind} == {BETTER, WORSE}:
            words = f"{BY_NAME[row['endpoint']].words} under {row['arm']}"
            yield f"For whom: {words}: {kind} in the subgroup `{row['subgroup']}`, {overall} over all."
