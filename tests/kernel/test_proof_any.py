"""Whatever program the kernel takes: when it changes frame, context or verdict, it is refused as a counting program."""

from __future__ import annotations

import os
import struct
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import guest, libbpf
from sonic_telegen.kernel.ebpf import ADD, JEQ, JGT, MOV, R0, R1, R2, R3, R6, R7, R8, R9, R10, Assembler
from tests.support.patience import examples, times

FRAME = bytes(range(64))
CONTEXT = bytes(192)
DATA, DATA_END = 76, 80
REGISTERS = st.sampled_from([R2, R3, R6, R7, R8, R9])
SLOTS = st.sampled_from([-8, -16, -24, -32])
FIELDS = st.sampled_from([0, 4, 8, 32, 48, 52, DATA, DATA_END])
STEPS = st.one_of(
    st.tuples(st.just("move"), REGISTERS, REGISTERS),
    st.tuples(st.just("read"), REGISTERS, REGISTERS, FIELDS, st.sampled_from([1, 4, 8])),
    st.tuples(st.just("spill"), SLOTS, REGISTERS),
    st.tuples(st.just("fill"), REGISTERS, SLOTS),
    st.tuples(st.just("stack"), REGISTERS, SLOTS),
    st.tuples(st.just("add"), REGISTERS, st.sampled_from([-8, 0, 1, 4, 8, 12])),
    st.tuples(st.just("write"), REGISTERS, FIELDS, st.sampled_from([1, 4, 8])),
    st.tuples(st.just("copy"), REGISTERS, FIELDS, st.sampled_from([1, 4, 8]), REGISTERS),
    st.tuples(st.just("skip"), REGISTERS, st.integers(1, 4)),
    st.tuples(st.just("verdict"), st.sampled_from([-1, 0, 2])),
)
seen = Counter[str]()


def program(steps: list[tuple[object, ...]]) -> bytes:
    """In r6 and r1 the context, in r7 the frame with 60 bytes in reach, in r8 and r9 places of the stack, set to 0."""
    a = Assembler()
    for register, source in ((R6, R1), (R8, R10), (R9, R10)):
        a.alu_x(MOV, register, source)
    a.alu(ADD, R8, -8)
    a.alu(ADD, R9, -32)
    for at in range(-128, 0, 8):
        a.store_zero(8, R10, at)
    a.load(4, R7, R1, DATA)
    a.load(4, R2, R1, DATA_END)
    a.alu_x(MOV, R3, R7)
    a.alu(ADD, R3, 60)
    a.alu(MOV, R0, -1)
    a.jump_if_x(JGT, R3, R2, "end")
    until: dict[int, str] = {}
    for number, step in enumerate(steps):
        for label in [label for label, at in ((name, at) for at, name in until.items()) if at == number]:
            a.label(label)
        _step(a, number, step, until)
    for name in until.values():
        if name not in a._labels:
            a.label(name)
    a.label("end")
    a.exit()
    return a.code()


def _step(a: Assembler, number: int, step: tuple[object, ...], until: dict[int, str]) -> None:
    match step:
        case ("move", int(to), int(source)):
            a.alu_x(MOV, to, source)
        case ("read", int(to), int(base), int(offset), int(size)):
            a.load(size, to, base, offset)
        case ("spill", int(offset), int(source)):
            a.store(8, R10, offset, source)
        case ("fill", int(to), int(offset)):
            a.load(8, to, R10, offset)
        case ("stack", int(to), int(offset)):
            a.alu_x(MOV, to, R10)
            a.alu(ADD, to, offset)
        case ("add", int(to), int(value)):
            a.alu(ADD, to, value)
        case ("write", int(base), int(offset), int(size)):
            a.store_zero(size, base, offset)
        case ("copy", int(base), int(offset), int(size), int(source)):
            a.store(size, base, offset, source)
        case ("skip", int(register), int(count)):
            until.setdefault(number + count, f"after {number + count}")
            a.load(4, R2, R1, 0)
            a.jump_if(JEQ, R2, len(FRAME) if register in (R2, R6) else 1, until[number + count])
        case ("verdict", int(value)):
            a.alu(MOV, R0, value)


def harms(fd: int) -> bool:
    """Whether a run changes anything, or ends with another verdict."""
    ran = libbpf.prog_test_run(fd, FRAME, CONTEXT)
    context = ran.ctx_out[:DATA].ljust(192, b"\0")
    ignored = {0, 4, 12, 16, 40}  # len, pkt_type, queue_mapping, protocol, ifindex: the run's own
    fields = {at: struct.unpack_from("=I", context, at)[0] for at in range(0, DATA, 4)}
    return ran.retval != 0xFFFFFFFF or ran.data_out != FRAME or any(fields[at] for at in fields.keys() - ignored)


@settings(max_examples=examples(3000), deadline=None, derandomize=True)
@given(st.lists(STEPS, min_size=1, max_size=10))
def test_what_harms_is_refused(steps: list[tuple[object, ...]]) -> None:
    code = program(steps)
    try:
        fd = libbpf.prog_load(code, "any")[0]
    except KernelError:
        seen["the kernel refused it"] += 1
        return
    try:
        harmful = harms(fd)
    finally:
        os.close(fd)
    try:
        os.close(guest.load(code, "any"))
        taken = True
    except KernelError:
        taken = False
    seen[f"{'harms' if harmful else 'harmless'}, {'taken' if taken else 'refused'}"] += 1
    assert not (harmful and taken)


def test_the_programs_were_of_all_kinds() -> None:
    """It would prove nothing if none had harmed, or all had been refused."""
    if not seen:
        test_what_harms_is_refused()
    least = times(100)
    assert min(seen["harms, refused"], seen["harmless, taken"]) >= least, seen
