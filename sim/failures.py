"""What went wrong, in one message and one exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
from threading import Timer
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

REFUSED, IN_USE, INTEGRITY, RESOURCE, LOST = 2, 3, 4, 5, 6
# A program that a signal ended answers, by custom, this plus the signal's number.
TO_EXIT_CODE = 128


class Stopped(BaseException):
    """The process was asked to stop; the argument is the signal's number."""


def heed_requests_to_stop() -> None:
    """Let Ctrl-C and SIGTERM unwind the program, so that locks and half files go."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    sys.unraisablehook = _ask_again


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _ask_again(lost: UnraisableHookArgs) -> None:
    """Repeat a request that came while foreign code, such as the compiler's, let no exception through."""
    if not isinstance(lost.exc_value, Stopped):
        sys.__unraisablehook__(lost)
        return
    again = Timer(0.05, os.kill, [os.getpid(), lost.exc_value.args[0]])
    again.daemon = True
    again.start()


def explained(error: BaseException) -> tuple[str, int] | None:
    """Return message and exit code of a foreseeable failure, or None."""
    from titranc.models.documents import InputRefused
    from titranc.models.dosing import DoseRefused
    from titranc.models.policies.python_policy import PolicyFailed

    if isinstance(error, (InputRefused, DoseRefused, PolicyFailed)):
        return str(error), REFUSED
    if isinstance(error, Stopped):
        return "Stopped; finished blocks of a run are kept, `--resume` goes on.", TO_EXIT_CODE + int(error.args[0])
    if isinstance(error, MemoryError):
        return "Out of memory; ask for fewer patients or a shorter time.", RESOURCE
    if isinstance(error, OSError) and error.errno in _RESOURCE_ERRORS:
        return f"{error}: free space or choose another folder with --out; what is finished is kept", RESOURCE
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
