"""Any classic BPF program does in eBPF what it does in libpcap's interpreter, also one that no compiler would make."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sonic_telegen.kernel import cbpf
from sonic_telegen.kernel.cbpf import Instruction
from tests.support import frames as f
from tests.support.patience import examples
from tests.support.pcap import Filter, libpcap_matches, need_libpcap
from tests.support.wireframes import frames

LD, LDX, ALU, JMP, RET, MISC = cbpf.LD, cbpf.LDX, cbpf.ALU, cbpf.JMP, cbpf.RET, cbpf.MISC
W, H, B = 0x00, 0x08, 0x10
WORDS = 3  # of scratch memory in use, all set at first: an interpreter starts with whatever was there
TCP = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(b"x" * 40)))

numbers = st.sampled_from([0, 1, 2, 4, 12, 14, 20, 31, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
operands = numbers | st.integers(0, 0xFFFFFFFF)
places = st.integers(0, 80) | st.sampled_from([1400, 0x7FEF, 0x7FF0, 0x7FF1, 0xFFFF, 0x10000, 0xFFFFEFFF])
sizes = st.sampled_from([W, H, B])


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


def plain(code: int, k: int = 0) -> Instruction:
    return Instruction(code, 0, 0, k)


loads = st.one_of(
    st.builds(lambda kind, k: plain(kind | cbpf.IMM, k), st.sampled_from([LD, LDX]), operands),
    st.builds(lambda kind, k: plain(kind | cbpf.MEM, k), st.sampled_from([LD, LDX]), st.integers(0, WORDS - 1)),
    st.builds(lambda kind: plain(kind | cbpf.LEN), st.sampled_from([LD, LDX])),
    st.builds(lambda mode, size, k: plain(LD | mode | size, k), st.sampled_from([cbpf.ABS, cbpf.IND]), sizes, places),
    st.builds(lambda k: plain(LDX | cbpf.MSH | B, k), places),
)
stores = st.builds(plain, st.sampled_from([cbpf.ST, cbpf.STX]), st.integers(0, WORDS - 1))
by_x = st.sampled_from([op for op in range(cbpf.ADD, cbpf.XOR + 1, 0x10) if op != cbpf.NEG])
arithmetic = st.one_of(
    st.builds(lambda op: plain(ALU | op | cbpf.X), by_x),
    st.builds(
        lambda op, k: plain(ALU | op, k),
        st.sampled_from([cbpf.ADD, cbpf.SUB, cbpf.MUL, cbpf.OR, cbpf.AND, cbpf.XOR]),
        operands,
    ),
    st.builds(
        lambda op, k: plain(ALU | op, k), st.sampled_from([cbpf.DIV, cbpf.MOD]), operands.filter(lambda k: k > 0)
    ),
    st.builds(lambda op, k: plain(ALU | op, k), st.sampled_from([cbpf.LSH, cbpf.RSH]), st.integers(0, 31)),
    st.just(plain(ALU | cbpf.NEG)),
)
moves = st.sampled_from([plain(MISC), plain(MISC | cbpf.TXA)])
returns = st.builds(plain, st.sampled_from([RET, RET | cbpf.A]), st.sampled_from([0, 1, 262144]))
jumps = st.builds(
    lambda op, jt, jf, k: Instruction(JMP | op, jt, jf, k),
    st.sampled_from([cbpf.JEQ, cbpf.JGT, cbpf.JGE, cbpf.JSET]).flatmap(lambda op: st.sampled_from([op, op | cbpf.X])),
    st.integers(0, 5),
    st.integers(0, 5),
    operands,
) | st.builds(lambda k: plain(JMP | cbpf.JA, k), st.integers(0, 3))
LOADED = st.one_of(loads, loads, loads, stores, arithmetic, arithmetic, moves, jumps, jumps, returns)


@st.composite
def programs(draw: st.DrawFn) -> list[Instruction]:
    """Stores to all words in use, then anything, and six returns that every jump at the end can reach."""
    body = draw(st.lists(LOADED, max_size=40))
    ends = [plain(RET | cbpf.A), plain(RET), plain(RET, 1), plain(RET, 1), plain(RET), plain(RET | cbpf.A)]
    return [*(plain(cbpf.ST, word) for word in range(WORDS)), *body, *ends]


IHL_INDEX = [plain(LDX | cbpf.MSH | B, 14), plain(LD | cbpf.IND | H, 14), plain(RET | cbpf.A)]
TAG_INDEX = [plain(LD | cbpf.ABS | B, 0), plain(MISC), plain(LD | cbpf.IND | W, 13), plain(RET | cbpf.A)]

SHIFTED_OUT = [plain(LD, 5), plain(LDX, 32), plain(ALU | cbpf.LSH | cbpf.X), plain(RET | cbpf.A)]
BY_ZERO = [plain(LD, 5), plain(ALU | cbpf.DIV | cbpf.X), plain(RET, 1)]


@settings(max_examples=examples(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.lists(frames, min_size=1, max_size=4))
@example(IHL_INDEX, [TCP])
@example(TAG_INDEX, [bytes([at]) + TCP[1:] for at in range(6)])
@example(SHIFTED_OUT, [TCP])
@example(BY_ZERO, [TCP])
def test_a_program_does_the_same_in_both(program: list[Instruction], sent: list[bytes]) -> None:
    for direct in (True, False):
        with Filter(program, direct) as whole, Filter(program, direct, (f.DOT1Q, 0xE007)) as beside:
            for frame in sent:
                assert whole.matches(frame) == libpcap_matches(program, frame)
                tagged = frame[:12] + bytes.fromhex("8100e007") + frame[12:]
                assert beside.matches(frame) == libpcap_matches(program, tagged), "tag beside the frame"


@pytest.mark.parametrize("at", range(20))
@pytest.mark.parametrize("size", [W, H, B])
def test_every_byte_of_a_tag_beside_the_frame_is_read_where_the_wire_has_it(at: int, size: int) -> None:
    """One number on both sides is no proof: each of the bits is compared, at a fixed and at a computed place."""
    wire = bytes(range(0x40, 0x4C)) + bytes.fromhex("88a8e7a5") + bytes(range(0x50, 0x90))
    value = int.from_bytes(wire[at : at + cbpf.SIZES[size]], "big")
    fixed = [plain(LD | cbpf.ABS | size, at)]
    computed = [plain(LDX | cbpf.IMM, at), plain(LD | cbpf.IND | size, 0)]
    for start in (fixed, computed):
        equal = [*start, Instruction(JMP | cbpf.JEQ, 0, 1, value), plain(RET, 1), plain(RET)]
        for direct in (True, False):
            with Filter(equal, direct, (0x88A8, 0xE7A5)) as beside:
                assert beside.matches(wire[:12] + wire[16:])
