"""Mixed traffic for jobs that ask something, and what a whole agent answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import frames as f
from tests.support.box import Box
from tests.support.rest import Answer, UnixConnection, ask

EF = 46 << 2  # DSCP 46 in a TOS byte


def host(number: int) -> bytes:
    """Source 10.1.x.y, destination 198.51.100.7."""
    return bytes((10, 1, number >> 8, number & 255, 198, 51, 100, 7))


def web(number: int, payload: int = 0) -> bytes:
    """TCP to port 443 from host ``number``, marked EF."""
    segment = f.tcp(bytes(payload), ports=(40000 + number, 443), flags=0x12)
    return f.ether(f.IPV4, f.ipv4(f.TCP, segment, tos=EF, addresses=host(number)))


def query(number: int, vlan: int = 0) -> bytes:
    """UDP to port 53 from host ``number``."""
    packet = f.ipv4(f.UDP, f.udp(bytes(30), ports=(50000 + number, 53)), addresses=host(number))
    return f.ether(f.IPV4, packet, [(f.DOT1Q, vlan)] if vlan else ())


def mixed(flows: int = 40) -> list[bytes]:
    """``6 * flows`` frames: web and DNS, IPv6, a tag, fragments, and what is no IP at all."""
    made = []
    for n in range(flows):
        later = f.ether(f.IPV4, f.ipv4(f.UDP, bytes(64), fragment=100, addresses=host(n)))
        six = f.ether(f.IPV6, f.ipv6(f.UDP, f.udp(bytes(n), ports=(60000, 1000 + n)), [f.options()]))
        made += [web(n, 3 * n), query(n), query(n, vlan=100), later, six, f.arp()]
    return made


def sock(box: Box) -> Path:
    """Where a box's agent is asked to listen."""
    return box.directory / "rest.sock"


def get(box: Box, path: str) -> Answer:
    """From the agent's REST."""
    return ask(UnixConnection(sock(box)), "GET", path)


def results(box: Box, job: str) -> Any:
    """``GET /jobs/<job>/results``."""
    answer = get(box, f"/jobs/{job}/results")
    assert answer.status == 200, answer
    return answer.body


def download(box: Box, job: str) -> bytes:
    """``GET /jobs/<job>/capture`` to its end."""
    connection = UnixConnection(sock(box))
    connection.request("GET", f"/jobs/{job}/capture")
    with connection.getresponse() as reply:
        raw = reply.read()
    connection.close()
    assert reply.status == 200, raw
    return raw
