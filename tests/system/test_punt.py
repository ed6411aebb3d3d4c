"""Who is on the way to the CPU: every control protocol counted to the frame on every port of a job for all of them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.kernel import libbpf
from tests.support.box import Box, wait_for
from tests.support.bpfobj import Classifier, build
from tests.support.net import tc
from tests.support.punt_frames import EXAMPLES
from tests.system.test_rows import filters
from tests.unit.test_copp import FILE

FRAMES = {name: frame.ljust(60, b"\0") for name, frame in EXAMPLES.items()}
PORTS = ("Ethernet0", "Ethernet4")
Sent = Mapping[tuple[str, str], int]  # frames by port and protocol


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    file = shutil.copy(FILE, tmp_path / "copp_cfg.json")
    with Box(PORTS, TELEGEN_COPP_CFG=str(file)) as made:
        yield made


@pytest.fixture
def classifier() -> Iterator[Classifier]:
    """Somebody else's program, which counts as well."""
    with Classifier() as loaded:
        yield loaded


def send(box: Box, sent: Counter[tuple[str, str]], times: int = 1) -> None:
    """Of each protocol another number of frames, and other numbers on each port."""
    for p, port in enumerate(PORTS):
        for number, (protocol, frame) in enumerate(FRAMES.items(), start=1):
            box.switch.send(port, [frame] * (times * (number + 20 * p)))
            sent[port, protocol] += times * (number + 20 * p)


def table(box: Box) -> dict[tuple[str, str], Mapping[str, str]]:
    keys: Any = box.state.keys("TELEGEN_PUNT_TABLE|*")
    rows: Any = {tuple(key.split("|")[1:]): box.state.hgetall(key) for key in keys}
    return dict(rows)


def counted(box: Box) -> dict[tuple[str, str], tuple[int, int]]:
    return {key: (int(row["packets"]), int(row["bytes"])) for key, row in table(box).items() if row}


def received(box: Box, metric: str) -> dict[tuple[str | int, str | int], Any]:
    """Last values at the receiver, by port and protocol."""
    series = [(dict(labels), value) for (name, labels), value in box.receiver.latest().items() if name == metric]
    return {(a["network.interface.name"], a["telegen.punt.protocol"]): value.value for a, value in series}


def settled(box: Box, sent: Sent) -> None:
    """Table and receiver have what was sent, to the frame and byte."""
    exact = {key: (count, count * len(FRAMES[key[1]])) for key, count in sent.items()}
    wait_for(lambda: counted(box) == exact, 20, lambda: f"sent {exact}, told {counted(box)}")
    for number, metric in enumerate(("telegen.punt.packets", "telegen.punt.bytes")):
        expected = {key: values[number] for key, values in exact.items()}
        wait_for(lambda m=metric, e=expected: received(box, m) == e, 20, metric)  # type: ignore[misc]
    assert box.receiver.received.violations == []


def runs(box: Box, pin: str, port: str = "Ethernet0") -> bool:
    """Whether the one filter of ours on a port's ingress bears the name of that program."""
    fd = libbpf.obj_get(str(box.pins / pin))
    try:
        ours = [name for name in filters(box, port) if name.startswith("telegen/")]
        return ours == [f"telegen/if@{libbpf.prog_info(fd).tag}"]
    finally:
        os.close(fd)


