"""A session keeps saying active when another took its port: who shares one is told, and asks anew when alone again."""

from __future__ import annotations

import pytest

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import ACTIVE, DeleteSession, SessionState
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import A, Switch, verdict

STRANGER = {"src_port": "Ethernet0", "direction": "RX"}


def served() -> Switch:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, strangers=frozenset({"everflow0"}))
    assert verdict(switch.settle()) == (Status.RUNNING, Reason.NONE)
    return switch


def test_a_session_that_shares_its_port_is_degraded_by_the_name_of_the_other_and_stays() -> None:
    switch = served()
    switch.rows["everflow0"] = STRANGER
    for _ in range(3):
        found = switch.step()
        assert (verdict(found), found.actions) == ((Status.DEGRADED, Reason.CONFLICT), ())
        assert "everflow0" in found.told["a"].verdict.message
        switch.orch()
    assert switch.mirrored == {("Ethernet0", "ingress"): "everflow0"}


def test_one_that_is_alone_again_is_asked_for_once_more_and_only_once() -> None:
    switch = served()
    switch.rows["everflow0"] = STRANGER
    switch.step()
    switch.orch()
    del switch.rows["everflow0"]
    assert verdict(switch.step()) == (Status.DEGRADED, Reason.CONFLICT), "orchagent has not let go of the other"
    switch.orch()
    found = switch.step()
    assert (verdict(found)[0], found.actions) == (Status.STARTING, (DeleteSession(A, switch.notes[A].row),))
    assert verdict(switch.settle()) == (Status.RUNNING, Reason.NONE)
    assert switch.has_all_its_ports("a")
    assert switch.step().actions == ()


@pytest.mark.parametrize("other", [{"src_port": "Ethernet4"}, {"src_port": "Ethernet0", "direction": "TX"}])
def test_another_port_or_direction_is_no_conflict(other: dict[str, str]) -> None:
    switch = served()
    switch.rows["everflow0"] = other
    assert verdict(switch.step()) == (Status.RUNNING, Reason.NONE)


def test_a_session_that_is_not_active_tells_that_first() -> None:
    switch = served()
    switch.states[A] = SessionState("inactive")
    switch.rows["everflow0"] = STRANGER
    assert verdict(switch.step()) == (Status.PENDING, Reason.SESSION_INACTIVE)
    switch.states[A] = SessionState(ACTIVE)
    assert verdict(switch.step()) == (Status.DEGRADED, Reason.CONFLICT)
