"""What is mirrored is no tunnel: a port that is, or would be, a netdev of ours is told so, and nothing is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Reason, Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_tunnels import SETTINGS, ask, job, rig_of, state, tunnels

MON1 = ErspanAsked(name="mon1", key=7)


def settled(rig: Rig) -> dict[str, tuple[Status, Reason]]:
    """What is told when the pass after it has nothing to do."""
    rig.run()
    result = rig.run()
    assert (result.actions, result.wake_sec) == ({}, 60)
    return {name: (told.status, told.reason) for name, told in result.jobs.items()}


REJECTED = (Status.REJECTED, Reason.OWN_NETDEV)
RUNNING = (Status.RUNNING, Reason.NONE)


@pytest.mark.parametrize("spec", [job(port="erspan0"), job(erspan=ErspanAsked(dev="erspan0"))], ids=["port", "dev"])
def test_a_job_cannot_mirror_its_own_tunnel_into_itself(spec: JobSpec) -> None:
    rig = rig_of(spec)
    result = rig.run()
    told = result.jobs["a"]
    assert (result.actions, told.status, told.reason) == ({}, *REJECTED)
    assert "erspan0" in told.message and "name the port itself" in told.message
    assert settled(rig) == {"a": REJECTED}


@pytest.mark.parametrize("there", [True, False], ids=["there already", "come with the module"])
def test_nor_the_one_that_takes_the_place_of_the_kernels_own(there: bool) -> None:
    rig = rig_of(job(port="tgerspan0"))
    rig.world.module_brings_netdevs = True
    if there:
        rig.world.with_module()
    assert settled(rig) == {"a": REJECTED}
    assert tunnels(rig) == []


@pytest.mark.parametrize("count", [2, 3])
def test_jobs_that_name_each_others_tunnels_in_a_ring_come_to_rest(count: int) -> None:
    names = [f"mon{n}" for n in range(count)]
    specs = [
        job(f"j{n}", names[(n + 1) % count], erspan=ErspanAsked(name=name, key=n + 1)) for n, name in enumerate(names)
    ]
    rig = rig_of(*specs)
    assert set(settled(rig).values()) == {REJECTED}
    assert tunnels(rig) == []


def test_a_job_of_another_mode_on_the_name_of_a_tunnel_is_told_at_once() -> None:
    rig = rig_of(job("a", "mon1", mirror_mode=MirrorMode.DIRECT), job("b", erspan=MON1))
    assert settled(rig) == {"a": REJECTED, "b": RUNNING}


def test_a_rejected_job_keeps_neither_name_nor_place_from_others() -> None:
    rejected, other = job("a", "erspan0", erspan=MON1), job("b", erspan=ErspanAsked(name="mon1", key=8))
    rig = rig_of(job("z"), rejected, other, settings=replace(SETTINGS, max_jobs=2))
    assert settled(rig) == {"z": RUNNING, "a": REJECTED, "b": RUNNING}


def test_a_strangers_netdev_of_such_a_name_may_be_watched_by_those_whose_tunnel_it_is_not() -> None:
    direct = job("a", "erspan0", mirror_mode=MirrorMode.DIRECT)
    rig = rig_of(direct, job("b"))
    rig.world.links[9] = Link(9, "erspan0", "dummy")
    told = ask(rig, direct, job("b"))
    assert (told["a"].status, state(told["b"])) == (Status.RUNNING, ("degraded", "conflict", "placeholder", "erspan0"))
    rig.world.links[9] = Link(9, "erspan0", "erspan", up=False)  # the kernel's own: the tunnel is elsewhere
    assert settled(rig) == {"a": RUNNING, "b": RUNNING}


def test_a_name_is_a_tunnels_only_while_a_job_can_have_it() -> None:
    direct = job("a", "erspan0", mirror_mode=MirrorMode.DIRECT)
    for other in (job("b", enabled=False), job("b", erspan=ErspanAsked(remote="192.0.2.1"))):
        rig = rig_of(direct, other)
        assert settled(rig)["a"] == (Status.PENDING, Reason.NETDEV_ABSENT)
