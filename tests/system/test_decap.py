"""ERSPAN of other switches, sent to a port: frames and losses of each session exact at every door and in a restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from sonic_telegen.kernel import libbpf
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.box import Box, wait_for
from tests.support.bpfobj import Classifier
from tests.support.net import tc

UDP = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(100), (1000, 53))), [(f.DOT1Q, 7)])
TCP = f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(900), ports=(40000, 443))))
PING = f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(56))))
MIXED = [UDP, TCP, PING, f.arp()]
NOISE = [*MIXED, e.outer(e.gre(0x6558, UDP))]
LEAF, SPINE = bytes([192, 0, 2, 7]), bytes([192, 0, 2, 8])
Sessions = dict[tuple[str, int], tuple[int, int, int]]  # by sender and session: packets, bytes, lost


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def with_more(frame: bytes, session: int, sequence: int) -> bytes:
    """Type III with the platform's header."""
    return e.type_3(frame, session, sequence, more=True)


class Sender:
    """A switch that mirrors into one session; each frame's number is the next, and every tenth packet is lost."""

    def __init__(
        self,
        box: Box,
        source: bytes,
        session: int,
        form: Callable[[bytes, int, int], bytes] = e.type_2,
        port: str = "Ethernet0",
    ) -> None:
        self._box, self._source, self._form, self._port = box, source, form, port
        self.session, self.packets, self.bytes, self.lost, self._next = session, 0, 0, 0, 0

    def mirror(self, frames: list[bytes]) -> None:
        packets = []
        for frame in frames:
            if self._next % 10 == 9:
                self.lost += 1
                self._next += 1
            packets.append(e.outer(self._form(frame, self.session, self._next), source=self._source))
            self._next += 1
            self.packets += 1
            self.bytes += len(frame)
        self._box.switch.send(self._port, packets)

    @property
    def key(self) -> tuple[str, int]:
        return ".".join(map(str, self._source)), self.session


def wanted(*senders: Sender) -> Sessions:
    return {one.key: (one.packets, one.bytes, one.lost) for one in senders}


def told(box: Box, job: str) -> Sessions:
    """Of STATE_DB."""
    listed = json.loads(box.result(job).get("top_sessions", "[]"))
    return {(one["source"], one["session"]): (one["packets"], one["bytes"], one["lost"]) for one in listed}


def received(box: Box, job: str) -> Sessions:
    """Of the OTLP receiver, classes added up."""
    sums: dict[tuple[str, int], list[int]] = {}
    for (name, labels), point in box.receiver.latest().items():
        about = dict(labels)
        if name.startswith("telegen.job.session.") and about["telegen.job"] == job:
            place = ("packets", "bytes", "lost").index(name.rpartition(".")[2])
            key = (str(about["source.address"]), int(about["telegen.erspan.session"]))
            assert isinstance(point.value, int)
            sums.setdefault(key, [0, 0, 0])[place] += point.value
    return {key: (values[0], values[1], values[2]) for key, values in sums.items()}


def settled(box: Box, job: str, exact: Sessions) -> None:
    wait_for(lambda: told(box, job) == exact, 20, lambda: f"sent {exact}, told {told(box, job)}")
    wait_for(lambda: received(box, job) == exact, 20, lambda: f"sent {exact}, exported {received(box, job)}")
    assert box.receiver.received.violations == []
    assert int(box.told(job)["packets"]) == sum(packets for packets, _, _ in exact.values())


