"""Frames that the kernel's own ERSPAN netdevs send are taken apart by our program, whatever kernel made them."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from sonic_telegen.demo.namespace import in_namespace
from tests.support import erspan as e
from tests.support import frames as f
from tests.support.net import run_in, until
from tests.vm.erspan import FAR, MIXED, NEAR, Stage, running, stage_for
from tests.vm.scene import IDENTITIES, PACKAGED

VERSIONS = {  # of ip's words for the netdev, and the session that we see
    0: ("erspan_ver 0", 0),
    1: ("seq key 100 erspan_ver 1 erspan 123", 100),
    2: ("seq key 1023 erspan_ver 2 erspan_dir ingress erspan_hwid 17", 1023),
}
MIRRORED = {"port": "Ethernet4", "mirror_mode": "decap"}
BYTES = sum(map(len, MIXED))


def send(stage: Stage, version: int, frames: list[bytes], times: int = 1) -> None:
    """Another kernel mirrors: the far end's netdev takes the frames, and they come in on Ethernet4 as ERSPAN."""
    words, _ = VERSIONS[version]
    run_in(stage.switch.hosts, *f"ip link add src0 type erspan local {FAR} remote {NEAR} {words}".split())
    run_in(stage.switch.hosts, "ip", "link", "set", "src0", "addrgenmode", "none", "up")
    raw = in_namespace(stage.switch.hosts, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    with raw:
        raw.bind(("src0", 0))
        for frame in frames * times:
            raw.send(frame)
    run_in(stage.switch.hosts, "ip", "link", "del", "src0")


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_kernels_netdev_sends_is_counted_to_the_byte(version: int, identity: Any) -> None:
    jobs = {"a": MIRRORED, "other": MIRRORED | {"erspan_key": "7"}, "direct": {"port": "Ethernet4"}}
    with stage_for(identity) as stage, stage.scene.actor() as actor:
        running(actor, **jobs)
        send(stage, version, MIXED, 10)
        wanted = {f"{FAR} {VERSIONS[version][1]}": [10 * len(MIXED), 10 * BYTES, 0]}
        assert until(lambda: actor.ask(**jobs)["sessions"]["a"] == wanted, 60), actor.ask(**jobs)
        found = running(actor, **jobs)
    assert found["accounts"]["a"] == [10 * len(MIXED), 10 * BYTES]
    assert found["accounts"]["other"] == [0, 0]
    assert found["accounts"]["direct"][0] >= 10 * len(MIXED)


def test_sequence_numbers_of_the_kernel_go_on_through_a_kill() -> None:
    near, far = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    with stage_for(PACKAGED) as stage:
        with stage.scene.actor() as actor:
            running(actor, a=MIRRORED)
            send(stage, 1, MIXED)
            actor.kill()
        with stage.scene.actor() as actor:
            assert running(actor, a=MIRRORED)["actions"] == {}
            raw = in_namespace(stage.switch.hosts, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            with raw:
                raw.bind(("host4", 0))
                for number in (20, 120):
                    raw.send(e.outer(e.type_2(MIXED[0], 100, number), source=far, to=near))
            packets, octets = len(MIXED) + 2, BYTES + 2 * len(MIXED[0])
            lost = [121 - packets - first for first in (0, 1)]  # kernels begin with either
            wanted = [{f"{FAR} 100": [packets, octets, number]} for number in lost]
            assert until(lambda: actor.ask(a=MIRRORED)["sessions"]["a"] in wanted, 60), actor.ask(a=MIRRORED)


def test_filters_of_a_job_are_about_the_frames_within() -> None:
    jobs = {
        "fields": MIRRORED | {"ip_proto": "udp", "vlan": "7"},
        "expression": MIRRORED | {"filter": "icmp6"},
        "flows": MIRRORED | {"result_detail": "flows"},
        "packets": MIRRORED | {"result_detail": "packets", "sample_rate": "2"},
    }
    with stage_for(PACKAGED) as stage, stage.scene.actor() as actor:
        running(actor, **jobs)
        send(stage, 2, MIXED, 4)
        wanted = {"fields": 8, "expression": 4, "flows": 4 * len(MIXED), "packets": 4 * len(MIXED)}

        def counted() -> dict[str, int]:
            return {name: packets for name, (packets, _) in actor.ask(**jobs)["accounts"].items()}

        assert until(lambda: counted() == wanted, 60), counted()


def test_what_the_host_hears_is_the_packet_itself() -> None:
    """The frame goes on: its host has the address and no ERSPAN, and says so."""
    with stage_for(PACKAGED) as stage, stage.scene.actor() as actor:
        running(actor, a=MIRRORED)
        before = stage.snmp("Icmp", "OutDestUnreachs")
        send(stage, 1, [f.arp()])
        assert until(lambda: stage.snmp("Icmp", "OutDestUnreachs") == before + 1, 60)
