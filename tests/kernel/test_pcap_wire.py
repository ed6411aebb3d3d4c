"""Filter expressions on real frames: tags that the kernel took out, and frames that do not lie in one piece."""

from __future__ import annotations

import socket

import pytest

from tests.support import frames as f
from tests.support.cable import EGRESS, INGRESS, Cable
from tests.support.counter import Counter
from tests.support.net import run_in, until
from tests.support.pcap import need_libpcap

UDP = f.ipv4(f.UDP, f.udp(bytes(100)))
TCP = f.ipv6(f.TCP, f.tcp(bytes(100)))
FRAMES = {
    "untagged": f.ether(f.IPV4, UDP),
    "tag 7": f.ether(f.IPV4, UDP, [(f.DOT1Q, 7)]),
    "tag 7 with a priority": f.ether(f.IPV4, UDP, [(f.DOT1Q, 0xE007)]),
    "tag 7 of a provider": f.ether(f.IPV6, TCP, [(f.DOT1AD, 7)]),
    "tag 8 in 7": f.ether(f.IPV6, TCP, [(f.DOT1AD, 7), (f.DOT1Q, 8)]),
    "ARP": f.arp(),
}
EXPRESSIONS = {
    "vlan": {"tag 7", "tag 7 with a priority", "tag 7 of a provider", "tag 8 in 7"},
    "not vlan": {"untagged", "ARP"},
    "ip": {"untagged"},
    "vlan 7 and udp port 2": {"tag 7", "tag 7 with a priority"},
    "vlan and vlan 8 and tcp": {"tag 8 in 7"},
    "ether[12:2] = 0x88a8": {"tag 7 of a provider", "tag 8 in 7"},
    "ether[14] & 0xe0 = 0xe0": {"tag 7 with a priority"},
    "ip or (vlan and ip6)": {"untagged", "tag 7 of a provider"},
    "len = 146": {"tag 7", "tag 7 with a priority"},
}


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    need_libpcap()


@pytest.mark.parametrize("side", ["left", "right"], ids=["where frames leave", "where frames arrive"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_sees_the_frame_of_the_wire(expression: str, side: str) -> None:
    with Cable() as cable, Counter(expression) as counter:
        cable.attach(side, EGRESS if side == "left" else INGRESS, counter.fd)
        behind = cable.stranger("right", INGRESS)
        matched = set()
        for sent, (name, frame) in enumerate(FRAMES.items(), 1):
            before = counter.matched[0]
            cable.send([frame])
            assert until(lambda sent=sent: behind.frames == sent)  # type: ignore[misc]
            if counter.matched[0] > before:
                matched.add(name)
        assert matched == EXPRESSIONS[expression]
        assert counter.matched[0] + counter.others[0] == len(FRAMES)
        assert behind.offloaded_tags == sum(name.startswith("tag") for name in FRAMES)


def test_an_expression_finds_data_that_lies_in_another_piece_of_the_frame() -> None:
    """TCP hands its data down in pages, away from the headers; the data's first bytes say which frames have any."""
    size = 1_000_000
    with Cable() as cable, Counter("tcp[((tcp[12] & 0xf0) >> 2):4] = 0x74656c67") as counter:
        for side, address in (("left", "192.0.2.1/24"), ("right", "192.0.2.2/24")):
            run_in(cable.spaces[side], "ip", "addr", "add", address, "dev", side)
        cable.attach("left", EGRESS, counter.fd)
        leaving = cable.stranger("left", EGRESS)
        with cable.socket("right") as listening, cable.socket("left") as client:
            listening.bind(("192.0.2.2", 0))
            listening.listen()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.connect(listening.getsockname())
            server, _ = listening.accept()
            with server:
                received = 0
                while received < size:
                    client.sendall(b"telg" * 2000)
                    received += len(server.recv(1 << 20, socket.MSG_WAITALL | socket.MSG_DONTWAIT) or b"")
        frames, octets = counter.matched
        assert leaving.non_linear >= frames > 0
        assert octets - 66 * frames >= size, "a frame with data did not match"
        assert counter.others[1] <= 74 * counter.others[0], "a frame without data has no more than headers"
