"""A finished run as a reader finds it: tables, numbers of the edition, what was scripted for the patients."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from titranc.sim import parquet_files

KEY = ["arm", "patient_id"]
# The injections of a day are whole nanograms.
TINY = 0.003


@dataclass(frozen=True)
class Chart:
    """One arm of a run; `visits` with what a reader adds to them, `scenario` as resolved for the arm."""

    arm: str
    disease: str
    edition: str
    scenario: dict[str, Any]
    values: dict[str, float]
    maximum_ug_per_kg_day: float
    visits: pd.DataFrame
    doses: pd.DataFrame
    events: pd.DataFrame
    trajectory: pd.DataFrame

    @property
    def titrates(self) -> bool:
        """Whether a guideline decides."""
        return bool(self.scenario["policy"]["kind"] == "guideline")

    @property
    def course(self) -> dict[str, Any]:
        """What the scenario lets befall the patients."""
        return dict(self.scenario.get("course") or {})

    @property
    def chemotherapy_days(self) -> list[int]:
        """The days of chemotherapy."""
        given = self.course.get("chemotherapy")
        if not given:
            return []
        return [given["first_day"] + number * given["every_days"] for number in range(given["cycles"])]


def read_charts(folder: Path) -> list[Chart]:
    """Return the arms of a run, each with its tables.

    Raises FileNotFoundError naming the table that is missing: a run below `output.level` visit has none.
    """
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    scenario = YAML(typ="safe").load((folder / "scenario.yaml").read_text(encoding="utf-8"))
    tables = {
        name: parquet_files.read(folder / f"{name}.parquet") for name in ("visits", "doses", "events", "patients")
    }
    trajectory = folder / "trajectory.parquet"
    days = parquet_files.read(trajectory) if trajectory.exists() else pd.DataFrame()
    tables["trajectory"] = days if len(days) else pd.DataFrame(columns=[*KEY, "day", "dose_given_ug_per_kg"])
    return charts_of(manifest, scenario, tables)


def charts_of(manifest: dict[str, Any], scenario: dict[str, Any], tables: dict[str, pd.DataFrame]) -> list[Chart]:
    """Return the arms of a run from what its folder holds."""
    return [_chart(manifest, _resolved(scenario, arm), arm["name"], tables) for arm in scenario["arms"]]


def _resolved(scenario: dict[str, Any], arm: dict[str, Any]) -> dict[str, Any]:
    return {**scenario, **{name: section for name, section in arm.items() if name != "name" and section is not None}}


def _chart(manifest: dict[str, Any], scenario: dict[str, Any], arm: str, tables: dict[str, pd.DataFrame]) -> Chart:
    own = {name: table[table["arm"] == arm] for name, table in tables.items() if name != "patients"}
    last = _last_day_of_titration(scenario, own["events"])
    own["visits"], own["doses"] = _until(own["visits"], "day", last), _until(own["doses"], "day_start", last)
    numbers = manifest["guideline_values"]
    return Chart(
        arm=arm,
        disease=str(scenario["cohort"]["disease"]),
        edition=str(scenario["policy"].get("edition", manifest["edition"])),
        scenario=scenario,
        values={name: _number(entry, arm) for name, entry in numbers.items()},
        maximum_ug_per_kg_day=_number(manifest["drug"]["absolute_maximum_ug_per_kg_day"], arm),
        visits=_read(own["visits"], _fresh(scenario, numbers)),
        doses=own["doses"],
        events=own["events"],
        trajectory=own["trajectory"],
    )


def _last_day_of_titration(scenario: dict[str, Any], events: pd.DataFrame) -> pd.Series[float]:
    """Return by patient the day from which on the edition no longer titrates the disease: a transplant that befell the patient."""
    scripted = bool((scenario.get("course") or {}).get("transplant"))
    transplants = events[(events["event"] == "transplant") & (not scripted)]
    days: pd.Series[float] = transplants.groupby("patient_id")["day"].min().astype(float)
    return days


def _until(table: pd.DataFrame, column: str, last: pd.Series[float]) -> pd.DataFrame:
    """Return the rows before each patient's last day."""
    return table[table[column] < table["patient_id"].map(last).fillna(math.inf)]


def _number(entry: dict[str, Any], arm: str) -> float:
    return float(entry.get("in_arms", {}).get(arm, entry["value"]))


def _fresh(scenario: dict[str, Any], numbers: dict[str, Any]) -> bool:
    """Whether counts are drawn lately enough when the decision on them falls."""
    return bool(scenario["laboratory"]["turnaround_hours"] < 24 * (numbers["count_valid_days"]["value"] + 1))


def _read(visits: pd.DataFrame, fresh: bool) -> pd.DataFrame:
    """Return the visits with what a reader adds: whether the dose rose or fell, since when it was in force."""
    table = visits.sort_values(["patient_id", "day"], kind="stable", ignore_index=True)
    patient = table["patient_id"]
    before, after = table["dose_before_ug_per_kg_day"], table["dose_after_ug_per_kg_day"]
    table["before"], table["after"], table["anc"] = before, after, table["anc_reported_1e9_per_l"]
    table["valid"] = fresh & (table["lab_status"] == "valid")
    table["rose"], table["fell"] = after > before + TINY, after < before - TINY
    changed_on = table["day"].where(table["rose"] | table["fell"])
    table["last_change"] = changed_on.groupby(patient).shift().groupby(patient).ffill()
    table["days_at_dose"] = table["day"] - table["last_change"]
    table["started"] = before.gt(0).groupby(patient).cummax()
    table["held"] = before.where(before > 0).groupby(patient).ffill()
    table["on_hold"] = (before == 0) & table["started"]
    table["resumed"] = table["rose"] & table["on_hold"] & (after <= table["held"] + TINY)
    table["begun"] = table["rose"] & ~table["started"]
    table["raised"] = table["rose"] & ~table["begun"] & ~table["resumed"]
    table["led_by"] = table["rule_ids"].str.split().str[0]
    table["last_anc"] = table["anc"].where(table["valid"]).groupby(patient).shift()
    table["last_day"] = table["day"].groupby(patient).shift()
    return table
