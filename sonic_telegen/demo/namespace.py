"""Named network namespaces without forking: create, enter for the length of a call, remove.

Only CLONE_NEWNET is ever changed: ``ip netns exec`` would also mount a fresh /sys and so hide bpffs and its pins.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RUN = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_REC, _MS_SHARED, _MNT_DETACH = 0x1000, 0x4000, 1 << 20, 2

_libc = ctypes.CDLL(None, use_errno=True)  # os.setns and os.unshare need Python 3.12


def _call(name: str, target: str, *arguments: bytes | int | str | None) -> None:
    given = [a.encode() if isinstance(a, str) else a for a in arguments]
    if getattr(_libc, name)(*given) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}", target)


def _in_thread(function: Callable[[], T]) -> T:
    """Run ``function`` in a thread of its own, which takes its namespace to the grave; its exception is raised here."""
    result: list[T] = []
    error: list[BaseException] = []

    def body() -> None:
        try:
            result.append(function())
        except BaseException as problem:
            error.append(problem)

    thread = threading.Thread(target=body, name="netns")
    thread.start()
    thread.join()
    if error:
        raise error[0]
    return result[0]


def in_namespace(name: str, function: Callable[[], T]) -> T:
    """Call ``function`` inside the network namespace ``name`` (of /run/netns, or a path); the caller stays where it is.

    Sockets that it opens and returns keep belonging to that namespace. OSError when there is no such namespace.
    """

    def enter() -> T:
        with (RUN / name).open("rb") as handle:
            _call("setns", name, handle.fileno(), _CLONE_NEWNET)
        return function()

    return _in_thread(enter)


def create_namespace(name: str) -> None:
    """Create ``/run/netns/<name>`` as iproute2 would; FileExistsError when the name is taken."""
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (RUN.parent / "netns.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs side by side must not both turn the directory into a mount
        try:
            _call("mount", str(RUN), None, str(RUN), None, _MS_SHARED | _MS_REC, None)
        except OSError as error:
            # No mount yet. Path.is_mount() cannot tell: it says False for a bind mount within one file system, and
            # binding the directory again each time doubles the mount table (measured: 65,536 mounts after 12 times).
            if error.errno != errno.EINVAL:
                raise
            _call("mount", str(RUN), str(RUN), str(RUN), None, _MS_BIND | _MS_REC, None)
            _call("mount", str(RUN), None, str(RUN), None, _MS_SHARED | _MS_REC, None)
    path = RUN / name
    path.touch(mode=0o444, exist_ok=False)

    def unshare() -> None:
        _call("unshare", name, _CLONE_NEWNET)
        _call("mount", name, "/proc/thread-self/ns/net", str(path), None, _MS_BIND, None)

    try:
        _in_thread(unshare)
    except BaseException:
        path.unlink()
        raise


def remove_namespace(name: str) -> None:
    """Remove the name; the namespace dies with its last socket. One that is not there is no error."""
    path = RUN / name
    with contextlib.suppress(OSError):
        _call("umount2", name, str(path), _MNT_DETACH)
    path.unlink(missing_ok=True)
