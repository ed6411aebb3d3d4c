"""Mirroring through real ERSPAN netdevs: made by the product, taken apart by another kernel's view of them.

Ethernet0 is watched, Ethernet4 is the way to the far end, which is the hosts' namespace with a netdev of iproute2's.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.demo.namespace import in_namespace
from tests.support import frames as f
from tests.support.heard import Heard
from tests.support.net import run_in, tc_json, until
from tests.vm.scene import IDENTITIES, PACKAGED, Actor, Scene, scene

NEAR, FAR = "10.0.0.1", "10.0.0.2"
DATAGRAM = f.ipv4(f.UDP, f.udp(bytes(60), (1000, 53)))
MIXED = [
    f.ether(f.IPV4, DATAGRAM),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1Q, 7)]),
    f.ether(f.IPV4, DATAGRAM, [(f.DOT1AD, 9), (f.DOT1Q, 7)]),
    f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(8900)))),
    f.ether(f.IPV6, f.ipv6(f.TCP, f.tcp(bytes(1000)))),
    f.ether(f.IPV6, f.ipv6(f.ICMPV6, f.icmpv6(bytes(56)))),
    f.arp(),
    f.lldp(),
]
FAR_END = {
    0: "",
    1: "oseq key 10 erspan_ver 1",
    2: "oseq key 10 erspan_ver 2",
}


def row(**more: str) -> dict[str, str]:
    found = {"port": "Ethernet0", "direction": "ingress", "mirror_mode": "erspan"}
    return found | {"erspan_remote": FAR, "erspan_local": NEAR} | more


class Stage:
    """A scene with addresses on the way between both ends."""

    def __init__(self, made: Scene) -> None:
        self.scene, self.switch = made, made.switch
        for space, netdev, address in (
            (made.switch.namespace, "Ethernet4", NEAR),
            (made.switch.hosts, "host4", FAR),
        ):
            run_in(space, "ip", "addr", "add", f"{address}/24", "dev", netdev)

    def far_end(self, version: int) -> None:
        """An ERSPAN netdev ``mon0`` at the far end."""
        words = f"ip link add mon0 type erspan local {FAR} remote {NEAR} {FAR_END[version]}"
        run_in(self.switch.hosts, *words.split(), *(["erspan_ver", "0"] if not version else []))
        run_in(self.switch.hosts, "ip", "link", "set", "mon0", "addrgenmode", "none", "up")

    def links(self) -> dict[str, Any]:
        """The netdevs of the switch by name, as ip tells them."""
        found = json.loads(run_in(self.switch.namespace, "ip", "-d", "-j", "link"))
        return {link["ifname"]: link for link in found}

    def received(self) -> int:
        """Packets on ``mon0``, by its own counter."""
        found = json.loads(run_in(self.switch.hosts, "ip", "-s", "-j", "link", "show", "mon0"))
        return int(found[0]["stats64"]["rx"]["packets"])

    def snmp(self, protocol: str, name: str) -> int:
        """A counter of the switch's stack."""
        text = in_namespace(self.switch.namespace, Path("/proc/thread-self/net/snmp").read_text)
        names, values = (line.split() for line in text.splitlines() if line.startswith(f"{protocol}:"))
        return int(values[names.index(name)])


@contextmanager
def stage_for(identity: Any) -> Iterator[Stage]:
    with scene(identity, "Ethernet0", "Ethernet4") as made:
        yield Stage(made)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_for(PACKAGED) as made:
        yield made


