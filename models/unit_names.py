"""The unit ends the name: which unit a key carries, and which valid key a wrong unit was meant for."""

from __future__ import annotations

import re
from collections.abc import Iterable

SPOKEN_UNITS = {
    "_ug_per_kg_day": "ug/kg/day",
    "_ug_per_kg": "ug/kg",
    "_ng_per_kg": "ng/kg",
    "_ng_per_ml": "ng/mL",
    "_ug_day": "ug/day",
    "_l_per_kg": "L/kg",
    "_1e9_per_l": "10^9/L",
    "_per_day": "1/day",
    "_celsius": "degrees Celsius",
    "_months": "months",
    "_years": "years",
    "_weeks": "weeks",
    "_hours": "hours",
    "_days": "days",
    "_ug": "ug",
    "_kg": "kg",
    "_cm": "cm",
    "_m2": "m^2",
}

MILLIGRAM_WARNING = "filgrastim is dosed in micrograms; the same number in milligrams would be a thousandfold overdose"


def _word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_UNIT_WORDS = _word_set(
    "per a kg kgs kilogram kilograms g gram grams mg milligram milligrams ug mcg µg μg microgram micrograms ng "
    "nanogram nanograms lb lbs pound pounds stone oz iu mu miu unit units day days d week weeks w month months mo "
    "year years yr yrs y hour hours h hr hrs minute minutes min second seconds s l ml dl ul µl μl mm3 litre liter "
    "1e9 1e6 1e3 10e9 giga k cells m2 cm mm m metre meter inch inches in ft feet celsius fahrenheit c f degc degf "
    "kelvin percent pct once twice daily qd bid qod weekly monthly yearly "
)
_MILLIGRAM_WORDS = frozenset({"mg", "milligram", "milligrams"})


def unit_of(key: str) -> str | None:
    """Return the unit a key ends in, as it is spoken.

    >>> unit_of("dose_ug_per_kg_day")
    'ug/kg/day'
    """
    return next((spoken for suffix, spoken in SPOKEN_UNITS.items() if key.endswith(suffix)), None)


def stem_of(key: str) -> str:
    """Return what a key measures, without its unit in any usual spelling.

    >>> stem_of("Dose mg/kg")
    'dose'
    """
    words = _words(key)
    while len(words) > 1 and words[-1] in _UNIT_WORDS:
        words.pop()
    return "_".join(words)


def unit_slip(key: str, valid_keys: Iterable[str]) -> str | None:
    """Return the valid key that differs from `key` in its unit only, or None."""
    stem = stem_of(key)
    return next((valid for valid in valid_keys if valid != key and unit_of(valid) and stem_of(valid) == stem), None)


def says_milligrams(text: str) -> bool:
    """Tell whether a key or a value is written in milligrams."""
    return not _MILLIGRAM_WORDS.isdisjoint(_words(re.sub(r"(?<=\d)(?=mg)", " ", text)))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9µμ]+", text.lower()) if word]
