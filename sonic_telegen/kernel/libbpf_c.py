"""libbpf.so.1 and two system calls as ctypes see them: prototypes, structures and the captured log.

The library is opened at first use, so that importing this module needs nothing. A call that fails answers a negative
errno (pointers: NULL and ``errno``); ``libbpf.py`` turns that into errors. Structures carry their size, so the same
definitions work with libbpf 1.0 to 1.5.
"""

from __future__ import annotations

import ctypes as c
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sonic_telegen.errors import NotSupported

SONAME = "libbpf.so.1"
U32, U64 = c.c_uint32, c.c_uint64


class OpenOpts(c.Structure):
    """``struct bpf_object_open_opts`` up to the field we set."""

    _fields_ = [
        ("sz", c.c_size_t),
        ("object_name", c.c_char_p),
        ("relaxed_maps", c.c_bool),
        ("pin_root_path", c.c_char_p),
        ("attach_prog_fd", U32),
        ("kconfig", c.c_char_p),
        ("btf_custom_path", c.c_char_p),
    ]


class MapCreateOpts(c.Structure):
    """``struct bpf_map_create_opts`` up to ``map_flags``."""

    _fields_ = [
        ("sz", c.c_size_t),
        ("btf_fd", U32),
        ("btf_key_type_id", U32),
        ("btf_value_type_id", U32),
        ("btf_vmlinux_value_type_id", U32),
        ("inner_map_fd", U32),
        ("map_flags", U32),
    ]


class ProgLoadOpts(c.Structure):
    """``struct bpf_prog_load_opts``."""

    _fields_ = [
        ("sz", c.c_size_t),
        ("attempts", c.c_int),
        ("expected_attach_type", c.c_int),
        *((n, U32) for n in ("prog_btf_fd", "prog_flags", "prog_ifindex", "kern_version", "attach_btf_id")),
        *((n, U32) for n in ("attach_prog_fd", "attach_btf_obj_fd")),
        ("fd_array", c.c_void_p),
        ("func_info", c.c_void_p),
        ("func_info_cnt", U32),
        ("func_info_rec_size", U32),
        ("line_info", c.c_void_p),
        ("line_info_cnt", U32),
        ("line_info_rec_size", U32),
        ("log_level", U32),
        ("log_size", U32),
        ("log_buf", c.c_void_p),
    ]


class BatchOpts(c.Structure):
    """``struct bpf_map_batch_opts``."""

    _fields_ = [("sz", c.c_size_t), ("elem_flags", U64), ("flags", U64)]


class TestRunOpts(c.Structure):
    """``struct bpf_test_run_opts``."""

    _fields_ = [
        ("sz", c.c_size_t),
        ("data_in", c.c_char_p),
        ("data_out", c.c_void_p),
        ("data_size_in", U32),
        ("data_size_out", U32),
        ("ctx_in", c.c_char_p),
        ("ctx_out", c.c_void_p),
        ("ctx_size_in", U32),
        ("ctx_size_out", U32),
        ("retval", U32),
        ("repeat", c.c_int),
        ("duration", U32),
        ("flags", U32),
        ("cpu", U32),
        ("batch_size", U32),
    ]


class KernelMapInfo(c.Structure):
    """The beginning of the kernel's ``struct bpf_map_info``."""

    _fields_ = [(n, U32) for n in ("type", "id", "key_size", "value_size", "max_entries", "flags")] + [
        ("name", c.c_char * 16)
    ]


class KernelProgInfo(c.Structure):
    """The beginning of the kernel's ``struct bpf_prog_info``."""

    _fields_ = [
        ("type", U32),
        ("id", U32),
        ("tag", c.c_uint8 * 8),
        ("jited_len", U32),
        ("xlated_len", U32),
        ("jited", U64),
        ("xlated", U64),
        ("load_time", U64),
        ("uid", U32),
        ("nr_map_ids", U32),
        ("map_ids", U64),
        ("name", c.c_char * 16),
    ]