def running(actor: Actor, **jobs: Any) -> dict[str, Any]:
    found = actor.ask(**jobs)
    assert {status for status, _, _ in found["jobs"].values()} == {"running"}, found
    return found


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
@pytest.mark.parametrize("version", FAR_END)
def test_frames_arrive_at_the_far_end_byte_for_byte(version: int, identity: Any) -> None:
    with stage_for(identity) as stage, stage.scene.actor() as actor:
        stage.far_end(version)
        job = row(erspan_ver=str(version), direction="both")
        name = running(actor, a=job)["interfaces"]["a"]
        made = stage.links()[name]
        assert made["linkinfo"]["info_kind"] == "erspan"
        assert made["linkinfo"]["info_data"].get("erspan_ver", 0) == version
        assert made["ifalias"].startswith("telegen/")
        with Heard(stage.switch.hosts, "mon0") as heard:
            stage.switch.send("Ethernet0", MIXED)
            assert until(lambda: len(heard.frames) == len(MIXED), 60), heard.frames
            stage.switch.send_out("Ethernet0", MIXED)
            assert until(lambda: len(heard.frames) == 2 * len(MIXED), 60), heard.frames
            assert heard.frames == MIXED * 2
        found = running(actor, a=job)
        assert found["mirrored"]["a"] == [2 * len(MIXED), 0]
        assert found["accounts"]["a"][0] == stage.received() == 2 * len(MIXED)


def test_where_the_modules_netdev_has_the_name_another_is_taken(stage: Stage) -> None:
    stage.far_end(2)  # the module is there from now on
    run_in(stage.switch.namespace, "ip", "link", "add", "tmp", "type", "erspan", "external")
    run_in(stage.switch.namespace, "ip", "link", "del", "tmp")
    assert "erspan0" in stage.links()
    with stage.scene.actor() as actor:
        found = running(actor, a=row())
        assert found["interfaces"]["a"] == "tgerspan0"
        assert "erspan0 is a netdev of the kernel's own" in found["jobs"]["a"][2]
        assert stage.links()["erspan0"]["operstate"] == "DOWN"
        assert actor.ask(a=row())["actions"] == {}
        actor.ask()
        assert actor.ask()["actions"] == {}
        assert {"erspan0", "tgerspan0"} & set(stage.links()) == {"erspan0"}


def test_the_next_agent_takes_over_and_the_last_job_takes_the_netdev_along(stage: Stage) -> None:
    stage.far_end(1)
    jobs = {name: row(erspan_ver="1", erspan_name="mon7") for name in ("a", "b")}
    with stage.scene.actor() as actor:
        running(actor, **jobs)
        before = stage.links()["mon7"]["ifindex"]
        stage.switch.send("Ethernet0", MIXED)
        actor.kill()
    with stage.scene.actor() as actor:
        found = running(actor, **jobs)
        assert (found["actions"], stage.links()["mon7"]["ifindex"]) == ({}, before)
        stage.switch.send("Ethernet0", MIXED)
        assert until(lambda: actor.ask(**jobs)["mirrored"]["a"] == [2 * len(MIXED), 0], 60)
        assert until(lambda: stage.received() == 4 * len(MIXED), 60)
        assert stage.links()["mon7"]["ifindex"] == before
        running(actor, b=jobs["b"])
        assert stage.links()["mon7"]["ifindex"] == before
        actor.ask()
        assert actor.ask()["actions"] == {}
        assert "mon7" not in stage.links()
        assert tc_json(stage.switch.namespace, "filter show dev Ethernet0 ingress") == []


