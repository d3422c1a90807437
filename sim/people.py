"""What has become of one patient besides counts and doses: a record that the processes of a life write into."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Fate:
    """Days are those of the chart; None is not yet.

    `transformed_day` is when a clone turned malignant, `mds_aml_day` when that was diagnosed.
    """

    infections: int = 0
    severe_infections: int = 0
    antibiotic_days: int = 0
    hospital_days: int = 0
    holidays_from: int = 0
    csf3r_found_day: int | None = None
    transformed_day: int | None = None
    mds_aml_day: int | None = None
    referred_day: int | None = None
    donor: str = ""
    transplant_days: list[int] = field(default_factory=list)
    graft_failures: int = 0
    adverse_events: list[str] = field(default_factory=list)
    death_day: int | None = None
    death_cause: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the patient has died."""
        return self.death_day is not None

    @property
    def is_transplanted(self) -> bool:
        """Whether a transplant has been given."""
        return bool(self.transplant_days)

    @property
    def in_treatment_for_life(self) -> bool:
        """Whether the patient is alive with the own marrow, not transformed."""
        return not self.is_over and not self.transplant_days and self.transformed_day is None
