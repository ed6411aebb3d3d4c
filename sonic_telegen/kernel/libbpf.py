"""BPF maps, programs and pins by file descriptor, through libbpf; ``Object`` (an ELF file) comes with it.

Every function raises a ``KernelError`` of the class that fits the errno. A descriptor that a function returns is the
caller's to close; keys and values are bytes in host byte order. Values of per-CPU maps are laid out CPU by CPU, each
rounded up to 8 bytes, for every *possible* CPU: ``percpu_size`` tells how many bytes that is.
"""

from __future__ import annotations

import ctypes as c
import errno
import functools
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sonic_telegen.errors import VerifierRejected
from sonic_telegen.kernel.capability import denied, missing, raise_memlock
from sonic_telegen.kernel.failure import ENOTSUPP, kernel_error
from sonic_telegen.kernel.libbpf_c import (
    BatchOpts,
    KernelMapInfo,
    KernelProgInfo,
    MapCreateOpts,
    ProgLoadOpts,
    TestRunOpts,
    lib,
    libc,
)
from sonic_telegen.kernel.libbpf_object import Object

__all__ = ["ARRAY", "F_NO_PREALLOC", "HASH", "PERCPU_ARRAY", "Object"]

HASH, ARRAY, PERCPU_ARRAY, LRU_HASH, RINGBUF = 1, 2, 6, 9, 27  # enum bpf_map_type
F_NO_PREALLOC = 1
SCHED_CLS = 3  # enum bpf_prog_type
BPFFS_MAGIC = 0xCAFE4A11
_TOLD = ("memlock", "map_type", "map_flags", "max_entries", "key_size", "value_size")  # of a descriptor's fdinfo
_HASH_ENTRY, _HASH_BUCKET = 48, 16  # struct htab_elem in front of key and value, struct bucket
_MEMBARRIER = {"x86_64": 324, "aarch64": 283, "armv7l": 389}
_MEMBARRIER_GLOBAL = 1
_LOG_STATS = 4  # what is wrong and how much work it was, not every step that led there
_LOG_BYTES = 1 << 16
_RCU_FALLBACK_SEC = 0.1  # two orders above a grace period on an idle machine; only where membarrier is not to be had


@dataclass(frozen=True, slots=True)
class MapInfo:
    """A map as the kernel describes it; ``type`` is ``enum bpf_map_type``, sizes are bytes."""

    id: int
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    name: str


@dataclass(frozen=True, slots=True)
class ProgInfo:
    """A loaded program: kernel id, tag (16 hex digits), name, ids of the maps it uses."""

    id: int
    tag: str
    name: str
    map_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TestRun:
    """What ``BPF_PROG_TEST_RUN`` gave back; ``duration_ns`` is the mean per repetition."""

    __test__ = False  # pytest takes the name for a test class

    retval: int
    duration_ns: int
    data_out: bytes
    ctx_out: bytes


@functools.cache
def possible_cpus() -> int:
    """How many CPUs a per-CPU value has room for (more than are online, on some machines)."""
    return _check("count possible CPUs", "/sys/devices/system/cpu/possible", lib().libbpf_num_possible_cpus())


def percpu_size(value_size: int) -> int:
    """Bytes of one per-CPU value over all possible CPUs."""
    return (value_size + 7) // 8 * 8 * possible_cpus()


def _check(operation: str, target: str, result: int) -> int:
    if result >= 0:
        return result
    if -result in (errno.EPERM, errno.EACCES):
        raise denied(operation, target, -result)
    raise kernel_error(operation, target, -result)


def _info(operation: str, fd: int, into: c.Structure) -> None:
    _check(operation, f"fd {fd}", lib().bpf_obj_get_info_by_fd(fd, c.byref(into), c.byref(c.c_uint32(c.sizeof(into)))))


def map_info(fd: int) -> MapInfo:
    """Describe the map behind ``fd``; a program's descriptor gives nonsense, see ``kind``."""
    i = KernelMapInfo()
    _info("describe map", fd, i)
    return MapInfo(i.id, i.type, i.key_size, i.value_size, i.max_entries, i.flags, i.name.decode(errors="replace"))


def prog_info(fd: int) -> ProgInfo:
    """Describe the program behind ``fd``."""
    i, ids = KernelProgInfo(), (c.c_uint32 * 64)()
    i.nr_map_ids, i.map_ids = len(ids), c.addressof(ids)
    _info("describe program", fd, i)
    used = tuple(ids[: min(i.nr_map_ids, len(ids))])
    return ProgInfo(i.id, bytes(i.tag).hex(), i.name.decode(errors="replace"), used)


