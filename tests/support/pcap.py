"""Filter expressions in the kernel and in libpcap's own matcher, frame by frame."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import pytest

from sonic_telegen.errors import NotSupported
from sonic_telegen.kernel import ebpf as e
from sonic_telegen.kernel import libbpf, pcap
from sonic_telegen.kernel.cbpf import Instruction
from sonic_telegen.kernel.ebpf import R1, R2, R3, R6, R10, Assembler
from sonic_telegen.kernel.translate import translate

SCRATCH = 128
_VLAN_PUSH = 18  # bpf_skb_vlan_push
_TAGS = (0x8100, 0x88A8)


def need_libpcap() -> None:
    """Skip where the library is not installed; in CI that is a failure."""
    try:
        pcap.lib()
    except NotSupported as problem:
        pytest.skip(str(problem))


class _Header(ctypes.Structure):
    """``struct pcap_pkthdr``."""

    _fields_ = [("sec", ctypes.c_long), ("usec", ctypes.c_long), ("caplen", ctypes.c_uint32), ("len", ctypes.c_uint32)]


def libpcap_matches(program: Sequence[Instruction], frame: bytes) -> bool:
    """What ``pcap_offline_filter`` says."""
    lines = (pcap.Insn * len(program))(*(pcap.Insn(*line) for line in program))
    made = pcap.BpfProgram(len(program), ctypes.cast(lines, ctypes.POINTER(pcap.Insn)))
    header = _Header(0, 0, len(frame), len(frame))
    found: int = pcap.lib().pcap_offline_filter(ctypes.byref(made), ctypes.byref(header), frame)
    return bool(found)


class Filter:
    """A translated program alone in the kernel: it returns whether the frame matches.

    With ``tag`` the kernel is told to take the outermost tag out of the frame first, as it does with frames that come
    in. Gone at the end of the ``with`` block.
    """

    def __init__(self, program: Sequence[Instruction], direct: bool = True, tag: tuple[int, int] | None = None) -> None:
        asm = Assembler()
        if tag is not None:
            asm.alu_x(e.MOV, R6, R1)
            asm.alu(e.MOV, R2, int.from_bytes(tag[0].to_bytes(2, "big"), "little"))
            asm.alu(e.MOV, R3, tag[1])
            asm.call(_VLAN_PUSH)
            asm.alu_x(e.MOV, R1, R6)
        asm.alu_x(e.MOV, R2, R10)
        asm.alu(e.ADD, R2, -SCRATCH)
        end = Assembler()
        end.exit()
        self.fd, self.said = libbpf.prog_load(asm.code() + translate(program, direct) + end.code(), "expression")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self.fd)

    def matches(self, frame: bytes) -> bool:
        """Whether it does."""
        found = libbpf.prog_test_run(self.fd, frame).retval
        assert found in (0, 1)
        return bool(found)


def outermost_tag(frame: bytes) -> tuple[tuple[int, int], bytes] | None:
    """The tag that the kernel takes out of a frame that comes in, and the rest; None for a frame without one."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind not in _TAGS or len(frame) < 18:
        return None
    return (kind, int.from_bytes(frame[14:16], "big")), frame[:12] + frame[16:]
