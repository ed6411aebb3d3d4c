"""A process of its own in which bcc compiles, so that the agent never maps LLVM. ``compiler.py`` runs it.

It imports nothing of ours.

Argument ``tables`` when the program declares some. In: one JSON object on stdin (``source``, ``flags``, and with tables
``socket``, a descriptor). Out: one on stdout, instructions by function and the tables, whose descriptors go over that
socket. Clang's words go to stderr. A program without tables is compiled without any capability.
"""

from __future__ import annotations

import ctypes as c
import json
import os
import signal
import socket
import sys
from typing import Any

NO_BCC, NOT_COMPILED = 3, 4  # exit statuses
TABLES, _AGAIN = "tables", "again"  # arguments
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG: nobody would read the answer
_AMBIENT, _CLEAR_ALL = 47, 4  # PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL
_CAPABILITY_VERSION = 0x20080522
_FDS_AT_ONCE = 200  # the kernel takes 253 in one message


def main() -> int:
    """Compile what stdin asks for; the exit status."""
    c.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL)
    if sys.argv[1:] != [TABLES]:
        _drop_capabilities()
    asked = json.load(sys.stdin)
    channel = asked.get("socket")
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints is no answer
    try:
        import bcc
        from bcc.libbcc import lib
    except (ImportError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return NO_BCC
    with open(asked["source"], "rb") as file:  # noqa: PTH123 - pathlib is one import more
        text = file.read()
    try:
        made = bcc.BPF(text=text, cflags=asked["flags"])
    except Exception as problem:  # bcc raises nothing finer
        sys.stderr.write(f"{problem}\n")
        return NOT_COMPILED
    names = [lib.bpf_function_name(made.module, n) for n in range(lib.bpf_num_functions(made.module))]
    functions = {}
    for name in names:
        start, size = lib.bpf_function_start(made.module, name), lib.bpf_function_size(made.module, name)
        functions[name.decode()] = c.string_at(start, size).hex()
    tables, fds = _tables(lib, made.module)
    if channel is not None:
        with socket.socket(fileno=channel) as way:
            for at in range(0, len(fds), _FDS_AT_ONCE):
                socket.send_fds(way, [b"t"], fds[at : at + _FDS_AT_ONCE])
    with os.fdopen(answer, "w") as out:
        json.dump({"functions": functions, "tables": tables}, out)
    os._exit(0)  # nothing of bcc's ends is needed


def _tables(lib: Any, module: int) -> tuple[list[dict[str, Any]], list[int]]:
    """What the program declared: names and how key and value are laid out, as bcc describes it; descriptors."""
    lib.bpf_num_tables.restype, lib.bpf_num_tables.argtypes = c.c_size_t, [c.c_void_p]
    lib.bpf_table_name.restype, lib.bpf_table_name.argtypes = c.c_char_p, [c.c_void_p, c.c_size_t]
    lib.bpf_table_fd_id.restype, lib.bpf_table_fd_id.argtypes = c.c_int, [c.c_void_p, c.c_size_t]
    tables, fds = [], []
    for number in range(lib.bpf_num_tables(module)):
        name = lib.bpf_table_name(module, number)
        key, leaf = lib.bpf_table_key_desc(module, name), lib.bpf_table_leaf_desc(module, name)
        shape = {"key": json.loads(key) if key else None, "leaf": json.loads(leaf) if leaf else None}
        fds.append(lib.bpf_table_fd_id(module, number))
        tables.append({"name": name.decode(), "fd": fds[-1], **shape})
    return tables, fds


def _drop_capabilities() -> None:
    """Compiling needs none. A user of its own loses them by starting again without ambient ones, root by asking."""
    libc = c.CDLL(None)
    if sys.argv[1:] != [_AGAIN]:
        libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
        os.execv(sys.executable, [*sys.orig_argv, _AGAIN])  # nosec B606 - itself; no shell is wanted
    libc.capset((c.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (c.c_uint32 * 6)())


if __name__ == "__main__":
    sys.exit(main())