def test_each_protocol_is_counted_to_the_frame_on_each_port_with_its_trap_group(
    box: Box, classifier: Classifier
) -> None:
    stranger = box.directory / "bpf" / "stranger"
    libbpf.obj_pin(classifier.fd, str(stranger))
    for port in PORTS:
        tc(box.switch.namespace, f"qdisc add dev {port} clsact")
        where = f"filter add dev {port} ingress prio 9 protocol all"
        tc(box.switch.namespace, f"{where} bpf direct-action object-pinned {stranger}")
    box.config.hset("FEATURE|bgp", "state", "enabled")
    box.start()
    box.job("every", port="all")
    box.wait_status("every", "running")
    assert all(runs(box, "prog_punt", port) for port in PORTS)
    assert table(box) == {}
    sent: Counter[tuple[str, str]] = Counter()
    send(box, sent)
    settled(box, sent)
    groups = {protocol: (row["trap_group"], row["cir"]) for (_, protocol), row in table(box).items()}
    assert groups["bgp"] == ("queue4_group1", "6000")
    assert groups["arp"] == groups["nd"] == ("queue4_group2", "600")
    assert groups["lldp"] == ("", ""), "its feature is off"
    assert groups["ssh"] == groups["other"] == ("queue1_group1", "6000")
    box.config.hset("FEATURE|lldp", "state", "enabled")
    wait_for(lambda: table(box)["Ethernet0", "lldp"]["trap_group"] == "queue4_group3", what="the feature is on")
    assert int(box.told("every")["packets"]) == sum(sent.values())
    assert sum(packets for packets, _ in classifier.totals().values()) == sum(sent.values()), "the stranger behind us"


def test_a_rate_is_told_while_it_lasts_and_then_is_zero(box: Box) -> None:
    box.start()
    box.job("every", port="all")
    box.wait_status("every", "running")
    box.switch.send("Ethernet0", [FRAMES["arp"]])
    wait_for(lambda: table(box).get(("Ethernet0", "arp"), {}).get("pps") == "0", what="one frame, long ago")
    box.switch.send("Ethernet0", [FRAMES["arp"]] * 100)
    wait_for(lambda: float(table(box)["Ethernet0", "arp"]["pps"] or 0) > 0, what="a rate")
    wait_for(lambda: table(box)["Ethernet0", "arp"]["pps"] == "0", what="nothing more came")


def test_nothing_is_lost_when_the_agent_is_killed_exchanged_and_started_again(box: Box, tmp_path: Path) -> None:
    sent: Counter[tuple[str, str]] = Counter()
    objects = [{}, {"TG_BUILD": 1}, {"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}, {"TG_LAYOUT_VERSION": 2, "TG_PAD": 3}]
    for turn, defines in enumerate(objects):
        box.start(TELEGEN_BPF_OBJ=str(build(tmp_path, **defines)))
        box.job("every", port="all", direction="both")
        box.wait_status("every", "running")
        send(box, sent)
        settled(box, sent)
        box.kill()
        send(box, sent, times=2)  # nobody is there: the filters count
        if turn == 1:
            box.state.flushdb()
    box.start(TELEGEN_BPF_OBJ=str(build(tmp_path, TG_LAYOUT_VERSION=2, TG_PAD=3)))
    settled(box, sent)


def test_without_a_job_for_all_ports_nothing_is_told_apart(box: Box) -> None:
    box.start()
    box.job("one", port="Ethernet0", direction="both")
    box.wait_status("one", "running")
    assert runs(box, "prog")
    sent: Counter[tuple[str, str]] = Counter()
    send(box, sent)
    wait_for(lambda: box.told("one")["packets"] == str(sum(n for (port, _), n in sent.items() if port == PORTS[0])))
    assert table(box) == {}

    box.job("every", port="all", otlp_export="false")
    box.wait_status("every", "running")
    assert runs(box, "prog_punt")
    box.switch.send("Ethernet0", [FRAMES["lacp"]] * 3)
    wait_for(lambda: counted(box) == {("Ethernet0", "lacp"): (3, 3 * len(FRAMES["lacp"]))})
    passed = box.about("otlp_last_success")
    wait_for(lambda: box.about("otlp_last_success") > passed, what="an export")
    assert received(box, "telegen.punt.packets") == {}, "the job for all ports is not exported"

    box.delete("every")
    wait_for(lambda: table(box) == {}, what="the rows are gone")
    wait_for(lambda: runs(box, "prog"), what="the plain program again")
    assert int(box.told("one")["packets"]) == sum(n for (port, _), n in sent.items() if port == PORTS[0]) + 3
