"""Numbers, days and names as a reader meets them.

Whatever comes from a scenario or a policy is a stranger's text: `plain` takes out line breaks, terminal escapes and
text-direction tricks before it reaches a screen, a picture or a page. (HTML is escaped besides, by the template.)
"""

from __future__ import annotations

import math
from typing import Any

NOTICE = "Teaching and research only, never the treatment of a patient."
ABSENT = "\N{EN DASH}"
DAYS_PER_YEAR = 365.25
DOSE_UNIT = "ug/kg/day"

_EVENT_WORDS = {
    "ceiling_8": "8 ug/kg/day reached",
    "ceiling_15": "15 ug/kg/day passed",
    "hsct_non_responder": "HSCT: non-responder",
    "hsct_low_responder": "HSCT: low responder",
    "hsct_referral": "HSCT: referral",
    "hsct_clinician": "HSCT: referred by the clinician",
    "tight_monitoring": "tight monitoring",
    "dose_held": "dose held",
    "marrow": "marrow examination",
    "csf3r_test": "CSF3R sequencing",
    "off_g_csf": "off G-CSF",
    "target_reached": "target reached",
    "gate_refused": "refused by the gate",
    "mds_aml": "MDS or AML",
    "clone_turns_malignant": "a clone turns malignant",
    "csf3r_found": "CSF3R clone found",
    "acute_gvhd": "acute GVHD",
    "chronic_gvhd": "chronic GVHD",
    "no_donor": "no donor found",
}


def is_absent(value: Any) -> bool:
    """Say whether a cell holds nothing: None, not-a-number or a missing string."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or value != value


def plain(text: Any) -> str:
    """Return `text` on one line with every unprintable character gone; nothing for an empty cell.

    >>> plain("up\\x1b[31m and\\naway")
    'up [31m and away'
    """
    if is_absent(text):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def shortened(text: Any, width: int) -> str:
    """Return `plain(text)` cut to `width` characters, the cut marked."""
    line = plain(text)
    return line if len(line) <= width else line[: width - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def number(value: Any) -> str:
    """Return a number with the digits that a reader needs: at most two decimals, thousands parted, a dash when absent.

    >>> number(0.8412), number(12.75), number(12.0), number(23140.0)
    ('0.84', '12.75', '12', '23,140')
    """
    if is_absent(value):
        return ABSENT
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def anc(value: Any) -> str:
    """Return a count in 10^9/L with two decimals, as laboratories write it; a dash when there is none."""
    return ABSENT if is_absent(value) else f"{value:.2f}"


def percent(share: Any) -> str:
    """Return a share as a percentage; small ones keep a digit.

    >>> percent(0.8312), percent(0.0141), percent(0.0)
    ('83 %', '1.4 %', '0 %')
    """
    if is_absent(share):
        return ABSENT
    hundredths = 100 * share
    if 0 < hundredths < 0.1:
        return "under 0.1 %"
    whole = hundredths >= 10 or round(hundredths, 1) == round(hundredths)
    return f"{hundredths:.0f} %" if whole else f"{hundredths:.1f} %"


def day_words(day: float) -> str:
    """Return a day of treatment in words, with the years beside it once days alone say little.

    >>> day_words(21), day_words(2345)
    ('day 21', 'day 2,345 (6.4 years)')
    """
    if day < DAYS_PER_YEAR:
        return f"day {day:.0f}"
    return f"day {day:,.0f} ({day / DAYS_PER_YEAR:.1f} years)"


def span_words(days: float) -> str:
    """Return a length of time: weeks below a year and a half, else years."""
    if days < 1.5 * DAYS_PER_YEAR:
        return counted(round(days / 7), "week")
    years = f"{days / DAYS_PER_YEAR:.1f}".removesuffix(".0")
    return f"{years} years"


def event_words(event: Any) -> str:
    """Return the name of an event in words; unknown ones lose their underscores."""
    name = plain(event)
    return _EVENT_WORDS.get(name, name.replace("_", " "))


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "visit"), counted(12, "visit")
    ('1 visit', '12 visits')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
