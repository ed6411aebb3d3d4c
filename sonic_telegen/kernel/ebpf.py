"""eBPF instructions as bytes: ``Assembler`` writes them with named jump targets. Pure."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass

INSTRUCTION = struct.Struct("=BBhi")  # opcode, registers, offset, immediate
SIZE = INSTRUCTION.size
REACH = range(-0x8000, 0x8000)  # of a jump, in instructions

R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = range(11)

# Classes, sources, sizes and operations of opcodes, as in <linux/bpf.h>.
LDX, ST, STX, ALU32, JMP, JMP32, ALU64 = 0x61, 0x62, 0x63, 0x04, 0x05, 0x06, 0x07  # memory: with mode MEM
K, X = 0x00, 0x08
BYTES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
ADD, SUB, OR, AND, LSH, RSH, NEG, MOV = 0x00, 0x10, 0x40, 0x50, 0x60, 0x70, 0x80, 0xB0
JA, JEQ, JGT, JGE, JSET, JNE, JLT, JLE, CALL, EXIT = 0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0xA0, 0xB0, 0x80, 0x90
TO_BE = 0xDC  # immediate: bits
LD_64 = 0x18  # takes two instructions
_MAP = 1  # BPF_PSEUDO_MAP_FD, its source register: the immediate is the descriptor of a map


class TooLong(ValueError):
    """A jump would reach further than an instruction can say."""


@dataclass(frozen=True, slots=True)
class _Line:
    opcode: int
    dst: int
    src: int
    offset: int
    immediate: int
    target: str = ""


def encode(opcode: int, dst: int, src: int, offset: int, immediate: int) -> bytes:
    """One instruction; ``immediate`` may be given signed or unsigned."""
    registers = dst | src << 4 if sys.byteorder == "little" else dst << 4 | src
    return INSTRUCTION.pack(opcode, registers, offset, immediate - (immediate >> 31 << 32 if immediate >= 0 else 0))


class Assembler:
    """Instructions in the order of the calls; ``label`` names the place of the next one."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._labels: dict[str, int] = {}
        self._wanted: set[str] = set()

    def __len__(self) -> int:
        return len(self._lines)

    def label(self, name: str) -> None:
        """Jumps to ``name`` come here."""
        self._labels[name] = len(self._lines)

    def wants(self, name: str) -> bool:
        """Whether any instruction so far jumps to ``name``; the verifier refuses code that nothing reaches."""
        return name in self._wanted

    def alu(self, operation: int, dst: int, immediate: int, kind: int = ALU64) -> None:
        """``dst = dst operation immediate``."""
        self._add(kind | K | operation, dst, 0, 0, immediate)

    def alu_x(self, operation: int, dst: int, src: int, kind: int = ALU64) -> None:
        """``dst = dst operation src``."""
        self._add(kind | X | operation, dst, src, 0, 0)

    def load(self, size: int, dst: int, base: int, offset: int) -> None:
        """``dst = *(base + offset)``, in host byte order."""
        self._add(LDX | BYTES[size], dst, base, offset, 0)

    def store(self, size: int, base: int, offset: int, src: int) -> None:
        """``*(base + offset) = src``."""
        self._add(STX | BYTES[size], base, src, offset, 0)

    def store_zero(self, size: int, base: int, offset: int) -> None:
        """``*(base + offset) = 0``."""
        self._add(ST | BYTES[size], base, 0, offset, 0)

    def big_endian(self, dst: int, size: int) -> None:
        """Turn ``size`` bytes that came from a frame into a number."""
        if size > 1:
            self._add(TO_BE, dst, 0, 0, 8 * size)

    def jump(self, target: str) -> None:
        """Go to a label."""
        self._add(JMP | JA, 0, 0, 0, 0, target)

    def jump_if(self, operation: int, dst: int, immediate: int, target: str, kind: int = JMP) -> None:
        """Go to a label if ``dst operation immediate``."""
        self._add(kind | K | operation, dst, 0, 0, immediate, target)

    def jump_if_x(self, operation: int, dst: int, src: int, target: str, kind: int = JMP) -> None:
        """Go to a label if ``dst operation src``."""
        self._add(kind | X | operation, dst, src, 0, 0, target)

    def call(self, helper: int) -> None:
        """Call a helper of the kernel: r1 to r5 are its arguments and lost, r0 its answer."""
        self._add(JMP | CALL, 0, 0, 0, helper)

    def exit(self) -> None:
        """End the program with r0."""
        self._add(JMP | EXIT, 0, 0, 0, 0)

    def _add(self, opcode: int, dst: int, src: int, offset: int, immediate: int, target: str = "") -> None:
        self._lines.append(_Line(opcode, dst, src, offset, immediate, target))
        if target:
            self._wanted.add(target)

    def code(self) -> bytes:
        """The instructions with their jumps resolved; raises ``TooLong``."""
        return b"".join(self._encode(at, line) for at, line in enumerate(self._lines))

    def _encode(self, at: int, line: _Line) -> bytes:
        offset = self._labels[line.target] - at - 1 if line.target else line.offset
        if offset not in REACH:
            raise TooLong(f"a jump over {abs(offset)} instructions")
        return encode(line.opcode, line.dst, line.src, offset, line.immediate)


def registers(packed: int) -> tuple[int, int]:
    """Destination and source of an instruction's second byte."""
    low, high = packed & 15, packed >> 4
    return (low, high) if sys.byteorder == "little" else (high, low)


def put_descriptors(code: bytes, fds: Mapping[int, int]) -> bytes:
    """Instructions with every number of a map replaced by its descriptor."""
    made, lines = [], INSTRUCTION.iter_unpack(code)
    for opcode, packed, offset, immediate in lines:
        wide = opcode == LD_64
        number = fds[immediate] if wide and registers(packed)[1] == _MAP else immediate
        made.append(INSTRUCTION.pack(opcode, packed, offset, number))
        if wide:  # its upper half is another instruction
            made.append(INSTRUCTION.pack(*next(lines)))
    return b"".join(made)
