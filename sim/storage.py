"""The run folder: written whole or not at all, digested, and never overwritten silently."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from titranc.sim.columns import unit_of

LOCK_NAME = ".lock"
MANIFEST_NAME = "manifest.json"


class FolderInUse(Exception):
    """The run folder holds something already, or another run is writing to it."""


class IntegrityFailure(Exception):
    """A file of a run is missing or not what its manifest says."""


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """Claim an absent or empty folder for this run; raise FolderInUse naming what is there.

    The lock is the operating system's: it goes when its process goes, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FolderInUse(f"{folder}: another run is writing here; wait for it or choose another with --out") from error
    try:
        _refuse_what_is_there(folder)
        yield folder
    finally:
        (folder / LOCK_NAME).unlink(missing_ok=True)
        lock.release()


def _refuse_what_is_there(folder: Path) -> None:
    present = sorted(path.name for path in folder.iterdir() if path.name != LOCK_NAME)
    if MANIFEST_NAME in present:
        raise FolderInUse(f"{folder}: a finished run is here; choose another folder with --out")
    if present:
        what = ", ".join(present[:3])
        raise FolderInUse(f"{folder}: the folder is not empty ({what}); remove it or choose another with --out")


def write_whole(path: Path, data: bytes) -> str:
    """Write a file under a temporary name, flush it, give it its name; return its SHA-256."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return hashlib.sha256(data).hexdigest()


def write_table(folder: Path, name: str, table: pd.DataFrame) -> dict[str, Any]:
    """Write a table as Parquet with unit and label in every column's metadata; return its entry for the manifest."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    fields = [
        field.with_metadata({"unit": unit_of(field.name), "label": field.name.replace("_", " ")})
        for field in arrow.schema
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(arrow.cast(pa.schema(fields)), sink, compression="zstd")
    digest = write_whole(folder / f"{name}.parquet", sink.getvalue().to_pybytes())
    return {"rows": len(table), "sha256": digest, "content_sha256": content_digest(table)}


def content_digest(table: pd.DataFrame) -> str:
    """Return a SHA-256 of what a table says, whatever file it stands in; the run's own name does not count."""
    digest = hashlib.sha256()
    for name in table.columns.drop("run_id", errors="ignore"):
        column = table[name]
        digest.update(name.encode())
        if pd.api.types.is_numeric_dtype(column.dtype):
            digest.update(column.to_numpy().tobytes())
        else:
            digest.update("\x1f".join(column.astype(str)).encode())
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, the last file of a run: where it stands, the run is whole."""
    write_whole(folder / MANIFEST_NAME, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run, or raise IntegrityFailure."""
    try:
        found = json.loads((folder / MANIFEST_NAME).read_text())
    except (OSError, ValueError) as error:
        raise IntegrityFailure(f"{folder}: no readable {MANIFEST_NAME}; this is not a finished run") from error
    if not isinstance(found, dict) or "tables" not in found:
        raise IntegrityFailure(f"{folder / MANIFEST_NAME}: not a manifest of a run")
    return found


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Return a table of a finished run, its digest checked, or raise IntegrityFailure."""
    entry = read_manifest(folder)["tables"].get(name)
    path = folder / f"{name}.parquet"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IntegrityFailure(f"{path}: missing") from error
    if entry is None or hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise IntegrityFailure(f"{path}: its digest is not the one in the manifest; the file was altered or cut off")
    table: pd.DataFrame = pq.read_table(pa.BufferReader(data)).to_pandas()
    return table


def content_sha256(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
