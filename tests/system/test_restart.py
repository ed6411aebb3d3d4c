"""Nothing is lost: the agent is killed, exchanged and started again under traffic, and every packet is counted once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.box import Box, wait_for
from tests.support.bpfobj import build
from tests.support.net import FRAME, tc
from tests.support.stream import Stream
from tests.system.test_rows import counted, exported, filters

RESTARTS = 20


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def settled(box: Box, sent: int, job: str = "a", port: str = "Ethernet0") -> None:
    """Wait until STATE_DB and the receiver agree with what was sent, exactly."""
    wait_for(lambda: box.told(job).get("packets") == str(sent), 20, f"sent {sent}, told {box.told(job)}")
    assert box.told(job)["bytes"] == str(sent * len(FRAME))
    wait_for(lambda: counted(box, port) == sent, what=f"sent {sent}, {box.interface(port)}")
    wait_for(lambda: exported(box, "bpf.packets", network__interface__name=port) == sent, 20)
    wait_for(lambda: exported(box, "telegen.job.packets", telegen__job=job) == sent, 20)
    assert box.receiver.received.violations == []


def test_twenty_kills_other_builds_another_layout_and_a_flushed_state_db(box: Box, tmp_path: Path) -> None:
    chance = random.Random(2026)
    builds = [build(tmp_path, TG_BUILD=1), build(tmp_path, TG_BUILD=2)]
    later = build(tmp_path, TG_LAYOUT_VERSION=2, TG_PAD=3, TG_SLOTS=1024)
    last = build(tmp_path, TG_LAYOUT_VERSION=3, TG_PAD=1)
    box.start(TELEGEN_BPF_OBJ=str(builds[0]))
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    began = box.told("a")["started_at"]
    with Stream(box.switch, "Ethernet0", [FRAME] * 20) as stream:
        for turn in range(RESTARTS):
            seen = stream.sent
            wait_for(lambda seen=seen: stream.sent > seen + chance.randrange(20, 2000))  # type: ignore[misc]
            box.kill()
            if turn % 4 == 3:
                box.state.flushdb()
            object_file = builds[turn % 2] if turn < 8 else later if turn < 14 else last
            box.start(wait=turn % 3 != 2, TELEGEN_BPF_OBJ=str(object_file))
        box.wait_status("a", "running", 20)
        sent = stream.stop()
    settled(box, sent)
    assert box.told("a")["started_at"] == began
    assert len(filters(box)) == 1


def test_pins_removed_by_hand_while_it_runs_cost_nothing(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 5)
    for pin in box.pins.iterdir():
        pin.unlink()
    box.job("b", port="Ethernet4")  # any pass looks after the pins
    box.wait_status("b", "running")
    wait_for(lambda: "pinned again" in box.about("notice"))
    box.kill()
    box.switch.send("Ethernet0", [FRAME] * 5)
    box.start()
    settled(box, 10)


def test_pins_removed_by_hand_while_it_is_away_are_a_told_reset(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    began = box.wait_status("a", "running")["started_at"]
    box.switch.send("Ethernet0", [FRAME] * 5)
    wait_for(lambda: exported(box, "telegen.job.packets", telegen__job="a") == 5)
    box.kill()
    for pin in box.pins.iterdir():
        pin.unlink()
    box.start()
    row = box.wait_status("a", "running")
    box.switch.send("Ethernet0", [FRAME] * 7)
    wait_for(lambda: box.told("a")["packets"] == "7")
    assert row["started_at"] > began
    assert "reset" in box.about("notice")
    assert len(filters(box)) == 1
    wait_for(lambda: exported(box, "telegen.job.packets", telegen__job="a") == 7)
    assert box.receiver.received.violations == []


def test_the_next_agent_adopts_the_very_same_filter(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0", direction="both")
    box.wait_status("a", "running")
    before = [tc(box.switch.namespace, f"filter show dev Ethernet0 {hook}") for hook in ("ingress", "egress")]
    assert "id" in before[0]
    box.kill()
    box.start()
    box.wait_status("a", "running")
    assert [tc(box.switch.namespace, f"filter show dev Ethernet0 {hook}") for hook in ("ingress", "egress")] == before


def test_pins_of_a_newer_layout_are_refused_and_counting_goes_on(box: Box, tmp_path: Path) -> None:
    newer = build(tmp_path, TG_LAYOUT_VERSION=9)
    box.start(TELEGEN_BPF_OBJ=str(newer))
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    box.kill()
    box.start()
    row = box.wait_status("a", "failed")
    assert "version 9" in row["message"]
    box.switch.send("Ethernet0", [FRAME] * 3)
    box.kill()
    box.start(TELEGEN_BPF_OBJ=str(newer))
    box.wait_status("a", "running")
    settled(box, 3)


def test_slots_are_reused_without_mixing_ports(box: Box, tmp_path: Path) -> None:
    few = build(tmp_path, TG_SLOTS=4)  # three hooks at a time
    box.start(TELEGEN_BPF_OBJ=str(few))
    box.job("both", port="Ethernet0", direction="both")
    box.wait_status("both", "running")
    for turn in range(6):
        job = f"t{turn}"
        box.job(job, port="Ethernet4", direction="ingress" if turn % 2 else "egress")
        box.wait_status(job, "running")
        send = box.switch.send if turn % 2 else box.switch.send_out
        send("Ethernet4", [FRAME] * (turn + 1))
        wait_for(lambda job=job, turn=turn: box.told(job)["packets"] == str(turn + 1))  # type: ignore[misc]
        box.delete(job)
        box.wait_status(job, "stopped")
    box.job("x", port="Ethernet4", direction="both")
    assert box.wait_status("x", "degraded")["reason"] == "no_slot"
    box.switch.send("Ethernet0", [FRAME] * 2)
    wait_for(lambda: box.told("both")["packets"] == "2")
