"""``mirror_mode=asic`` of a whole agent beside orchagent's stand-in: asked for, told, kept, and given back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

from sonic_telegen.journal import Journal
from sonic_telegen.model.mirror import SessionNote, session_name
from tests.support.box import REPOSITORY, Box, wait_for
from tests.support.mirrororch import MirrorOrch
from tests.support.net import FRAME
from tests.support.patience import allowed
from tests.system.test_show import telegen

REMOTE, LOCAL = "192.0.2.10", "192.0.2.1"
ENDS = {"TELEGEN_ERSPAN_REMOTE": REMOTE, "TELEGEN_ERSPAN_LOCAL": LOCAL}
PACKETS = "telegen.job.packets"
ASIC = {"mirror_mode": "asic"}
STRANGER = {"type": "ERSPAN", "src_ip": LOCAL, "dst_ip": "192.0.2.99", "src_port": "Ethernet8", "direction": "RX"}
NOTHING_PRIVILEGED = ("bpf", "sys_admin", "net_admin", "perfmon", "net_raw", "sys_resource")


@pytest.fixture
def box() -> Iterator[Box]:
    with Box(receiver=False, **ENDS) as made:
        for port in ("Ethernet0", "Ethernet4", "Ethernet8"):
            made.config.hset(f"PORT|{port}", mapping={"lanes": "1"})
        made.config.hset("MIRROR_SESSION|everflow0", mapping=STRANGER)
        yield made


@pytest.fixture
def orch(box: Box) -> Iterator[MirrorOrch]:
    with MirrorOrch(box.redis.socket).running() as made:
        yield made


def sessions(box: Box) -> dict[str, dict[str, str]]:
    """The rows of MIRROR_SESSION but the stranger's, which must be as it was."""
    config: Any = box.config
    found = {key.partition("|")[2]: config.hgetall(key) for key in config.keys("MIRROR_SESSION|*")}
    assert found.pop("everflow0") == STRANGER
    return found


def wait_told(box: Box, job: str, status: str, reason: str = "") -> str:
    """Until the job is told so; the message."""

    def told() -> bool:
        row = box.told(job)
        return (row.get("status"), row.get("reason")) == (status, reason)

    wait_for(told, 20, lambda: f"{job} {status} {reason}: {box.told(job)}\n{box.log()[-3000:]}")
    return box.told(job)["message"]


def exported(box: Box, job: str) -> int:
    """Packets of the job in the last reading that was exported; 0 where it has none."""
    found = [(dict(labels), point) for (name, labels), point in box.receiver.latest().items() if name == PACKETS]
    newest = max((point.time_ns for _, point in found), default=0)
    mine = (point.value for labels, point in found if labels["telegen.job"] == job and point.time_ns == newest)
    return sum(value for value in mine if isinstance(value, int))


def show(box: Box, *words: str) -> tuple[int, Any]:
    status, output = telegen(box, *words, "--json", inside=False)
    return status, json.loads(output)


def test_a_job_is_served_by_the_asic_from_its_row_to_its_end_without_any_capability(box: Box, orch: MirrorOrch) -> None:
    box.start(without=NOTHING_PRIVILEGED)
    box.job("transit", port="Ethernet0", direction="both", erspan_tos="184", **ASIC)
    text = wait_told(box, "transit", "pending", "session_inactive")
    assert f"no route to {REMOTE}" in text
    name = session_name("transit")
    assert sessions(box) == {
        name: {
            "type": "ERSPAN",
            "src_ip": LOCAL,
            "dst_ip": REMOTE,
            "src_port": "Ethernet0",
            "direction": "BOTH",
            "ttl": "64",
            "dscp": "46",
        }
    }

    orch.learn(REMOTE, "Ethernet4")
    text = wait_told(box, "transit", "running")
    assert f"to {REMOTE} through Ethernet4" in text
    assert orch.mirrored == {("Ethernet0", "ingress"): name, ("Ethernet0", "egress"): name}
    _, job = show(box, "job", "transit")
    assert (job["interface"], job["visibility"], job["packets"], job["message"]) == ("", "none", 0, text)
    orch.forget(REMOTE)
    wait_told(box, "transit", "pending", "session_inactive")

    box.delete("transit")
    wait_told(box, "transit", "stopped", "deleted")
    wait_for(lambda: name not in orch.sessions, what="the session is given back")
    assert sessions(box) == {}
    assert orch.syslog == []
    assert not box.pins.exists(), "no program was loaded"


