"""A tunnel is its jobs' for as long as one of them asks for it: what another row asks takes it from nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Reason, Status
from tests.unit.test_loop import SECOND
from tests.unit.test_plan_tunnels import ask, job, rig_of, state, tunnels

CONFLICT = ("degraded", "conflict", "placeholder", "erspan0")


@pytest.mark.parametrize("asked", [ErspanAsked(ttl=9), ErspanAsked(key=7)], ids=["same ends", "same name"])
def test_an_edited_job_does_not_take_the_tunnel_from_those_that_share_it(asked: ErspanAsked) -> None:
    rig = rig_of(job("a"))
    rig.run()
    ask(rig, job("a"), job("b", "Ethernet4"))
    before = tunnels(rig)
    told = ask(rig, job("a", erspan=asked), job("b", "Ethernet4"))

    assert (told["b"].status, state(told["a"])) == (Status.RUNNING, CONFLICT)
    assert (tunnels(rig), rig.world.programs["b"].mirror) == (before, before[0].ifindex)
    rig.run()
    assert rig.run().actions == {}
    assert ask(rig, job("a", erspan=asked))["a"].status is Status.RUNNING


def test_who_waits_for_its_port_does_not_lose_the_name_to_one_that_wanted_it() -> None:
    rig = rig_of(job("b"))
    rig.run()
    rival = job("a", "Ethernet4", erspan=ErspanAsked(key=7))
    assert state(ask(rig, job("b"), rival)["a"]) == CONFLICT
    rig.world.vanish(1)
    told = rig.run().jobs
    assert (told["b"].reason, state(told["a"])) == (Reason.NETDEV_ABSENT, CONFLICT)
    rig.world.links[50] = Link(50, "Ethernet0")
    told = rig.run().jobs
    assert (told["b"].status, state(told["a"])) == (Status.RUNNING, CONFLICT)


@pytest.mark.parametrize(
    "changed, seconds",
    [({"enabled": False}, 0), ({"mirror_mode": MirrorMode.DIRECT}, 0), ({}, 61)],
    ids=["disabled", "direct", "expired"],
)
def test_who_asks_for_it_no_more_keeps_nothing_from_others(changed: dict[str, Any], seconds: int) -> None:
    first = job("b", duration_sec=60)
    rival = job("a", "Ethernet4", erspan=ErspanAsked(key=7))
    rig = rig_of(first)
    rig.run()
    assert state(ask(rig, first, rival)["a"]) == CONFLICT
    rig.now += seconds * SECOND
    told = ask(rig, replace(first, **changed), rival)
    assert (told["a"].status, told["a"].interface) == (Status.RUNNING, "erspan0")
    assert len(tunnels(rig)) == 1
