"""Where a program's pointers to the frame and its context may be, and that it stores through none of them. Pure.

A walk over all paths at once: what a register or a slot of the stack *may* hold is joined where paths meet, until
nothing changes. It errs to one side: a value that may be such a pointer is taken for one, an instruction that is not
understood is refused. That pointers are nowhere but in registers and on the stack is the verifier's rule: what comes
back out of a map is a number, through which it lets nobody store.
"""

from __future__ import annotations

from dataclasses import dataclass

from sonic_telegen.kernel.ebpf import (
    ADD,
    ALU32,
    ALU64,
    CALL,
    EXIT,
    JA,
    JMP,
    JMP32,
    LD_64,
    MOV,
    R0,
    R1,
    R10,
    SUB,
    X,
    registers,
)

_LD, _LDX, _ST, _STX = 0, 1, 2, 3  # classes
_MEM, _MEMSX, _ATOMIC = 0x60, 0x80, 0xC0  # modes
_EIGHT = 0x18  # size
_DATA = (76, 80, 140)  # data, data_end, data_meta in struct __sk_buff

PLAIN, CONTEXT, FRAME, MIXED, STACK = "plain", "context", "frame", "mixed", "stack"
Value = tuple[str, int | None]  # of the stack: the offset, None where it is not known
_PLAIN: Value = (PLAIN, None)
_ANYWHERE = 99  # in a state: what may be in any slot
State = dict[int, Value]  # registers by number, slots of the stack by their negative offset; what is missing is plain


class Refused(ValueError):
    """The program may be in somebody's way; the text says how."""


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction."""

    opcode: int
    packed: int
    offset: int
    immediate: int

    @property
    def kind(self) -> int:
        """Its class."""
        return self.opcode & 7

    @property
    def operation(self) -> int:
        """Of arithmetic and jumps."""
        return self.opcode & 0xF0

    @property
    def is_exit(self) -> bool:
        """The end of the program."""
        return self.opcode == JMP | EXIT

    @property
    def dst(self) -> int:
        """The first register."""
        return registers(self.packed)[0]

    @property
    def src(self) -> int:
        """The second register."""
        return registers(self.packed)[1]


def joined(one: Value, other: Value) -> Value:
    """What a place may hold that holds one or the other."""
    if one == other:
        return one
    kinds = {one[0], other[0]} - {PLAIN}
    return (kinds.pop(), None) if len(kinds) == 1 else (MIXED, None)


def follow(lines: list[Line]) -> None:
    """Raise ``Refused`` when the program may store into the frame or its context."""
    if not lines:
        raise Refused("it has no instruction")
    at_line: dict[int, State] = {0: {R1: (CONTEXT, None), R10: (STACK, 0)}}
    waiting = [0]
    while waiting:
        at = waiting.pop()
        state = dict(at_line[at])
        _step(lines[at], state)
        for after in _next(lines, at):
            if not 0 <= after < len(lines):
                raise Refused("it jumps out of itself")
            known = at_line.get(after)
            merged = state if known is None else _merge(known, state)
            if merged != known:
                at_line[after] = dict(merged)
                waiting.append(after)


def _merge(one: State, other: State) -> State:
    return {place: joined(one.get(place, _PLAIN), other.get(place, _PLAIN)) for place in one.keys() | other.keys()}


def _next(lines: list[Line], at: int) -> tuple[int, ...]:
    line = lines[at]
    if line.is_exit:
        return ()
    if line.opcode == LD_64:
        return (at + 2,)
    if line.kind not in (JMP, JMP32) or line.opcode == JMP | CALL:
        return (at + 1,)
    if line.opcode == JMP | JA:
        return (at + 1 + line.offset,)
    if line.operation in (JA, EXIT, CALL):
        raise Refused(f"instruction {line.opcode:#04x} is not understood")
    return (at + 1, at + 1 + line.offset)


def _step(line: Line, state: State) -> None:
    """What the instruction makes of the state."""
    mode = line.opcode & 0xE0
    if line.kind in (JMP, JMP32):
        if line.operation == CALL:
            for register in range(R0, R1 + 5):
                state.pop(register, None)
    elif line.kind in (ALU32, ALU64):
        _compute(line, state)
    elif line.opcode == LD_64:
        state.pop(line.dst, None)
    elif line.kind == _LDX and mode in (_MEM, _MEMSX):
        state[line.dst] = _loaded(line, state)
    elif line.kind in (_ST, _STX) and (mode == _MEM or (mode == _ATOMIC and line.kind == _STX)):
        _store(line, state)
    else:
        raise Refused(f"instruction {line.opcode:#04x} is not understood")


def _compute(line: Line, state: State) -> None:
    mine, by_register = state.get(line.dst, _PLAIN), bool(line.opcode & X) and line.operation not in (0x80, 0xD0)
    other = state.get(line.src, _PLAIN) if by_register else _PLAIN
    if line.operation == MOV:
        state[line.dst] = other if by_register else _PLAIN
    elif mine[0] == STACK and not by_register and line.kind == ALU64 and line.operation in (ADD, SUB):
        moved = line.immediate if line.operation == ADD else -line.immediate
        state[line.dst] = (STACK, None if mine[1] is None else mine[1] + moved)
    else:
        found = joined(mine, other)
        state[line.dst] = (STACK, None) if found[0] == STACK else found


def _loaded(line: Line, state: State) -> Value:
    kind, offset = state.get(line.src, _PLAIN)
    wide = line.opcode & 0x18 == _EIGHT
    if kind == CONTEXT:
        if line.offset in _DATA:
            return (FRAME, None)
        return (MIXED, None) if wide and line.offset >= 0 and line.offset not in _NUMBERS else _PLAIN
    if kind == STACK and wide:
        if offset is not None and (offset + line.offset) % 8 == 0:
            return joined(state.get(offset + line.offset, _PLAIN), state.get(_ANYWHERE, _PLAIN))
        return _any_slot(state)
    if kind == MIXED:
        return (MIXED, None)
    return _PLAIN


_NUMBERS = (152, 184)  # tstamp and hwtstamp: 8 bytes of the context that are no pointers


def _any_slot(state: State) -> Value:
    found = state.get(_ANYWHERE, _PLAIN)
    for place, value in state.items():
        if place < 0:
            found = joined(found, value)
    return found


def _store(line: Line, state: State) -> None:
    kind, offset = state.get(line.dst, _PLAIN)
    if kind in (CONTEXT, FRAME, MIXED):
        what = {CONTEXT: "the frame's context (mark, priority, cb, …)", FRAME: "the frame"}.get(
            kind, "frame or context"
        )
        raise Refused(f"it may store into {what}: a counting program stores into maps and on its stack")
    value = state.get(line.src, _PLAIN) if line.kind == _STX else _PLAIN
    mode = line.opcode & 0xE0
    if mode == _ATOMIC and line.immediate & 1:  # the old value comes back
        fetched = _any_slot(state) if kind == STACK else _PLAIN
        for register in {line.src, R0}:
            state[register] = joined(state.get(register, _PLAIN), fetched)
    if kind != STACK:
        return
    place = None if offset is None else offset + line.offset
    if place is not None and place % 8 == 0 and line.opcode & 0x18 == _EIGHT and mode == _MEM:
        state[place] = value
    elif value != _PLAIN:
        state[_ANYWHERE] = joined(state.get(_ANYWHERE, _PLAIN), value)