def test_a_killed_agents_session_goes_on_and_is_taken_over_as_it_is(box: Box, orch: MirrorOrch) -> None:
    orch.learn(REMOTE, "Ethernet4")
    box.start()
    box.job("transit", port="Ethernet0", **ASIC)
    wait_told(box, "transit", "running")
    before, started = orch.sessions[session_name("transit")], box.told("transit")["started_at"]
    box.kill()
    assert orch.state(session_name("transit"))["status"] == "active"
    box.start()
    wait_told(box, "transit", "running")
    assert orch.sessions[session_name("transit")] is before
    assert box.told("transit")["started_at"] == started


def test_a_reboot_that_brings_back_a_saved_session_without_its_job_leaves_none(box: Box) -> None:
    with MirrorOrch(box.redis.socket).running() as orch:
        orch.learn(REMOTE, "Ethernet4")
        box.start()
        box.job("transit", port="Ethernet0", **ASIC)
        wait_told(box, "transit", "running")
        box.kill()
    box.delete("transit")
    box.state.flushdb()
    with MirrorOrch(box.redis.socket).running() as orch:
        wait_for(lambda: session_name("transit") in orch.sessions, what="orchagent took the saved row")
        box.start()
        wait_for(lambda: session_name("transit") not in orch.sessions, what="it is given back")
        assert sessions(box) == {}


def detached(box: Box, **changed: str) -> int:
    env = {**os.environ, **box.environment, **changed}
    done = subprocess.run(box.command("detach", "--all"), env=env, timeout=allowed(60), cwd=REPOSITORY, check=False)
    return done.returncode


@pytest.mark.parametrize(("noted", "asked"), [(True, True), (False, True), (False, False)])
def test_detach_gives_the_sessions_back_even_when_notes_or_rows_are_lost(
    box: Box, orch: MirrorOrch, noted: bool, asked: bool
) -> None:
    box.start()
    box.job("transit", port="Ethernet0", **ASIC)
    wait_told(box, "transit", "pending", "session_inactive")
    box.kill(SIGTERM)
    assert len(sessions(box)) == 1
    notes = Path(box.environment["TELEGEN_STATE_DIR"]) / "sessions.json"
    if not noted:
        notes.unlink()
    if not asked:  # what is told of a job stays for an hour
        box.delete("transit")
    assert detached(box) == 0
    assert sessions(box) == {}


@pytest.mark.parametrize(("noted", "status"), [(True, 1), (False, 0)])
def test_detach_without_redis_fails_only_where_a_session_was_written(
    box: Box, tmp_path: Path, noted: bool, status: int
) -> None:
    if noted:
        Journal(tmp_path).note_session(SessionNote(session_name("transit"), "transit", 1))
    nowhere = str(tmp_path / "nowhere.json")
    assert detached(box, TELEGEN_STATE_DIR=str(tmp_path), TELEGEN_DB_CONFIG=nowhere) == status