_P, _S, _I = c.c_void_p, c.c_char_p, c.c_int
RING_CALLBACK = c.CFUNCTYPE(_I, _P, _P, c.c_size_t)  # context, record, its size; negative stops behind the record
_PROTOTYPES: dict[str, tuple[object, ...]] = {  # name: result, arguments
    "bpf_object__open_file": (_P, _S, _P),
    "bpf_object__load": (_I, _P),
    "bpf_object__close": (None, _P),
    "bpf_object__btf": (_P, _P),
    "bpf_object__next_map": (_P, _P, _P),
    "bpf_object__find_program_by_name": (_P, _P, _S),
    "bpf_program__set_autoload": (_I, _P, c.c_bool),
    "bpf_program__fd": (_I, _P),
    "bpf_program__insns": (_P, _P),
    "bpf_program__insn_cnt": (c.c_size_t, _P),
    "bpf_map__name": (_S, _P),
    "bpf_map__fd": (_I, _P),
    "bpf_map__reuse_fd": (_I, _P, _I),
    "bpf_map__type": (_I, _P),
    "bpf_map__key_size": (U32, _P),
    "bpf_map__value_size": (U32, _P),
    "bpf_map__max_entries": (U32, _P),
    "bpf_map__set_max_entries": (_I, _P, U32),
    "bpf_map__initial_value": (_P, _P, c.POINTER(c.c_size_t)),
    "btf__find_by_name_kind": (c.c_int32, _P, _S, U32),
    "btf__type_by_id": (_P, _P, U32),
    "btf__name_by_offset": (_S, _P, U32),
    "bpf_prog_load": (_I, _I, _S, _S, _S, c.c_size_t, _P),
    "bpf_map_create": (_I, _I, _S, U32, U32, U32, _P),
    "bpf_map_lookup_elem": (_I, _I, _P, _P),
    "bpf_map_update_elem": (_I, _I, _P, _P, U64),
    "bpf_map_delete_elem": (_I, _I, _P),
    "bpf_map_get_next_key": (_I, _I, _P, _P),
    "bpf_map_lookup_batch": (_I, _I, _P, _P, _P, _P, c.POINTER(U32), _P),
    "bpf_obj_get": (_I, _S),
    "bpf_obj_pin": (_I, _I, _S),
    "bpf_obj_get_info_by_fd": (_I, _I, _P, c.POINTER(U32)),
    "bpf_prog_test_run_opts": (_I, _I, _P),
    "ring_buffer__new": (_P, _I, RING_CALLBACK, _P, _P),
    "ring_buffer__consume": (_I, _P),
    "ring_buffer__free": (None, _P),
    "libbpf_num_possible_cpus": (_I,),
    "libbpf_strerror": (_I, _I, _S, c.c_size_t),
}

_PRINT = c.CFUNCTYPE(_I, _I, _S, _P)
_WARN_AND_INFO = 1  # libbpf's debug level (2) is thousands of lines per object
_captured = threading.local()  # .lines while a thread captures: libbpf prints in the thread that called it


@functools.cache
def libc() -> c.CDLL:
    """The C library of this process, with ``errno`` kept for ``ctypes.get_errno``."""
    found = c.CDLL(None, use_errno=True)
    found.vasprintf.argtypes, found.vasprintf.restype = (c.POINTER(_P), _S, _P), _I
    found.free.argtypes, found.free.restype = (_P,), None
    found.statfs.argtypes, found.statfs.restype = (_S, _P), _I
    found.syscall.argtypes, found.syscall.restype = (c.c_long, _I, c.c_uint, _I), c.c_long
    return found


def _on_print(level: int, form: bytes, arguments: int) -> int:
    lines: list[str] | None = getattr(_captured, "lines", None)
    if lines is not None and level <= _WARN_AND_INFO:
        text = c.c_void_p()  # vasprintf makes the room: a verifier log is megabytes, and its end is what counts
        if libc().vasprintf(c.byref(text), form, arguments) >= 0 and text.value:
            lines.append(c.string_at(text.value).decode(errors="replace").removeprefix("libbpf: ").rstrip("\n"))
            libc().free(text)
    return 0


_print = _PRINT(_on_print)  # kept referenced: libbpf calls it as long as the process lives


@functools.cache
def lib() -> c.CDLL:
    """The library with its prototypes set. Raises ``NotSupported`` when it is not installed."""
    try:
        found = c.CDLL(SONAME, use_errno=True)
    except OSError as error:
        raise NotSupported(
            "open library", SONAME, 0, str(error), "install the package libbpf1 (iproute2 brings it)"
        ) from None
    for name, (result, *arguments) in _PROTOTYPES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    found.libbpf_set_print.restype, found.libbpf_set_print.argtypes = _P, (_PRINT,)
    found.libbpf_set_print(_print)
    return found


@contextmanager
def captured() -> Iterator[list[str]]:
    """What libbpf says in this thread meanwhile, one string per message; other threads' words stay apart."""
    before = getattr(_captured, "lines", None)
    lines: list[str] = []
    _captured.lines = lines
    try:
        yield lines
    finally:
        _captured.lines = before
