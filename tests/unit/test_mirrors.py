"""Mirror sessions: what a job asks of the ASIC; no plan ever touches a stranger's, changes one, or has too many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.job import BOTH, JobSpec
from sonic_telegen.model.mirror import (
    ACTIVE,
    AddSession,
    DeleteSession,
    SessionNote,
    SessionState,
)
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import NOW, SECOND, A, B, Switch, verdict


def test_a_session_is_told_starting_until_orchagent_tells_of_it_then_running_or_why_not() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, status="inactive")
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
    switch.orch()
    assert verdict(switch.step()) == (Status.PENDING, Reason.SESSION_INACTIVE)
    switch.states[A] = SessionState(ACTIVE, "Ethernet12")
    switch.now += SECOND
    found = switch.step()
    assert verdict(found) == (Status.RUNNING, Reason.NONE)
    assert found.told["a"].start_ns == switch.now
    assert "192.0.2.10 through Ethernet12" in found.told["a"].verdict.message
    switch.now += SECOND
    assert switch.step() == replace(found, notes=())


def test_a_session_of_which_nothing_is_told_for_ten_seconds_counts_as_dropped_and_is_asked_for_again_later() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, dropped={A})
    assert switch.step().due_ns == NOW + 10 * SECOND
    switch.now += 10 * SECOND
    found = switch.step()
    assert verdict(found) == (Status.PENDING, Reason.SESSION_ABSENT)
    asks = []
    for _ in range(8):
        switch.now = found.due_ns
        found = switch.step()
        if any(isinstance(action, DeleteSession) for action in found.actions):
            found = switch.step()
            asks.append((switch.now - NOW) // SECOND)
            switch.now = found.due_ns
            found = switch.step()
    assert asks == [60, 180, 420, 900, 1860, 3780, 7380, 10980]
    switch.dropped.clear()
    switch.orch()
    assert verdict(switch.step()) == (Status.RUNNING, Reason.NONE)


def test_a_changed_job_waits_until_orchagent_let_go_of_its_session() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, referenced={A})
    switch.settle()
    switch.jobs = {"a": JobSpec("a", "Ethernet4")}
    (deleted,) = switch.step().actions
    assert deleted == DeleteSession(A, {**switch.desired().jobs["a"].session.row(), "src_port": "Ethernet0"})  # type: ignore[union-attr]
    switch.orch()
    found = switch.step()
    assert (found.actions, verdict(found)) == ((), (Status.STARTING, Reason.NOT_ATTACHED))
    switch.referenced.clear()
    switch.orch()
    (added,) = switch.step().actions
    assert isinstance(added, AddSession)
    assert added.session.port == "Ethernet4"


def test_a_job_whose_session_changes_keeps_its_place() -> None:
    switch = Switch(jobs={"b": JobSpec("b", "Ethernet0")}, limit=1)
    switch.settle()
    switch.jobs = {"a": JobSpec("a", "Ethernet4"), "b": JobSpec("b", "Ethernet8")}
    found = switch.settle()
    assert verdict(found, "b") == (Status.RUNNING, Reason.NONE)
    assert verdict(found, "a") == (Status.PENDING, Reason.MAX_MIRRORS)


def test_no_more_sessions_than_may_be_and_who_has_one_keeps_it() -> None:
    switch = Switch(jobs={"b": JobSpec("b", "Ethernet0")}, limit=1)
    switch.settle()
    switch.now += SECOND
    switch.jobs["a"] = JobSpec("a", "Ethernet4")
    found = switch.settle()
    assert verdict(found, "b") == (Status.RUNNING, Reason.NONE)
    assert verdict(found, "a") == (Status.PENDING, Reason.MAX_MIRRORS)
    switch.limit = 2
    switch.settle()
    switch.limit = 1
    assert verdict(switch.settle(), "a") == (Status.PENDING, Reason.MAX_MIRRORS)
    switch.limit = 0
    switch.settle()
    assert switch.rows == {}


@pytest.mark.parametrize(
    ("stranger", "port", "conflicts"),
    [
        ({"src_port": "Ethernet4,Ethernet0", "direction": "BOTH"}, "Ethernet0", True),
        ({"src_port": "Ethernet0", "direction": "RX"}, "Ethernet0", True),
        ({"src_port": "Ethernet0"}, "Ethernet0", True),
        ({"src_port": "PortChannel1"}, "Ethernet8", True),
        ({"src_port": "Ethernet8"}, "PortChannel1", True),
        ({"src_port": "Ethernet0", "direction": "TX"}, "Ethernet0", False),
        ({"src_port": "Ethernet4"}, "Ethernet0", False),
        ({"type": "ERSPAN"}, "Ethernet0", False),
    ],
)
def test_a_session_that_would_take_a_port_from_a_stranger_is_not_asked_for(
    stranger: dict[str, str], port: str, conflicts: bool
) -> None:
    switch = Switch({"everflow0": stranger}, jobs={"a": JobSpec("a", port)}, strangers=frozenset({"everflow0"}))
    found = switch.settle()
    assert verdict(found) == ((Status.PENDING, Reason.CONFLICT) if conflicts else (Status.RUNNING, Reason.NONE))
    assert ("everflow0" in found.told["a"].verdict.message) == conflicts
    assert switch.rows["everflow0"] == stranger


def test_two_jobs_for_one_port_and_direction_are_a_conflict_too() -> None:
    found = Switch(jobs={"a": JobSpec("a", "Ethernet0"), "b": JobSpec("b", "Ethernet0", BOTH)}).settle()
    assert {verdict(found, "a")[1], verdict(found, "b")[1]} == {Reason.NONE, Reason.CONFLICT}


def test_while_a_reload_is_under_way_nothing_is_written_or_deleted() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, initialized=False)
    switch.rows[B] = {"src_port": "Ethernet4"}
    switch.notes[B] = SessionNote(B, "b", NOW)
    assert switch.step().actions == ()


def test_a_saved_row_of_a_job_that_is_gone_is_removed_and_one_that_only_looks_like_ours_is_not() -> None:
    other = "telegen_0123456789ab"
    switch = Switch({A: {"src_port": "Ethernet0"}, other: {"src_port": "Ethernet4"}}, strangers=frozenset({other}))
    switch.notes[A] = SessionNote(A, "a", NOW)
    switch.settle()
    assert switch.rows.keys() == {other}


def test_a_row_of_ours_that_the_notes_do_not_know_is_adopted() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")})
    switch.settle()
    switch.notes.clear()
    found = switch.step()
    assert (found.actions, verdict(found)) == ((), (Status.RUNNING, Reason.NONE))
    assert A in switch.notes


def test_a_clock_that_was_set_back_does_not_keep_a_session_starting() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, dropped={A})
    switch.step()
    switch.now -= 3600 * SECOND
    assert switch.step().actions
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
