"""Requests and dumps on one AF_NETLINK socket: sequence numbers, acknowledgements, torn dumps, the kernel's words.

It knows nothing of what the messages say. Why not pyroute2's own transport: ``docs/adr/0003-netlink-transport.md``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.failure import kernel_error, os_error, strerror

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
ATTRIBUTE = struct.Struct("=HH")  # struct nlattr: length (with this header), type
_INT = struct.Struct("=i")
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

REQUEST, ACK, ECHO, DUMP = 0x1, 0x4, 0x8, 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
_DUMP_INTERRUPTED, _CAPPED, _ACK_TLVS = 0x10, 0x100, 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_EXT_MESSAGE = 1

_DUMP_TRIES = 8  # a table that changes under each of them is Busy
_RECEIVE = 65536  # the kernel fills at most 32 KiB of a dump into one answer
_TIMEOUT_SEC = 10  # the kernel answers before send returns; one that does not must not hang the worker


class Transport:
    """One bound AF_NETLINK socket, taken over; for one thread at a time.

    ``operation`` and ``target`` of each call are words for the error. All failures are KernelErrors.
    """

    def __init__(self, opened: socket.socket) -> None:
        self._socket, self._sequence = opened, 0
        opened.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)  # 4.12
        opened.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # 4.3: an answer does not repeat the request
        # Not settimeout(): that would make each recv a poll and a recv.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _TIMEOUT_SEC, 0))

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()

    def request(self, kind: int, flags: int, body: bytes, operation: str, target: str) -> list[bytes]:
        """Send one request and wait for its acknowledgement; returns bodies that came before it (of a GET)."""
        found, _ = self._exchange(kind, flags | ACK, body, operation, target)
        return found

    def dump(self, kind: int, body: bytes, operation: str, target: str) -> list[bytes]:
        """Bodies (without nlmsghdr) of all messages of a dump, taken while nothing changed; else ``Busy``."""
        for _ in range(_DUMP_TRIES):
            found, whole = self._exchange(kind, DUMP, body, operation, target)
            if whole:
                return found
        problem = f"the table changed during each of {_DUMP_TRIES} dumps"
        raise kernel_error(operation, target, errno.EINTR, problem=problem)

    def _exchange(self, kind: int, flags: int, body: bytes, operation: str, target: str) -> tuple[list[bytes], bool]:
        """Bodies up to the end of the answer, and whether no message was marked as interrupted."""
        self._sequence = sequence = self._sequence + 1 & 0xFFFFFFFF
        found: list[bytes] = []
        whole = True
        try:
            self._socket.send(HEADER.pack(HEADER.size + len(body), kind, REQUEST | flags, sequence, 0) + body)
            while True:
                data = self._socket.recv(_RECEIVE)
                at, end = 0, len(data)
                while at + HEADER.size <= end:
                    length, answer, marks, number, _port = HEADER.unpack_from(data, at)
                    if length < HEADER.size or at + length > end:
                        raise kernel_error(operation, target, errno.EBADMSG)
                    if number == sequence:  # another number: the rest of an answer that was given up
                        if marks & _DUMP_INTERRUPTED:
                            whole = False
                        if answer in (_NLMSG_ERROR, _NLMSG_DONE):
                            _raise_if_refused(data[at : at + length], operation, target)
                            return found, whole
                        found.append(data[at + HEADER.size : at + length])
                    at += length + 3 & ~3
        except OSError as problem:
            raise os_error(operation, target, problem) from problem


def _raise_if_refused(message: bytes, operation: str, target: str) -> None:
    """Raise what NLMSG_ERROR or NLMSG_DONE says, unless it says that all went well."""
    _, answer, marks, _, _ = HEADER.unpack_from(message)
    code = -_INT.unpack_from(message, HEADER.size)[0] if len(message) >= HEADER.size + _INT.size else 0
    if code == 0:
        return
    raise refused(operation, target, code, _words(message, answer, marks))


def refused(operation: str, target: str, code: int, words: str = "") -> KernelError:
    """The error for an errno with the kernel's extended acknowledgement, which names the reason better."""
    problem = f"{words} ({strerror(code)})" if words else ""
    remedy = "run it with CAP_NET_ADMIN" if code in (errno.EPERM, errno.EACCES) and os.getuid() != 0 else ""
    return kernel_error(operation, target, code, remedy, problem)


def _words(message: bytes, answer: int, marks: int) -> str:
    """The extended acknowledgement's text; empty when there is none."""
    if not marks & _ACK_TLVS:
        return ""
    at = HEADER.size + _INT.size
    if answer == _NLMSG_ERROR:  # struct nlmsgerr goes on with the request's header, and with all of it unless capped
        request = HEADER.unpack_from(message, at)[0]
        at += HEADER.size if marks & _CAPPED else request + 3 & ~3
    text = attributes(message, at).get(_EXT_MESSAGE, b"")
    return text.rstrip(b"\0").decode(errors="replace")


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """Values of a chain of netlink attributes by type; a malformed tail ends it."""
    found: dict[int, bytes] = {}
    end = len(data)
    unpack = ATTRIBUTE.unpack_from
    while at + 4 <= end:
        length, kind = unpack(data, at)
        if length < 4:
            break
        found[kind & _TYPE_MASK] = data[at + 4 : at + length]
        at += length + 3 & ~3
    return found
