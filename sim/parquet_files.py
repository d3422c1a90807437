"""Parquet files, read in this thread only.

Arrow's own pools of threads may still be at work when a short program ends, and then abort it after its work is done
(apache/arrow issues 34314 and 39862). A table is a file, or a folder of files in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Keep = Callable[[pd.DataFrame], "pd.Series[bool]"]


def read(path: Path, keep: Keep | None = None, patient_ids: range | None = None) -> pd.DataFrame:
    """Return a table, or the rows that `keep` says; groups of rows without any of `patient_ids` are not read."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    frames = [frame for file in files for frame in _frames(file, patient_ids)]
    kept = [frame if keep is None or frame.empty else frame[keep(frame)] for frame in frames]
    filled = [frame for frame in kept if len(frame)]
    # An empty part's columns may have no types.
    return pd.concat(filled, ignore_index=True) if filled else kept[0]


def read_bytes(data: bytes) -> pd.DataFrame:
    """Return the table of one file's content."""
    return _whole(pa.BufferReader(data))


def column_units(path: Path) -> dict[str, str]:
    """Return the unit of every column, from its metadata."""
    first = min(path.glob("*.parquet")) if path.is_dir() else path
    return {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in pq.read_schema(first)}


def _frames(file: Path, patient_ids: range | None) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(file) as opened:
        groups = range(opened.num_row_groups)
        chosen = [group for group in groups if patient_ids is None or _may_hold(opened, group, patient_ids)]
        if chosen or not groups:
            yield opened.read_row_groups(chosen, use_threads=False).to_pandas(use_threads=False)
        else:
            yield opened.schema_arrow.empty_table().to_pandas(use_threads=False)


def _may_hold(opened: pq.ParquetFile, group: int, patient_ids: range) -> bool:
    """Whether a group of rows may have one of these patients, by the lowest and highest number it says it has."""
    place = opened.schema_arrow.get_field_index("patient_id")
    told: Any = opened.metadata.row_group(group).column(place).statistics if place >= 0 else None
    if told is None or not told.has_min_max:
        return True
    return bool(told.min < patient_ids.stop and told.max >= patient_ids.start)


def _whole(source: BinaryIO | pa.NativeFile) -> pd.DataFrame:
    with pq.ParquetFile(source) as opened:
        table: pd.DataFrame = opened.read(use_threads=False).to_pandas(use_threads=False)
    return table
