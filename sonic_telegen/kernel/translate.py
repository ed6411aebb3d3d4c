"""``translate``: a classic BPF program as eBPF that leaves in r0 whether the frame matches. Pure.

The frame is the one on the wire: a tag that the kernel keeps beside it (``vlan_tci``) stands at byte 12 again. For
that, and because a frame need not lie in one piece, the code has up to four forms of the program one behind the other,
and the first that can be had runs:

- frames without such a tag, read directly; what turns out not to lie in the first piece starts the second form
- the same through ``bpf_skb_load_bytes``; what that does not find is out of bounds: no match
- both again for frames with a tag beside them

A filter reads and never writes, so it can start again. The verifier is spared: between two instructions of the program
the state is the same on every path, but for how much of the frame was found to lie in the first piece.

r6 context, r7 A, r8 X, r9 scratch; in the direct forms r1 is the frame's begin and r2 the end of its first piece.
"""

from __future__ import annotations

from collections.abc import Sequence

from sonic_telegen.kernel import cbpf
from sonic_telegen.kernel import ebpf as e
from sonic_telegen.kernel.cbpf import Instruction
from sonic_telegen.kernel.ebpf import R0, R1, R2, R5, R6, R7, R8, R9, Assembler
from sonic_telegen.kernel.wire import INNER_TAG, VLAN_PRESENT, Direct, Far, Inner, Reader

MEMORY = 8  # offset of M[] in the scratch room; its first bytes are the reader's
MATCH, FAIL, END = "match", "fail", "end"

_ALU = {
    cbpf.ADD: e.ADD,
    cbpf.SUB: e.SUB,
    cbpf.MUL: 0x20,
    cbpf.DIV: 0x30,
    cbpf.OR: e.OR,
    cbpf.AND: e.AND,
    cbpf.MOD: 0x90,
    cbpf.XOR: 0xA0,
}
_JUMPS = {cbpf.JEQ: (e.JEQ, e.JNE), cbpf.JGT: (e.JGT, e.JLE), cbpf.JGE: (e.JGE, e.JLT)}  # and what says the opposite


def translate(program: Sequence[Instruction], direct: bool = True, inner: bool = False) -> bytes:
    """The eBPF of ``program``: context in r1, 128 bytes of scratch at r2, r0 to r9 its own; ends behind the last one.

    Without ``direct`` every frame is read as one in pieces; with ``inner`` it is the one within a mirrored one. Raises
    ``cbpf.Untranslatable``, and ``ebpf.TooLong`` when it is longer than a jump reaches.
    """
    settled = cbpf.settle(program)
    asm = Assembler()
    asm.alu_x(e.MOV, R6, R1)
    asm.alu_x(e.MOV, R9, R2)
    asm.load(4, R0, *((R9, INNER_TAG) if inner else (R6, VLAN_PRESENT)))
    asm.jump_if(e.JNE, R0, 0, "tagged")
    forms = _inner if inner else _both if direct else _far
    forms(asm, settled, False)
    asm.label("tagged")
    forms(asm, settled, True)
    if asm.wants(MATCH):
        asm.label(MATCH)
        asm.alu(e.MOV, R0, 1)
        if asm.wants(FAIL):
            asm.jump(END)
    if asm.wants(FAIL):
        asm.label(FAIL)
        asm.alu(e.MOV, R0, 0)
    asm.label(END)
    return asm.code()


def _both(asm: Assembler, program: Sequence[Instruction], tagged: bool) -> None:
    far = f"far {tagged}"
    _Form(asm, program, Direct(asm, tagged, FAIL, far)).write()
    if asm.wants(far):
        asm.label(far)
        _far(asm, program, tagged)


def _far(asm: Assembler, program: Sequence[Instruction], tagged: bool) -> None:
    _Form(asm, program, Far(asm, tagged, FAIL)).write()


def _inner(asm: Assembler, program: Sequence[Instruction], tagged: bool) -> None:
    _Form(asm, program, Inner(asm, tagged, FAIL)).write()


