"""Streams through TSO, GSO and GRO: what is counted is what TCP itself says it sent, packet by packet.

The truth is the sender's TCP_INFO (segments and bytes that it transmitted), not a netdev's counters: veth counts skbs.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.bpfobj import Classifier
from tests.support.cable import EGRESS, INGRESS, Cable, Stranger, Tagger
from tests.support.machine import kernel_release
from tests.support.net import run_in, until
from tests.support.reference import Count, count

CLIENT_OUT, SERVER_IN, SERVER_OUT, CLIENT_IN = 21, 22, 23, 24
SIZE = 20_000_000
ADDRESSES = {
    "ipv4": (socket.AF_INET, "192.0.2.1", "192.0.2.2", "24"),
    "ipv6": (socket.AF_INET6, "2001:db8::1", "2001:db8::2", "64"),
}
HEADERS = {"ipv4": 14 + 20 + 20 + 12, "ipv6": 14 + 40 + 20 + 12}  # with the timestamp option
SYN_OPTIONS = 8  # more than the timestamp: MSS, SACK permitted, window scale
UDP_SEGMENT = 103


@dataclass(frozen=True)
class Sent:
    """What a TCP socket transmitted, retransmissions included."""

    segments: int
    bytes: int


def sent(peer: socket.socket) -> Sent:
    """From struct tcp_info: tcpi_segs_out at 136, tcpi_bytes_sent at 200."""
    info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    return Sent(struct.unpack_from("=I", info, 136)[0], struct.unpack_from("=Q", info, 200)[0])


@pytest.fixture
def classifier() -> Iterator[Classifier]:
    with Classifier() as loaded:
        yield loaded


@pytest.fixture
def cable(classifier: Classifier) -> Iterator[Cable]:
    with Cable() as made:
        made.attach("left", EGRESS, classifier.fd, CLIENT_OUT)
        made.attach("right", INGRESS, classifier.fd, SERVER_IN)
        made.attach("right", EGRESS, classifier.fd, SERVER_OUT)
        made.attach("left", INGRESS, classifier.fd, CLIENT_IN)
        for side in made.spaces:
            made.sysctl(side, f"ipv6/conf/{side}/disable_ipv6", "0")
            made.sysctl(side, "ipv4/tcp_sack", "0")  # SACK blocks would make some acknowledgements longer
        for _, left, right, prefix in ADDRESSES.values():
            for side, address in (("left", left), ("right", right)):
                nodad = ["nodad"] if ":" in address else []
                run_in(made.spaces[side], "ip", "addr", "add", f"{address}/{prefix}", "dev", side, *nodad)
        yield made


def stream(cable: Cable, family: str) -> tuple[socket.socket, socket.socket]:
    """Send SIZE bytes from left to right; both ends are open still, and all of it was read."""
    number, _, server_address, _ = ADDRESSES[family]
    with cable.socket("right", number) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 400_000)  # fewer in flight than a CPU's backlog takes
        listener.bind((server_address, 5001))
        listener.listen()
        client = cable.socket("left", number)
        client.connect((server_address, 5001))
        server, _ = listener.accept()
    sender = threading.Thread(target=client.sendall, args=(bytes(SIZE),))
    sender.start()
    read, buffer = 0, bytearray(1 << 20)
    while read < SIZE:
        got = server.recv_into(buffer)
        assert got
        read += got
    sender.join()
    server.sendall(b"!")
    assert client.recv(1) == b"!"
    return client, server


def counted(classifier: Classifier, slot: int, family: str) -> tuple[int, int]:
    found = classifier.slot(slot).get(family, Count(0, 0, ()))
    return found.packets, found.bytes


@pytest.mark.parametrize("family", ADDRESSES)
@pytest.mark.parametrize(("segmentation", "gro"), [(True, False), (False, False), (False, True)])
def test_tcp_is_counted_as_it_was_sent(
    classifier: Classifier, cable: Cable, family: str, segmentation: bool, gro: bool
) -> None:
    cable.offload("left", segmentation=segmentation)
    cable.offload("right", receive=gro)
    leaving, arriving = cable.stranger("left", EGRESS), cable.stranger("right", INGRESS)
    client, server = stream(cable, family)
    with client, server:

        def agree() -> bool:
            """Both directions at both ends; a delayed acknowledgement may still be on its way."""
            up, down, header = sent(client), sent(server), HEADERS[family]
            out = (up.segments, up.bytes + up.segments * header + SYN_OPTIONS)
            back = (down.segments + 1, down.bytes + (down.segments + 1) * header + SYN_OPTIONS)  # and the SYN-ACK
            slots = {CLIENT_OUT: out, SERVER_IN: out, SERVER_OUT: back, CLIENT_IN: back}
            return {slot: counted(classifier, slot, family) for slot in slots} == slots

        assert until(agree), f"{sent(client)} {sent(server)} {classifier.slot(CLIENT_OUT)} {classifier.slot(SERVER_IN)}"
        assert sent(client).bytes >= SIZE
    assert_sizes(classifier.slot(CLIENT_OUT)[family], classifier.slot(SERVER_IN)[family])
    if gro and not arriving.aggregates and not segmentation and kernel_release() < (5, 13):
        pytest.skip("machine: ethtool -K right gro on: no aggregate arrived, veth does GRO since Linux 5.13")
    proves_aggregates(leaving, arriving, segmentation, gro)


def proves_aggregates(leaving: Stranger, arriving: Stranger, segmentation: bool, gro: bool) -> None:
    """The frames were of the kind that the test is about; TCP always makes aggregates, cut behind tc if need be."""
    assert leaving.aggregates > 100
    assert (arriving.aggregates > 100) == (segmentation or gro)


def assert_sizes(*counters: Count) -> None:
    """No packet is longer than the MTU and a MAC header, whatever the aggregate was; nearly all are as long."""
    for one in counters:
        assert sum(one.histogram) == one.packets
        assert one.histogram[6:] == (0, 0, 0, 0)
        assert one.histogram[5] > 0.98 * one.packets


def send_datagrams(cable: Cable, family: str, size: int, payload: int) -> None:
    """One write from left to right, which UDP GSO makes datagrams of."""
    number, _, address, _ = ADDRESSES[family]
    with cable.socket("left", number, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
        sender.sendto(bytes(payload), (address, 5002))


@pytest.mark.parametrize("family", ADDRESSES)
def test_udp_segmentation_is_counted_as_datagrams(classifier: Classifier, cable: Cable, family: str) -> None:
    number, _, address, _ = ADDRESSES[family]
    leaving = cable.stranger("left", EGRESS)
    with cable.socket("right", number, socket.SOCK_DGRAM) as receiver:
        receiver.bind((address, 5002))
        receiver.settimeout(10)
        send_datagrams(cable, family, 1000, 10_300)
        datagrams = [len(receiver.recv(65536)) for _ in range(11)]
    assert datagrams == [1000] * 10 + [300]
    assert leaving.aggregates == 1
    header = 14 + (20 if family == "ipv4" else 40) + 8
    wire = count(header + size for size in datagrams)
    assert classifier.slot(CLIENT_OUT)[family] == classifier.slot(SERVER_IN)[family] == wire


@pytest.mark.parametrize("tags", [1, 2])
def test_every_packet_of_an_aggregate_has_its_tags(classifier: Classifier, cable: Cable, tags: int) -> None:
    """The outer tag is beside the aggregate, an inner one in its headers; 60 + 4 bytes is the edge of a bucket."""
    neighbour = "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev left"
    run_in(cable.spaces["left"], *neighbour.split())  # a tagged ARP request would find no answer
    with contextlib.closing(Tagger(tags)) as tagger:
        cable.attach("left", EGRESS, tagger.fd, priority=1)
        leaving, arriving = cable.stranger("left", EGRESS), cable.stranger("right", INGRESS)
        send_datagrams(cable, "ipv4", 18, 10 * 18 + 5)
        assert leaving.aggregates == 1  # IPv6 may say something of its own meanwhile, tagged too
        header = 14 + 20 + 8 + 4 * tags
        wire = count([header + 18] * 10 + [header + 5])
        assert classifier.slot(CLIENT_OUT)["ipv4"] == wire
        assert until(lambda: counted(classifier, SERVER_IN, "ipv4") == (wire.packets, wire.bytes))
        assert classifier.slot(SERVER_IN)["ipv4"] == wire
        assert until(lambda: arriving.offloaded_tags == arriving.frames)
