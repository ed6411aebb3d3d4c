"""Readers of the frame on the wire for translated code: directly, or through the kernel; with a tag beside it or not.

Or of the frame within a mirrored one: where it lies, and its tag, is at the end of the scratch memory.

Bytes 12 to 15 of a frame with a tag beside it are that tag, what lies behind is 4 bytes further ahead in the kernel.
Numbers come out in host byte order. A read that is out of bounds goes to the label ``fail``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol

from sonic_telegen.kernel import ebpf as e
from sonic_telegen.kernel.ebpf import R0, R1, R2, R3, R4, R5, R6, R9, Assembler

LEN, VLAN_PRESENT, VLAN_TCI, VLAN_PROTO, DATA, DATA_END = 0, 20, 24, 28, 76, 80  # in struct __sk_buff
TAG, BEHIND = 12, 16  # where a tag begins and ends
INNER_TAG, INNER_AT, INNER_END = 116, 120, 124  # in scratch memory, as tg_match_expression puts them there
_LOAD_BYTES = 26  # bpf_skb_load_bytes
_DOT1Q = 0x8100  # what a tag that a switch took out was
_MOST_X = 0x7FFF  # with FARTHEST it stays within the 64 KiB of a frame that the verifier knows


class Reader(Protocol):
    """Writes the reading of 1, 2 or 4 bytes; ``extent`` is how many bytes are known to lie in the first piece."""

    name: str
    tagged: bool
    extent: int

    def start(self) -> None:
        """What must run before the first read."""
        ...

    def length(self, into: int) -> None:
        """How long the frame is."""
        ...

    def fixed(self, into: int, at: int, size: int) -> None:
        """Read at a place that is known."""
        ...

    def indexed(self, into: int, index: int, at: int, size: int) -> None:
        """Read ``at`` bytes behind what the register ``index`` holds."""
        ...


class _Base(ABC):
    def __init__(self, asm: Assembler, tagged: bool, fail: str) -> None:
        self._asm, self.tagged, self._fail, self.extent = asm, tagged, fail, 0
        self.name = f"{type(self).__name__} {tagged}"

    def fixed(self, into: int, at: int, size: int) -> None:
        """Read at a place that is known."""
        asm = self._asm
        if not self.tagged or at + size <= TAG:
            self._frame(into, at, size)
        elif at >= BEHIND:
            self._frame(into, at - 4, size)
        elif (at, size) == (12, 2):
            self._tag_type(into)
        elif (at, size) == (14, 2):
            self._tci(into)
        else:
            asm.alu(e.MOV, into, 0)
            for byte in range(at, at + size):
                self._byte(R5, byte)
                asm.alu(e.LSH, into, 8, e.ALU32)
                asm.alu_x(e.OR, into, R5, e.ALU32)

    def _byte(self, into: int, at: int) -> None:
        """One byte of a read that has a part of the tag."""
        if TAG <= at < BEHIND:
            self.fixed(into, at & ~1, 2)
            self._asm.alu(*((e.AND, into, 0xFF) if at & 1 else (e.RSH, into, 8)), e.ALU32)
        else:
            self._frame(into, at if at < TAG else at - 4, 1)

    def length(self, into: int) -> None:
        """How long the frame is."""
        self._asm.load(4, into, R6, LEN)
        if self.tagged:
            self._asm.alu(e.ADD, into, 4, e.ALU32)

    def _tag_type(self, into: int) -> None:
        self._asm.load(4, into, R6, VLAN_PROTO)
        self._asm.big_endian(into, 2)

    def _tci(self, into: int) -> None:
        self._asm.load(4, into, R6, VLAN_TCI)

    @abstractmethod
    def _frame(self, into: int, at: int, size: int) -> None:
        """Read at a place of the frame as the kernel has it."""


class Direct(_Base):
    """Reads the first piece of the frame; goes to the label ``far`` where that does not hold it."""

    def __init__(self, asm: Assembler, tagged: bool, fail: str, far: str) -> None:
        super().__init__(asm, tagged, fail)
        self._far = far

    def start(self) -> None:
        """Take the piece's begin and end."""
        self._asm.load(4, R1, R6, DATA)
        self._asm.load(4, R2, R6, DATA_END)

    def _frame(self, into: int, at: int, size: int) -> None:
        asm, end = self._asm, at + size
        if end > self.extent:
            asm.alu_x(e.MOV, R3, R1)
            asm.alu(e.ADD, R3, end)
            asm.jump_if_x(e.JGT, R3, R2, self._far)
            self.extent = end
        asm.load(size, into, R1, at)
        asm.big_endian(into, size)

    def indexed(self, into: int, index: int, at: int, size: int) -> None:
        """Read ``at`` bytes behind what the register ``index`` holds."""
        asm = self._asm
        asm.jump_if(e.JGT, index, _MOST_X, self._fail)
        if self.tagged and at < BEHIND:
            asm.jump_if(e.JLT, index, BEHIND - at, self._far)
        asm.alu_x(e.MOV, R4, index)
        asm.alu(e.ADD, R4, at - 4 if self.tagged else at)
        asm.alu_x(e.MOV, R3, R1)
        asm.alu_x(e.ADD, R3, R4)
        asm.alu_x(e.MOV, R4, R3)
        asm.alu(e.ADD, R4, size)
        asm.jump_if_x(e.JGT, R4, R2, self._far)
        asm.load(size, into, R3, 0)
        asm.big_endian(into, size)


