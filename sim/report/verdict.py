"""Which policy is better, for whom, and how sure we are: sentences from a table of contrasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd

from titranc.sim.endpoints import BY_NAME, Endpoint
from titranc.sim.report.words import counted, number

Row = Mapping[str, Any]
MOST_TOLD, ENOUGH = 5, 1_000_000
ALIKE, BETTER, WORSE, DIFFERENT, OPEN = "alike", "better", "worse", "different", "open"
# What matters most to a patient first.
ORDER = (
    "died", "mds_aml", "severe_infections", "infections", "share_anc_below_0_5", "share_anc_1_to_5",
    "mean_dose_ug_per_kg_day", "hospital_days", "visits",
)  # fmt: skip


def judged(row: Row) -> str:
    """Return what an interval says: better, worse, different where neither is better, alike (no difference that matters), or open.

    >>> judged({"endpoint": "died", "ci_low": -3.0, "ci_high": -1.0, "matters": 0.5})
    'better'
    """
    more_is_better, margin = BY_NAME[row["endpoint"]].more_is_better, row["matters"]
    low, high = (-row["ci_high"], -row["ci_low"]) if more_is_better is False else (row["ci_low"], row["ci_high"])
    if max(-low, high) <= margin:
        return ALIKE
    if low <= 0 <= high:
        return OPEN
    if more_is_better is None:
        return DIFFERENT
    return BETTER if low > 0 else WORSE


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
    yield from _competing(arm, reference, kinds, rows)
    unknown = [name for name in ("died", "mds_aml", "severe_infections") if kinds.get(name) == OPEN]
    seen = [name for name in unknown if rows[name]["pairs_that_differ"]]
    if seen:
        yield _too_small(arm, reference, seen, rows)
    if unknown != seen:
        yield _none_differs(arm, reference, [name for name in unknown if name not in seen], rows)


def _competing(arm: str, reference: str, kinds: Mapping[str, str], rows: Mapping[str, Row]) -> Iterator[str]:
    """Say what else differs because fewer are left to whom it could happen."""
    if kinds.get("transplanted") == DIFFERENT:
        yield (
            f"{arm} differs from {reference}: {_difference(BY_NAME['transplanted'], rows['transplanted'])}. More are neither "
            "better nor worse by themselves; shares of days are of days with the patient's own marrow."
        )
    if kinds.get("died") in (BETTER, WORSE):
        yield (
            f"{arm} against {reference}: who dies first can no longer fall ill or be transplanted; read MDS or AML and transplants "
            "beside the deaths."
        )


def _difference(endpoint: Endpoint, row: Row) -> str:
    sign = "+" if row["paired_difference"] > 0 else ""
    return (
        f"{endpoint.words} {sign}{number(row['paired_difference'])} {endpoint.unit} "
        f"({number(row['ci_low'])} to {number(row['ci_high'])})"
    )


def _too_small(arm: str, reference: str, names: Sequence[str], rows: Mapping[str, Row]) -> str:
    words = ", ".join(BY_NAME[name].words for name in names)
    needed = [float(rows[name]["patients_to_tell"]) for name in names]
    n = int(rows[names[0]]["n"])
    if any(isnan(patients) for patients in needed):
        enough = "too few pairs differ to say how many would be enough"
    elif max(needed) > ENOUGH:
        enough = "no cohort of a size that can be run would tell"
    else:
        enough = f"about {counted(int(max(needed)), 'patient')} would be enough (power 80 %), if the difference is the one seen"
    return f"{arm} against {reference}, {words}: {counted(n, 'patient')} are too few to tell; {enough}."


def _none_differs(arm: str, reference: str, names: Sequence[str], rows: Mapping[str, Row]) -> str:
    told = (
        f"{BY_NAME[name].words} (up to {number(rows[name]['ci_high'])} {rows[name]['unit']} cannot be excluded)"
        for name in names
    )
    return f"{arm} against {reference}: no patient differs in {', '.join(told)}."


def _for_whom(contrasts: pd.DataFrame) -> Iterator[str]:
    """Return where a subgroup says the opposite of the whole."""
    rows = [row for row in rows_of(contrasts) if row["endpoint"] in ORDER]
    whole = {(row["arm"], row["endpoint"]): judged(row) for row in rows if row["subgroup"] == "all"}
    for row in rows:
        kind, overall = judged(row), whole[(row["arm"], row["endpoint"])]
        if {overall, kind} == {BETTER, WORSE}:
            words = f"{BY_NAME[row['endpoint']].words} under {row['arm']}"
            yield f"For whom: {words}: {kind} in the subgroup `{row['subgroup']}`, {overall} over all."
