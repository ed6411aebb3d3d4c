"""A netdev of ours that somebody changed: the tunnel leads where the job asked, and nothing of it enters the host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import BOTH, MirrorMode
from sonic_telegen.model.kernel import DROP, Link
from sonic_telegen.model.status import Reason, Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_tunnels import ask, job, rig_of, state, tunnels


def changed(rig: Rig, **fields: Any) -> Link:
    (made,) = tunnels(rig)
    rig.world.links[made.ifindex] = replace(made, **fields)
    return rig.world.links[made.ifindex]


def guarded(rig: Rig, link: Link) -> bool:
    return any(f.ifindex == link.ifindex and f.own and f.own.job == DROP for f in rig.world.filters)


@pytest.mark.parametrize("end", [{"remote": "203.0.113.9"}, {"local": "203.0.113.9"}, {"remote": "", "local": ""}])
def test_a_tunnel_that_leads_elsewhere_is_made_anew(end: dict[str, str]) -> None:
    rig = rig_of(job())
    rig.run()
    changed(rig, **end)
    told = rig.run().jobs["a"]

    (made,) = tunnels(rig)
    assert (made.name, made.remote, made.local, made.up) == ("erspan0", "192.0.2.10", "192.0.2.1", True)
    assert (told.status, rig.world.programs["a"].mirror, rig.world.loads) == (Status.RUNNING, made.ifindex, 1)
    assert rig.run().actions == {}


@pytest.mark.parametrize(
    "by_hand", [{"key": 77}, {"ver": 1}, {"ttl": 3}, {"tos": 32}, {"pmtudisc": True}, {"ignore_df": False}]
)
def test_a_tunnel_that_sends_other_headers_than_asked_is_made_anew(by_hand: dict[str, Any]) -> None:
    rig = rig_of(job())
    rig.run()
    (before,) = tunnels(rig)
    assert before.outer is not None
    changed(rig, outer=replace(before.outer, **by_hand))
    told = rig.run().jobs["a"]

    (made,) = tunnels(rig)
    assert (made.name, made.outer, made.up) == ("erspan0", before.outer, True)
    assert (told.status, rig.world.programs["a"].mirror, rig.world.loads) == (Status.RUNNING, made.ifindex, 1)
    assert rig.run().actions == {}


def test_what_lost_our_alias_keeps_its_guard_while_it_is_up_and_it_is_told_what_to_do() -> None:
    rig = rig_of(job())
    rig.run()
    lost = changed(rig, alias="uplink monitor")
    told = rig.run().jobs["a"]

    assert state(told) == ("degraded", "conflict", "placeholder", "erspan0")
    assert "alias" in told.message and "ip link del erspan0" in told.message
    assert (rig.world.links[lost.ifindex], guarded(rig, lost)) == (lost, True)
    rig.run()
    assert rig.run().actions == {}
    assert {f.own.job for f in rig.world.filters if f.own} == {DROP}
    rig.world.links[lost.ifindex] = replace(lost, up=False)
    rig.run()
    assert (rig.world.filters, rig.world.qdiscs) == ([], {})
    rig.world.vanish(lost.ifindex)
    assert rig.run().jobs["a"].status is Status.RUNNING


def test_one_that_lost_alias_and_name_is_named_where_it_has_the_ends() -> None:
    rig = rig_of(job())
    rig.run()
    lost = changed(rig, alias="", name="spy")
    told = rig.run().jobs["a"]
    assert told.reason is Reason.CONFLICT
    assert "ip link del spy" in told.message
    assert guarded(rig, lost)
    told = ask(rig, job(erspan=ErspanAsked(key=7)))["a"]
    assert (told.status, guarded(rig, lost)) == (Status.RUNNING, True)


def test_one_that_somebody_gave_its_first_name_again_is_never_without_its_guard() -> None:
    rig = rig_of(job())
    rig.run()
    changed(rig, name="tg~0123456789ab")
    result = rig.run()
    assert (result.jobs["a"].status, rig.run().actions) == (Status.RUNNING, {})


def test_both_directions_of_one_that_lost_our_alias_do_not_take_the_guards_place() -> None:
    spec = job("b", "erspan0", mirror_mode=MirrorMode.DIRECT, directions=BOTH)
    rig = rig_of(job())
    rig.run()
    lost = changed(rig, alias="")
    told = ask(rig, spec)["b"]
    assert (told.status, told.reason, guarded(rig, lost)) == (Status.DEGRADED, Reason.INGRESS_QDISC, True)


def test_a_guard_on_what_is_no_tunnel_goes() -> None:
    rig = rig_of(job())
    rig.run()
    guard = next(f for f in rig.world.filters if f.own and f.own.job == DROP)
    rig.world.filters.append(replace(guard, ifindex=1))
    rig.run()
    assert not guarded(rig, rig.world.links[1])
