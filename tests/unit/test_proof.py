"""What a counting program may not do is found in its instructions, however its pointers wander."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.kernel.ebpf import (
    ADD,
    AND,
    CALL,
    EXIT,
    INSTRUCTION,
    JEQ,
    JMP,
    JMP32,
    LD_64,
    MOV,
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    R10,
    Assembler,
    encode,
)
from sonic_telegen.kernel.pointers import Refused
from sonic_telegen.kernel.proof import HELPERS, TRAP, guarded
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import TcFilter

DATA, DATA_END, LEN, MARK, TSTAMP = 76, 80, 0, 8, 152
XCHG = 0xE1  # immediate of an atomic instruction: the old value comes back
LOOKUP, UPDATE, REDIRECT, TAIL_CALL = 1, 2, 23, 12


def program(write: Callable[[Assembler], None]) -> bytes:
    a = Assembler()
    write(a)
    a.alu(MOV, R0, -1)
    a.exit()
    return a.code()


def through_the_stack(a: Assembler) -> None:
    a.store(8, R10, -8, R1)
    a.load(8, R6, R10, -8)
    a.store_zero(4, R6, MARK)


def through_another_pointer_to_the_stack(a: Assembler) -> None:
    a.store(8, R10, -16, R1)
    a.alu_x(MOV, R2, R10)
    a.alu(ADD, R2, -24)
    a.load(8, R6, R2, 8)
    a.store_zero(4, R6, MARK)


def through_an_unknown_place_of_the_stack(a: Assembler) -> None:
    a.store(8, R10, -16, R1)
    a.load(4, R3, R1, LEN)
    a.alu(AND, R3, 8)
    a.alu_x(MOV, R2, R10)
    a.alu_x(ADD, R2, R3)
    a.load(8, R6, R2, -16)
    a.store_zero(4, R6, MARK)


def left_at_an_unknown_place_of_the_stack(a: Assembler) -> None:
    a.load(4, R3, R1, LEN)
    a.alu(AND, R3, 8)
    a.alu_x(MOV, R2, R10)
    a.alu_x(ADD, R2, R3)
    a.store(8, R2, -16, R1)
    a.load(8, R6, R10, -16)
    a.store_zero(4, R6, MARK)


def out_of_the_stack_by_an_exchange(a: Assembler) -> None:
    a.store(8, R10, -8, R1)
    a.alu(MOV, R3, 0)
    a._add(0xDB, R10, R3, -8, XCHG)
    a.store_zero(4, R3, MARK)


def on_one_of_two_paths(a: Assembler) -> None:
    a.alu_x(MOV, R6, R10)
    a.load(4, R3, R1, LEN)
    a.jump_if(JEQ, R3, 60, "well")
    a.alu_x(MOV, R6, R1)
    a.label("well")
    a.store_zero(4, R6, -8)


def round_a_loop(a: Assembler) -> None:
    a.alu_x(MOV, R6, R10)
    a.alu_x(MOV, R7, R10)
    a.label("again")
    a.store_zero(4, R7, -8)
    a.alu_x(MOV, R7, R6)
    a.alu_x(MOV, R6, R1)
    a.load(4, R3, R1, LEN)
    a.jump_if(JEQ, R3, 60, "again")


def the_frame(a: Assembler) -> None:
    a.load(4, R6, R1, DATA)
    a.alu(MOV, R3, 4)
    a.alu_x(ADD, R3, R6)  # a number plus the pointer
    a.store_zero(1, R3, 0)


def an_atomic_one(a: Assembler) -> None:
    a.load(4, R6, R1, DATA)
    a._add(0xDB, R6, R3, 0, 0)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda a: a.store_zero(4, R1, MARK), "context"),
        (through_the_stack, "context"),
        (through_another_pointer_to_the_stack, "context"),
        (through_an_unknown_place_of_the_stack, "may store into"),
        (left_at_an_unknown_place_of_the_stack, "context"),
        (out_of_the_stack_by_an_exchange, "context"),
        (on_one_of_two_paths, "may store into"),
        (round_a_loop, "may store into"),
        (the_frame, "into the frame:"),
        (an_atomic_one, "into the frame:"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_store_into_frame_or_context_is_found(write: Callable[[Assembler], None], says: str) -> None:
    with pytest.raises(Refused, match=says):
        guarded(program(write))


def counts(a: Assembler) -> None:
    """Reads of all kinds, stores on the stack and into a map's value."""
    a.alu_x(MOV, R6, R1)
    a.load(4, R2, R6, DATA)
    a.load(4, R3, R6, DATA_END)
    a.load(1, R7, R2, 0)
    a.load(8, R3, R6, TSTAMP)
    a.store(8, R10, -8, R3)
    a.store_zero(4, R10, -12)
    a.alu_x(MOV, R2, R10)
    a.alu(ADD, R2, -12)
    a._add(LD_64, R1, 1, 0, 5)
    a._add(0, 0, 0, 0, 0)
    a.call(LOOKUP)
    a.jump_if(JEQ, R0, 0, "none")
    a.alu_x(ADD, R0, R7)
    a.store(8, R0, 0, R7)
    a._add(0xDB, R0, R7, 8, 0)
    a.label("none")


