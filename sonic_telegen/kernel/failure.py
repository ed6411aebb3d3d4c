"""The one place where an errno, an OSError or an exception of pyroute2 becomes an error of ours.

``tests/unit/test_failure.py`` proves that every errno the kernel can answer with, and every exception class that
pyroute2 has, maps to a class that knows its retry.
"""

from __future__ import annotations

import errno
import os

from sonic_telegen.errors import Busy, Conflict, Gone, KernelError, NoMemory, NotSupported, PermissionDenied

ENOTSUPP = 524  # the kernel's own "not supported"; Python's errno table lacks it

_CLASSES: dict[int, type[KernelError]] = {
    errno.EOPNOTSUPP: NotSupported,
    errno.ENOSYS: NotSupported,
    ENOTSUPP: NotSupported,
    errno.EPERM: PermissionDenied,
    errno.EACCES: PermissionDenied,
    errno.EROFS: PermissionDenied,
    errno.EEXIST: Conflict,
    errno.ENODEV: Gone,
    errno.ENOENT: Gone,
    errno.ENXIO: Gone,
    errno.ESRCH: Gone,
    errno.ENOMEM: NoMemory,
    errno.EBUSY: Busy,
    errno.EAGAIN: Busy,
    errno.EINTR: Busy,
    errno.ENOBUFS: Busy,
}

# pyroute2's exceptions by class name, so that importing this does not import it: errno to use, 0 for its own ``code``.
PYROUTE2: dict[str, int] = {
    "NetlinkError": 0,
    "IPSetError": 0,
    "NetlinkDumpInterrupted": errno.EINTR,  # its code is -1
    "NetlinkDecodeError": errno.EBADMSG,
    "NetlinkHeaderDecodeError": errno.EBADMSG,
    "NetlinkDataDecodeError": errno.EBADMSG,
    "NetlinkNLADecodeError": errno.EBADMSG,
    "SkipInode": 0,
    "ChaoticException": errno.EAGAIN,  # its fault injection: a failure that is over when one tries again
}


def strerror(code: int) -> str:
    """The kernel's words for an errno, 524 included."""
    return "operation not supported by this kernel" if code == ENOTSUPP else os.strerror(code)


def kernel_error(operation: str, target: str, code: int, remedy: str = "", problem: str = "") -> KernelError:
    """The error of the class that fits ``code`` (a positive errno); ``problem`` replaces the kernel's plain words."""
    return _CLASSES.get(code, KernelError)(operation, target, code, problem or strerror(code), remedy)


def os_error(operation: str, target: str, error: OSError) -> KernelError:
    """The error for an OSError; one without an errno (a timeout of Python's own) tells its text."""
    code = error.errno or 0
    return kernel_error(operation, target, code, problem="" if code else str(error))


def pyroute2_error(operation: str, target: str, error: Exception) -> KernelError:
    """The error for what a call of pyroute2 raised; a class that is not its own is mapped as OSError or re-raised."""
    if isinstance(error, OSError):
        return os_error(operation, target, error)
    for kind in type(error).__mro__:
        if kind.__name__ in PYROUTE2 and kind.__module__.startswith("pyroute2."):
            code = PYROUTE2[kind.__name__] or int(getattr(error, "code", 0) or 0)
            words = str(error.args[-1]) if error.args else ""
            return kernel_error(operation, target, code, problem=words)
    raise error
