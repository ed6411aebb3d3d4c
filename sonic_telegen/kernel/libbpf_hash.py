"""Reading a whole hash while programs change it, a part of it in each system call."""

from __future__ import annotations

import ctypes as c
import errno
from dataclasses import dataclass

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.libbpf import map_info
from sonic_telegen.kernel.libbpf_c import BatchOpts, lib

CHUNK = 4096  # entries in one call: a call does not yield, so this bounds how long it keeps a CPU (below a millisecond)


@dataclass(frozen=True, slots=True)
class Entries:
    """``count`` keys and as many values, each one behind the other."""

    keys: memoryview
    values: memoryview
    count: int


def read_hash(fd: int, key_size: int, value_size: int, chunk: int = CHUNK) -> Entries:
    """Every entry that stays meanwhile, and none twice; needs Linux 5.6.

    The kernel walks bucket by bucket, and a key's bucket is always the same. While entries come and go there may be
    found more than fit at one moment: ``chunk`` more are taken, and the rest is left.
    """
    found = map_info(fd)
    if (found.key_size, found.value_size) != (key_size, value_size):
        problem = f"its keys and values have {found.key_size} and {found.value_size} bytes"
        raise kernel_error("read", f"map {found.name}", errno.EINVAL, problem=problem)
    room = found.max_entries + chunk
    keys, values = bytearray(room * key_size), bytearray(room * value_size)
    keys_at, values_at = (c.addressof(c.c_char.from_buffer(buffer)) for buffer in (keys, values))
    token, opts, count, result = c.c_uint32(), BatchOpts(sz=c.sizeof(BatchOpts)), 0, 0
    after: object = None
    wanted = chunk
    while result != -errno.ENOENT and count < room:
        got = c.c_uint32(min(wanted, room - count))
        here = (keys_at + count * key_size, values_at + count * value_size)
        result = lib().bpf_map_lookup_batch(fd, after, c.byref(token), *here, c.byref(got), c.byref(opts))
        if result == -errno.ENOSPC and wanted < room - count:  # one bucket alone has more
            wanted *= 2
            continue
        if result == -errno.ENOSPC:
            break
        if result not in (0, -errno.ENOENT):
            raise _refused(found.name, -result)
        count += got.value
        after = c.byref(token)
    return Entries(memoryview(keys)[: count * key_size], memoryview(values)[: count * value_size], count)


def _refused(name: str, code: int) -> KernelError:
    return kernel_error("read", f"map {name}", code)
