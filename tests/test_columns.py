"""Every column of every table says what it is: in the file, in the terminal, for programs."""

import json

import pyarrow.parquet as pq
import pytest

from titranc.models import catalogue
from titranc.models.documents import InputRefused
from titranc.sim import column_tables, data_dictionary, trial
from titranc.sim.scenario import load_scenario

PRICES = "outcomes.prices={currency: EUR, per_vial: 3}"
SWINGING = ["cohort.disease=cyclic", "cohort.n=3", "horizon_years=0.2", PRICES]
ARMS = "arms=[{name: one}, {name: two, policy: {kind: fixed, dose_ug_per_kg_day: 2}}]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> trial.Result:
    """A run with every table and, with lives and prices, every column."""
    return trial.run(load_scenario("cyclic_child", [*SWINGING, ARMS]), tmp_path_factory.mktemp("run"))


def test_the_dictionary_has_the_columns_of_every_table_and_no_other(run: trial.Result) -> None:
    tables = {name: list(run.table(name).columns) for name in run.manifest["tables"]}
    assert set(tables) == set(data_dictionary.tables())
    for name, found in tables.items():
        parameters = {column for column in found if column.startswith("p_")}
        assert set(found) - parameters == set(data_dictionary.described(name)), name
        assert bool(parameters) == (name == data_dictionary.OF_PARAMETERS)


def test_every_column_of_a_file_carries_its_unit_and_meaning(run: trial.Result) -> None:
    for name in run.manifest["tables"]:
        for field in pq.read_schema(run.folder / f"{name}.parquet"):
            told = {key.decode(): value.decode() for key, value in field.metadata.items()}
            assert told == data_dictionary.column(name, field.name)._asdict()
            assert all(told.values()), (name, field.name)
    hazard, reference = (
        data_dictionary.column("patients", "p_apoptosis_hazard"),
        catalogue.physiology()["apoptosis_hazard"],
    )
    assert hazard == (reference.unit, reference.meaning)
    assert data_dictionary.column("outcomes", "drug_mg_per_year").unit == "mg/year"


def test_the_codes_of_a_status_are_told(run: trial.Result, capsys: pytest.CaptureFixture[str]) -> None:
    for column, entry in data_dictionary.described("outcomes").items():
        if column.startswith("status_"):
            largest = int(entry.unit[-1])
            assert run.table("outcomes")[column].between(0, largest).all()
            assert all(f"{code} " in entry.meaning for code in range(1, largest + 1))
    column_tables.show_columns("outcomes", as_json=False)
    assert "2 a competing event came first" in " ".join(capsys.readouterr().out.split())


def test_the_dictionary_is_printed_for_people_and_programs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    column_tables.show_columns(None, as_json=False)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    column_tables.show_columns(None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert all(f"{name}: " in text for name in found)
    assert all(column in text.split() for entry in found.values() for column in entry["columns"])
    assert found["visits"]["columns"]["gate"]["unit"] == "text"


def test_a_table_that_is_none_is_answered_with_those_there_are() -> None:
    with pytest.raises(InputRefused, match="allowed: one of patients, outcomes, .*did you mean `outcomes`"):
        column_tables.show_columns("outcome", as_json=False)