class _Form:
    """One of the forms."""

    def __init__(self, asm: Assembler, program: Sequence[Instruction], reader: Reader) -> None:
        self._asm, self._program, self._reader = asm, program, reader
        self._extents: dict[int, int] = {0: 0}  # bytes known to lie in the first piece, by instruction reached

    def write(self) -> None:
        self._reader.start()
        self._asm.alu(e.MOV, R7, 0)
        self._asm.alu(e.MOV, R8, 0)
        for word in self._words():
            self._asm.store_zero(4, R9, MEMORY + 4 * word)
        for at, line in enumerate(self._program):
            if at in self._extents:  # all that lead here are written, as jumps lead forward only
                self._asm.label(self._place(at))
                self._reader.extent = self._extents[at]
                self._instruction(at, line)
                for following in cbpf.following(self._program, at):
                    if self._target(following) == self._place(following) or line.kind != cbpf.JMP:
                        known = self._extents.get(following, self._reader.extent)
                        self._extents[following] = min(known, self._reader.extent)

    def _words(self) -> list[int]:
        """Words of scratch memory that are read: zero at first, as the verifier wants no old content of the stack."""
        return sorted({i.k for i in self._program if i.kind in (cbpf.LD, cbpf.LDX) and i.mode == cbpf.MEM})

    def _place(self, at: int) -> str:
        return f"{self._reader.name} {at}"

    def _target(self, at: int) -> str:
        """The label of an instruction to jump to; of a return, where it leads."""
        line = self._program[at]
        if line.kind == cbpf.RET and not line.code & cbpf.A:
            return MATCH if line.k else FAIL
        return self._place(at)

    def _instruction(self, at: int, line: Instruction) -> None:
        match line.kind:
            case cbpf.LD | cbpf.LDX:
                self._load(line, R7 if line.kind == cbpf.LD else R8)
            case cbpf.ST | cbpf.STX:
                self._asm.store(4, R9, MEMORY + 4 * line.k, R7 if line.kind == cbpf.ST else R8)
            case cbpf.ALU:
                self._arithmetic(line)
            case cbpf.JMP:
                self._jump(at, line)
            case cbpf.RET:
                self._end(line)
            case _:
                target, source = (R7, R8) if line.code & 0xF8 == cbpf.TXA else (R8, R7)
                self._asm.alu_x(e.MOV, target, source)

    def _load(self, line: Instruction, into: int) -> None:
        match line.mode:
            case cbpf.IMM:
                self._asm.alu(e.MOV, into, line.k, e.ALU32)
            case cbpf.MEM:
                self._asm.load(4, into, R9, MEMORY + 4 * line.k)
            case cbpf.LEN:
                self._reader.length(into)
            case cbpf.ABS:
                self._reader.fixed(into, line.k, line.size)
            case cbpf.IND:
                self._reader.indexed(into, R8, line.k, line.size)
            case cbpf.MSH:
                self._reader.fixed(into, line.k, 1)
                self._asm.alu(e.AND, into, 0xF, e.ALU32)
                self._asm.alu(e.LSH, into, 2, e.ALU32)
            case _:
                raise cbpf.Untranslatable(f"no such load: {line.code:#x}")

    def _arithmetic(self, line: Instruction) -> None:
        asm, operation, by_x = self._asm, line.operation, line.code & cbpf.X
        if operation == cbpf.NEG:
            asm.alu(e.NEG, R7, 0, e.ALU32)
        elif operation in (cbpf.LSH, cbpf.RSH):
            self._shift(e.LSH if operation == cbpf.LSH else e.RSH, line.k, bool(by_x))
        elif operation not in _ALU:
            raise cbpf.Untranslatable(f"no such operation: {line.code:#x}")
        elif by_x:
            if operation in (cbpf.DIV, cbpf.MOD):
                asm.jump_if(e.JEQ, R8, 0, FAIL)
            asm.alu_x(_ALU[operation], R7, R8, e.ALU32)
        else:
            asm.alu(_ALU[operation], R7, line.k, e.ALU32)

    def _shift(self, operation: int, bits: int, by_x: bool) -> None:
        """By 32 and more everything is shifted out; eBPF itself takes the lowest five bits of the distance."""
        if not by_x:
            self._asm.alu(*((operation, R7, bits) if bits < 32 else (e.MOV, R7, 0)), e.ALU32)
            return
        self._asm.alu_x(e.MOV, R5, R8)
        over = f"over {len(self._asm)}"
        self._asm.alu_x(operation, R7, R5, e.ALU32)
        self._asm.jump_if(e.JLT, R5, 32, over)
        self._asm.alu(e.MOV, R7, 0)
        self._asm.label(over)

    def _jump(self, at: int, line: Instruction) -> None:
        yes, *no = cbpf.targets(at, line)
        if not no or yes == no[0]:
            self._go(at, yes)
        elif line.operation == cbpf.JSET:
            self._jump_if(e.JSET, line, yes)
            self._go(at, no[0])
        elif line.operation not in _JUMPS:
            raise cbpf.Untranslatable(f"no such jump: {line.code:#x}")
        elif self._next(at, yes):
            self._jump_if(_JUMPS[line.operation][1], line, no[0])
        else:
            self._jump_if(_JUMPS[line.operation][0], line, yes)
            self._go(at, no[0])

    def _next(self, at: int, target: int) -> bool:
        return target == at + 1 and self._target(target) == self._place(target)

    def _go(self, at: int, target: int) -> None:
        if not self._next(at, target):
            self._asm.jump(self._target(target))

    def _jump_if(self, operation: int, line: Instruction, target: int) -> None:
        if line.code & cbpf.X:
            self._asm.jump_if_x(operation, R7, R8, self._target(target), e.JMP32)
        else:
            self._asm.jump_if(operation, R7, line.k, self._target(target), e.JMP32)

    def _end(self, line: Instruction) -> None:
        if line.code & cbpf.A:
            self._asm.jump_if(e.JNE, R7, 0, MATCH)
            self._asm.jump(FAIL)
        else:
            self._asm.jump(MATCH if line.k else FAIL)
