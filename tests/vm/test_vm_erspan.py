"""Frames through real ERSPAN netdevs: made by the product, taken apart by another one at the far end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sonic_telegen.demo.namespace import in_namespace
from tests.support import frames as f
from tests.support.heard import Heard
from tests.support.net import run_in, until
from tests.vm.erspan import FAR_END, MIXED, Stage, row, running, stage_for
from tests.vm.scene import IDENTITIES, PACKAGED


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_for(PACKAGED) as made:
        yield made


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
            assert sorted(heard.frames) == sorted(MIXED * 2)
        found = running(actor, a=job)
        assert found["mirrored"]["a"] == [2 * len(MIXED), 0]
        assert found["accounts"]["a"][0] == stage.received() == 2 * len(MIXED)


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
        assert counts[-1] == 20
        assert stage.snmp("Icmp", "InDestUnreachs") > 0


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
            assert sorted(heard.frames) == sorted(frame[:82] for frame in MIXED)
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


def test_a_stream_that_the_kernel_aggregates_arrives_packet_by_packet(stage: Stage) -> None:
    stage.far_end(2)
    size = 400_000
    for space, netdev, address in (
        (stage.switch.namespace, "Ethernet0", "10.0.1.1"),
        (stage.switch.hosts, "host0", "10.0.1.2"),
    ):
        run_in(space, "ip", "addr", "add", f"{address}/24", "dev", netdev)
    job = row(direction="both", ip_proto="tcp")
    with stage.scene.actor() as actor:
        running(actor, a=job)
        listener = in_namespace(stage.switch.hosts, lambda: socket.create_server(("10.0.1.2", 5001)))
        client = in_namespace(stage.switch.namespace, lambda: socket.create_connection(("10.0.1.2", 5001), 60))
        with listener, client:
            server, _ = listener.accept()
            with server:
                sender = threading.Thread(target=client.sendall, args=(bytes(size),))
                sender.start()
                read = 0
                while read < size:
                    read += len(server.recv(1 << 20))
                sender.join()
        counts: list[tuple[int, int]] = []

        def agree() -> bool:
            mirrored, failed = actor.ask(a=job)["mirrored"]["a"]
            assert failed == 0
            counts.append((mirrored, stage.received()))
            return mirrored == stage.received() and len(counts) > 1 and counts[-1] == counts[-2]

        assert until(agree, 60), counts
        assert counts[-1][0] >= size // 9000
