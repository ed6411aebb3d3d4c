"""Every errno and every exception of pyroute2 becomes an error that knows its retry."""

from __future__ import annotations

import errno
import inspect
import os

import pytest
from pyroute2.netlink import exceptions as pyroute2

from sonic_telegen.errors import Busy, Conflict, Gone, KernelError, NoMemory, NotSupported, PermissionDenied, Retry
from sonic_telegen.kernel.failure import ENOTSUPP, PYROUTE2, kernel_error, os_error, pyroute2_error, strerror

EXPECTED: dict[type[KernelError], tuple[Retry, set[int]]] = {
    NotSupported: (Retry.NEVER, {errno.EOPNOTSUPP, errno.ENOSYS, ENOTSUPP}),
    PermissionDenied: (Retry.NEVER, {errno.EPERM, errno.EACCES, errno.EROFS}),
    Conflict: (Retry.ON_CHANGE, {errno.EEXIST}),
    Gone: (Retry.ON_CHANGE, {errno.ENODEV, errno.ENOENT, errno.ENXIO, errno.ESRCH}),
    NoMemory: (Retry.BACKOFF, {errno.ENOMEM}),
    Busy: (Retry.BACKOFF, {errno.EBUSY, errno.EAGAIN, errno.EINTR, errno.ENOBUFS}),
}


@pytest.mark.parametrize("code", sorted({*errno.errorcode, ENOTSUPP}))
def test_every_errno_maps_to_one_class_and_its_retry(code: int) -> None:
    error = kernel_error("add filter", "Ethernet0", code)
    kind, retry = next(((k, r) for k, (r, codes) in EXPECTED.items() if code in codes), (KernelError, Retry.BACKOFF))
    assert type(error) is kind
    assert error.retry is retry
    assert str(error) == f"add filter on Ethernet0: {strerror(code)}"
    assert (error.operation, error.target, error.errno) == ("add filter", "Ethernet0", code)


def test_errno_524_has_words() -> None:
    assert "524" not in strerror(ENOTSUPP)
    assert strerror(errno.ENODEV) == os.strerror(errno.ENODEV)


def test_os_error_keeps_errno_or_text() -> None:
    assert isinstance(os_error("bind", "socket", PermissionError(errno.EPERM, "no")), PermissionDenied)
    error = os_error("receive", "socket", TimeoutError("timed out"))
    assert (type(error), error.errno, str(error)) == (KernelError, 0, "receive on socket: timed out")


CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(pyroute2, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == pyroute2.__name__
}


def test_every_exception_class_of_pyroute2_is_in_the_table() -> None:
    assert set(PYROUTE2) == set(CLASSES)
    assert len(CLASSES) >= 9


@pytest.mark.parametrize("name", CLASSES)
def test_exception_of_pyroute2_becomes_ours(name: str) -> None:
    wanted = len(inspect.signature(CLASSES[name].__init__).parameters) - 1
    given = CLASSES[name](*[errno.ENODEV, "from the kernel"][:wanted])
    error = pyroute2_error("create", "erspan0", given)
    assert isinstance(error, KernelError)
    assert error.retry in Retry
    assert str(error).startswith("create on erspan0: ")


def test_pyroute2_codes_decide_the_class() -> None:
    def mapped(problem: Exception) -> KernelError:
        return pyroute2_error("create", "erspan0", problem)

    assert type(mapped(pyroute2.NetlinkError(errno.EEXIST, "File exists"))) is Conflict
    assert str(mapped(pyroute2.NetlinkError(errno.EPERM, "needs more"))) == "create on erspan0: needs more"
    assert type(mapped(pyroute2.NetlinkDumpInterrupted())) is Busy
    assert mapped(pyroute2.NetlinkDecodeError(ValueError("short"))).errno == errno.EBADMSG
    assert type(mapped(OSError(errno.ENOBUFS, "lost"))) is Busy

    class Special(pyroute2.NetlinkError):  # type: ignore[misc,unused-ignore]
        __module__ = "pyroute2.special"

    assert type(mapped(Special(errno.ENODEV, "gone"))) is Gone


def test_what_is_nobodys_error_is_not_hidden() -> None:
    class NetlinkError(Exception):
        code = errno.EEXIST

    for stranger in (ValueError("a bug"), NetlinkError()):
        with pytest.raises(type(stranger)):
            pyroute2_error("create", "erspan0", stranger)
