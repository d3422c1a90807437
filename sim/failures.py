"""What went wrong, in one message and one exit code."""

from __future__ import annotations

import errno

REFUSED, IN_USE, INTEGRITY, RESOURCE, STOPPED = 2, 3, 4, 5, 130


def explained(error: BaseException) -> tuple[str, int] | None:
    """Return message and exit code of a foreseeable failure, or None."""
    from titranc.models.documents import InputRefused
    from titranc.models.dosing import DoseRefused

    if isinstance(error, (InputRefused, DoseRefused)):
        return str(error), REFUSED
    if isinstance(error, KeyboardInterrupt):
        return "Stopped; nothing half-written was kept.", STOPPED
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _RESOURCE_ERRORS):
        return f"{error}: nothing half-written was kept; free space or choose another folder with --out", RESOURCE
    return _of_storage(error)


_RESOURCE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def _of_storage(error: BaseException) -> tuple[str, int] | None:
    from titranc.sim.storage import FolderInUse, IntegrityFailure

    codes = {FolderInUse: IN_USE, IntegrityFailure: INTEGRITY}
    return next(((str(error), code) for kind, code in codes.items() if isinstance(error, kind)), None)