def test_what_the_far_end_sends_is_counted_and_enters_no_host(stage: Stage) -> None:
    stage.far_end(2)
    with stage.scene.actor() as actor:
        name = running(actor, a=row(erspan_name="mon7"))["interfaces"]["a"]
        raw = in_namespace(stage.switch.hosts, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
        before = stage.snmp("Ip", "InReceives")
        with raw:
            raw.bind(("mon0", 0))
            for _ in range(10):
                raw.send(MIXED[0])

        def counted() -> int:
            return int(actor.ask(a=row(erspan_name="mon7"))["hooks"][f"{name} ingress"]["ipv4"][0])

        assert until(lambda: counted() == 10, 60)
        # GRE itself enters the host of the switch, what was in it does not
        assert stage.snmp("Ip", "InReceives") == before + 10


def test_a_job_on_the_way_itself_does_not_mirror_its_mirror(stage: Stage) -> None:
    """The far end takes no ERSPAN here, so it answers each frame with an ICMP error that quotes it."""
    job = row(port="all", direction="both")
    with stage.scene.actor() as actor:
        running(actor, a=job)
        stage.switch.send("Ethernet0", MIXED[:1] * 20)
        counts: list[int] = []

        def quiet() -> bool:
            counts.append(actor.ask(a=job)["mirrored"]["a"][0])
            return len(counts) > 3 and len(set(counts[-3:])) == 1

        assert until(quiet, 60), counts
        assert 20 <= counts[-1] <= 26  # and ARP between the two ends, each once


def test_the_sender_of_a_frame_that_does_not_fit_hears_nothing_of_it(stage: Stage) -> None:
    """The way became narrower than the netdev was made for."""
    stage.far_end(2)
    large = f.ether(f.IPV4, f.ipv4(f.UDP, f.udp(bytes(1400)), fragment=0x4000))
    with stage.scene.actor() as actor:
        running(actor, a=row())
        for space, netdev in ((stage.switch.namespace, "Ethernet4"), (stage.switch.hosts, "host4")):
            run_in(space, "ip", "link", "set", netdev, "mtu", "1000")
        before = stage.snmp("Icmp", "OutMsgs")
        with Heard(stage.switch.hosts, "mon0") as heard:
            stage.switch.send("Ethernet0", [large] * 5)
            assert until(lambda: len(heard.frames) == 5, 60), heard.frames
            assert heard.frames == [large] * 5
        assert stage.snmp("Icmp", "OutMsgs") == before


def test_frames_are_cut_where_the_job_says(stage: Stage) -> None:
    stage.far_end(2)
    with stage.scene.actor() as actor:
        running(actor, a=row(truncate="82"))
        with Heard(stage.switch.hosts, "mon0") as heard:
            stage.switch.send("Ethernet0", MIXED)
            assert until(lambda: len(heard.frames) == len(MIXED), 60), heard.frames
            assert heard.frames == [frame[:82] for frame in MIXED]
        assert running(actor, a=row(truncate="82"))["mirrored"]["a"] == [len(MIXED), 0]
        before = stage.links()
        found = actor.ask(a=row(truncate="82"), b=row(truncate="9216"))
        assert found["jobs"]["b"][:2] == ["degraded", "conflict"]
        assert set(stage.links()) == set(before)


def test_while_the_way_is_down_the_job_runs_on_and_frames_are_lost(stage: Stage) -> None:
    stage.far_end(2)
    with stage.scene.actor() as actor:
        running(actor, a=row())
        run_in(stage.switch.namespace, "ip", "link", "set", "Ethernet4", "down")
        stage.switch.send("Ethernet0", MIXED)
        running(actor, a=row())
        assert stage.received() == 0
        run_in(stage.switch.namespace, "ip", "link", "set", "Ethernet4", "up")
        with Heard(stage.switch.hosts, "mon0") as heard:
            stage.switch.send("Ethernet0", MIXED)
            assert until(lambda: len(heard.frames) == len(MIXED), 60), heard.frames


def test_what_the_kernel_refuses_leaves_nothing_and_is_told(stage: Stage) -> None:
    """Ends and session that another netdev has; it stays as it is."""
    words = f"ip link add theirs type erspan seq key 10 local {NEAR} remote {FAR} erspan_ver 1 erspan 3"
    run_in(stage.switch.namespace, *words.split())
    before = stage.links()["theirs"]
    with stage.scene.actor() as actor:
        found = actor.ask(a=row(erspan_name="mon7"))
        status, reason, message = found["jobs"]["a"]
        assert (status, reason) == ("degraded", "conflict"), found
        assert "theirs" in message and "set another erspan_key" in message
        assert stage.links()["theirs"] == before
        assert "mon7" not in stage.links()
        running(actor, a=row(erspan_name="mon7", erspan_key="11"))
