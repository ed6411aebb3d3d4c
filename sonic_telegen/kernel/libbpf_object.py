"""``Object``: one ELF file with BPF programs and maps, opened, adjusted, loaded and closed through libbpf."""

from __future__ import annotations

import ctypes as c
import errno
import os
import re
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from sonic_telegen.errors import KernelError, NotSupported, VerifierRejected
from sonic_telegen.kernel.capability import denied, missing, raise_memlock
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.libbpf_c import OpenOpts, captured, lib

_EM_BPF = 247
_BTF_DATASEC = 15
_FIRST_LIBBPF_ERROR = 4000  # above: libbpf's own numbers, libbpf_strerror knows them
_VERIFIER_LOG = re.compile(r"-- BEGIN PROG LOAD LOG --\n(.*)-- END PROG LOAD LOG --", re.DOTALL)
_NO_KERNEL_BTF = re.compile(r"failed to find valid kernel BTF|kernel BTF is missing|Error loading vmlinux BTF")


class Object:
    """Use as a context manager. Descriptors it hands out are its own: ``os.dup`` one that has to outlive it."""

    def __init__(self, path: str, handle: int) -> None:
        self.path, self._handle = path, handle
        self._maps: dict[str, int] = {}
        found = lib().bpf_object__next_map(handle, None)
        while found:
            self._maps[lib().bpf_map__name(found).decode()] = found
            found = lib().bpf_object__next_map(handle, found)

    @classmethod
    def open(cls, path: str | os.PathLike[str], btf_path: str | None = None) -> Self:
        """Parse the file; nothing is in the kernel yet. ``btf_path``: types of the kernel, when it shows none itself.

        Raises ``Gone`` when the file does not exist, ``KernelError`` when it is no BPF object of this byte order.
        """
        name = os.fspath(path)
        _check_elf(name)
        opts = OpenOpts(sz=c.sizeof(OpenOpts), btf_custom_path=os.fsencode(btf_path) if btf_path else None)
        with captured() as said:
            handle = lib().bpf_object__open_file(os.fsencode(name), c.byref(opts))
            code = c.get_errno()
        if not handle:
            raise _error("open BPF object", name, code, said)
        return cls(name, handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor of the object; what is pinned or attached stays in the kernel."""
        if self._handle:
            lib().bpf_object__close(self._handle)
            self._handle, self._maps = 0, {}

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of all maps, ``.rodata`` and the like included."""
        return tuple(self._maps)

    def _map(self, name: str) -> int:
        if name not in self._maps:
            raise KernelError("find map", f"{name} in {self.path}", errno.ENOENT, "the object has no map of that name")
        return self._maps[name]

    def reuse(self, map_name: str, fd: int) -> None:
        """Let the programs use an existing map instead of a new one (before ``load``); ``fd`` stays the caller's."""
        self._call("reuse map", map_name, lib().bpf_map__reuse_fd(self._map(map_name), fd))

    def leave_out(self, program: str) -> None:
        """Do not load a program of the object (before ``load``)."""
        result = lib().bpf_program__set_autoload(self._program(program), False)
        self._call("leave out program", program, result)

    def set_max_entries(self, map_name: str, count: int) -> None:
        """Resize a map before ``load``."""
        self._call("resize map", map_name, lib().bpf_map__set_max_entries(self._map(map_name), count))

    def shape(self, map_name: str) -> tuple[int, int, int, int]:
        """Type, size of key and value, and entries that the map will have."""
        found, b = self._map(map_name), lib()
        key_size, value_size = b.bpf_map__key_size(found), b.bpf_map__value_size(found)
        return b.bpf_map__type(found), key_size, value_size, b.bpf_map__max_entries(found)

    def _call(self, operation: str, map_name: str, result: int) -> None:
        if result < 0:
            raise kernel_error(operation, f"{map_name} in {self.path}", -result)

    def rodata(self, variable: str) -> bytes:
        """The initial value of a ``const volatile`` global, found through the object's own types."""
        return c.string_at(*self._constant("read constant", variable))

    def set_rodata(self, variable: str, value: bytes) -> None:
        """Give a ``const volatile`` global another initial value (before ``load``, which freezes it)."""
        at, size = self._constant("set constant", variable)
        if len(value) != size:
            problem = f"it has {size} bytes, the value {len(value)}"
            raise kernel_error("set constant", f"{variable} in {self.path}", errno.EINVAL, problem=problem)
        c.memmove(at, value, size)

    def _constant(self, operation: str, variable: str) -> tuple[int, int]:
        section = next((m for name, m in self._maps.items() if name.endswith(".rodata")), 0)
        size = c.c_size_t()
        start = lib().bpf_map__initial_value(section, c.byref(size)) if section else None
        at, length = self._datasec(".rodata").get(variable, (0, 0))
        if not start or not length or at + length > size.value:
            raise KernelError(operation, f"{variable} in {self.path}", errno.ENOENT, "the object has none")
        return start + at, length

    def _datasec(self, section: str) -> dict[str, tuple[int, int]]:
        """Offset and size in bytes of each variable of a data section (BTF_KIND_DATASEC: vlen triples of u32)."""
        btf = lib().bpf_object__btf(self._handle)
        number = lib().btf__find_by_name_kind(btf, section.encode(), _BTF_DATASEC) if btf else -1
        if number < 0:
            return {}
        at = lib().btf__type_by_id(btf, number)
        count = c.c_uint32.from_address(at + 4).value & 0xFFFF
        triples = (c.c_uint32 * (3 * count)).from_address(at + 12)
        found = {}
        for kind, offset, size in zip(triples[::3], triples[1::3], triples[2::3], strict=True):
            name_at = c.c_uint32.from_address(lib().btf__type_by_id(btf, kind)).value
            found[lib().btf__name_by_offset(btf, name_at).decode()] = (offset, size)
        return found

    def load(self) -> None:
        """Create the maps that are not reused and load the programs; once per object.

        Raises ``VerifierRejected`` with the whole log, ``PermissionDenied`` naming the capabilities, ``NotSupported``
        when the object relocates against kernel types and the kernel shows none.
        """
        raise_memlock()
        with captured() as said:
            result = lib().bpf_object__load(self._handle)
        if result < 0:
            raise _error("load BPF object", self.path, -result, said)

    def prog_fd(self, name: str) -> int:
        """Descriptor of a loaded program; the object's own."""
        return self._loaded(name, lib().bpf_program__fd(self._program(name)))

    def instructions(self, name: str) -> bytes:
        """A program of the loaded object as the kernel was given it, with the object's own descriptors of maps."""
        self.prog_fd(name)
        program = self._program(name)
        return c.string_at(lib().bpf_program__insns(program), 8 * lib().bpf_program__insn_cnt(program))

    def _program(self, name: str) -> int:
        found: int | None = lib().bpf_object__find_program_by_name(self._handle, name.encode())
        if not found:
            raise KernelError(
                "find program", f"{name} in {self.path}", errno.ENOENT, "the object has none of that name"
            )
        return found

    def map_fd(self, name: str) -> int:
        """Descriptor of a map of the loaded object; the object's own."""
        return self._loaded(name, lib().bpf_map__fd(self._map(name)))

    def _loaded(self, name: str, fd: int) -> int:
        if fd < 0:
            raise KernelError("take descriptor", f"{name} in {self.path}", errno.EBADF, "the object is not loaded")
        return fd


def _check_elf(path: str) -> None:
    """Say plainly what libbpf would hide behind a number of its own."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(20)
    except OSError as error:
        remedy = "build it with `make build`, or set TELEGEN_BPF_OBJ"
        raise kernel_error("open BPF object", path, error.errno or errno.EIO, remedy) from None
    problem = ""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        problem = "it is no ELF file"
    elif head[4:6] != bytes([2, 1 if sys.byteorder == "little" else 2]):
        problem = f"it is not a 64-bit ELF file of this machine's byte order ({sys.byteorder} endian)"
    elif (machine := struct.unpack_from("=H", head, 18)[0]) != _EM_BPF:
        problem = f"it holds code for another machine (ELF machine {machine}, BPF is {_EM_BPF})"
    if problem:
        raise kernel_error("open BPF object", path, errno.ENOEXEC, "point TELEGEN_BPF_OBJ at telegen.bpf.o", problem)


def _error(operation: str, path: str, code: int, said: list[str]) -> KernelError:
    text = "\n".join(said)
    if _NO_KERNEL_BTF.search(text):
        remedy = "this kernel shows no BTF: set TELEGEN_BTF_PATH to its types, or use the object that needs none"
        return NotSupported(operation, path, code, "it relocates against kernel types and found none", remedy)
    log = _VERIFIER_LOG.search(text)
    if code in (errno.EPERM, errno.EACCES) and (missing() or not log):
        return denied(operation, path, code)
    if log:
        return VerifierRejected(operation, path, code, log[1])
    problem = said[-1] if said else ""
    if code >= _FIRST_LIBBPF_ERROR:
        words = c.create_string_buffer(128)
        lib().libbpf_strerror(code, words, len(words))
        problem = f"{words.value.decode(errors='replace')} {problem}".strip()
    return kernel_error(operation, path, code, problem=problem)
