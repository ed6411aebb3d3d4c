"""Code put in the place of a program's marker: jumps that cross it reach what they reached before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.kernel import ebpf as e
from sonic_telegen.kernel.ebpf import INSTRUCTION, R0, R3, Assembler, TooLong, encode
from sonic_telegen.kernel.splice import MARKER, splice


def marker(asm: Assembler) -> None:
    asm.alu(e.MOV, R0, MARKER)


def filler(count: int) -> bytes:
    asm = Assembler()
    for _ in range(count):
        asm.alu(e.ADD, R0, 1)
    return asm.code()


def test_a_program_is_the_same_around_the_code() -> None:
    asm = Assembler()
    asm.alu(e.MOV, R3, 7)
    marker(asm)
    asm.exit()
    spliced = splice(asm.code(), filler(3))
    assert spliced == asm.code()[:8] + filler(3) + asm.code()[16:]


def jumping(size: int, place: int, jumps: list[tuple[int, int]], code: int | None) -> list[tuple[int, int]]:
    """A program of ``size`` instructions, its marker at ``place``; where its jumps lead, before or after splicing."""
    asm = Assembler()
    targets = dict(jumps)
    for at in range(size):
        asm.label(str(at))
        if at == place:
            marker(asm)
        elif at in targets:
            asm.jump_if(e.JEQ, R3, at, str(targets[at]))
        else:
            asm.alu(e.MOV, R3, at)
    asm.label(str(size))
    made = asm.code() if code is None else splice(asm.code(), filler(code))
    lines = list(INSTRUCTION.iter_unpack(made))
    return [(at, at + 1 + offset) for at, (opcode, _, offset, _) in enumerate(lines) if opcode == e.JMP | e.JEQ]


@given(st.data(), st.integers(2, 30), st.integers(1, 20))
def test_jumps_over_the_code_reach_what_they_reached(data: st.DataObject, size: int, code: int) -> None:
    place = data.draw(st.integers(0, size - 1))
    sources = st.integers(0, size - 1).filter(lambda at: at != place)
    jumps = data.draw(st.lists(st.tuples(sources, st.integers(0, size)), unique_by=lambda jump: jump[0]))

    def moved(at: int) -> int:
        return at + code - 1 if at > place else at

    before = jumping(size, place, jumps, None)
    assert jumping(size, place, jumps, code) == [(moved(at), moved(target)) for at, target in before]


def test_a_call_within_the_program_and_a_long_jump_keep_their_targets() -> None:
    """Their distance is in the immediate."""
    call, long_jump = encode(e.JMP | e.CALL, 0, 1, 0, 2), encode(e.JMP32 | e.JA, 0, 0, 0, 1)
    asm = Assembler()
    marker(asm)
    spliced = splice(call + long_jump + asm.code() + filler(2), filler(5))
    assert spliced[:16] == encode(e.JMP | e.CALL, 0, 1, 0, 6) + encode(e.JMP32 | e.JA, 0, 0, 0, 5)


def test_a_call_of_the_kernel_is_no_distance() -> None:
    asm = Assembler()
    asm.call(26)
    marker(asm)
    asm.exit()
    assert splice(asm.code(), filler(9))[:8] == asm.code()[:8]


@pytest.mark.parametrize("count", [0, 2])
def test_a_program_without_exactly_one_marker_is_refused(count: int) -> None:
    asm = Assembler()
    for _ in range(count):
        marker(asm)
    asm.exit()
    with pytest.raises(ValueError, match=f"^{count} places"):
        splice(asm.code(), filler(1))


def test_a_jump_over_too_much_code_is_refused() -> None:
    asm = Assembler()
    asm.jump_if(e.JEQ, R0, 0, "end")
    marker(asm)
    asm.label("end")
    asm.exit()
    assert len(splice(asm.code(), filler(32767))) == 8 * 32769
    with pytest.raises(TooLong):
        splice(asm.code(), filler(32768))
