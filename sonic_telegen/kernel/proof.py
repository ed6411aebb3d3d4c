"""``guarded``: a stranger's program made such that the kernel takes it only if it is in nobody's way. Pure.

What the verifier can prove it is made to prove: every exit becomes a jump to an end of ours, where the program reads
memory that nobody may read unless r0 is TC_ACT_UNSPEC. If any path can come there with another verdict the verifier
refuses the program; if none can, it removes the check.

What it does not mind is refused here, before: calls that change or send frames or leave the program, the classic loads
whose failure ends a program with 0, and stores into the frame or its context. Those are found by following where the
context's pointer and the frame's pointers may be, in registers and on the stack; what is not understood is refused.
"""

from __future__ import annotations

from sonic_telegen.kernel.ebpf import (
    CALL,
    INSTRUCTION,
    JA,
    JEQ,
    JMP,
    JMP32,
    LD_64,
    R0,
    R10,
    REACH,
    Assembler,
    encode,
)
from sonic_telegen.kernel.pointers import Line, Refused, follow

UNSPEC = -1
TRAP = 4240  # offset from the stack's top of what nobody may read; the verifier's words name it
HELPERS = {
    1: "map_lookup_elem",
    2: "map_update_elem",
    3: "map_delete_elem",
    5: "ktime_get_ns",
    7: "get_prandom_u32",
    8: "get_smp_processor_id",
    26: "skb_load_bytes",
    28: "csum_diff",
    42: "get_numa_node_id",
    68: "skb_load_bytes_relative",
    118: "jiffies64",
    125: "ktime_get_boot_ns",
    160: "ktime_get_coarse_ns",
    195: "map_lookup_percpu_elem",
}
"""What a counting program may call: reads, clocks, and maps."""


def guarded(code: bytes) -> bytes:
    """The program with an end that the verifier accepts only for the verdict; raises ``Refused``."""
    lines = [Line(*line) for line in INSTRUCTION.iter_unpack(code)]
    _check_calls(lines)
    follow(lines)
    made, end = [], len(lines)
    for at, line in enumerate(lines):
        if line.is_exit:
            if end - at - 1 not in REACH:
                raise Refused("it is too long")
            made.append(encode(JMP | JA, 0, 0, end - at - 1, 0))
        else:
            made.append(INSTRUCTION.pack(line.opcode, line.packed, line.offset, line.immediate))
    tail = Assembler()
    tail.jump_if(JEQ, R0, UNSPEC, "well", JMP32)
    tail.load(8, R0, R10, TRAP)
    tail.label("well")
    tail.exit()
    return b"".join(made) + tail.code()


def is_trap(log: str) -> bool:
    """Whether the verifier's words are about the verdict."""
    return f"off={TRAP}" in log.replace("+", "")


def _check_calls(lines: list[Line]) -> None:
    for line in lines:
        if line.opcode == JMP | CALL:
            if line.src:
                raise Refused("it calls a function that is not inlined: make it static inline")
            if line.immediate not in HELPERS:
                allowed = ", ".join(f"bpf_{name}" for name in HELPERS.values())
                raise Refused(f"it calls helper {line.immediate}; a counting program may call {allowed}")
        elif line.kind == 0 and line.opcode not in (LD_64, 0):
            text = "it uses load_byte, load_half, load_word or cursor_advance, which end the program with verdict 0"
            raise Refused(f"{text} where the frame is shorter: use bpf_skb_load_bytes")
