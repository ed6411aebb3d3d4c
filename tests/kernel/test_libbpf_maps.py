"""Maps and pins by descriptor, in the real kernel; reading arrays with and without batches."""

from __future__ import annotations

import errno
import os
import platform
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.errors import Conflict, Gone, KernelError
from sonic_telegen.kernel import libbpf, libbpf_c
from sonic_telegen.kernel.failure import ENOTSUPP
from sonic_telegen.kernel.libbpf import ArrayReader
from tests.support.machine import kernel_release
from tests.support.objects import bpffs, open_fds


@pytest.fixture
def made() -> Iterator[Callable[..., int]]:
    """Creates maps that are closed at the end."""
    fds: list[int] = []

    def make(*arguments: Any) -> int:
        fds.append(libbpf.map_create(*arguments))
        return fds[-1]

    yield make
    for fd in fds:
        os.close(fd)


def key(index: int) -> bytes:
    return struct.pack("=I", index)


def test_hash_lookup_update_delete(made: Callable[..., int]) -> None:
    fd = made(libbpf.HASH, "some", 4, 8, 2, libbpf.F_NO_PREALLOC)
    info = libbpf.map_info(fd)
    assert (info.type, info.flags, info.name) == (libbpf.HASH, 1, "some")
    assert list(libbpf.keys(fd)) == []
    libbpf.update(fd, key(1), b"first   ")
    libbpf.update(fd, key(2), b"second  ")
    assert sorted(libbpf.keys(fd)) == [key(1), key(2)]
    assert libbpf.lookup(fd, key(2), 8) == b"second  "
    assert libbpf.lookup(fd, key(3), 8) is None
    with pytest.raises(KernelError) as caught:
        libbpf.update(fd, key(3), bytes(8))
    assert caught.value.errno == errno.E2BIG
    libbpf.delete(fd, key(1))
    assert list(libbpf.keys(fd)) == [key(2)]
    with pytest.raises(Gone):
        libbpf.delete(fd, key(1))


def percpu(stride: int, cpu_values: list[int], gap: int) -> bytes:
    return b"".join(struct.pack("=Q", v).ljust(stride, bytes([gap])) for v in cpu_values)


@pytest.mark.parametrize("refusal", [None, ENOTSUPP, errno.EINVAL])
def test_arrays_are_read_alike_with_and_without_batches(
    made: Callable[..., int], monkeypatch: pytest.MonkeyPatch, refusal: int | None
) -> None:
    """5.10 answers 524 for a batch of a per-CPU array; that is asked once and then remembered."""
    asked: list[int] = []
    real = libbpf_c.lib().bpf_map_lookup_batch

    def batch(*arguments: Any) -> int:
        asked.append(arguments[0])
        return -refusal if refusal else int(real(*arguments))

    monkeypatch.setattr(libbpf_c.lib(), "bpf_map_lookup_batch", batch)
    cpus = libbpf.possible_cpus()
    fd = made(libbpf.PERCPU_ARRAY, "percpu", 4, 12, 100)  # 12 is rounded up to 16
    assert libbpf.percpu_size(12) == 16 * cpus
    values = [percpu(16, [1000 * i + cpu for cpu in range(cpus)], 0) for i in range(100)]
    for i, value in enumerate(values):
        libbpf.update(fd, key(i), value)
    reader = ArrayReader(fd, 12, per_cpu=True)
    for count in (0, 1, 60, 100):
        assert bytes(reader.read(count)) == b"".join(values[:count])
    batched = refusal is None and kernel_release() >= (5, 13)
    assert reader.batched is batched
    assert len(asked) == (3 if batched else 1)
    plain = made(libbpf.ARRAY, "plain", 4, 24, 10)
    libbpf.update(plain, key(9), b"x" * 24)
    assert bytes(libbpf.read_array(plain, 24, 10, per_cpu=False)) == bytes(9 * 24) + b"x" * 24


def test_reading_past_the_end_or_by_a_wrong_size_is_refused(made: Callable[..., int]) -> None:
    fd = made(libbpf.PERCPU_ARRAY, "percpu", 4, 16, 4)
    with pytest.raises(KernelError):
        libbpf.read_array(fd, 16, 5, per_cpu=True)
    for size, per_cpu in ((8, True), (24, True), (16, False)):
        with pytest.raises(KernelError, match="not"):
            libbpf.read_array(fd, size, 4, per_cpu=per_cpu)


def test_other_errors_of_a_batch_are_errors(made: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ArrayReader(made(libbpf.ARRAY, "plain", 4, 8, 4), 8, per_cpu=False)
    monkeypatch.setattr(libbpf_c.lib(), "bpf_map_lookup_batch", lambda *_: -errno.EFAULT)
    with pytest.raises(KernelError) as caught:
        reader.read(4)
    assert caught.value.errno == errno.EFAULT
    assert reader.batched


def test_pins(made: Callable[..., int]) -> None:
    fd = made(libbpf.ARRAY, "pinned", 4, 8, 1)
    before = open_fds()
    with bpffs() as place:
        path = str(place / "one")
        with pytest.raises(Gone):
            libbpf.obj_get(path)
        libbpf.obj_pin(fd, path)
        with pytest.raises(Conflict):
            libbpf.obj_pin(fd, path)
        again = libbpf.obj_get(path)
        assert libbpf.kind(again) == "map"
        assert libbpf.map_info(again) == libbpf.map_info(fd)
        os.close(again)
        assert libbpf.is_bpffs(str(place))
    assert open_fds() == before


def test_what_is_no_bpffs(tmp_path: Path, made: Callable[..., int]) -> None:
    assert not libbpf.is_bpffs(str(tmp_path))
    with pytest.raises(Gone):
        libbpf.is_bpffs(str(tmp_path / "absent"))
    with pytest.raises(KernelError):
        libbpf.obj_pin(made(libbpf.ARRAY, "pinned", 4, 8, 1), str(tmp_path / "one"))


def test_grace_period_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """membarrier works here, so nothing sleeps; without it the bounded wait takes its place."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    libbpf.wait_rcu()
    assert slept == []
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    libbpf.wait_rcu()
    assert slept == [0.1]


@pytest.mark.parametrize(
    ("kind", "sizes", "entries"),
    [(libbpf.HASH, (4, 8), 1000), (libbpf.LRU_HASH, (40, 72), 16384), (libbpf.RINGBUF, (0, 0), 1 << 16)],
)
def test_what_a_map_takes_is_reckoned_as_kernels_since_6_4_say_it(
    made: Callable[..., int], kind: int, sizes: tuple[int, int], entries: int
) -> None:
    fd = made(kind, "sized", *sizes, entries)
    told = {"map_type": kind, "map_flags": 0, "key_size": sizes[0], "value_size": sizes[1], "max_entries": entries}
    reckoned = libbpf.reckoned_bytes(told)
    assert entries <= reckoned <= libbpf.charged_bytes(fd)
    if kernel_release() >= (6, 4):
        assert libbpf.charged_bytes(fd) < reckoned * 1.25, "the kernel adds a ring's pages, and little to a hash"
