"""libpcap's own compiler for filter expressions, as the job's program needs them; the one door to the library.

It is opened at first use: an agent without filter expressions runs without it.
"""

from __future__ import annotations

import ctypes as c
import functools
import threading

from sonic_telegen.errors import ConfigError, NotSupported
from sonic_telegen.kernel.cbpf import Instruction, Untranslatable
from sonic_telegen.kernel.ebpf import TooLong
from sonic_telegen.kernel.pcapnames import need_addresses
from sonic_telegen.kernel.translate import translate

FIELD = "filter"
SONAME = "libpcap.so.0.8"
_ETHERNET = 1  # DLT_EN10MB
_SNAPLEN = 262144  # all of a frame
_NETMASK_UNKNOWN = 0xFFFFFFFF
_TOO_LONG = "too complex: its program is longer than the kernel's jumps reach; shorten it, or use two jobs"


class Insn(c.Structure):
    """``struct bpf_insn``."""

    _fields_ = [("code", c.c_ushort), ("jt", c.c_ubyte), ("jf", c.c_ubyte), ("k", c.c_uint32)]


class BpfProgram(c.Structure):
    """``struct bpf_program``."""

    _fields_ = [("length", c.c_uint), ("instructions", c.POINTER(Insn))]


_lock = threading.Lock()  # libpcap's compiler is for one thread at a time before 1.8


@functools.cache
def lib() -> c.CDLL:
    """The library. Raises ``NotSupported`` when it is not installed."""
    try:
        found = c.CDLL(SONAME)
    except OSError as error:
        remedy = "install the package libpcap0.8, or use the fields for protocol, prefixes and ports"
        raise NotSupported("open library", SONAME, 0, str(error), remedy) from None
    program = c.POINTER(BpfProgram)
    found.pcap_open_dead.argtypes, found.pcap_open_dead.restype = (c.c_int, c.c_int), c.c_void_p
    found.pcap_compile.argtypes = (c.c_void_p, program, c.c_char_p, c.c_int, c.c_uint32)
    found.pcap_geterr.argtypes, found.pcap_geterr.restype = (c.c_void_p,), c.c_char_p
    found.pcap_freecode.argtypes, found.pcap_freecode.restype = (program,), None
    found.pcap_close.argtypes, found.pcap_close.restype = (c.c_void_p,), None
    return found


def compile_expression(expression: str) -> tuple[Instruction, ...]:
    """The optimised program for whole Ethernet frames.

    Raises ``ConfigError`` with libpcap's words, ``NotSupported`` without libpcap.
    """
    try:
        need_addresses(expression, _is_word)
        return _compile(expression)
    except ValueError as problem:
        raise ConfigError(FIELD, expression, str(problem)) from None


@functools.cache
def _is_word(text: str) -> bool:
    """Whether libpcap takes it for one of its words.

    What it takes for a name is in these places looked up in its own tables, and is in one of them at most.
    """
    return not any(f"unknown {asked}" in _said(f"{place} {text}") for place, asked in _NAMED.items())


_NAMED = {"ether proto": "ether proto", "dir": "802.11 direction"}


def _said(expression: str) -> str:
    try:
        _compile(expression)
    except ValueError as problem:
        return str(problem)
    return ""


def _compile(expression: str) -> tuple[Instruction, ...]:
    with _lock:
        handle = lib().pcap_open_dead(_ETHERNET, _SNAPLEN)
        made = BpfProgram()
        try:
            if lib().pcap_compile(handle, c.byref(made), expression.encode(), 1, _NETMASK_UNKNOWN) < 0:
                raise ValueError(f"libpcap says: {lib().pcap_geterr(handle).decode(errors='replace')}")
            lines = tuple(Instruction(i.code, i.jt, i.jf, i.k) for i in made.instructions[: made.length])
            lib().pcap_freecode(c.byref(made))
        finally:
            lib().pcap_close(handle)
    return lines


@functools.lru_cache(maxsize=256)
def _verdict(expression: str, inner: bool = False) -> bytes | str:
    """The code, or what is wrong: passes ask again and again."""
    try:
        return translate(compile_expression(expression), inner=inner)
    except ConfigError as wrong:
        return wrong.problem
    except Untranslatable as problem:
        return str(problem)
    except TooLong:
        return _TOO_LONG


def code(expression: str, inner: bool = False) -> bytes:
    """The eBPF that takes the marker's place in a job's program (``splice.py``); ``inner``: of mirrored frames.

    Raises ``ConfigError``, with libpcap's words where they are its; ``NotSupported`` without libpcap.
    """
    found = _verdict(expression, inner)
    if isinstance(found, str):
        raise ConfigError(FIELD, expression, found)
    return found


def check(expression: str) -> None:
    """Raises ``ConfigError`` for an expression that no program can be made of.

    Without libpcap nothing is said: the job's program cannot be loaded then, and that is told of it.
    """
    try:
        code(expression)
    except NotSupported:
        return
