"""The classifier for tests: other builds of it, and one loaded to be run on frames without a netdev."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from sonic_telegen.kernel import libbpf
from tests.support.objects import telegen_object
from tests.support.punt_reference import PROTOCOLS
from tests.support.reference import BOUNDS, CLASSES, Count

UNSPEC = 0xFFFFFFFF  # TC_ACT_UNSPEC, -1
SLOTS = 2048
BUCKETS = len(BOUNDS) + 1
_CLASS_WORDS = 2 + BUCKETS
_SLOT = struct.Struct(f"=II{len(CLASSES) * _CLASS_WORDS}Q")
_TOTAL = struct.Struct("=QQ")
_PUNTS = struct.Struct("=32Q")
_IFINDEX, _GSO_SEGS, _GSO_SIZE, _SKB_SIZE = 40, 164, 176, 192  # offsets in struct __sk_buff, and the size of all of it


def build(folder: Path, **defines: int) -> Path:
    """Another build of the object in ``folder``: ``TG_LAYOUT_VERSION``, ``TG_SLOTS``, ``TG_PAD`` make other layouts.

    ``TG_BUILD`` (not 0) changes the program's tag and nothing that it does. The flags are those of the Makefile.
    """
    name = "-".join(["telegen", *(f"{key}-{value}" for key, value in sorted(defines.items()))])
    return Path(shutil.copy(telegen_object(**defines), folder / f"{name}.bpf.o"))


def sk_buff(gso_size: int = 0, gso_segs: int = 0, ifindex: int = 1) -> bytes:
    """The context of a test run: ``struct __sk_buff`` with the only fields set that matter here and may be."""
    context = bytearray(_SKB_SIZE)
    for offset, value in ((_IFINDEX, ifindex), (_GSO_SEGS, gso_segs), (_GSO_SIZE, gso_size)):
        struct.pack_into("=I", context, offset, value)
    return bytes(context)


def slot(fd: int, number: int = 0) -> dict[str, Count]:
    """What a slot of ``if_stats_percpu`` has counted by class, over all possible CPUs; nothing where nothing was."""
    cpus = [words[2:] for words in _per_cpu(fd, number, _SLOT)]
    words = [sum(column) for column in zip(*cpus, strict=True)]
    found = {}
    for index, name in enumerate(CLASSES):
        packets, octets, *histogram = words[index * _CLASS_WORDS : (index + 1) * _CLASS_WORDS]
        if any((packets, octets, *histogram)):
            found[name] = Count(packets, octets, tuple(histogram))
    return found


def punts(fd: int, number: int = 0) -> dict[str, tuple[int, int]]:
    """Packets and bytes of each control protocol that a slot of ``punt_percpu`` counted any of."""
    words = [sum(column) for column in zip(*_per_cpu(fd, number, _PUNTS), strict=True)]
    assert not any(words[2 * len(PROTOCOLS) :]), "the program writes nothing behind the counters"
    pairs = zip(words[0::2], words[1::2], strict=True)
    return {name: pair for name, pair in zip(PROTOCOLS, pairs, strict=False) if any(pair)}


def _per_cpu(fd: int, index: int, shape: struct.Struct) -> list[tuple[int, ...]]:
    value = libbpf.lookup(fd, struct.pack("=I", index), libbpf.percpu_size(shape.size))
    assert value is not None
    return list(shape.iter_unpack(value))


class Classifier:
    """``telegen_if`` (or another ``program``) and its maps in the kernel, gone at the end of the ``with`` block."""

    def __init__(self, path: Path | None = None, program: str = "telegen_if") -> None:
        self._object, self._program = libbpf.Object.open(path or telegen_object()), program

    def __enter__(self) -> Self:
        self._object.load()
        self.fd = self._object.prog_fd(self._program)
        self._slots = self._object.map_fd("if_stats_percpu")
        self._totals = self._object.map_fd("stats_percpu")
        self._punts = self._object.map_fd("punt_percpu")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._object.close()

    def slot(self, number: int = 0) -> dict[str, Count]:
        """What a slot has counted by class, over all possible CPUs; classes that counted nothing are left out."""
        return slot(self._slots, number)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Packets and bytes of each class that counted any, over all slots and possible CPUs."""
        found = {}
        for index, name in enumerate(CLASSES):
            cpus = _per_cpu(self._totals, index, _TOTAL)
            packets, octets = (sum(column) for column in zip(*cpus, strict=True))
            if packets or octets:
                found[name] = (packets, octets)
        return found

    def punts(self, number: int = 0) -> dict[str, tuple[int, int]]:
        """Packets and bytes of each control protocol that a slot counted any of."""
        return punts(self._punts, number)

    def clear(self, *slots: int) -> None:
        """Zero the totals and the given slots (slot 0 when none is given)."""
        for slot in slots or (0,):
            for fd, shape in ((self._slots, _SLOT), (self._punts, _PUNTS)):
                libbpf.update(fd, struct.pack("=I", slot), bytes(libbpf.percpu_size(shape.size)))
        for index in range(len(CLASSES)):
            libbpf.update(self._totals, struct.pack("=I", index), bytes(libbpf.percpu_size(_TOTAL.size)))

    def run(self, frame: bytes, gso_size: int = 0, gso_segs: int = 0, repeat: int = 1) -> dict[str, Count]:
        """Count one frame from zero; asserts that the verdict is -1, the frame untouched, and the totals in step."""
        self.clear()
        ran = libbpf.prog_test_run(self.fd, frame, sk_buff(gso_size, gso_segs), repeat)
        assert ran.retval == UNSPEC
        assert ran.data_out == frame
        counted = self.slot()
        assert self.totals() == {name: (count.packets, count.bytes) for name, count in counted.items()}
        return counted
