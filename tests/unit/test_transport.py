"""The netlink transport against answers that a kernel gives rarely: torn dumps, late answers, refusals in a DONE.

A scripted socket stands in for the kernel; ``tests/kernel/test_netlink_*.py`` talk to the real one.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from typing import cast

import pytest

from sonic_telegen.errors import Busy, Conflict, KernelError
from sonic_telegen.kernel.transport import HEADER, Transport, attributes

ERROR, DONE, DATA = 2, 3, 44
INTERRUPTED, CAPPED, TLVS = 0x10, 0x100, 0x200


def message(kind: int, body: bytes, sequence: int, flags: int = 0) -> bytes:
    padding = b"\0" * (-len(body) % 4)
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body + padding


def done(sequence: int, code: int = 0, flags: int = 0, more: bytes = b"") -> bytes:
    return message(DONE, struct.pack("=i", code) + more, sequence, flags)


def text(words: str) -> bytes:
    raw = words.encode() + b"\0"
    return struct.pack("=HH", 4 + len(raw), 1) + raw + b"\0" * (-len(raw) % 4)


class Scripted:
    """Answers each request with the next datagrams of the script; exceptions are raised."""

    def __init__(self, *script: list[bytes | OSError]) -> None:
        self.script, self.sent, self.waiting = deque(script), list[bytes](), deque[bytes | OSError]()

    def setsockopt(self, *_: object) -> None: ...

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        self.waiting.extend(self.script.popleft())
        return len(data)

    def recv(self, _: int) -> bytes:
        answer = self.waiting.popleft()
        if isinstance(answer, OSError):
            raise answer
        return answer


def transport(*script: list[bytes | OSError]) -> tuple[Transport, Scripted]:
    fake = Scripted(*script)
    return Transport(cast("socket.socket", fake)), fake


def test_dump_collects_over_datagrams_until_done() -> None:
    link, fake = transport([message(DATA, b"one", 1) + message(DATA, b"three", 1), message(DATA, b"", 1), done(1)])
    assert link.dump(18, b"body", "list", "it") == [b"one", b"three", b""]
    length, kind, flags, sequence, port = HEADER.unpack_from(fake.sent[0])
    assert (length, kind, flags, sequence, port) == (20, 18, 0x301, 1, 0)


@pytest.mark.parametrize("where", ["data", "done"])
def test_torn_dump_is_taken_again(where: str) -> None:
    marks = (INTERRUPTED, 0) if where == "data" else (0, INTERRUPTED)
    torn: list[bytes | OSError] = [message(DATA, b"half", 1, marks[0]), done(1, 0, marks[1])]
    link, fake = transport(torn, [message(DATA, b"whole", 2), done(2)])
    assert link.dump(18, b"", "list", "it") == [b"whole"]
    assert len(fake.sent) == 2


def test_dump_that_is_always_torn_is_busy() -> None:
    torn: list[list[bytes | OSError]] = [[done(n, 0, INTERRUPTED)] for n in range(1, 100)]
    link, fake = transport(*torn)
    with pytest.raises(Busy, match=r"list on it: the table changed during each of 8 dumps"):
        link.dump(18, b"", "list", "it")
    assert len(fake.sent) == 8


def test_rest_of_an_answer_that_was_given_up_is_skipped() -> None:
    lost: list[bytes | OSError] = [message(DATA, b"a", 1), OSError(errno.ENOBUFS, "lost")]
    late: list[bytes | OSError] = [message(DATA, b"b", 1), done(1), message(DATA, b"c", 2) + done(2)]
    link, _ = transport(lost, late)
    with pytest.raises(Busy):
        link.dump(18, b"", "list", "it")
    assert link.dump(18, b"", "list", "it") == [b"c"]


def test_refusal_in_done_is_an_error() -> None:
    link, _ = transport([message(DATA, b"a", 1), done(1, -errno.EEXIST, TLVS, text("not while it rains"))])
    with pytest.raises(Conflict, match=r"list on it: not while it rains \(File exists\)"):
        link.dump(18, b"", "list", "it")


@pytest.mark.parametrize("capped", [True, False])
def test_words_of_the_kernel_are_in_the_error(capped: bool) -> None:
    request = message(37, b"123", 1)
    quoted = request[: HEADER.size] if capped else request
    body = struct.pack("=i", -errno.EINVAL) + quoted + text("Köln is full")
    link, _ = transport([message(ERROR, body, 1, TLVS | (CAPPED if capped else 0))])
    with pytest.raises(KernelError, match=r"add on it: Köln is full \(Invalid argument\)") as caught:
        link.request(36, 0x600, b"123", "add", "it")
    assert caught.value.errno == errno.EINVAL


def test_acknowledgement_returns_what_came_before() -> None:
    link, fake = transport([message(36, b"qdisc", 1) + message(ERROR, struct.pack("=i", 0) + bytes(16), 1)])
    assert link.request(38, 8, b"", "look", "it") == [b"qdisc"]
    assert HEADER.unpack_from(fake.sent[0])[2] == 0x1 | 0x4 | 0x8


@pytest.mark.parametrize("raw", [bytes(16), struct.pack("=IHHII", 64, DATA, 0, 1, 0)])
def test_broken_framing_is_an_error_and_no_endless_loop(raw: bytes) -> None:
    link, _ = transport([raw])
    with pytest.raises(KernelError, match="Bad message"):
        link.dump(18, b"", "list", "it")


def test_silence_is_busy() -> None:
    link, _ = transport([BlockingIOError(errno.EAGAIN, "timed out")])
    with pytest.raises(Busy):
        link.request(36, 0, b"", "add", "it")


def test_attributes_end_at_a_malformed_tail() -> None:
    good = struct.pack("=HH", 5, 0x8003) + b"x\0\0\0"
    assert attributes(good) == {3: b"x"}
    assert attributes(b"head" + good + b"\2\0\1\0", 4) == {3: b"x"}
    assert attributes(good + struct.pack("=HH", 400, 5) + b"ab") == {3: b"x", 5: b"ab"}
    assert attributes(b"\1") == {}
