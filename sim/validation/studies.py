"""Virtual studies, each simulated once, when a measure first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from titranc.models.integrator import RECORDS
from titranc.sim import trial
from titranc.sim.scenario import load_scenario
from titranc.sim.validation.targets import Cohort, study

SEED = 20270303


@dataclass(frozen=True)
class Virtual:
    """The tables of a virtual study, its cohorts one below the other, told apart by `cohort`."""

    tables: dict[str, pd.DataFrame]

    def outcomes(self, arm: str | None = None) -> pd.DataFrame:
        """Return a row a patient, of one arm or of all."""
        return of_arm(self.tables["outcomes"], arm)

    def events(self, name: str, arm: str | None = None) -> pd.DataFrame:
        """Return the events of a kind."""
        events = of_arm(self.tables["events"], arm)
        return events[events["event"] == name]

    @cached_property
    def _mornings(self) -> pd.DataFrame:
        keys = ["arm", "cohort", "patient_id"]
        return self.tables["trajectory"].pivot_table(index=keys, columns="day", values=RECORDS[0])

    def mornings(self, arm: str | None, from_day: int = 0, to_day: int | None = None) -> pd.DataFrame:
        """Return the true ANC (10^9/L) of each morning, a row a patient, a column a day."""
        found = self._mornings
        found = found if arm is None else found[found.index.get_level_values("arm") == arm]
        return found.loc[:, from_day : (found.columns[-1] if to_day is None else to_day)]


def of_arm(table: pd.DataFrame, arm: str | None) -> pd.DataFrame:
    """Return the rows of an arm, or all."""
    return table if arm is None else table[table["arm"] == arm]


@dataclass
class Studies:
    """Every virtual study by name; `scale` makes them smaller or larger than their protocols say."""

    scale: float = 1.0
    seed: int = SEED
    _done: dict[str, Virtual] = field(default_factory=dict)

    def run(self, name: str) -> Virtual:
        """Return a virtual study's tables; raises KeyError for a name that no protocol has."""
        if name not in self._done:
            parts = [self._simulate(number, cohort) for number, cohort in enumerate(study(name))]
            self._done[name] = Virtual(
                {table: pd.concat([part[table] for part in parts], ignore_index=True) for table in parts[0]}
            )
        return self._done[name]

    def _simulate(self, number: int, cohort: Cohort) -> dict[str, pd.DataFrame]:
        n = max(int(np.ceil(self.scale * cohort.patients)), 2)
        fixed = [f"seed={self.seed}", f"cohort.n={n}"]
        tables = trial.simulate(load_scenario(cohort.scenario, [*cohort.changes, *fixed]), "validation")
        return {name: table.assign(cohort=number) for name, table in tables.items()}