def charged_bytes(fd: int) -> int:
    """What a map or program takes of the kernel's memory.

    As the kernel reckons it, and no less than the entries and buckets of a hash, and the bytes of a ring: from 5.11 to
    6.3 keys and values were all that it reckoned (6.1 says 1.8 MB of a table of flows that takes 2.1, and 0 of a ring).
    """
    lines = (line.partition(":") for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines())
    told = {name: int(value, 0) for name, _, value in lines if name in _TOLD}
    return max(told.get("memlock", 0), reckoned_bytes(told))


def reckoned_bytes(told: Mapping[str, int]) -> int:
    """What entries and buckets of a hash, or a ring, take by their fdinfo; 0 of anything else."""
    if told.get("map_type") == RINGBUF:
        return told["max_entries"]
    if told.get("map_type") not in (HASH, LRU_HASH) or told["map_flags"] & F_NO_PREALLOC:
        return 0
    entries, sizes = told["max_entries"], (told["key_size"], told["value_size"])
    whole = _HASH_ENTRY + sum((size + 7) // 8 * 8 for size in sizes)
    return entries * whole + _HASH_BUCKET * (1 << (entries - 1).bit_length())


def kind(fd: int) -> str:
    """``map``, ``prog`` or another name of the kernel's for what a descriptor (of a pin) is."""
    return str(Path(f"/proc/self/fd/{fd}").readlink()).removeprefix("anon_inode:").strip("[]").removeprefix("bpf-")


def obj_get(path: str) -> int:
    """Open a pin: a new descriptor of the map or program. Raises ``Gone`` when there is none."""
    return _check("open pin", path, lib().bpf_obj_get(os.fsencode(path)))


def obj_pin(fd: int, path: str) -> None:
    """Pin a map or program; ``Conflict`` when the path exists. The name must not contain dots."""
    _check("pin", path, lib().bpf_obj_pin(fd, os.fsencode(path)))


def map_create(type: int, name: str, key_size: int, value_size: int, max_entries: int, flags: int = 0) -> int:
    """Create a map, all zero or empty; ``name`` has at most 15 characters."""
    raise_memlock()
    opts = MapCreateOpts(sz=c.sizeof(MapCreateOpts), map_flags=flags)
    made = lib().bpf_map_create(type, name.encode(), key_size, value_size, max_entries, c.byref(opts))
    return _check("create map", name, made)


def prog_load(insns: bytes, name: str) -> tuple[int, str]:
    """Load a tc classifier of bare instructions; its descriptor and what the verifier said of the work that it was.

    ``name`` has at most 15 characters. Raises ``VerifierRejected``.
    """
    raise_memlock()
    log = c.create_string_buffer(_LOG_BYTES)
    opts = ProgLoadOpts(sz=c.sizeof(ProgLoadOpts), log_level=_LOG_STATS, log_size=len(log), log_buf=c.addressof(log))
    made = lib().bpf_prog_load(SCHED_CLS, name.encode(), b"GPL", insns, len(insns) // 8, c.byref(opts))
    said = log.value.decode(errors="replace")
    if made < 0 and said and not (-made in (errno.EPERM, errno.EACCES) and missing()):
        raise VerifierRejected("load program", name, -made, said)
    return _check("load program", name, made), said


def lookup(fd: int, key: bytes, value_size: int) -> bytes | None:
    """The value of ``key``, None when there is none.

    ``value_size`` must be the map's, or ``percpu_size`` of it for a per-CPU map: the kernel writes that many bytes.
    """
    value = c.create_string_buffer(value_size)
    result = lib().bpf_map_lookup_elem(fd, key, value)
    if result == -errno.ENOENT:
        return None
    _check("look up", f"map fd {fd}", result)
    return value.raw


def update(fd: int, key: bytes, value: bytes, flags: int = 0) -> None:
    """Set the value of ``key``, for a per-CPU map on all CPUs; one system call, seen whole or not at all."""
    _check("update", f"map fd {fd}", lib().bpf_map_update_elem(fd, key, value, flags))


def delete(fd: int, key: bytes) -> None:
    """Remove ``key`` from a hash; ``Gone`` when it is not there."""
    _check("delete", f"map fd {fd}", lib().bpf_map_delete_elem(fd, key))


def keys(fd: int) -> Iterator[bytes]:
    """All keys; a hash must not change meanwhile (the kernel starts again when the last key vanished)."""
    size, last = map_info(fd).key_size, None
    while True:
        following = c.create_string_buffer(size)
        result = lib().bpf_map_get_next_key(fd, last, following)
        if result == -errno.ENOENT:
            return
        _check("walk", f"map fd {fd}", result)
        yield following.raw
        last = following


class ArrayReader:
    """Reads the first entries of an array in one system call; one by one where the kernel knows no batch for it.

    5.10 has no batch for per-CPU arrays and says 524; a refusal is remembered in ``batched``, so it costs one call
    in the life of a reader.
    """

    def __init__(self, fd: int, value_size: int, per_cpu: bool) -> None:
        found = map_info(fd)  # the kernel writes as many bytes as the map says, so this must be right
        if found.value_size != value_size or found.type != (PERCPU_ARRAY if per_cpu else ARRAY):
            problem = f"it is type {found.type} with {found.value_size} byte values, not {value_size}"
            raise kernel_error("read", f"map {found.name}", errno.EINVAL, problem=problem)
        self.fd, self.stride = fd, percpu_size(value_size) if per_cpu else value_size
        self.batched = True

    def read(self, count: int) -> bytearray:
        """Entries 0 to ``count - 1``, each ``stride`` bytes, one behind the other."""
        values = bytearray(self.stride * count)
        if not count:
            return values
        start = c.addressof(c.c_char.from_buffer(values))
        if not (self.batched and self._batch(start, count)):
            self._one_by_one(start, count)
        return values

    def _batch(self, start: int, count: int) -> bool:
        indexes, token, opts = (c.c_uint32 * count)(), c.c_uint32(), BatchOpts(sz=c.sizeof(BatchOpts))
        got = c.c_uint32(count)
        result = lib().bpf_map_lookup_batch(self.fd, None, c.byref(token), indexes, start, c.byref(got), c.byref(opts))
        if result in (-ENOTSUPP, -errno.EINVAL, -errno.EOPNOTSUPP):
            self.batched = False
            return False
        if result != -errno.ENOENT:  # the end of the map was reached: all there is was read
            _check("read", f"map fd {self.fd}", result)
        return got.value == count

    def _one_by_one(self, start: int, count: int) -> None:
        find, key = lib().bpf_map_lookup_elem, c.c_uint32()
        for key.value in range(count):
            _check("read", f"map fd {self.fd}", find(self.fd, c.byref(key), start + key.value * self.stride))


def read_array(fd: int, value_size: int, count: int, per_cpu: bool) -> bytearray:
    """Entries 0 to ``count - 1`` of an array of ``value_size`` bytes each (per CPU: over all possible CPUs)."""
    return ArrayReader(fd, value_size, per_cpu).read(count)


def prog_test_run(prog_fd: int, data: bytes, ctx_in: bytes | None = None, repeat: int = 1) -> TestRun:
    """Run a program on a frame; ``ctx_in`` is a ``struct __sk_buff`` as the kernel lets it be given."""
    data_out, ctx_out = c.create_string_buffer(len(data) + 256), c.create_string_buffer(512)
    opts = TestRunOpts(sz=c.sizeof(TestRunOpts), data_in=data, data_size_in=len(data), repeat=repeat)
    opts.data_out, opts.data_size_out = c.addressof(data_out), len(data_out)
    if ctx_in is not None:
        opts.ctx_in, opts.ctx_size_in = ctx_in, len(ctx_in)
        opts.ctx_out, opts.ctx_size_out = c.addressof(ctx_out), len(ctx_out)
    _check("test run", f"program fd {prog_fd}", lib().bpf_prog_test_run_opts(prog_fd, c.byref(opts)))
    return TestRun(opts.retval, opts.duration, data_out.raw[: opts.data_size_out], ctx_out.raw[: opts.ctx_size_out])


def is_bpffs(path: str) -> bool:
    """Whether ``path`` lies on a mounted BPF file system."""
    answer = c.create_string_buffer(256)  # struct statfs; f_type is its first long
    if libc().statfs(os.fsencode(path), answer) < 0:
        raise kernel_error("look at", path, c.get_errno())
    return c.c_long.from_buffer(answer).value & 0xFFFFFFFF == BPFFS_MAGIC


def wait_rcu() -> None:
    """Return when no CPU runs a program any more that was replaced before the call (an RCU grace period)."""
    number = _MEMBARRIER.get(platform.machine())
    if number is None or libc().syscall(number, _MEMBARRIER_GLOBAL, 0, 0) < 0:
        time.sleep(_RCU_FALLBACK_SEC)  # ENOSYS, or EINVAL under nohz_full
