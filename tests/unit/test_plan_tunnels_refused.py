"""Tunnels that a job does not get: taken, refused or not configured. Nothing is touched, and it says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.errors import Busy, KernelError, NoMemory, NotSupported, PermissionDenied
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Reason, Status, Visibility
from sonic_telegen.settings import Settings
from tests.unit.test_plan_tunnels import SETTINGS, ask, job, rig_of, state, tunnels

STRANGERS = {
    "a dummy": Link(9, "erspan0", "dummy"),
    "an erspan netdev of somebody": Link(9, "erspan0", "erspan", remote="192.0.2.77", local="192.0.2.1"),
    "one that takes any remote but has another name": Link(9, "mon0", "erspan"),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_strangers_netdev_of_that_name_is_a_conflict_and_stays_as_it_is(stranger: Link) -> None:
    rig = rig_of(job(erspan=ErspanAsked(name=stranger.name)))
    rig.world.links[9] = stranger
    told = rig.run().jobs["a"]

    assert state(told) == ("degraded", "conflict", "placeholder", stranger.name)
    assert "set another erspan_name" in told.message
    assert (rig.world.links[9], rig.world.filters, rig.world.qdiscs) == (stranger, [], {})
    del rig.world.links[9]
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_ends_that_another_netdev_has_are_a_conflict() -> None:
    rig = rig_of(job())
    rig.world.links[9] = Link(9, "gre7", "gre", remote="192.0.2.10", local="192.0.2.1")
    assert state(rig.run().jobs["a"]) == ("degraded", "conflict", "placeholder", "erspan0")


def test_who_runs_keeps_the_name_and_another_tunnel_for_it_is_a_conflict() -> None:
    rig = rig_of(job("b"))
    rig.run()
    told = ask(rig, job("b"), job("a", erspan=ErspanAsked(key=7)))

    assert told["b"].status is Status.RUNNING
    assert state(told["a"]) == ("degraded", "conflict", "placeholder", "erspan0")
    assert len(tunnels(rig)) == 1


def test_one_session_between_two_ends_is_one_jobs_tunnel() -> None:
    rig = rig_of(job("b"))
    rig.run()
    told = ask(rig, job("b"), job("a", erspan=ErspanAsked(name="mon1", ttl=9)))

    assert told["b"].status is Status.RUNNING
    assert state(told["a"]) == ("degraded", "conflict", "placeholder", "mon1")
    assert "192.0.2.1 to 192.0.2.10 session 10 is another job's tunnel" in told["a"].message
    assert rig.run().actions == {}


def test_without_erspan_in_the_kernel_nothing_sits_on_the_port_and_it_is_told_once() -> None:
    rig = rig_of(job())
    rig.world.no_erspan = NotSupported(
        "create ERSPAN netdev", "erspan0", 95, "unknown", "load the kernel module ip_gre"
    )
    first, second = rig.run(), rig.run()

    assert state(first.jobs["a"]) == ("degraded", "erspan_unavailable", "placeholder", "erspan0")
    assert first.jobs["a"].visibility is Visibility.NONE
    for word in ("ip_gre", "mirror_mode=direct", "placeholder is in force"):
        assert word in first.jobs["a"].message
    assert len(first.failures) == 1
    assert (second.actions, second.jobs["a"].message) == ({}, first.jobs["a"].message)
    assert (rig.world.filters, rig.world.slots, rig.world.programs) == ([], {}, {})
    rig.world.no_erspan = None
    rig.world.module_brings_netdevs = True
    rig.world.with_module()
    assert rig.run().jobs["a"].status is Status.RUNNING


@pytest.mark.parametrize(
    "problem", [NoMemory("create", "erspan0", 12), Busy("create", "erspan0", 16), KernelError("create", "erspan0", 22)]
)
def test_what_may_work_later_is_tried_again_and_seen_as_unavailable_till_then(problem: KernelError) -> None:
    rig = rig_of(job())
    rig.world.no_erspan = problem
    first = rig.run()

    assert state(first.jobs["a"]) == ("degraded", "erspan_unavailable", "placeholder", "erspan0")
    assert first.wake_sec == 1
    assert rig.run().actions == {("CreateTunnel", "failed"): 1}
    rig.world.no_erspan = None
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_a_missing_capability_is_not_tried_again() -> None:
    rig = rig_of(job())
    rig.world.no_erspan = PermissionDenied("create", "erspan0", 1)
    assert state(rig.run().jobs["a"])[:2] == ("degraded", "erspan_unavailable")
    assert rig.run().actions == {}


@pytest.mark.parametrize("spec", [job(port="erspan0"), job(erspan=ErspanAsked(dev="erspan0"))])
def test_our_own_netdev_is_no_source(spec: JobSpec) -> None:
    rig = rig_of(job("first"))
    rig.run()
    told = ask(rig, job("first"), spec)["a"]
    assert (told.status, told.reason) == (Status.REJECTED, Reason.OWN_NETDEV)


@pytest.mark.parametrize(
    "asked, says",
    [
        (ErspanAsked(), "erspan_remote and erspan_local are not set"),
        (ErspanAsked(remote="192.0.2.1"), "erspan_local is not set"),
        (ErspanAsked(remote="192.0.2.1", local="192.0.2.1"), "both 192.0.2.1"),
    ],
)
def test_what_is_not_configured_needs_no_kernel_and_says_what_to_set(asked: ErspanAsked, says: str) -> None:
    rig = rig_of(job(erspan=asked), settings=Settings())
    told = rig.run().jobs["a"]
    assert state(told) == ("degraded", "erspan_unavailable", "placeholder", "erspan0")
    assert says in told.message and "mirror_mode=direct" in told.message
    assert rig.opened == [False]


def test_placeholder_needs_no_kernel_even_where_a_tunnel_is_configured() -> None:
    rig = rig_of(job(), settings=replace(SETTINGS, mirror_mode=MirrorMode.PLACEHOLDER))
    assert state(rig.run().jobs["a"]) == ("degraded", "placeholder", "placeholder", "erspan0")
    assert rig.opened == [False]


def test_who_gives_a_tunnel_up_for_another_keeps_its_name_from_who_wants_the_old_one() -> None:
    rig = rig_of(job("a"))
    rig.run()
    told = ask(rig, job("a", erspan=ErspanAsked(key=7)), job("b"))

    assert told["a"].status is Status.RUNNING
    assert state(told["b"]) == ("degraded", "conflict", "placeholder", "erspan0")
    assert len(tunnels(rig)) == 1
