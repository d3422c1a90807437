"""What a reading of a run found: for each invariant rows looked at, rows to which it applied, and what broke it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from titranc.sim.verification.chart import Chart
from titranc.sim.verification.invariants import INVARIANTS, Invariant

FEWEST_ROWS = 100
MOST_KEYS = 5


@dataclass
class Verdict:
    """How one invariant fared; `first` holds arm, patient and day of the first rows that break it."""

    id: str
    says: str
    examined: int = 0
    applied: int = 0
    violations: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """One word: broken, holds, or untested where it applied to fewer than a hundred rows."""
        if self.violations:
            return "broken"
        return "holds" if self.applied >= FEWEST_ROWS else "untested"

    @property
    def in_words(self) -> str:
        """The word, and of an untested invariant how often it held."""
        if self.word != "untested":
            return self.word
        return f"untested: held in {self.applied} rows" if self.applied else "untested: did not occur"

    def add(self, invariant: Invariant, chart: Chart) -> None:
        """Read one arm."""
        table, applied, broken = invariant.reading(chart)
        self.examined += len(table)
        self.applied += int(applied.sum())
        self.violations += int(broken.sum())
        days = "day" if "day" in table else "day_start"
        for _, row in table[broken].head(MOST_KEYS - len(self.first)).iterrows():
            self.first.append(f"{chart.arm}, patient {row['patient_id']}, day {row[days]}")


def verdicts(charts: Iterable[Chart]) -> Iterator[Verdict]:
    """Return the verdict on every invariant that an arm of the run claims."""
    arms = list(charts)
    for invariant in INVARIANTS:
        claiming = [chart for chart in arms if invariant.holds_for(chart)]
        if not claiming:
            continue
        verdict = Verdict(invariant.id, invariant.says)
        for chart in claiming:
            verdict.add(invariant, chart)
        yield verdict
