"""The run folder: written whole or not at all, digested, and never overwritten silently."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK_NAME = ".lock"
HOLDER_NAME = ".lock-holder"
MANIFEST_NAME = "manifest.json"
IDENTITY_NAME = "run.json"
SCENARIO_NAME = "scenario.yaml"


class FolderInUse(Exception):
    """The run folder holds something already, or another run is writing to it."""


class IntegrityFailure(Exception):
    """A file of a run is missing or not what its manifest says."""


@contextmanager
def claimed(folder: Path, *, resume: bool = False) -> Iterator[Path]:
    """Claim a folder for this run; raise FolderInUse, naming who holds it or, unless to `resume`, what is there.

    The lock is the operating system's: it goes when its process goes, however that ends. The holder's name beside it
    is for people to read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise FolderInUse(
            f"{folder}: another run is writing here{_holder(folder)}; wait for it or choose another with --out"
        ) from error
    try:
        if not resume:
            _refuse_what_is_there(folder)
        (folder / HOLDER_NAME).write_text(_who_we_are())
        yield folder
    finally:
        for name in (HOLDER_NAME, LOCK_NAME):
            (folder / name).unlink(missing_ok=True)
        lock.release()


def _who_we_are() -> str:
    return f"process {os.getpid()} on {platform.node()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _holder(folder: Path) -> str:
    try:
        return f" ({(folder / HOLDER_NAME).read_text()})"
    except OSError:
        return ""


def _refuse_what_is_there(folder: Path) -> None:
    present = sorted(path.name for path in folder.iterdir() if path.name not in (LOCK_NAME, HOLDER_NAME))
    if MANIFEST_NAME in present:
        raise FolderInUse(f"{folder}: a finished run is here; choose another folder with --out")
    if IDENTITY_NAME in present:
        raise FolderInUse(
            f"{folder}: an unfinished run is here; go on with it by --resume or choose another with --out"
        )
    if present:
        what = ", ".join(present[:3])
        raise FolderInUse(f"{folder}: the folder is not empty ({what}); choose another with --out")


def write_whole(path: Path, data: bytes) -> str:
    """Write a file under a temporary name, flush it, give it its name; return its SHA-256.

    Raises OSError with the path and the bytes wanted; nothing half-written is left.
    """
    part = path.with_name(path.name + ".part")
    try:
        _write_through(part, data)
        part.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} (writing {len(data)} bytes)", str(path)) from error
    finally:
        part.unlink(missing_ok=True)
    return hashlib.sha256(data).hexdigest()


def _write_through(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, the last file of a run: where it stands, the run is whole."""
    write_whole(folder / MANIFEST_NAME, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run, or raise IntegrityFailure."""
    try:
        found = json.loads((folder / MANIFEST_NAME).read_text())
    except (OSError, ValueError) as error:
        raise IntegrityFailure(f"{folder}: no readable {MANIFEST_NAME}; this is not a finished run") from error
    if not _names_tables(found):
        raise IntegrityFailure(f"{folder / MANIFEST_NAME}: not a manifest of a run")
    manifest: dict[str, Any] = found
    return manifest


def _names_tables(found: Any) -> bool:
    try:
        parts = [part for entry in found["tables"].values() for part in entry["parts"]]
        return all({"file", "sha256"} <= part.keys() for part in parts)
    except (KeyError, TypeError, AttributeError):
        return False


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def settle_identity(folder: Path, identity: Mapping[str, Any]) -> None:
    """Write down what this run is or, where that stands already, raise IntegrityFailure at the first difference.

    Temporary files that a killed run left behind are cleared away.
    """
    path = folder / IDENTITY_NAME
    for left in [*folder.glob("*.part"), *folder.glob("*/*.part")]:
        left.unlink()
    if not path.exists():
        write_whole(path, (json.dumps(dict(identity), indent=1) + "\n").encode())
        return
    found = identity_of(folder)
    for name, value in identity.items():
        if found.get(name) != value:
            raise IntegrityFailure(
                f"{folder}: cannot go on: {name} was {found.get(name)!r} and is now {value!r}; start anew in another folder"
            )


def identity_of(folder: Path) -> dict[str, Any]:
    """Return what the run in a folder is, as it was written down; nothing where that is not there or cannot be read."""
    try:
        found = json.loads((folder / IDENTITY_NAME).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
