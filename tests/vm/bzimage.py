"""The plain ELF kernel inside a bzImage.

QEMU boots an ELF vmlinux directly (PVH). Unpacking a bzImage in the guest costs 9 s of CPU without KVM: measured.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

from tests.vm.host import HostError, require

_ZSTD, _XZ, _ELF = b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"\x7fELF"


def vmlinux(image: Path) -> bytes:
    """The decompressed payload of ``image`` (Linux/x86 boot protocol 2.08 and later); xz and zstd are known."""
    data = image.read_bytes()
    sectors = data[0x1F1] or 4  # setup_sects
    offset, length = struct.unpack_from("<II", data, 0x248)  # payload_offset, payload_length
    start = (sectors + 1) * 512 + offset
    payload = data[start : start + length]
    if payload.startswith(_ZSTD):
        # the last four bytes are the unpacked size, appended by the kernel's build
        command = [require("zstd"), "-dcq"]
        elf = subprocess.run(command, input=payload[:-4], capture_output=True, check=True).stdout
    elif payload.startswith(_XZ):
        elf = lzma.LZMADecompressor().decompress(payload)
    else:
        raise HostError(f"{image}: payload begins with {payload[:6]!r}, neither xz nor zstd")
    if not elf.startswith(_ELF):
        raise HostError(f"{image}: the payload is not an ELF file")
    return elf
