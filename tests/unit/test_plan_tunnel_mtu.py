"""The MTU of a tunnel's netdev follows the way that its packets take now; it is raised in place and never lowered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.errors import KernelError
from sonic_telegen.model.action import Action, SetTunnelMtu
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import Direction, JobSpec
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_tunnels import job, rig_of, tunnels

REMOTE = "192.0.2.10"
RAISED = {("SetTunnelMtu", "ok"): 1}


def running(*specs: JobSpec) -> tuple[Rig, Link]:
    """A rig whose jobs run on one tunnel, made when no way to its far end was known."""
    rig = rig_of(*specs or (job(),))
    assert {told.status for told in rig.run().jobs.values()} == {Status.RUNNING}
    (made,) = tunnels(rig)
    return rig, made


def way(rig: Rig, mtu: int) -> None:
    """The far end is reached by Ethernet4 from now on."""
    rig.world.links[2] = Link(2, "Ethernet4", mtu=mtu)
    rig.world.routes[REMOTE] = 2


@pytest.mark.parametrize("version, before, after", [(0, 1462, 9062), (1, 1450, 9050), (2, 1446, 9046)])
def test_a_way_that_comes_later_raises_it_to_what_the_kernel_would_give(version: int, before: int, after: int) -> None:
    rig, made = running(job(erspan=ErspanAsked(ver=version)), job("b", "Ethernet4", erspan=ErspanAsked(ver=version)))
    assert made.mtu == before
    rig.world.packet(1, Direction.INGRESS)
    way(rig, 9100)
    result = rig.run()

    assert tunnels(rig) == [replace(made, mtu=after)]
    assert result.actions == RAISED
    assert (result.jobs["a"].status, result.jobs["a"].packets) == (Status.RUNNING, 1)
    assert rig.run().actions == {}
    rig.asked = replace(rig.asked, jobs={})
    rig.run()
    rig.asked = replace(rig.asked, jobs={"a": job(erspan=ErspanAsked(ver=version))})
    rig.run()
    assert [link.mtu for link in tunnels(rig)] == [after]


def test_an_underlay_that_is_widened_raises_it_and_so_is_what_somebody_lowered() -> None:
    rig = rig_of(job())
    way(rig, 1500)
    rig.run()
    way(rig, 9216)
    assert rig.run().actions == RAISED
    (made,) = tunnels(rig)
    rig.world.links[made.ifindex] = replace(made, mtu=1400)
    assert rig.run().actions == RAISED
    assert tunnels(rig) == [replace(made, mtu=9162)]


def test_it_is_never_lowered() -> None:
    """Two ways of different width would make it flap, and a frame that is too large is sent in fragments."""
    rig = rig_of(job())
    way(rig, 9100)
    rig.run()
    (made,) = tunnels(rig)
    for mtu in (1500, 60):
        way(rig, mtu)
        assert rig.run().actions == {}
    del rig.world.routes[REMOTE]
    assert rig.run().actions == {}
    rig.world.links[made.ifindex] = replace(made, mtu=65000)
    way(rig, 9100)
    assert rig.run().actions == {}


@pytest.mark.parametrize("out", ["nothing", "what is gone", "another tunnel of ours"])
def test_a_way_that_is_none_changes_nothing(out: str) -> None:
    other = job("b", erspan=ErspanAsked(name="mon1", remote="192.0.2.11"))
    rig = rig_of(job(), other)
    rig.run()
    one, two = tunnels(rig)
    rig.world.links[two.ifindex] = replace(two, mtu=9000)
    rig.world.routes[REMOTE] = {"nothing": 0, "what is gone": 99}.get(out, two.ifindex)
    assert rig.run().actions == {}
    assert tunnels(rig) == [one, replace(two, mtu=9000)]


def test_no_packet_is_longer_than_ipv4_can_tell() -> None:
    rig, _ = running()
    way(rig, 1 << 20)
    assert rig.run().actions == RAISED
    assert [link.mtu for link in tunnels(rig)] == [65481]


@pytest.mark.parametrize("somebodys", [500, 9000])
def test_with_truncate_it_is_what_that_says_whatever_the_way(somebodys: int) -> None:
    rig, made = running(job(truncate=1000))
    assert made.mtu == 986
    way(rig, 9100)
    assert rig.run().actions == {}
    rig.world.links[made.ifindex] = replace(made, mtu=somebodys)
    assert rig.run().actions == RAISED
    assert tunnels(rig) == [made]
    assert rig.run().actions == {}


def test_from_where_ipv6_goes_on_it_is_down_for_a_moment() -> None:
    """Else addresses would be generated, and the tunnel would say so to the far end."""
    rig, made = running()
    rig.world.links[made.ifindex] = replace(made, mtu=500)
    way(rig, 9100)
    result = rig.run()

    assert result.actions == RAISED | {("RaiseTunnel", "ok"): 1}
    assert result.jobs["a"].status is Status.RUNNING
    assert tunnels(rig) == [replace(made, mtu=9046)]
    assert rig.run().actions == {}


def test_more_than_the_netdev_takes_is_not_asked_for() -> None:
    rig, made = running()
    rig.world.links[made.ifindex] = replace(made, max_mtu=2000)
    way(rig, 9100)
    assert rig.run().actions == RAISED
    assert [link.mtu for link in tunnels(rig)] == [2000]
    assert rig.run().actions == {}


def test_what_the_kernel_refuses_is_told_and_tried_again_with_backoff() -> None:
    rig, made = running()
    tried: list[Action] = []
    real = rig.world.apply

    def apply(action: Action) -> None:
        if isinstance(action, SetTunnelMtu):
            tried.append(action)
            raise KernelError("set MTU 9046", "erspan0", 22, "mtu greater than device maximum")
        real(action)

    rig.world.apply = apply  # type: ignore[method-assign]
    way(rig, 9100)
    rig.world.packet(1, Direction.INGRESS)
    results = [rig.run() for _ in range(3)]

    assert [result.wake_sec for result in results] == [1, 2, 4]
    assert len(tried) == 3
    told = results[-1].jobs["a"]
    assert (told.status, told.packets) == (Status.DEGRADED, 1)
    assert "mtu greater than device maximum" in told.message
    assert rig.world.programs["a"].mirror == made.ifindex
    rig.world.apply = real  # type: ignore[method-assign]
    assert rig.run().jobs["a"].status is Status.RUNNING
