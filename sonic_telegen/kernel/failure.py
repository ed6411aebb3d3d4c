"""The one place where an errno becomes an error of ours.

``tests/unit/test_failure.py`` proves that every errno the kernel can answer with maps to a class that knows its retry.
"""

from __future__ import annotations

import errno
import os

from sonic_telegen.errors import Busy, Conflict, Gone, KernelError, NotSupported, PermissionDenied

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
    errno.EBUSY: Busy,
    errno.EAGAIN: Busy,
    errno.EINTR: Busy,
    errno.ENOBUFS: Busy,
}


def strerror(code: int) -> str:
    """The kernel's words for an errno, 524 included."""
    return "operation not supported by this kernel" if code == ENOTSUPP else os.strerror(code)


def kernel_error(operation: str, target: str, code: int, remedy: str = "", problem: str = "") -> KernelError:
    """The error of the class that fits ``code`` (a positive errno); ``problem`` replaces the kernel's plain words."""
    return _CLASSES.get(code, KernelError)(operation, target, code, problem or strerror(code), remedy)