class Far(_Base):
    """Reads any piece through ``bpf_skb_load_bytes``, which answers an error where the frame has ended."""

    def start(self) -> None:
        """Nothing."""

    def _frame(self, into: int, at: int, size: int) -> None:
        self._asm.alu(e.MOV, R2, at)
        self._take(into, size)

    def _take(self, into: int, size: int) -> None:
        """Read at the place in r2."""
        asm = self._asm
        asm.alu_x(e.MOV, R1, R6)
        asm.alu_x(e.MOV, R3, R9)
        asm.alu(e.MOV, R4, size)
        asm.call(_LOAD_BYTES)
        asm.jump_if(e.JNE, R0, 0, self._fail)
        asm.load(size, into, R9, 0)
        asm.big_endian(into, size)

    def indexed(self, into: int, index: int, at: int, size: int) -> None:
        """Read ``at`` bytes behind what the register ``index`` holds."""
        asm = self._asm
        asm.jump_if(e.JGT, index, _MOST_X, self._fail)
        if self.tagged and at < BEHIND:
            self._by_bytes(into, index, at, size)
            return
        asm.alu_x(e.MOV, R2, index)
        asm.alu(e.ADD, R2, at - 4 if self.tagged else at)
        self._take(into, size)

    def _by_bytes(self, into: int, index: int, at: int, size: int) -> None:
        """Any of the bytes may be in the tag."""
        asm = self._asm
        asm.alu(e.MOV, into, 0)
        for byte, names in zip(range(at, at + size), self._names(), strict=False):
            asm.alu_x(e.MOV, R2, index)
            asm.alu(e.ADD, R2, byte)
            self._any_byte(*names)
            asm.alu(e.LSH, into, 8, e.ALU32)
            asm.alu_x(e.OR, into, R0, e.ALU32)

    def _names(self) -> Iterator[tuple[str, str, str]]:
        while True:
            yield tuple(f"{what} {len(self._asm)}" for what in ("behind", "take", "taken"))  # type: ignore[misc]

    def _any_byte(self, behind: str, take: str, taken: str) -> None:
        """Into r0 the byte of the wire's frame at the place in r2."""
        asm = self._asm
        asm.jump_if(e.JGE, R2, BEHIND, behind)
        asm.jump_if(e.JLT, R2, TAG, take)
        self._tag_type(R0)
        asm.alu(e.LSH, R0, 16, e.ALU32)
        self._tci(R3)
        asm.alu_x(e.OR, R0, R3, e.ALU32)
        asm.alu(e.MOV, R4, BEHIND - 1)
        asm.alu_x(e.SUB, R4, R2)
        asm.alu(e.LSH, R4, 3)
        asm.alu_x(e.RSH, R0, R4, e.ALU32)
        asm.alu(e.AND, R0, 0xFF, e.ALU32)
        asm.jump(taken)
        asm.label(behind)
        asm.alu(e.SUB, R2, 4)
        asm.label(take)
        self._take(R0, 1)
        asm.label(taken)


class Inner(Far):
    """Reads the frame within a mirrored one: what follows it in the packet is not there."""

    def length(self, into: int) -> None:
        """How long the frame is."""
        self._asm.load(4, into, R9, INNER_END)
        self._asm.load(4, R5, R9, INNER_AT)
        self._asm.alu_x(e.SUB, into, R5, e.ALU32)
        if self.tagged:
            self._asm.alu(e.ADD, into, 4, e.ALU32)

    def _tag_type(self, into: int) -> None:
        self._asm.alu(e.MOV, into, _DOT1Q)

    def _tci(self, into: int) -> None:
        self._asm.load(2, into, R9, INNER_TAG)

    def _take(self, into: int, size: int) -> None:
        asm = self._asm
        asm.load(4, R3, R9, INNER_AT)
        asm.alu_x(e.ADD, R2, R3)
        asm.alu_x(e.MOV, R3, R2)
        asm.alu(e.ADD, R3, size)
        asm.load(4, R4, R9, INNER_END)
        asm.jump_if_x(e.JGT, R3, R4, self._fail)
        super()._take(into, size)
