"""What a table says, as a number: the same for any order of its rows and for any way of cutting it into parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """The number of rows and two sums over hashes of the rows; digests of parts add up to that of the whole."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: ContentDigest) -> ContentDigest:
        return ContentDigest(
            self.rows + other.rows, (self.first + other.first) & _MASK, (self.second + other.second) & _MASK
        )

    def __str__(self) -> str:
        return f"{self.rows}-{self.first:016x}{self.second:016x}"

    @classmethod
    def of(cls, table: pd.DataFrame) -> ContentDigest:
        """Return the digest of a table; the run's own name does not count."""
        columns = table.drop(columns="run_id", errors="ignore")
        if columns.empty:
            return cls()
        rows = pd.util.hash_pandas_object(columns, index=False).to_numpy()
        return cls(len(columns), int(rows.sum(dtype=np.uint64)), int(_mixed(rows).sum(dtype=np.uint64)))

    @classmethod
    def read(cls, text: str) -> ContentDigest:
        """Return the digest that `str` wrote."""
        rows, sums = text.split("-")
        return cls(int(rows), int(sums[:16], 16), int(sums[16:], 16))


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return the values scrambled (the finaliser of SplitMix64), so that the second sum is independent of the first."""
    mixed = values.astype(np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