def test_a_changed_job_gets_a_new_session_after_the_old_one_and_never_more_than_may_be(
    box: Box, orch: MirrorOrch
) -> None:
    orch.learn(REMOTE, "Ethernet4")
    box.config.hset("TELEGEN|GLOBAL", mapping={"max_asic_mirrors": "1"})
    box.start()
    box.job("transit", port="Ethernet0", **ASIC)
    wait_told(box, "transit", "running")
    box.job("second", port="Ethernet4", direction="egress", **ASIC)
    assert "max_asic_mirrors=1" in wait_told(box, "second", "pending", "max_mirrors")
    box.job("transit", port="Ethernet0", direction="egress", **ASIC)
    name = session_name("transit")
    wait_for(lambda: orch.mirrored == {("Ethernet0", "egress"): name}, what=lambda: str((orch.mirrored, orch.syslog)))
    wait_told(box, "transit", "running")
    assert orch.syslog == [], "nothing was asked of a session that was there"
    box.config.hset("TELEGEN|GLOBAL", mapping={"max_asic_mirrors": "2"})
    wait_told(box, "second", "running")
    box.config.hset("TELEGEN|GLOBAL", mapping={"admin_state": "disabled"})
    wait_for(lambda: not sessions(box) and not orch.mirrored, what="no session of ours is left")


def test_why_there_is_no_session_is_told_and_found_by_the_doctor(box: Box, orch: MirrorOrch) -> None:
    box.start()
    box.job("taken", port="Ethernet8", **ASIC)
    assert "everflow0" in wait_told(box, "taken", "pending", "conflict")
    box.job("filtered", port="Ethernet0", dst_cidr="198.51.100.0/24", **ASIC)
    assert wait_told(box, "filtered", "rejected", "invalid_value").startswith("dst_cidr=")
    box.config.hset("PORTCHANNEL|PortChannel1", mapping={"admin_status": "up"})
    box.job("lag", port="PortChannel1", **ASIC)
    wait_told(box, "lag", "pending", "netdev_absent")
    orch.lags["PortChannel1"] = ["Ethernet4"]
    orch.learn(REMOTE, "Ethernet8")
    box.config.hset("PORTCHANNEL_MEMBER|PortChannel1|Ethernet4", mapping={"NULL": "NULL"})
    wait_told(box, "lag", "running")
    status, findings = show(box, "doctor", "PortChannel1")
    mirror = [(each["mark"], each["finding"]) for each in findings if each["check"] == "mirror"]
    assert mirror == [("ok", f"session {session_name('lag')} is active")]
    status, findings = show(box, "doctor", "Ethernet0")
    assert status == 1
    assert not [each for each in findings if each["check"] == "mirror"]


def test_what_a_job_counted_before_the_asic_took_over_is_not_exported_on() -> None:
    with Box(receiver=True, **ENDS) as box, MirrorOrch(box.redis.socket).running() as orch:
        box.config.hset("PORT|Ethernet0", mapping={"lanes": "1"})
        orch.learn(REMOTE, "Ethernet4")
        box.start()
        box.job("count", port="Ethernet0")
        box.job("other", port="Ethernet0")
        box.wait_status("count", "running")
        box.wait_status("other", "running")
        box.switch.send("Ethernet0", [FRAME] * 7)
        wait_for(lambda: exported(box, "count") == exported(box, "other") == 7, 20)
        box.job("count", port="Ethernet0", **ASIC)
        wait_for(lambda: session_name("count") in box.told("count")["message"], 20)  # it was running before, too
        wait_told(box, "count", "running")
        box.switch.send("Ethernet0", [FRAME] * 2)
        wait_for(lambda: exported(box, "other") == 9, 20)
        assert exported(box, "count") == 0
        assert not box.receiver.received.violations


def test_a_direct_job_goes_on_beside_one_of_the_asic(box: Box, orch: MirrorOrch) -> None:
    orch.learn(REMOTE, "Ethernet4")
    box.start()
    box.job("count", port="Ethernet0")
    box.job("transit", port="Ethernet0", **ASIC)
    box.wait_status("count", "running")
    wait_told(box, "transit", "running")
    box.job("count", port="Ethernet0", **ASIC)
    name = session_name("transit")
    assert f"session {name} mirrors" in wait_told(box, "count", "pending", "conflict")
    wait_for(lambda: box.interface("Ethernet0") == {}, what="its program is gone")
