"""Classic BPF, as libpcap's compiler makes it: its instructions, and a program made fit for translation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)  # classes: the lowest three bits of a code
IMM, ABS, IND, MEM, LEN, MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
SIZES = {0x00: 4, 0x08: 2, 0x10: 1}
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR = range(0x00, 0xB0, 0x10)
JA, JEQ, JGT, JGE, JSET = range(0x00, 0x50, 0x10)
X = 0x08  # source of an operand, else K
A = 0x10  # what a return gives, else K
TXA = 0x80
WORDS = 16  # of scratch memory

FARTHEST = 0x7FF0  # no frame on a wire is as long as this: what lies behind is out of every frame's bounds
_METADATA = range(0xFFFFF000, 0xFFFFF040)  # SKF_AD_OFF and up: not of the frame, but what Linux knows of it


class Untranslatable(ValueError):
    """The program asks for what a job's program cannot do; the text says what, and what to do."""


class Instruction(NamedTuple):
    """``struct bpf_insn``."""

    code: int
    jt: int
    jf: int
    k: int

    @property
    def kind(self) -> int:
        """The class."""
        return self.code & 7

    @property
    def mode(self) -> int:
        """Where a load takes its value from."""
        return self.code & 0xE0

    @property
    def size(self) -> int:
        """Bytes that a load from the frame takes."""
        return 1 if self.mode == MSH else SIZES.get(self.code & 0x18, 0)

    @property
    def operation(self) -> int:
        """What an ALU or jump instruction does."""
        return self.code & 0xF0

    @property
    def from_frame(self) -> bool:
        """Whether it reads the frame."""
        return (self.kind == LD and self.mode in (ABS, IND)) or (self.kind == LDX and self.mode == MSH)


NEVER = Instruction(RET, 0, 0, 0)


def settle(program: Sequence[Instruction]) -> list[Instruction]:
    """The program with everything that ends it without a match written as such a return.

    Raises ``Untranslatable`` for metadata of the kernel's, for loops and for what no compiler makes.
    """
    found = [_settled(line) for line in program]
    if not found or found[-1].kind != RET:
        raise Untranslatable("the program has no end")
    for at, line in enumerate(found):
        if line.kind == JMP and any(not at < target < len(found) for target in targets(at, line)):
            raise Untranslatable("it needs a loop; do without protochain")
    return found


def _settled(line: Instruction) -> Instruction:
    if line.from_frame:
        if line.k in _METADATA:
            text = "inbound, outbound and ifindex are not in the frame; use the job's direction and port instead"
            raise Untranslatable(text)
        if line.k > FARTHEST:
            return NEVER
    if line.kind == ALU and line.operation in (DIV, MOD) and not line.code & X and not line.k:
        return NEVER
    if (line.kind in (ST, STX) or (line.kind in (LD, LDX) and line.mode == MEM)) and line.k >= WORDS:
        raise Untranslatable(f"word {line.k} of scratch memory is none of the {WORDS}")
    return line


def targets(at: int, line: Instruction) -> tuple[int, ...]:
    """Where a jump leads; an unconditional one goes back when its distance is a negative number."""
    if line.operation == JA:
        return (at + 1 + line.k - (line.k >> 31 << 32),)
    return (at + 1 + line.jt, at + 1 + line.jf)


def following(program: Sequence[Instruction], at: int) -> tuple[int, ...]:
    """What may run after an instruction."""
    line = program[at]
    if line.kind == RET:
        return ()
    return targets(at, line) if line.kind == JMP else (at + 1,)
