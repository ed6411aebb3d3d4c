"""Jobs in ``mirror_mode=asic`` from their rows in a real Redis to orchagent's stand-in, over restarts and reboots."""

from __future__ import annotations

from sonic_telegen.journal import Journal
from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.status import Status
from sonic_telegen.reconcile.loop import Loop
from tests.support.asicrig import Rig, settle
from tests.support.mirrororch import MirrorOrch
from tests.support.redis import RawRedis


def test_a_jobs_life_from_the_first_row_to_the_last_without_any_program(rig: Rig, orch: MirrorOrch) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0")
    first = settle(rig, orch).jobs["a"]
    assert (first.status, first.interface, first.packets) == (Status.RUNNING, "", 0)
    (name,) = orch.sessions
    assert orch.mirrored == {("Ethernet0", "ingress"): name}

    rig.rows.jobs["a"] = JobSpec("a", "Ethernet4", (Direction.EGRESS,))
    second = settle(rig, orch).jobs["a"]
    assert second.status is Status.RUNNING
    assert second.started_ns > first.started_ns
    assert orch.mirrored == {("Ethernet4", "egress"): name}

    rig.rows.jobs.clear()
    settle(rig, orch)
    assert (orch.sessions, orch.mirrored, orch.syslog) == ({}, {}, [])
    assert not any(rig.opened), "a job of the ASIC loads no program"


def test_a_new_agent_takes_over_what_is_there_and_removes_what_a_reboot_brought_back(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs = {"a": JobSpec("a", "Ethernet0"), "b": JobSpec("b", "Ethernet4")}
    before = settle(rig, orch)
    rig.restart()
    after = rig.run()
    assert after.actions == {}
    assert after.jobs["a"].started_ns == before.jobs["a"].started_ns

    saved = {name: config_rows.row(f"MIRROR_SESSION|{name}") for name in orch.sessions}
    rig.rows.jobs.clear()
    settle(rig, orch)
    for name, row in saved.items():  # config_db.json was saved with the sessions, and without the jobs
        config_rows("HSET", f"MIRROR_SESSION|{name}", *(part for pair in row.items() for part in pair))
    config_rows("HSET", "MIRROR_SESSION|telegen_0123456789ab", "type", "ERSPAN")
    rig.restart()
    settle(rig, orch)
    assert config_rows("KEYS", "MIRROR_SESSION|*") == [b"MIRROR_SESSION|telegen_0123456789ab"]


def test_a_change_waits_for_an_acl_rule_that_refers_to_the_session(rig: Rig, orch: MirrorOrch) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0")
    settle(rig, orch)
    (name,) = orch.sessions
    orch.referenced.add(name)
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet4")
    assert settle(rig, orch).jobs["a"].status is Status.STARTING
    orch.referenced.clear()
    orch.step()
    assert settle(rig, orch).jobs["a"].status is Status.RUNNING
    assert orch.mirrored == {("Ethernet4", "ingress"): name}


def test_a_duration_begins_when_the_session_is_active_and_its_end_gives_the_session_back(
    rig: Rig, orch: MirrorOrch
) -> None:
    rig.rows.jobs["a"] = JobSpec("a", "Ethernet0", duration_sec=3600)
    assert settle(rig, orch).jobs["a"].expires_ns == 0
    orch.learn("192.0.2.10", "Ethernet8")
    running = rig.run()
    assert running.jobs["a"].expires_ns > 0
    now = [running.jobs["a"].expires_ns]
    rig.loop = Loop(rig.rows, rig.open, Journal(rig.state), lambda _: rig.settings, lambda: None, lambda: now[0])
    assert rig.run().jobs["a"].status is Status.DONE
    orch.step()
    assert orch.sessions == {}
