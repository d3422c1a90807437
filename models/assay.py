"""From the true ANC to the count that the laboratory reports."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from titranc.models.clinic_view import Count, CountStatus

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Assay:
    """A blood count: biological variation within the person, then a differential of a limited number of cells.

    `lost_share` of samples give no number; `implausible_share` are reported in the wrong unit.
    """

    within_subject_cv: float
    cells_counted: int
    other_leukocytes_1e9_per_l: float
    implausible_above_1e9_per_l: float
    unit_slip_factor: float
    lost_share: float = 0.0
    implausible_share: float = 0.0
    _spread: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_spread", math.sqrt(math.log1p(self.within_subject_cv**2)))

    def report(self, true_anc_1e9_per_l: float, day: int, noise: np.random.Generator) -> Count:
        """Return the count reported for blood drawn on `day`; `noise` belongs to this patient and day alone."""
        mishap, deviate = noise.random(), noise.standard_normal()
        if mishap < self.lost_share:
            return Count(day, None, CountStatus.MISSING)
        circulating = self._circulating(true_anc_1e9_per_l, deviate)
        reported, leukocytes = self._differential(circulating, noise), circulating + self.other_leukocytes_1e9_per_l
        if mishap < self.lost_share + self.implausible_share:
            reported, leukocytes = reported * self.unit_slip_factor, leukocytes * self.unit_slip_factor
        return self.judged(day, round(reported, 2), round(leukocytes, 1) if math.isfinite(leukocytes) else None)

    def judged(self, day: int, anc_1e9_per_l: float, leukocytes_1e9_per_l: float | None = None) -> Count:
        """Return the count with the clinic's verdict on whether it can be true."""
        plausible = math.isfinite(anc_1e9_per_l) and 0 <= anc_1e9_per_l <= self.implausible_above_1e9_per_l
        status = CountStatus.VALID if plausible else CountStatus.IMPLAUSIBLE
        return Count(day, anc_1e9_per_l, status, leukocytes_1e9_per_l)

    def _circulating(self, true_anc: float, deviate: float) -> float:
        """Vary the true count about itself as its mean, log-normally."""
        return true_anc * math.exp(self._spread * deviate - self._spread**2 / 2)

    def _differential(self, anc: float, noise: np.random.Generator) -> float:
        """Count a limited number of leukocytes: at low counts few neutrophils are among them."""
        leukocytes = anc + self.other_leukocytes_1e9_per_l
        seen = noise.binomial(self.cells_counted, anc / leukocytes)
        return leukocytes * seen / self.cells_counted
