"""A cohort in blocks: the patients that stand in one ward, simulated together and written together."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_PATIENTS = 500


@dataclass(frozen=True, slots=True)
class Block:
    """Patients `first` up to but not `end`, the block number `index` of `count`."""

    index: int
    count: int
    first: int
    end: int

    @property
    def patient_ids(self) -> range:
        """The numbers of its patients."""
        return range(self.first, self.end)


def blocks_of(n: int, size: int = BLOCK_PATIENTS) -> list[Block]:
    """Return n patients in blocks of `size`.

    >>> [(block.first, block.end) for block in blocks_of(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    firsts = range(0, n, size)
    return [Block(index, len(firsts), first, min(n, first + size)) for index, first in enumerate(firsts)]
