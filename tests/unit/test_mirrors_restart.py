"""swss restarts: its tables are empty for a while, and rows that were served are not deleted for that."""

from __future__ import annotations

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import DeleteSession
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import NOW, SECOND, A, Switch, verdict


def restarted() -> Switch:
    """A session that was active for an hour, and orchagent, which is starting."""
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")})
    switch.settle()
    switch.now += 3600 * SECOND
    switch.restart_swss()
    return switch


def test_a_session_of_which_nothing_is_told_any_more_has_ten_seconds_to_come_back() -> None:
    switch = restarted()
    found = switch.step()
    assert (verdict(found), found.actions) == ((Status.STARTING, Reason.NOT_ATTACHED), ())
    assert (found.told["a"].start_ns, found.due_ns) == (NOW, switch.now + 10 * SECOND)
    switch.now += 9 * SECOND
    assert switch.step().actions == ()
    switch.orch()
    found = switch.step()
    assert (verdict(found), found.told["a"].start_ns) == ((Status.RUNNING, Reason.NONE), NOW)


def test_each_time_anew() -> None:
    switch = restarted()
    switch.step()
    switch.orch()
    switch.step()
    switch.now += 60 * SECOND
    switch.restart_swss()
    assert switch.step().due_ns == switch.now + 10 * SECOND


def test_after_that_it_is_asked_for_again() -> None:
    switch = restarted()
    switch.dropped.add(A)
    found = switch.step()
    switch.now = found.due_ns
    found = switch.step()
    assert (verdict(found)[1], found.actions) == (Reason.SESSION_ABSENT, (DeleteSession(A, switch.notes[A].row),))
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
    assert switch.notes[A].lost_ns == 0


def test_a_clock_that_was_set_back_meanwhile_does_not_prolong_it() -> None:
    switch = restarted()
    switch.dropped.add(A)
    switch.step()
    switch.now -= 1800 * SECOND
    assert switch.step().actions != ()
