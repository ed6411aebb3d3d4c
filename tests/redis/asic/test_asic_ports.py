"""A port of the ASIC is one session's: who may ask for it while orchagent has not let go, and who is told what."""

from __future__ import annotations

import pytest

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import session_name
from sonic_telegen.model.status import Reason, Status
from tests.support.asicrig import Rig, settle
from tests.support.mirrororch import MirrorOrch
from tests.support.redis import RawRedis

A, B = session_name("a"), session_name("b")


def running(rig: Rig, orch: MirrorOrch, **ports: str) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    rig.rows.jobs = {job: JobSpec(job, port) for job, port in ports.items()}
    assert {status.status for status in settle(rig, orch).jobs.values()} == {Status.RUNNING}


def test_a_port_is_asked_for_when_orchagent_let_go_of_the_session_that_had_it(rig: Rig, orch: MirrorOrch) -> None:
    running(rig, orch, a="Ethernet0")
    orch.referenced.add(A)
    rig.rows.jobs = {"b": JobSpec("b", "Ethernet0")}
    told = settle(rig, orch).jobs["b"]
    assert told.status is Status.STARTING
    assert f"orchagent has not let go of session {A}" in told.message
    rig.restart()
    assert settle(rig, orch).jobs["b"].status is Status.STARTING
    orch.referenced.clear()
    orch.step()
    assert settle(rig, orch).jobs["b"].status is Status.RUNNING
    assert orch.mirrored == {("Ethernet0", "ingress"): B}


def test_a_port_goes_from_one_job_to_another_however_late_orchagent_looks(rig: Rig, orch: MirrorOrch) -> None:
    running(rig, orch, a="Ethernet0")
    rig.rows.jobs = {"b": JobSpec("b", "Ethernet0")}
    for _ in range(3):
        rig.run()
    settle(rig, orch)
    assert orch.mirrored == {("Ethernet0", "ingress"): B}


def test_two_jobs_swap_their_ports_and_each_has_its_own_in_the_end(rig: Rig, orch: MirrorOrch) -> None:
    running(rig, orch, a="Ethernet0", b="Ethernet4")
    orch.referenced.add(B)
    rig.rows.jobs = {"a": JobSpec("a", "Ethernet4"), "b": JobSpec("b", "Ethernet0")}
    settle(rig, orch)
    orch.referenced.clear()
    orch.step()
    settle(rig, orch)
    assert orch.mirrored == {("Ethernet4", "ingress"): A, ("Ethernet0", "ingress"): B}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_strangers_port_too_is_asked_for_when_orchagent_let_go_of_it(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis, restarted: bool
) -> None:
    orch.learn("192.0.2.10", "Ethernet8")
    stranger = {"src_ip": "192.0.2.1", "dst_ip": "192.0.2.10", "src_port": "Ethernet0", "direction": "RX"}
    config_rows("HSET", "MIRROR_SESSION|everflow0", *(part for pair in stranger.items() for part in pair))
    orch.step()
    orch.referenced.add("everflow0")
    rig.rows.jobs = {"b": JobSpec("b", "Ethernet0")}
    assert settle(rig, orch).jobs["b"].status is Status.PENDING
    config_rows("DEL", "MIRROR_SESSION|everflow0")
    if restarted:  # nobody knows any more which ports it has
        rig.restart()
    told = settle(rig, orch).jobs["b"]
    assert (told.status, "everflow0" in told.message) == (Status.STARTING, True)
    rig.rows.jobs["other"] = JobSpec("other", "Ethernet4")
    assert settle(rig, orch).jobs["other"].status is (Status.STARTING if restarted else Status.RUNNING)
    orch.referenced.clear()
    orch.step()
    settle(rig, orch)
    assert orch.mirrored == {("Ethernet0", "ingress"): B, ("Ethernet4", "ingress"): session_name("other")}


def test_a_row_that_somebody_changed_together_with_its_job_is_not_taken_for_what_orchagent_has(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis
) -> None:
    running(rig, orch, a="Ethernet0")
    config_rows("HSET", f"MIRROR_SESSION|{A}", "src_port", "Ethernet4")  # config load of what was once saved
    rig.rows.jobs = {"a": JobSpec("a", "Ethernet4")}
    settle(rig, orch)
    assert settle(rig, orch).jobs["a"].status is Status.RUNNING
    assert orch.mirrored == {("Ethernet4", "ingress"): A}


def test_a_port_that_another_session_took_is_told_and_taken_back_when_that_has_gone(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis
) -> None:
    running(rig, orch, a="Ethernet0")
    stranger = {"src_ip": "192.0.2.1", "dst_ip": "192.0.2.10", "src_port": "Ethernet0", "direction": "BOTH"}
    config_rows("HSET", "MIRROR_SESSION|everflow0", *(part for pair in stranger.items() for part in pair))
    told = settle(rig, orch).jobs["a"]
    assert (told.status, told.reason) == (Status.DEGRADED, Reason.CONFLICT)
    assert "everflow0" in told.message
    rig.restart()
    orch.referenced.add("everflow0")
    config_rows("DEL", "MIRROR_SESSION|everflow0")
    assert settle(rig, orch).jobs["a"].status is Status.DEGRADED
    orch.referenced.clear()
    orch.step()
    assert settle(rig, orch).jobs["a"].status is Status.RUNNING
    assert orch.mirrored == {("Ethernet0", "ingress"): A}


def test_a_port_that_joined_another_jobs_lag_is_told_of_both_and_mirrored_again_after_it_left(
    rig: Rig, orch: MirrorOrch, config_rows: RawRedis
) -> None:
    config_rows("HSET", "PORTCHANNEL|PortChannel1", "admin_status", "up")
    config_rows("HSET", "PORTCHANNEL_MEMBER|PortChannel1|Ethernet4", "NULL", "NULL")
    orch.join("PortChannel1", "Ethernet4")
    running(rig, orch, a="Ethernet0", b="PortChannel1")
    config_rows("HSET", "PORTCHANNEL_MEMBER|PortChannel1|Ethernet0", "NULL", "NULL")
    orch.join("PortChannel1", "Ethernet0")
    both = settle(rig, orch).jobs
    assert {(told.status, told.reason) for told in both.values()} == {(Status.DEGRADED, Reason.CONFLICT)}
    config_rows("DEL", "PORTCHANNEL_MEMBER|PortChannel1|Ethernet0")
    orch.leave("PortChannel1", "Ethernet0")
    assert {told.status for told in settle(rig, orch).jobs.values()} == {Status.RUNNING}
    assert orch.mirrored == {("Ethernet0", "ingress"): A, ("Ethernet4", "ingress"): B}
