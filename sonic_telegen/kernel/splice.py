"""``splice``: a program with its marker instruction replaced by other instructions, every jump across it fixed. Pure.

A BPF object keeps a place for translated code with ``asm volatile("r0 = 0x50434150")``: one instruction that no
compiler makes of C by chance.
"""

from __future__ import annotations

from sonic_telegen.kernel.ebpf import ALU64, CALL, EXIT, INSTRUCTION, JA, JMP, JMP32, MOV, REACH, SIZE, K, TooLong

MARKER = 0x50434150  # "PCAP"
_PSEUDO_CALL = 1


def splice(program: bytes, code: bytes) -> bytes:
    """``program`` with ``code`` in the place of its one marker; the code goes on behind its last instruction.

    Raises ``ValueError`` when the program has no marker or several, ``TooLong`` when a jump across the code is.
    """
    lines = list(INSTRUCTION.iter_unpack(program))
    found = [at for at, line in enumerate(lines) if _is_marker(line)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} places for a filter expression in the program, 1 wanted")
    place, more = found[0], len(code) // SIZE - 1

    def moved(at: int) -> int:
        return at + more if at > place else at

    def longer(at: int, distance: int) -> int:
        return moved(at + 1 + distance) - moved(at) - 1

    made = []
    for at, (opcode, registers, offset, immediate) in enumerate(lines):
        if at == place:
            made.append(code)
            continue
        if _by_immediate(opcode, registers):
            immediate = longer(at, immediate)
        elif opcode & 7 in (JMP, JMP32) and opcode & 0xF0 not in (CALL, EXIT):
            offset = longer(at, offset)
            if offset not in REACH:
                raise TooLong(f"a jump over {abs(offset)} instructions")
        made.append(INSTRUCTION.pack(opcode, registers, offset, immediate))
    return b"".join(made)


def _is_marker(line: tuple[int, ...]) -> bool:
    opcode, registers, _, immediate = line
    return (opcode, registers, immediate) == (ALU64 | MOV | K, 0, MARKER)


def _by_immediate(opcode: int, registers: int) -> bool:
    """Whether the immediate is a distance in instructions: of a call within the program, or of a long jump."""
    within = registers in (_PSEUDO_CALL, _PSEUDO_CALL << 4)  # the source register; which half depends on byte order
    return (opcode == JMP | CALL and within) or opcode == JMP32 | JA
