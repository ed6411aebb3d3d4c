"""A tunnel that cannot be made at the moment: what the job found goes on, and it is made when it can be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.errors import Busy, Conflict, KernelError, NoMemory, NotSupported
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import Direction, ResultDetail
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Reason, Status, Visibility
from tests.unit.test_loop import SECOND
from tests.unit.test_plan_tunnels import ask, job, rig_of, state, tunnels

FLOWS = job(result_detail=ResultDetail.FLOWS)
PASSING = [Busy("create", "erspan0", 16), NoMemory("create", "erspan0", 12), Conflict("create", "erspan0", 17)]


@pytest.mark.parametrize("problem", PASSING, ids=lambda problem: type(problem).__name__)
def test_a_refusal_that_may_pass_takes_neither_program_nor_counts(problem: KernelError) -> None:
    rig = rig_of(FLOWS)
    rig.run()
    rig.world.vanish(tunnels(rig)[0].ifindex)
    rig.world.no_erspan = problem
    rig.world.packet(1, Direction.INGRESS)
    for _ in range(3):
        told = rig.run().jobs["a"]
        rig.world.packet(1, Direction.INGRESS)
        assert (told.status, told.mirror_mode, told.visibility) == (Status.DEGRADED, "erspan", Visibility.CPU_PATH)
        assert told.reason in (Reason.ERSPAN_UNAVAILABLE, Reason.CONFLICT)
        assert "nothing is mirrored" in told.message and "placeholder" not in told.message
        assert rig.world.programs["a"].mirror == 0
    rig.world.no_erspan = None
    told = rig.run().jobs["a"]
    assert (state(told), told.packets, rig.world.loads) == (("running", "", "erspan", "erspan0"), 4, 1)
    assert rig.run().actions == {}


def test_a_duration_ends_in_time_while_the_tunnel_is_refused() -> None:
    spec = replace(FLOWS, duration_sec=30)
    rig = rig_of(spec)
    rig.run()
    rig.world.vanish(tunnels(rig)[0].ifindex)
    rig.world.no_erspan = Conflict("create", "erspan0", 17)
    assert rig.run().wake_sec == 30
    rig.now += 30 * SECOND
    assert rig.run().jobs["a"].status is Status.DONE


def test_who_could_not_be_helped_by_another_try_leaves_its_port() -> None:
    rig = rig_of(FLOWS)
    rig.run()
    rig.world.vanish(tunnels(rig)[0].ifindex)
    rig.world.no_erspan = NotSupported("create", "erspan0", 95)
    rig.run()
    assert state(rig.run().jobs["a"]) == ("degraded", "erspan_unavailable", "placeholder", "erspan0")
    assert (rig.world.programs, rig.world.filters) == ({}, [])


@pytest.mark.parametrize("asked", [ErspanAsked(ttl=9), ErspanAsked(key=9)], ids=["same ends", "same name"])
def test_a_tunnel_that_takes_the_place_of_ours_waits_for_the_end_of_a_reload(asked: ErspanAsked) -> None:
    rig = rig_of(FLOWS)
    rig.run()
    (before,) = tunnels(rig)
    rig.asked = replace(rig.asked, initialized=False)
    told = ask(rig, replace(FLOWS, erspan=asked))["a"]
    assert (told.status, tunnels(rig), rig.world.programs["a"].mirror) == (Status.STARTING, [before], 0)
    assert rig.run().actions == {}
    rig.asked = replace(rig.asked, initialized=True)
    told = rig.run().jobs["a"]
    (after,) = tunnels(rig)
    assert (told.status, after.name, after.alias != before.alias) == (Status.RUNNING, "erspan0", True)
    assert rig.world.loads == 1


def test_a_tunnel_in_nobodys_way_is_made_while_a_reload_is_under_way() -> None:
    rig = rig_of(job("b"))
    rig.run()
    rig.asked = replace(rig.asked, initialized=False)
    other = job("a", "Ethernet4", erspan=ErspanAsked(name="mon1", remote="192.0.2.11"))
    assert ask(rig, other)["a"].status is Status.RUNNING
    same_ends = job("c", "Ethernet4", erspan=ErspanAsked(name="mon2", key=9))
    assert ask(rig, job("b"), other, same_ends)["c"].status is Status.RUNNING
    assert [link.name for link in tunnels(rig)] == ["erspan0", "mon1", "mon2"]


def test_a_kernel_that_lacked_tunnels_is_asked_again_once_a_minute_and_it_is_told_once() -> None:
    rig = rig_of(job())
    rig.world.no_erspan = NotSupported("create", "erspan0", 95)
    assert len(rig.run().failures) == 1
    rig.now += 59 * SECOND
    assert rig.run().actions == {}
    for _ in range(2):
        rig.now += 61 * SECOND
        result = rig.run()
        assert result.actions == {("CreateTunnel", "failed"): 1}
        assert (result.failures, state(result.jobs["a"])[:2]) == ((), ("degraded", "erspan_unavailable"))
        assert "placeholder is in force" in result.jobs["a"].message
        assert rig.run().actions == {}
    rig.world.no_erspan = None  # ip_gre is there, and brings no netdev (net.core.fb_tunnels_only_for_init_net)
    rig.now += 61 * SECOND
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_a_clock_that_was_set_back_does_not_put_the_next_try_off() -> None:
    rig = rig_of(job())
    rig.world.no_erspan = NotSupported("create", "erspan0", 95)
    rig.run()
    rig.now -= 3600 * SECOND
    rig.world.no_erspan = None
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_a_netdev_of_that_kind_says_so_before_the_minute_is_over() -> None:
    rig = rig_of(job())
    rig.world.no_erspan = NotSupported("create", "erspan0", 95)
    rig.run()
    rig.world.no_erspan = None
    rig.world.links[9] = Link(9, "gre0", "gre", up=False)
    assert rig.run().jobs["a"].status is Status.RUNNING
