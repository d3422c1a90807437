"""The number grammar of our files: what a bare word in a YAML file means.

Decimal integers and decimal fractions with an optional exponent are numbers, so `1e3` is a thousand. Spellings that
other YAML readers take for numbers in their own ways (octal, hexadecimal, sexagesimal, underscores, infinity) are
refused by name, because the writer and the reader of the file would see different values. `yes`, `no`, `on` and `off`
are text.
"""

from __future__ import annotations

import math
import re

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FRACTION = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")
_REFUSED = (
    ("an octal number", re.compile(r"[-+]?(0o[0-7]+|0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?)\Z")),
    ("a hexadecimal number", re.compile(r"[-+]?0[xX][0-9a-fA-F]+\Z")),
    ("a binary number", re.compile(r"[-+]?0b[01]+\Z")),
    ("a number with underscores", re.compile(r"[-+]?(?=[0-9_.]*_)[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9_]+)?\Z")),
    ("a sexagesimal number", re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?\Z")),
    ("infinity", re.compile(r"[-+]?\.(inf|Inf|INF)\Z")),
    ("not-a-number", re.compile(r"\.(nan|NaN|NAN)\Z")),
)
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
MOST_DIGITS = 40

ALLOWED_NUMBERS = "a decimal number such as 5, 0.25 or 1e3; text goes in quotes"


class NumberRefused(ValueError):
    """A bare word that looks like a number but is not one of ours; the message names its kind."""


def value_of(word: str) -> bool | int | float | str | None:
    """Return the value of a bare (unquoted) word, or raise NumberRefused.

    >>> value_of("1e3"), value_of("no"), value_of("12")
    (1000.0, 'no', 12)
    """
    if word in _WORDS:
        return _WORDS[word]
    for kind, pattern in _REFUSED:
        if pattern.match(word):
            raise NumberRefused(kind)
    if _INTEGER.match(word):
        return _integer(word)
    return _fraction(word) if _FRACTION.match(word) else word


def _integer(word: str) -> int:
    if len(word) > MOST_DIGITS:
        raise NumberRefused(f"a number of more than {MOST_DIGITS} digits")
    return int(word)


def _fraction(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise NumberRefused("a number too large to hold")
    return number
