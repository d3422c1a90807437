"""The laboratory reports what it would in life: noisy, coarse at low counts, sometimes nothing."""

import numpy as np
import pytest

from titranc.models import catalogue
from titranc.models.clinic_view import CountStatus


def noise(index: int) -> np.random.Generator:
    return np.random.default_rng([20261123, index])


def reports(true_anc: float, n: int = 20_000, **changes: float) -> np.ndarray:
    assay = catalogue.assay(**changes)  # type: ignore[arg-type]
    return np.array([assay.report(true_anc, 0, noise(i)).anc_1e9_per_l for i in range(n)], dtype=float)


def test_a_true_count_of_1_2_reads_below_1_in_about_28_percent_of_draws() -> None:
    below = (reports(1.2, cells_counted=1_000_000) < 1.0).mean()
    assert below == pytest.approx(0.28, abs=0.015)


def test_reports_vary_about_the_truth_with_the_stated_spread() -> None:
    counts = reports(3.0, cells_counted=1_000_000)
    assert counts.mean() == pytest.approx(3.0, rel=0.01)
    assert counts.std() / counts.mean() == pytest.approx(0.26, abs=0.01)


def test_counting_few_cells_makes_low_counts_coarse() -> None:
    fine, coarse = (reports(0.1, within_subject_cv=0.0, cells_counted=cells).std() for cells in (100_000, 200))
    assert coarse > 10 * fine
    assert coarse == pytest.approx(3.1 * np.sqrt(0.1 / 3.1 * (1 - 0.1 / 3.1) / 200), rel=0.05)


def test_a_lost_sample_has_no_number_and_cannot_be_acted_upon() -> None:
    count = catalogue.assay(lost_share=1.0).report(2.0, 5, noise(0))
    assert (count.anc_1e9_per_l, count.status, count.usable) == (None, CountStatus.MISSING, False)


def test_a_count_in_the_wrong_unit_is_recognised() -> None:
    count = catalogue.assay(implausible_share=1.0).report(2.0, 5, noise(0))
    assert count.status is CountStatus.IMPLAUSIBLE
    assert not count.usable


@pytest.mark.parametrize("reading", [float("nan"), float("inf"), -0.1, 100.1])
def test_a_reading_that_cannot_be_true_is_not_usable(reading: float) -> None:
    assert not catalogue.assay().judged(0, reading).usable
