"""What the doctor's own look at netdevs and the collector finds, on real sockets of this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sonic_telegen.cli import probes
from sonic_telegen.cli.findings import Path


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_answer_is_told_with_our_address_on_the_way(listener: int) -> None:
    assert probes.path(f"http://127.0.0.1:{listener}/v1/metrics") == Path(f"127.0.0.1:{listener}", source="127.0.0.1")
    assert probes.path(f"http://127.0.0.1:{listener}", "lo") == Path(f"127.0.0.1:{listener}", "lo", source="127.0.0.1")


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = probes.path(f"http://127.0.0.1:{port}")
    assert found == Path(f"127.0.0.1:{port}", source="127.0.0.1", no_answer="Connection refused")


def test_a_vrf_that_is_not_there_and_a_name_without_address(listener: int) -> None:
    found = probes.path(f"http://127.0.0.1:{listener}", "none0")
    assert found is not None
    assert (found.source, found.no_route) == ("", "No such device")
    found = probes.path("http://telegen.invalid:4317")
    assert found is not None
    assert found.unknown
    assert (found.place, found.source) == ("telegen.invalid:4317", "")


@pytest.mark.parametrize(
    "endpoint", ["", "localhost", "localhost:4317", "http://x", "http://x:y", "http://[::1:1", "unix:/x"]
)
def test_what_is_no_url_has_no_path(endpoint: str) -> None:
    assert probes.path(endpoint) is None


def test_netdevs_are_those_of_this_namespace() -> None:
    found = probes.netdev("lo")
    assert found is not None
    assert found.ifindex == socket.if_nametoindex("lo")
    for name in ("none0", "much_too_long_for_a_netdev", "\udcff", "a\0b", ""):
        assert probes.netdev(name) is None
