"""What an operator reads when the kernel said EPERM."""

from __future__ import annotations

import errno
import os
import resource
from types import SimpleNamespace

import pytest

from sonic_telegen.errors import PermissionDenied
from sonic_telegen.kernel import capability

INFINITE = resource.RLIM_INFINITY


def on_kernel(monkeypatch: pytest.MonkeyPatch, release: str, limits: tuple[int, int]) -> list[tuple[int, int]]:
    """Pretend a kernel release and a memory lock limit; collects what is set."""
    done: list[tuple[int, int]] = []

    def setrlimit(_kind: int, wanted: tuple[int, int]) -> None:
        if wanted[1] > limits[1] >= 0 or wanted[1] == INFINITE != limits[1]:
            raise ValueError("not allowed to raise maximum limit")
        done.append(wanted)

    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=release))
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    return done


def test_denied_names_all_three_capabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    on_kernel(monkeypatch, "6.1.0-11-2-amd64", (65536, 65536))
    error = capability.denied("load BPF object", "x.o", errno.EPERM)
    assert isinstance(error, PermissionDenied)
    for name in ("CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"):
        assert name in str(error)
    assert "RLIMIT_MEMLOCK" not in str(error)


def test_old_kernel_is_told_of_the_memory_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    on_kernel(monkeypatch, "5.10.0-23-2-amd64", (65536, 65536))
    told = str(capability.denied("a", "b", 1))
    assert "RLIMIT_MEMLOCK (65536 bytes here): set LimitMEMLOCK=infinity in the unit" in told
    assert "--ulimit memlock=-1" in told
    on_kernel(monkeypatch, "5.10.0-23-2-amd64", (INFINITE, INFINITE))
    assert "RLIMIT_MEMLOCK" not in str(capability.denied("a", "b", 1))


@pytest.mark.parametrize(
    ("release", "limits", "expected"),
    [
        ("5.10.0", (65536, INFINITE), [(INFINITE, INFINITE)]),
        ("5.10.0", (65536, 8 << 20), [(8 << 20, 8 << 20)]),
        ("5.11.0", (65536, 65536), []),
        ("6.18.4-custom", (65536, 65536), []),
    ],
)
def test_memory_lock_is_raised_as_far_as_allowed(
    monkeypatch: pytest.MonkeyPatch, release: str, limits: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    done = on_kernel(monkeypatch, release, limits)
    capability.raise_memlock()
    assert done == expected
