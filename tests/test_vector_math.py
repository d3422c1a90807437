"""Vectorisable powers and logarithms are as good as the library's."""

import numpy as np
from numba import njit

from titranc.models.vector_math import exp2, log2


@njit
def powers(x):  # type: ignore[no-untyped-def]
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = exp2(x[i])
    return out


@njit
def logarithms(x):  # type: ignore[no-untyped-def]
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = log2(x[i])
    return out


def test_powers_of_two_over_the_whole_range() -> None:
    x = np.linspace(-1020, 1020, 400_001)
    assert np.max(np.abs(powers(x) / np.exp2(x) - 1)) < 1e-15


def test_whole_powers_are_exact() -> None:
    x = np.arange(-1020.0, 1021.0)
    assert (powers(x) == np.exp2(x)).all()


def test_logarithms_over_the_whole_range() -> None:
    x = np.exp2(np.linspace(-1020, 1020, 400_001))
    assert np.max(np.abs(logarithms(x) - np.log2(x)) / np.maximum(1.0, np.abs(np.log2(x)))) < 1e-15


def test_logarithms_near_one_keep_their_relative_accuracy() -> None:
    x = 1 + np.linspace(-0.2, 0.2, 100_000)
    assert np.max(np.abs(logarithms(x) - np.log2(x)) / np.abs(np.log2(x))) < 1e-15