def test_sessions_are_exact_through_a_kill_and_a_stranger_sees_every_packet(box: Box) -> None:
    with Classifier() as stranger:
        pin = box.directory / "bpf" / "stranger"
        libbpf.obj_pin(stranger.fd, str(pin))
        tc(box.switch.namespace, "qdisc add dev Ethernet0 clsact")
        where = "filter add dev Ethernet0 ingress prio 9 protocol all"
        tc(box.switch.namespace, f"{where} bpf direct-action object-pinned {pin}")
        box.start()
        box.job("mirrored", port="Ethernet0", mirror_mode="decap")
        row = box.wait_status("mirrored", "running")
        assert (row["visibility"], row["interface"], row["mirror_mode"]) == ("mirrored", "Ethernet0", "decap")
        senders = [
            Sender(box, LEAF, 12),
            Sender(box, SPINE, 12, e.type_3),
            Sender(box, SPINE, 1023, with_more),
        ]
        for one in senders:
            one.mirror(MIXED * 10)
        box.switch.send("Ethernet0", NOISE)
        settled(box, "mirrored", wanted(*senders))
        box.kill()
        for one in senders:
            one.mirror(MIXED * 5)
        box.start()
        for one in senders:
            one.mirror([TCP])
        settled(box, "mirrored", wanted(*senders))
        classes = {name: int(box.result("mirrored")[f"{name}_packets"]) for name in ("ipv4", "ipv6", "icmp6", "other")}
        assert classes == {"ipv4": 45, "ipv6": 48, "icmp6": 45, "other": 45}
        sent = sum(one.packets for one in senders) + len(NOISE)
        assert sum(packets for packets, _ in stranger.totals().values()) == sent
        assert int(box.interface("Ethernet0")["ipv4_packets"]) == sent - 3, "the port's counters are of the packets"
    box.delete("mirrored")
    box.wait_status("mirrored", "stopped")
    wait_for(lambda: not list(box.pins.glob("jobs/*")), what="its pins are gone")


def test_vendors_forms_without_a_session_are_session_0(box: Box) -> None:
    box.start()
    box.job("mirrored", port="all", mirror_mode="decap")
    box.wait_status("mirrored", "running")
    one, other = e.outer(e.type_1(UDP), source=LEAF), e.outer(e.vendor(TCP), source=SPINE)
    box.switch.send("Ethernet0", [one] * 3)
    box.switch.send("Ethernet4", [other] * 4)
    settled(box, "mirrored", {("192.0.2.7", 0): (3, 3 * len(UDP), 0), ("192.0.2.8", 0): (4, 4 * len(TCP), 0)})


def test_what_a_job_asks_is_about_the_frames_within_and_who_mirrors_them(box: Box) -> None:
    box.config.hset("TELEGEN|GLOBAL", mapping={"mirror_mode": "decap", "erspan_remote": "203.0.113.9"})
    box.start()
    jobs = {
        "leaf": {"erspan_remote": "192.0.2.7"},
        "session": {"erspan_key": "13", "erspan_local": "192.0.2.2"},
        "nobody": {"erspan_local": "192.0.2.9"},
        "dns": {"ip_proto": "udp", "l4_dport": "53", "vlan": "7", "result_detail": "flows"},
        "expression": {"filter": "icmp6", "result_detail": "packets"},
        "direct": {"mirror_mode": "direct"},
    }
    for name, row in jobs.items():
        box.job(name, port="Ethernet0", **row)
    for name in jobs:
        box.wait_status(name, "running")
    leaf, spine = Sender(box, LEAF, 12), Sender(box, SPINE, 13)
    leaf.mirror(MIXED * 2)
    spine.mirror(MIXED * 3)
    exact = {"leaf": 8, "session": 12, "nobody": 0, "dns": 5, "expression": 5, "direct": 20}

    def counts() -> dict[str, int]:
        return {name: int(box.told(name).get("packets", "0")) for name in jobs}

    wait_for(lambda: counts() == exact, 20, lambda: f"{counts()}")
    wait_for(lambda: box.result("dns").get("flow_packets") == "5", what="flows of the frames within")
    (flow,) = json.loads(box.result("dns")["top_flows"])
    assert (flow["destination_port"], flow["vlan"], flow["bytes"]) == (53, 7, 5 * len(UDP))
    wait_for(lambda: box.result("expression").get("captured") == "5", what="frames within were captured")
    assert "sessions" not in box.result("direct")
    assert box.told("direct")["visibility"] == "cpu-path"


def test_frames_that_go_out_are_no_question_for_it(box: Box) -> None:
    box.start()
    box.job("out", port="Ethernet0", mirror_mode="decap", direction="both")
    row = box.wait_status("out", "rejected")
    assert "mirror_mode='decap': use decap with direction ingress" in row["message"]
    box.config.hset("TELEGEN|GLOBAL", "mirror_mode", "decap")
    box.job("out", port="Ethernet0", direction="egress")
    wait_for(lambda: box.told("out").get("direction") == "egress", what="the new row was read")
    row = box.wait_status("out", "rejected")
    assert "use decap with direction ingress" in row["message"]
    box.job("out", port="Ethernet0")
    box.wait_status("out", "running")
