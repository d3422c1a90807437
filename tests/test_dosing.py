"""A dose carries its unit, and a slip has no way to be written down."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titranc.models.dosing import Dose, DoseRefused, Regimen, injection_ng


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf, -math.inf, "5", None, True])
def test_an_amount_that_is_no_dose_is_refused_by_field_name(amount: object) -> None:
    with pytest.raises(DoseRefused, match="policy.dose_ug_per_kg_day"):
        Dose.from_ug_per_kg(amount, field="policy.dose_ug_per_kg_day")  # type: ignore[arg-type]


def test_the_transplant_line_of_the_article_cannot_be_expressed() -> None:
    with pytest.raises(DoseRefused, match="thousandfold"):
        Regimen.parse("5 mg/kg once daily")


@pytest.mark.parametrize("unit", ["mg/kg", "g/kg", "ng/kg", "ug", "mg", "IU/kg", "ug/lb"])
def test_every_unit_but_micrograms_per_kilogram_is_refused(unit: str) -> None:
    with pytest.raises(DoseRefused, match="unit"):
        Regimen.parse(f"5 {unit} once daily")


def test_the_start_dose_reads_as_written_on_a_chart() -> None:
    regimen = Regimen.parse("6 ug/kg twice daily")
    assert (regimen.ug_per_kg_day, regimen.every_hours) == (12.0, 12)
    assert str(regimen) == "6 ug/kg twice daily"


def test_a_negative_or_fractional_ledger_entry_cannot_exist() -> None:
    for nanograms in (-1, 0.5):
        with pytest.raises(DoseRefused):
            Dose(nanograms)  # type: ignore[arg-type]


@given(st.floats(0, 120), st.floats(2, 150), st.floats(0, 480))
def test_rounding_to_a_vial_moves_a_dose_by_at_most_half_a_step_or_to_one_step(
    ug_per_kg: float, weight_kg: float, step_ug: float
) -> None:
    dose = Dose.from_ug_per_kg(ug_per_kg)
    given_ng, exact_ng = injection_ng(dose, weight_kg, step_ug), round(dose.ng_per_kg * weight_kg)
    step_ng = round(step_ug * 1000)
    if exact_ng == 0 or step_ng == 0:
        assert given_ng == exact_ng
    else:
        assert given_ng >= step_ng
        assert given_ng % step_ng == 0
        assert abs(given_ng - exact_ng) <= step_ng / 2 or given_ng == step_ng
