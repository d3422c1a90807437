"""Common random numbers: a draw belongs to a patient, a purpose and an occasion, never to an arm or a worker.

Philox is a counter-based generator: its key comes from the run's seed and the purpose, its counter from the patient and
the occasion. No draw shifts another, so two policies see the same fate until they differ, and patient 17 is patient 17
whatever the size of the cohort.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import numpy as np

SCHEME_VERSION = 1
LARGEST_SEED = 2**64 - 1


class Purpose(StrEnum):
    """What a draw is for; a purpose that is not listed here has no stream."""

    PERSON = "person"
    BIOLOGY = "biology"
    ADHERENCE = "adherence"
    ASSAY = "assay"
    HOLIDAY = "holiday"
    INFECTION = "infection"
    CLONE = "clone"
    TRANSPLANT = "transplant"
    ADVERSE_EVENT = "adverse_event"
    CLINICIAN = "clinician"


class Streams:
    """The random streams of one run."""

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"seed: {seed} is not allowed; allowed: a whole number from 0 to 2^64 - 1")
        self.seed = seed
        self._seats = {purpose: _Seat(_key(seed, purpose)) for purpose in Purpose}

    def generator(self, purpose: Purpose, patient_id: int, occasion: int = 0) -> np.random.Generator:
        """Return the generator that belongs to this purpose, patient and occasion (a day, an episode number).

        It is one generator a purpose, put in its place: draw from it before asking for the next.
        """
        return self._seats[purpose].at(patient_id, occasion)


class _Seat:
    """A generator that is put to a patient and an occasion; to build one anew takes five times as long."""

    def __init__(self, key: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> None:
        self.counter = np.zeros(4, dtype=np.uint64)
        self.bits = np.random.Philox(key=key)
        self.generator = np.random.Generator(self.bits)
        self.start = self.bits.state | {"state": {"counter": self.counter, "key": key}}

    def at(self, patient_id: int, occasion: int) -> np.random.Generator:
        self.counter[1], self.counter[2] = occasion, patient_id
        self.bits.state = self.start
        return self.generator


def _key(seed: int, purpose: Purpose) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    text = f"{SCHEME_VERSION}:{seed}:{purpose.value}".encode()
    return np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype=np.uint64)
