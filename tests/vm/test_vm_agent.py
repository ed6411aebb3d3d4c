"""Load, count, adopt and detach: the product's own passes, as root and with exactly the packaged capabilities."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sonic_telegen.demo.frames import Frame, mix
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.capability import NEEDED
from sonic_telegen.kernel.pins import MAPS, NAMES
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS
from tests.support.net import run_in, tc, tc_json, until
from tests.support.objects import bpffs
from tests.support.punt_frames import EXAMPLES
from tests.vm.scene import IDENTITIES, OBJECT, WITHOUT_BPF, Actor, Scene, scene

ROW = ("Ethernet0", "both")


@pytest.fixture(params=IDENTITIES, ids=lambda identity: identity.name)
def stage(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with scene(request.param) as made:
        yield made


def expected(frames: Sequence[Frame]) -> dict[str, list[Any]]:
    """Packets, bytes and histogram by class: nothing but adding up what was sent."""
    found: dict[str, list[Any]] = {name: [0, 0, [0] * (len(SIZE_BOUNDS) + 1)] for name in CLASSES}
    for frame in frames:
        size = len(frame.octets)
        counted = found[frame.cls]
        counted[0] += 1
        counted[1] += size
        counted[2][sum(size > bound for bound in SIZE_BOUNDS)] += 1
    return found


def settled(actor: Actor, packets: int) -> dict[str, Any]:
    """The answer of a pass that has seen ``packets`` in all (or what there is after a minute)."""
    answers: list[dict[str, Any]] = []

    def counted() -> bool:
        answers.append(actor.ask(watch=ROW))
        return int(sum(row[0] for row in answers[-1]["totals"].values())) >= packets

    until(counted, 60)
    return answers[-1]


def own_filters(stage: Scene) -> list[tuple[str, int]]:
    """Direction and program id of the filters on Ethernet0 that bear our name, as tc tells them."""
    found = []
    for direction in ("ingress", "egress"):
        for row in tc_json(stage.switch.namespace, f"filter show dev Ethernet0 {direction}"):
            options = row.get("options", {})
            if str(options.get("bpf_name", "")).startswith("telegen/"):
                found.append((direction, options["prog"]["id"]))
    return found


def test_load_pins_and_attaches_and_the_last_job_takes_our_qdisc(stage: Scene) -> None:
    with stage.actor() as actor:
        if stage.identity.capabilities is not None:
            exactly = sum(1 << bit for bit in NEEDED.values())
            assert actor.privileges == {
                "uid": stage.identity.uid,
                **dict.fromkeys(("capeff", "capprm", "capinh", "capbnd", "capamb"), exactly),
            }
        found = actor.ask(watch=ROW)
        assert found["jobs"]["watch"] == ["running", "", ""], found
        assert {path.name for path in stage.pins.iterdir()} == set(NAMES)
        for name in MAPS:
            fd = libbpf.obj_get(str(stage.pins / name))
            assert libbpf.kind(fd) == "map"
            os.close(fd)
        assert own_filters(stage) == [("ingress", found["program"]), ("egress", found["program"])]
        assert {path.stat().st_uid for path in stage.pins.iterdir()} == {stage.identity.uid}
        assert actor.ask()["failures"] == []
    kinds = [row["kind"] for row in tc_json(stage.switch.namespace, "qdisc show dev Ethernet0")]
    assert kinds == ["noqueue"]


def test_every_class_is_counted_exactly_on_both_hooks(stage: Scene) -> None:
    inward = [frame for frame, _ in mix() for _ in range(3)]
    outward = [frame for frame, weight in mix() for _ in range(weight)]
    with stage.actor() as actor:
        actor.ask(watch=ROW)
        stage.switch.send("Ethernet0", [frame.octets for frame in inward])
        stage.switch.send_out("Ethernet0", [frame.octets for frame in outward])
        found = settled(actor, len(inward) + len(outward))
    assert found["hooks"] == {"Ethernet0 ingress": expected(inward), "Ethernet0 egress": expected(outward)}
    both = expected(inward + outward)
    assert {name: row[:2] for name, row in found["totals"].items()} == {name: row[:2] for name, row in both.items()}
    assert found["accounts"] == {"watch": [sum(row[n] for row in both.values()) for n in (0, 1)]}


def test_control_protocols_are_told_apart_while_a_job_is_for_all_ports(stage: Scene) -> None:
    frames = [frame.ljust(60, b"\0") for times, frame in enumerate(EXAMPLES.values(), 1) for _ in range(times)]
    every = ("all", "ingress")
    with stage.actor() as actor:
        assert actor.ask(watch=ROW)["punts"] == {}
        assert actor.ask(watch=ROW, every=every)["jobs"]["every"] == ["running", "", ""]
        stage.switch.send("Ethernet0", frames)

        def counted() -> dict[str, Any]:
            found: dict[str, Any] = actor.ask(watch=ROW, every=every)["punts"]["Ethernet0 ingress"]
            return found

        assert until(lambda: sum(packets for packets, _ in counted().values()) >= len(frames), 60)
        assert counted() == {
            name: [times, times * max(60, len(frame))] for times, (name, frame) in enumerate(EXAMPLES.items(), 1)
        }
        after = actor.ask(watch=ROW)
    assert after["punts"] == {}
    assert after["accounts"]["watch"][0] == len(frames), "swapped in place twice, and nothing lost"


def test_next_agent_adopts_and_counters_go_on(stage: Scene) -> None:
    frames = [frame for frame, _ in mix()]
    with stage.actor() as first:
        before = first.ask(watch=ROW)
        stage.switch.send("Ethernet0", [frame.octets for frame in frames])
        first.kill()
    filters = own_filters(stage)
    stage.switch.send("Ethernet0", [frame.octets for frame in frames])  # nobody is there: the filters count
    with stage.actor() as second:
        stage.switch.send("Ethernet0", [frame.octets for frame in frames])
        found = settled(second, 3 * len(frames))
    assert found["actions"] == {}
    assert (found["program"], found["start_ns"]) == (before["program"], before["start_ns"])
    assert own_filters(stage) == filters == [("ingress", found["program"]), ("egress", found["program"])]
    assert found["hooks"]["Ethernet0 ingress"] == expected(3 * frames)
    assert found["accounts"]["watch"] == [3 * len(frames), sum(len(frame.octets) for frame in 3 * frames)]


def test_detach_is_exact_and_strangers_stay(stage: Scene) -> None:
    ns = stage.switch.namespace
    with bpffs() as theirs, stage.actor() as actor:
        run_in(ns, "bpftool", "prog", "load", str(OBJECT), str(theirs / "prog"))
        tc(ns, "qdisc add dev Ethernet0 clsact")
        for direction in ("ingress", "egress"):
            where = f"filter add dev Ethernet0 {direction}"
            tc(ns, f"{where} prio 1 protocol all u32 match u32 0xdeadbeef 0xffffffff flowid 1:1")
            tc(ns, f"{where} prio 49152 protocol all bpf direct-action object-pinned {theirs}/prog")

        def strangers() -> Counter[str]:
            shown = [tc(ns, f"filter show dev Ethernet0 {direction}") for direction in ("ingress", "egress")]
            return Counter(line for text in shown for line in text.splitlines() if "telegen/" not in line)

        before = strangers()
        assert actor.ask(watch=ROW)["jobs"]["watch"][0] == "running"
        assert len(own_filters(stage)) == 2
        assert actor.ask()["failures"] == []
        assert own_filters(stage) == []
        assert strangers() == before
        (clsact,) = [row for row in tc_json(ns, "qdisc show dev Ethernet0") if row["handle"] == "ffff:"]
        assert clsact["kind"] == "clsact"


def test_without_cap_bpf_the_error_names_it() -> None:
    with scene(WITHOUT_BPF) as stage, stage.actor() as actor:
        found = actor.ask(watch=ROW)
        status, reason, message = found["jobs"]["watch"]
        assert (status, reason) == ("failed", "permission"), found
        assert "lacking here: CAP_BPF" in message
        assert own_filters(stage) == []
