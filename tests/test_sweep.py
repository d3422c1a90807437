"""Sweeps: grids, tornados and Sobol' indices, all on the same patients and the same luck."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from titranc.models.documents import InputRefused
from titranc.sim import sensitivity, sweeping, trial
from titranc.sim.cli import app
from titranc.sim.report.plots.sensitivity import caption_tornado
from titranc.sim.running import How
from titranc.sim.sensitivity import Range, check_size, in_words, indices, one_way, range_of

SMALL = ["cohort.n=24", "cohort.sex=mixed", "horizon_years=1", "output.level=patient", "seed=11"]
TAKEN, STEP = "adherence.doses_taken=0.4:1", "policy.overrides.step_ug_per_kg_day=2:3"
INPUTS = [Range("a", 0, 1), Range("b", 0, 1), Range("c", 1, 1000, log=True)]


# Ranges


@pytest.mark.parametrize("text", ["a", "a=", "a=1", "a=2:1", "a=1:2:3", "a=x:1", "=1:2", "a=0:1:log", "a=-1:1:log"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match="path=low:high"):
        range_of(text)


def test_a_range_says_what_it_is() -> None:
    assert range_of("a.b=0.5:2:log") == Range("a.b", 0.5, 2.0, log=True)


# Sobol' indices against what is known


def test_the_indices_of_a_sum_are_the_shares_of_its_variance() -> None:
    def weighted(points: np.ndarray) -> np.ndarray:
        return (3 * points[0] + points[1] + 2 * np.log10(points[2]) / 3)[None, :]

    table = indices(weighted, INPUTS, 2048, seed=1).set_index(["order", "path"])["index"]
    variances = np.array([9.0, 1.0, 4.0])
    for order in ("first", "total"):
        assert table[order].to_numpy() == pytest.approx(variances / variances.sum(), abs=0.02)


def test_an_interaction_is_in_the_total_order_alone() -> None:
    def product(points: np.ndarray) -> np.ndarray:
        return ((points[0] - 0.5) * (points[1] - 0.5))[None, :]

    table = indices(product, INPUTS, 2048, seed=1).set_index(["order", "path"])["index"]
    assert table["first"].to_numpy() == pytest.approx([0, 0, 0], abs=0.03)
    assert table["total"].to_numpy() == pytest.approx([1, 1, 0], abs=0.06)


def test_intervals_that_overlap_are_told() -> None:
    def even(points: np.ndarray) -> np.ndarray:
        return (points[0] + points[1])[None, :]

    apart = indices(lambda points: (5 * points[0] + points[1])[None, :], INPUTS[:2], 512, seed=1).assign(arm="x")
    alike = indices(even, INPUTS[:2], 16, seed=1).assign(arm="x")
    assert "a matters most" in in_words(apart)[0]
    assert "cannot be told" in in_words(alike)[0]


@pytest.mark.parametrize(
    ("n", "inputs", "words"),
    [(12, 3, "a power of two"), (16, 1, "two inputs or more"), (512, 3, "128 or fewer"), (0, 2, "a power of two")],
)
def test_a_size_that_cannot_be_is_answered(n: int, inputs: int, words: str) -> None:
    with pytest.raises(InputRefused, match=words):
        check_size(n, inputs, 1000)


def test_a_size_that_fits_is_counted() -> None:
    assert check_size(128, 5, 1000) == 896


# Tornado


@pytest.fixture(scope="module")
def tornado() -> pd.DataFrame:
    return one_way("scn_child", SMALL, [range_of(TAKEN), range_of(STEP)], "share_anc_1_to_5")


def test_missed_doses_cost_time_in_target_and_matter_most(tornado: pd.DataFrame) -> None:
    low, high = tornado.iloc[0], tornado.iloc[1]
    assert (low["path"], low["end"], high["end"]) == ("adherence.doses_taken", "low", "high")
    assert low["difference"] < -0.02 < high["difference"] + 0.02
    assert (tornado["estimate"] - tornado["base"]).to_numpy() == pytest.approx(tornado["difference"])


def test_differences_are_those_of_the_same_patients(tornado: pd.DataFrame) -> None:
    base = trial.simulate(sensitivity.load_scenario("scn_child", SMALL), "x")["outcomes"]["share_anc_1_to_5"]
    alone = base.std(ddof=1) / np.sqrt(len(base)) * np.sqrt(2)
    step = tornado[tornado["path"].str.contains("step")]
    assert (step["mcse"] < 0.6 * alone).all()


def test_a_setting_that_is_not_allowed_is_answered_before_anything_runs() -> None:
    with pytest.raises(InputRefused, match="doses_taken"):
        one_way("scn_child", SMALL, [range_of("adherence.doses_taken=0.5:7")], "share_anc_1_to_5")


def test_an_endpoint_that_is_not_there_is_answered() -> None:
    with pytest.raises(InputRefused, match="one of share_anc_below_0_5"):
        sensitivity.check_endpoint("happiness")
    with pytest.raises(InputRefused, match="outcomes"):
        one_way("scn_child", SMALL, [range_of(TAKEN)], "severe_infections")


# The command


def test_a_tornado_writes_table_and_pictures(tmp_path: Path) -> None:
    options = [part for change in SMALL for part in ("--set", change)]
    asked = ["sweep", "scn_child", "--one-way", "--over", TAKEN, "--out", str(tmp_path / "t"), *options]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "doses_taken" in done.output
    assert {path.name for path in (tmp_path / "t").iterdir()} == {
        f"tornado.{end}" for end in ("csv", "parquet", "svg", "png")
    }
    assert "aria-label" in (tmp_path / "t" / "tornado.svg").read_text(encoding="utf-8")


def ends(arm: str, path: str, *differences: float, mcse: float) -> pd.DataFrame:
    rows = zip(("low", "high"), (1.0, 2.0), differences, strict=True)
    return pd.DataFrame(
        {"arm": arm, "path": path, "end": end, "setting": at, "estimate": 0.8 + by, "base": 0.8, "difference": by, "mcse": mcse}
        for end, at, by in rows
    )  # fmt: skip


def test_the_sentence_names_what_moves_the_result_in_digits_that_show_it() -> None:
    table = pd.concat([ends("x", "a.b", -0.004, 0.001, mcse=0.001), ends("x", "c", 0.003, 0.02, mcse=0.02)])
    told = caption_tornado(table.reset_index(drop=True), "share_anc_1_to_5")
    assert told.endswith("luck. It hangs most on a.b: 0.7960 at 1, 0.8010 at 2; as it is, 0.8000.")
    assert told.startswith("days with a count of 1 to 5 with one")


def test_the_sentence_says_of_each_arm_whether_anything_moves_it_beyond_chance() -> None:
    table = pd.concat([ends("x", "a", -0.1, 0.2, mcse=0.01), ends("y", "a", -0.01, 0.01, mcse=0.02)])
    told = caption_tornado(table.reset_index(drop=True), "share_anc_1_to_5")
    assert "Arm x: it hangs most on a: 0.70 at 1, 1.00 at 2; as it is, 0.80." in told
    assert "Arm y: it is 0.8 as it is; none of the settings moves it beyond chance." in told
    assert "none of the settings" in caption_tornado(ends("x", "a", 0, 0, mcse=0), "infections")
    assert "With one patient chance cannot be told." in caption_tornado(ends("x", "a", 0, 1, mcse=np.nan), "infections")


def summary_row(name: str, estimate: float, mcse: float) -> dict[str, object]:
    unit = "share" if name.startswith(("share", "status")) else "ug/kg/day"
    return {
        "cell": 0,
        "arm": "base",
        "doses_taken": "0.85",
        "endpoint": name,
        "estimate": estimate,
        "mcse": mcse,
        "unit": unit,
    }


def test_a_sweep_is_read_at_eighty_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame(summary_row(name, 0.96912, 0.14213) for name in sweeping.SHOWN)
    console = Console(width=80, file=io.StringIO())
    console.print(sweeping._rendered(table, ["doses_taken"], tmp_path))
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in told
    assert told.count("96.9") == told.count("±14.2") == 5


@pytest.mark.parametrize(
    ("estimate", "mcse", "told"),
    [
        (0.0, 0.0, "0"),
        (1.0, 0.0, "100"),
        (0.994, np.nan, "99.4"),
        (0.0004, 0.0003, "0.04\n±0.03"),
        (0.5, 0.05, "50.0\n±5.0"),
    ],
)
def test_no_error_is_shown_that_cannot_be_told(estimate: float, mcse: float, told: str) -> None:
    assert sweeping._estimate(summary_row("status_death", estimate, mcse)) == told


@pytest.mark.slow
def test_sobol_writes_the_same_whatever_the_workers(tmp_path: Path) -> None:
    tiny = ["cohort.n=4", "horizon_years=0.3", "cohort.sex=mixed", "output.level=patient"]
    for workers in (1, 2):
        sweeping.sobol("scn_child", tiny, [TAKEN, STEP], "mean_anc_1e9_per_l", 4, tmp_path / str(workers), workers)
    one, two = (pd.read_csv(tmp_path / name / "sobol.csv") for name in ("1", "2"))
    pd.testing.assert_frame_equal(one, two)
    assert set(one["order"]) == {"first", "total"}


def test_a_grid_is_a_run_a_cell(tmp_path: Path) -> None:
    over = ["adherence.doses_taken=0.5,1", "policy.overrides.step_ug_per_kg_day=2:3:2"]
    sweeping.sweep("scn_child", ["cohort.n=3", "horizon_years=0.3"], over, tmp_path / "g", How())
    table = pd.read_csv(tmp_path / "g" / "sweep.csv")
    assert table["cell"].nunique() == 4
    assert (tmp_path / "g" / "cell-003" / "manifest.json").exists()
    doses = table[table["endpoint"] == "mean_anc_1e9_per_l"].groupby("adherence.doses_taken")["estimate"].mean()
    assert doses[0.5] < doses[1.0]
