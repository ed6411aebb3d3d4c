"""Who gets a place when there are few: what orchagent drops keeps none from those that it would take."""

from __future__ import annotations

import pytest

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import session_name
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import SECOND, A, B, Switch, verdict

C = session_name("c")


def dropped(*jobs: str, limit: int, seconds: int = 11) -> Switch:
    """These jobs' sessions are asked for, and orchagent drops them."""
    switch = Switch(limit=limit, dropped={session_name(job) for job in jobs})
    switch.jobs = {job: JobSpec(job, port) for job, port in zip(jobs, ("Ethernet4", "Ethernet8"), strict=False)}
    switch.step()
    switch.now += seconds * SECOND
    switch.step()
    return switch


def told_of(switch: Switch, name: str) -> None:
    """A stranger's session, by whose state orchagent is seen to live."""
    switch.strangers |= {name}
    switch.rows[name] = {"dst_ip": "192.0.2.9"}
    switch.orch()


@pytest.mark.parametrize("seconds", [5, 45, 120])
def test_who_has_a_place_keeps_it_while_orchagent_restarts(seconds: int) -> None:
    switch = Switch(limit=1, jobs={"a": JobSpec("a", "Ethernet0")})
    switch.settle()
    switch.jobs["b"] = JobSpec("b", "Ethernet4")
    switch.settle()
    switch.restart_swss()
    until = switch.now + seconds * SECOND
    while switch.now < until:
        found = switch.step()
        switch.now = min(until, max(found.due_ns, switch.now + SECOND))
    for _ in range(4):
        found = switch.settle()
        switch.now += SECOND
    assert verdict(found, "a") == (Status.RUNNING, Reason.NONE)
    assert verdict(found, "b") == (Status.PENDING, Reason.MAX_MIRRORS)


def test_a_session_that_orchagent_dropped_makes_room_at_once_for_one_that_was_never_asked_for() -> None:
    switch = dropped("a", "b", limit=2, seconds=300)
    told_of(switch, "everflow0")
    switch.jobs["c"] = JobSpec("c", "Ethernet0")
    found = switch.settle()
    assert verdict(found, "c") == (Status.RUNNING, Reason.NONE)
    assert len(switch.rows.keys() - switch.strangers) == 2, (
        "one of the two is there still, in case orchagent begins to take it"
    )
    told = {verdict(found, "a")[1], verdict(found, "b")[1]}
    assert told <= {Reason.SESSION_ABSENT, Reason.MAX_MIRRORS, Reason.NOT_ATTACHED}


def test_it_keeps_its_place_from_one_that_could_not_have_it() -> None:
    switch = dropped("a", limit=1)
    switch.rows["everflow0"] = {"src_port": "Ethernet0"}
    switch.strangers = frozenset({"everflow0"})
    switch.jobs["c"] = JobSpec("c", "Ethernet0")
    assert switch.step().actions == ()


def test_sessions_that_are_all_dropped_take_turns() -> None:
    switch = dropped("a", limit=1)
    switch.dropped |= {B, C}
    switch.jobs |= {"b": JobSpec("b", "Ethernet0"), "c": JobSpec("c", "Ethernet8")}
    asked = [A]
    for _ in range(60):
        found = switch.step()
        asked += [name for name in switch.rows if name != asked[-1]]
        switch.now = max(switch.now + SECOND, found.due_ns)
    assert set(asked) == {A, B, C}
    assert all(abs(asked.count(name) - len(asked) / 3) < 2 for name in (A, B, C)), asked


def test_when_fewer_may_be_the_dropped_go_first() -> None:
    switch = dropped("a", limit=2)
    switch.jobs["b"] = JobSpec("b", "Ethernet8")
    switch.now += SECOND
    switch.settle()
    switch.limit = 1
    assert verdict(switch.settle(), "b") == (Status.RUNNING, Reason.NONE)
    assert switch.rows.keys() == {B}


def test_a_job_that_was_changed_is_asked_for_as_if_for_the_first_time() -> None:
    switch = dropped("a", limit=1)
    for _ in range(8):
        found = switch.step()
        switch.now = max(switch.now, found.due_ns)
    assert switch.notes[A].tries > 2
    switch.jobs = {"a": JobSpec("a", "Ethernet0")}
    switch.step()
    asked_at, found = switch.now, switch.step()
    assert switch.notes[A].tries == 1
    switch.now = found.due_ns
    assert switch.step().due_ns == asked_at + 60 * SECOND
