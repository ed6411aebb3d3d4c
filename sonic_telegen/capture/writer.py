"""``Writer``: one capture as a pcapng file that grows: always whole blocks, and at its end what it lacks."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sonic_telegen.model import pcapng
from sonic_telegen.model.captured import Captured, CaptureFile

MODE = 0o640
_STEP = 1 << 20
_UNKNOWN = "none"  # interface of a capture without frames: some readers refuse a file that has none


def netdev_name(ifindex: int) -> str:
    """The netdev's name now, or what is known of it."""
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return f"ifindex {ifindex}"


@dataclass(frozen=True, slots=True)
class Limits:
    """``most``: bytes of the file; ``floor``: bytes that stay free on the disk."""

    most: int
    floor: int


class Writer:
    """Continues the file of ``identity`` when it is there, else begins anew. Raises OSError.

    ``frames`` are those in the file. ``over`` when it has its statistics: nothing is added any more. ``problem`` is why
    it takes no more frames. A write that fails leaves nothing of its own behind.
    """

    def __init__(
        self, path: Path, identity: str, snaplen: int, limits: Limits, name: Callable[[int], str] = netdev_name
    ) -> None:
        self.path, self._snaplen, self._limits, self._name = path, snaplen, limits, name
        self.frames = self.size = 0
        self.over, self.problem = False, ""
        self._numbers: dict[str, int] = {}
        self._fd = self._resume(identity)
        if self._fd < 0:
            self._fd = self._begin(identity)
        self._inode = os.fstat(self._fd).st_ino

    def file(self) -> CaptureFile:
        """What may be read of it; from any thread."""
        over = self.over  # before size: the last bytes come first
        return CaptureFile(self.path, self._inode, self.size, over)

    def _begin(self, identity: str) -> int:
        self.path.unlink(missing_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        try:
            os.fchmod(fd, MODE)  # whatever the umask
            self.frames, self.over, self.problem, self._numbers = 0, False, "", {}
            head = pcapng.section(identity)
            self.size = os.write(fd, head)
            if self.size != len(head):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(fd)
            self.path.unlink(missing_ok=True)
            raise
        return fd

    def _resume(self, identity: str) -> int:
        """A descriptor of the file of an earlier agent, cut behind its last whole block; -1 when there is none."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return -1
        blocks, at, expected = pcapng.Blocks(), 0, pcapng.section(identity)
        try:
            while data := os.pread(fd, _STEP, at):
                if at == 0 and not data.startswith(expected):
                    raise ValueError("another capture")
                for kind, block in blocks.feed(data):
                    self._found(kind, block)
                at += len(data)
            self.size = at - len(blocks.left)
            if not self.size:
                raise ValueError("no section")
            os.ftruncate(fd, self.size)
        except (OSError, ValueError):
            os.close(fd)
            return -1
        return fd

    def _found(self, kind: int, block: bytes) -> None:
        if kind == pcapng.INTERFACE:
            self._numbers[pcapng.name_of(block)] = len(self._numbers)
        self.frames += kind == pcapng.PACKET
        self.over = kind == pcapng.STATISTICS
        self.problem = pcapng.comment_of(kind, block).partition("; ")[2] if self.over else ""

    def add(self, frames: Iterable[Captured], unix_ns: int) -> None:
        """Write frames; ``unix_ns`` is what their clock lacks to Unix time. ``problem`` when not all fit."""
        names: dict[int, int] = {}
        numbers, made, taken = dict(self._numbers), bytearray(), 0
        for frame in frames:
            number = names.get(frame.ifindex)
            if number is None:
                number = names[frame.ifindex] = self._number(frame.ifindex, numbers, made)
            data = frame.data[: self._snaplen] if self._snaplen else frame.data
            block = pcapng.packet(number, frame.at_ns + unix_ns, frame.length, data, frame.direction)
            if self.size + len(made) + len(block) > self._limits.most:
                self.problem = f"the file has {self._limits.most >> 10} KiB, the most that a capture may have"
                break
            made += block
            taken += 1
        if self._write(bytes(made)):
            self.frames += taken
            self._numbers = numbers

    def _number(self, ifindex: int, numbers: dict[str, int], made: bytearray) -> int:
        name = self._name(ifindex)
        if name not in numbers:
            numbers[name] = len(numbers)
            made += pcapng.interface(name, self._snaplen)
        return numbers[name]

    def _write(self, data: bytes, floor: int | None = None) -> bool:
        """Whether all of it is in the file; else nothing is, and ``problem`` says why."""
        try:
            disk = os.fstatvfs(self._fd)
            if disk.f_bavail * disk.f_frsize < len(data) + (self._limits.floor if floor is None else floor):
                self.problem = f"the disk of {self.path.parent} is full but for {self._limits.floor >> 20} MiB"
                return False
            at = 0
            while at < len(data):
                at += os.pwrite(self._fd, data[at:], self.size + at)
        except OSError as error:
            self.problem = f"{self.path} cannot be written: {error.strerror}"
            os.ftruncate(self._fd, self.size)
            return False
        self.size += len(data)
        return True

    def finish(self, sampled: int) -> None:
        """Add what is missing of the ``sampled`` frames, and nothing after it; what the disk still takes of it."""
        if not self.over:
            lost = max(0, sampled - self.frames)
            head = b"" if self._numbers else pcapng.interface(_UNKNOWN, self._snaplen)
            told = f"all interfaces together: {sampled} frames, {lost} of them not in this file"
            if self.problem:
                told += f"; {self.problem}"
            problem = self.problem
            self._write(head + pcapng.statistics(0, time.time_ns(), sampled, lost, told), floor=0)
            self.problem, self.over = problem or self.problem, True
        os.fsync(self._fd)

    def close(self) -> None:
        """The file stays; one that is not over can be continued."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
