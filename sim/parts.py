"""Tables in parts: each block of patients leaves one part of every table, whole, digested and named in its own note.

A part stands at `<table>.parquet` when the run has one block, else at `<table>.parquet/<block>.parquet`, so that
`pandas.read_parquet` reads either. What is needed only to put the cohort's tables together stays in `blocks/`, so that a
finished run can be mended too. A block is finished when its note stands there; the note is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from titranc.sim import parquet_files
from titranc.sim.blocks import Block
from titranc.sim.data_dictionary import column
from titranc.sim.digests import ContentDigest
from titranc.sim.storage import SCENARIO_NAME, IntegrityFailure, write_whole

NOTES = "blocks"


def write_block(
    folder: Path, block: Block, tables: Mapping[str, pd.DataFrame], passing: Collection[str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the parts of a block, those `passing` beside its note, then the note with `facts`; return the note."""
    note: dict[str, Any] = dict(facts) | {
        "patients": [block.first, block.end],
        "tables": {
            name: _write_part(folder, _place(folder, block, name, passing=name in passing), name, table)
            for name, table in tables.items()
        },
    }
    _note_path(folder, block).parent.mkdir(exist_ok=True)
    write_whole(_note_path(folder, block), (json.dumps(note, indent=1) + "\n").encode())
    return note


def finished_note(folder: Path, block: Block) -> dict[str, Any] | None:
    """Return the note of a block whose parts are all there and as its note says, else None."""
    try:
        note: dict[str, Any] = json.loads(_note_path(folder, block).read_text())
        sound = note["patients"] == [block.first, block.end] and all(
            _digest(folder / part["file"]) == part["sha256"] for part in note["tables"].values()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return note if sound else None


def table_entries(notes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the manifest's entry of every table, from the notes of all blocks in order."""
    entries: dict[str, Any] = {}
    for note in notes:
        for name, part in note["tables"].items():
            entry = entries.setdefault(name, {"rows": 0, "content": str(ContentDigest()), "parts": []})
            entry["rows"] += part["rows"]
            entry["content"] = str(ContentDigest.read(entry["content"]) + ContentDigest.read(part["content"]))
            entry["parts"].append({key: part[key] for key in ("file", "rows", "sha256")})
    return entries


def whole_table(folder: Path, name: str, table: pd.DataFrame) -> dict[str, Any]:
    """Write a table that is not in parts; return its entry for the manifest."""
    part = _write_part(folder, folder / f"{name}.parquet", name, table)
    entry: dict[str, Any] = table_entries([{"tables": {name: part}}])[name]
    return entry


def read_parts(
    folder: Path, entry: Mapping[str, Any], columns: Sequence[str] | None = None, *, most_parts: int | None = None
) -> pd.DataFrame:
    """Return a table from its entry in the manifest, the digest of each part checked, or raise IntegrityFailure.

    Of `columns` those that are there.
    """
    frames = [
        part if columns is None else part[[name for name in columns if name in part]]
        for part in each_part(folder, entry, most_parts)
    ]
    return pd.concat(frames, ignore_index=True)


def each_part(folder: Path, entry: Mapping[str, Any], most_parts: int | None = None) -> Iterator[pd.DataFrame]:
    """Return the parts of a table one after the other, checked like `read_parts`."""
    return (_read_part(folder, part) for part in entry["parts"][:most_parts])


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise IntegrityFailure where a file of a finished run is missing or not what its manifest says."""
    for entry in manifest["tables"].values():
        for part in entry["parts"]:
            _sound_bytes(folder / part["file"], part["sha256"])
    _sound_bytes(folder / SCENARIO_NAME, manifest.get("scenario_sha256"))


def _sound_bytes(path: Path, sha256: str | None) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IntegrityFailure(f"{path}: missing; `titranc run ... --resume` makes it again") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityFailure(
            f"{path}: its digest is not the one in the manifest; the file was altered or cut off; "
            "`titranc run ... --resume` makes it again"
        )
    return data


def _read_part(folder: Path, part: Mapping[str, Any]) -> pd.DataFrame:
    return parquet_files.read_bytes(_sound_bytes(folder / part["file"], part["sha256"]))


def _write_part(folder: Path, path: Path, name: str, table: pd.DataFrame) -> dict[str, Any]:
    path.parent.mkdir(exist_ok=True)
    return {
        "file": path.relative_to(folder).as_posix(),
        "rows": len(table),
        "content": str(ContentDigest.of(table)),
        "sha256": write_whole(path, _parquet(name, table)),
    }


def _parquet(name: str, table: pd.DataFrame) -> bytes:
    """Return a table as Parquet, with unit and meaning in every column's metadata."""
    arrow = pa.Table.from_pandas(table, preserve_index=False, nthreads=1).replace_schema_metadata(None)
    fields = [field.with_metadata(column(name, field.name)._asdict()) for field in arrow.schema]
    sink = pa.BufferOutputStream()
    pq.write_table(arrow.cast(pa.schema(fields)), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _place(folder: Path, block: Block, name: str, *, passing: bool) -> Path:
    if passing:
        return folder / NOTES / f"{block.index:05d}-{name}.parquet"
    whole = folder / f"{name}.parquet"
    return whole if block.count == 1 else whole / f"{block.index:05d}.parquet"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _note_path(folder: Path, block: Block) -> Path:
    return folder / NOTES / f"{block.index:05d}.json"
