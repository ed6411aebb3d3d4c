"""Whole frames as they arrive on a netdev, the tag that the kernel takes out of them put back."""

from __future__ import annotations

import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

from sonic_telegen.demo.namespace import in_namespace

_EVERY = 3  # ETH_P_ALL
_SOL_PACKET, _AUXDATA = 263, 8
_OUTGOING = 4
_AUX = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_TAG_BESIDE = 1 << 4


class Heard:
    """What comes in on a netdev of a namespace since then; not what leaves by it."""

    def __init__(self, namespace: str, netdev: str) -> None:
        self._raw = in_namespace(
            namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY))
        )
        self._raw.bind((netdev, _EVERY))
        self._raw.setblocking(False)
        self._raw.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._found: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._raw.close()

    @property
    def frames(self) -> list[bytes]:
        """All frames so far."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data, more, _, address = self._raw.recvmsg(65536, 256)
                status, _, _, _, _, tci, tpid = _AUX.unpack(more[0][2][: _AUX.size])
                tag = struct.pack("!HH", tpid, tci) if status & _TAG_BESIDE else b""
                if address[2] != _OUTGOING:
                    self._found.append(data[:12] + tag + data[12:])
        return self._found
