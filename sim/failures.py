"""What went wrong, in one message and one exit code."""

from __future__ import annotations

import errno
import signal
from functools import partial
from types import FrameType

REFUSED, IN_USE, INTEGRITY, RESOURCE, LOST, STOPPED, TERMINATED = 2, 3, 4, 5, 6, 130, 143


class Stopped(BaseException):
    """The process was asked to stop; the argument is its exit code."""


def heed_requests_to_stop() -> None:
    """Let Ctrl-C and SIGTERM unwind the program, so that locks and half files go."""
    for number, code in ((signal.SIGINT, STOPPED), (signal.SIGTERM, TERMINATED)):
        signal.signal(number, partial(_stop, code))


def _stop(code: int, number: int, frame: FrameType | None) -> None:
    raise Stopped(code)


def explained(error: BaseException) -> tuple[str, int] | None:
    """Return message and exit code of a foreseeable failure, or None."""
    from titranc.models.documents import InputRefused
    from titranc.models.dosing import DoseRefused

    if isinstance(error, (InputRefused, DoseRefused)):
        return str(error), REFUSED
    if isinstance(error, Stopped):
        return "Stopped; what is finished is kept, `--resume` goes on.", int(error.args[0])
    if isinstance(error, MemoryError):
        return "Out of memory; ask for fewer patients or a shorter time.", RESOURCE
    if isinstance(error, OSError) and error.errno in _RESOURCE_ERRORS:
        return f"{error}: no finished run was left; free space or choose another folder with --out", RESOURCE
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return f"{error.filename}: a file stands where a folder is needed; choose another folder with --out", REFUSED
    return _of_storage(error)


_RESOURCE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}


def _of_storage(error: BaseException) -> tuple[str, int] | None:
    from titranc.sim.executors import WorkersLost
    from titranc.sim.storage import FolderInUse, IntegrityFailure

    if isinstance(error, WorkersLost):
        return f"{error}; what is finished is kept, `--resume` goes on", LOST
    codes = {FolderInUse: IN_USE, IntegrityFailure: INTEGRITY}
    return next(((str(error), code) for kind, code in codes.items() if isinstance(error, kind)), None)
