"""What systemd hears of the agent: ready after the first pass, alive with every one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sonic_telegen import boot
from sonic_telegen.errors import StoreError
from sonic_telegen.notify import Notify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(0)
        yield sock


def heard(systemd: socket.socket) -> list[list[str]]:
    found = []
    while True:
        try:
            found.append(systemd.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return found


def test_the_first_pass_makes_it_ready_and_every_pass_feeds_the_watchdog(systemd: socket.socket) -> None:
    notify = Notify({"NOTIFY_SOCKET": systemd.getsockname()})
    assert heard(systemd) == []
    notify.turned("")
    notify.turned("")
    assert heard(systemd) == [["WATCHDOG=1", "READY=1", "STATUS=passes complete"], ["WATCHDOG=1"]]


def test_an_agent_that_waits_for_redis_is_ready_and_says_what_it_waits_for(systemd: socket.socket) -> None:
    notify = Notify({"NOTIFY_SOCKET": systemd.getsockname()})
    notify.turned("connect STATE_DB:\nno Redis")
    notify.turned("")
    assert heard(systemd) == [
        ["WATCHDOG=1", "READY=1", "STATUS=connect STATE_DB: no Redis"],
        ["WATCHDOG=1", "STATUS=passes complete"],
    ]


def test_the_end_is_told(systemd: socket.socket) -> None:
    Notify({"NOTIFY_SOCKET": systemd.getsockname()}).stopping()
    assert heard(systemd) == [["STOPPING=1"]]


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")  # the kernel gives it an abstract name
        sock.settimeout(5)
        Notify({"NOTIFY_SOCKET": "@" + sock.getsockname()[1:].decode()}).stopping()
        assert sock.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("env", [{}, {"NOTIFY_SOCKET": "/nothing/there"}, {"NOTIFY_SOCKET": ""}])
def test_without_a_socket_that_listens_nothing_is_told_and_nothing_fails(env: dict[str, str]) -> None:
    Notify(env).turned("")


def test_passes_wait_for_a_warm_boot_only_soon_after_the_machine_came_up() -> None:
    assert boot.hold(lambda: True, lambda: 60.0) > 0
    assert boot.hold(lambda: False, lambda: 60.0) == 0
    assert boot.hold(lambda: True, lambda: 86400.0) == 0


def test_whether_a_boot_is_under_way_is_not_asked_of_redis_later() -> None:
    def no_redis() -> bool:
        raise StoreError("read", "STATE_DB", "down")

    assert boot.hold(no_redis, lambda: 86400.0) == 0
    with pytest.raises(StoreError):
        boot.hold(no_redis, lambda: 60.0)