def test_a_program_that_counts_is_taken_and_ends_where_the_verdict_is_checked() -> None:
    code = program(counts)
    made = list(INSTRUCTION.iter_unpack(guarded(code)))
    assert [line[0] for line in made].count(JMP | EXIT) == 1, "one end"
    assert made[-1][0] == JMP | EXIT
    assert made[-3] == INSTRUCTION.unpack(encode(JMP32 | JEQ, R0, 0, 1, -1))
    assert made[-2][2] == TRAP
    assert made[-4] == INSTRUCTION.unpack(encode(JMP, 0, 0, 0, 0)), "the exit is a jump to the check"
    assert made[: len(code) // 8 - 1] == list(INSTRUCTION.iter_unpack(code))[:-1], "all else is as it was"


@pytest.mark.parametrize("helper", [REDIRECT, TAIL_CALL, 9, 13, 31, 43, 100, 51, 999, -1])
def test_a_call_that_does_more_than_read_and_count_is_refused(helper: int) -> None:
    assert helper not in HELPERS
    with pytest.raises(Refused, match=f"calls helper {helper}"):
        guarded(program(lambda a: a.call(helper)))


@pytest.mark.parametrize("source", [1, 2])
def test_a_call_within_the_program_or_into_the_kernel_is_refused(source: int) -> None:
    with pytest.raises(Refused, match="not inlined"):
        guarded(program(lambda a: a._add(JMP | CALL, 0, source, 0, LOOKUP)))


@pytest.mark.parametrize("opcode", [0x20, 0x28, 0x30, 0x40, 0x48, 0x50])
def test_a_classic_load_is_refused_since_its_failure_is_a_verdict_of_0(opcode: int) -> None:
    with pytest.raises(Refused, match="bpf_skb_load_bytes"):
        guarded(program(lambda a: a._add(opcode, 0, 0, 0, 12)))


@pytest.mark.parametrize("opcode", [0x06, 0x8D, 0x86, 0x96, 0x7A | 0x80])
def test_what_is_not_understood_is_refused(opcode: int) -> None:
    with pytest.raises(Refused, match="not understood"):
        guarded(program(lambda a: a._add(opcode, R6, R7, 0, 0)))


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(-6, 6), st.integers(-9, 9)), max_size=30)
)
def test_any_instructions_are_taken_or_refused(lines: list[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("=BBhi", *line) for line in lines)
    with contextlib.suppress(Refused):
        guarded(code)


def test_an_operators_filter_is_a_strangers_for_every_plan() -> None:
    item = TcFilter(7, Direction.INGRESS, 3, 1, "bpf", "telegen-bcc/4242-4026531836")
    assert (item.guest, item.own) == ((4242, 4026531836), None)
    others = ("telegen/if@0123456789abcdef", "telegen-bcc/x-1", "telegen-bcc/1", "else")
    assert [replace(item, name=name).guest for name in others] == [None] * 4
    assert replace(item, kind="u32").guest is None
