"""What the tables say was given is what the body got."""

import numpy as np
import pandas as pd
import pytest

from titranc.sim import trial
from titranc.sim.courses import hourly_course
from titranc.sim.scenario import load_scenario

ONCE_DAILY = "policy={kind: fixed, dose_ug_per_kg_day: 10, times_per_day: 1, visit_every_days: 9}"


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_doses_of_the_table_given_to_the_same_body_make_the_counts_of_the_table(share: float) -> None:
    tables = trial.simulate(
        load_scenario("scn_child", ["horizon_years=0.1", ONCE_DAILY, f"adherence.doses_taken={share}"]), "x"
    )
    days, patient = tables["trajectory"], tables["patients"].iloc[0]
    doses = days["dose_given_ug_per_kg"].to_numpy()
    assert np.mean(doses > 0) == pytest.approx(share, abs=0.25)
    course = hourly_course(parameters_of(patient), list(doses[:-1]))
    np.testing.assert_allclose(course["anc_1e9_per_l"].iloc[::24], days["anc_1e9_per_l"], rtol=2e-3)


def parameters_of(patient: pd.Series) -> dict[str, float]:
    return {str(name)[2:]: float(value) for name, value in patient.items() if str(name).startswith("p_")}
