"""A draw belongs to the seed, the purpose, the patient and the occasion, and to nothing else."""

import numpy as np
import pytest

from titranc.sim.streams import LARGEST_SEED, Purpose, Streams


def draw(seed: int = 1, purpose: Purpose = Purpose.ASSAY, patient: int = 0, occasion: int = 0) -> list[float]:
    return Streams(seed).generator(purpose, patient, occasion).random(4).tolist()


def test_the_same_key_gives_the_same_draw() -> None:
    assert draw() == draw()


@pytest.mark.parametrize(
    "other",
    [{"seed": 2}, {"purpose": Purpose.BIOLOGY}, {"patient": 1}, {"occasion": 1}],
    ids=lambda item: next(iter(item)),
)
def test_any_other_key_gives_another(other: dict[str, int]) -> None:
    assert not set(draw()) & set(draw(**other))  # type: ignore[arg-type]


def test_no_two_keys_share_a_stream() -> None:
    firsts = [draw(1, purpose, patient, day)[0] for purpose in Purpose for patient in range(40) for day in range(40)]
    assert len(set(firsts)) == len(firsts)


@pytest.mark.parametrize("seed", [0, 1, LARGEST_SEED])
def test_any_64_bit_seed_will_do(seed: int) -> None:
    assert np.isfinite(draw(seed)).all()


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1])
def test_a_seed_beyond_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        Streams(seed)


def test_neighbouring_patients_and_days_are_unrelated() -> None:
    streams = Streams(7)
    table = np.array(
        [[streams.generator(Purpose.ASSAY, k, day).standard_normal() for day in range(200)] for k in range(50)]
    )
    for a, b in ((table[:-1], table[1:]), (table[:, :-1], table[:, 1:])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4.9 / np.sqrt(a.size)
