"""Netdevs of tunnels against the modelled kernel: made once, guarded before they are up, shared, never a stranger's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sonic_telegen.model.asked import Asked
from sonic_telegen.model.erspan import ERSPAN_DEFAULTS, ErspanAsked
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode
from sonic_telegen.model.kernel import DROP, AccountKey, Link, QdiscKind, TcFilter
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import JobStatus, Reason, Status, Visibility
from sonic_telegen.reconcile.loop import Loop
from sonic_telegen.settings import Settings
from tests.unit.test_loop import Rig

ENDS = ErspanAsked(remote="192.0.2.10", local="192.0.2.1")
SETTINGS = Settings(mirror_mode=MirrorMode.ERSPAN, erspan=ENDS.over(ERSPAN_DEFAULTS))


def rig_of(*specs: JobSpec, settings: Settings = SETTINGS) -> Rig:
    rig = Rig(*specs)
    rig.settings = lambda _: settings
    rig.world.links[2] = Link(2, "Ethernet4")
    return rig


def job(name: str = "a", port: str = "Ethernet0", **more: Any) -> JobSpec:
    return JobSpec(name, port, **more)


def ask(rig: Rig, *specs: JobSpec) -> dict[str, JobStatus]:
    rig.asked = replace(rig.asked, jobs={spec.id: spec for spec in specs})
    return dict(rig.run().jobs)


def tunnels(rig: Rig) -> list[Link]:
    return [link for link in rig.world.links.values() if link.ours]


def state(told: JobStatus) -> tuple[str, str, str, str]:
    return told.status.value, told.reason.value, told.mirror_mode, told.interface


def test_one_pass_makes_the_netdev_guards_it_and_mirrors_into_it() -> None:
    rig = rig_of(job())
    result = rig.run()

    (made,) = tunnels(rig)
    assert (made.name, made.up, made.remote, made.local) == ("erspan0", True, "192.0.2.10", "192.0.2.1")
    on_it = {f.own.job: f for f in rig.world.filters if f.ifindex == made.ifindex and f.own}
    assert set(on_it) == {"", DROP}
    assert on_it[""].priority < on_it[DROP].priority
    program = rig.world.programs["a"]
    assert (program.mode, program.mirror) == (MirrorMode.ERSPAN, made.ifindex)
    assert state(result.jobs["a"]) == ("running", "", "erspan", "erspan0")
    assert result.jobs["a"].visibility is Visibility.CPU_PATH
    assert rig.run().actions == {}


@pytest.mark.parametrize("at_once", [True, False], ids=["there already", "come with the module"])
def test_where_the_kernels_own_netdev_has_the_name_another_is_taken_and_told(at_once: bool) -> None:
    rig = rig_of(job())
    rig.world.module_brings_netdevs = True
    if at_once:
        rig.world.with_module()
    told = rig.run().jobs["a"]

    (made,) = tunnels(rig)
    assert (made.name, made.up) == ("tgerspan0", True)
    assert state(told) == ("running", "", "erspan", "tgerspan0")
    assert "erspan0 is a netdev of the kernel's own" in told.message
    untouched = next(link for link in rig.world.links.values() if link.name == "erspan0")
    assert not untouched.up
    assert not [f for f in rig.world.filters if f.ifindex == untouched.ifindex]
    assert rig.run().actions == {}


def test_a_hundred_jobs_share_a_tunnel_and_the_last_takes_it_along() -> None:
    specs = [job(f"j{n:03}", f"Ethernet{n % 20 * 4}") for n in range(100)]
    rig = rig_of(*specs, settings=replace(SETTINGS, max_jobs=128))
    rig.world.links = {n + 1: Link(n + 1, f"Ethernet{n * 4}") for n in range(20)}
    result = rig.run()

    assert result.actions["CreateTunnel", "ok"] == 1
    assert {told.status for told in result.jobs.values()} == {Status.RUNNING}
    assert {program.mirror for program in rig.world.programs.values()} == {21}
    ask(rig, specs[50])
    assert [link.ifindex for link in tunnels(rig)] == [21]
    ask(rig)
    rig.run()
    assert (tunnels(rig), rig.world.filters, rig.world.slots, rig.world.qdiscs) == ([], [], {}, {})


def test_jobs_with_tunnels_of_their_own_have_netdevs_of_their_own() -> None:
    other = ErspanAsked(name="mon1", remote="192.0.2.11", key=7)
    rig = rig_of(job("a"), job("b", erspan=other))
    jobs = rig.run().jobs

    assert [told.interface for told in jobs.values()] == ["erspan0", "mon1"]
    assert {told.status for told in jobs.values()} == {Status.RUNNING}
    mirrors = {name: rig.world.links[program.mirror].name for name, program in rig.world.programs.items()}
    assert mirrors == {"a": "erspan0", "b": "mon1"}


def test_other_parameters_make_another_netdev_and_the_counts_go_on() -> None:
    rig = rig_of(job())
    rig.run()
    (before,) = tunnels(rig)
    rig.world.packet(1, Direction.INGRESS)
    told = ask(rig, job(erspan=ErspanAsked(ttl=9)))["a"]

    (after,) = tunnels(rig)
    assert (after.name, after.up) == ("erspan0", True)
    assert after.alias != before.alias
    assert rig.world.programs["a"].mirror == after.ifindex
    assert (told.status, told.packets) == (Status.RUNNING, 1)
    assert rig.world.loads == 1


def test_a_netdev_that_somebody_deletes_or_sets_down_comes_back() -> None:
    rig = rig_of(job())
    rig.run()
    (made,) = tunnels(rig)
    rig.world.packet(1, Direction.INGRESS)
    rig.world.vanish(made.ifindex)
    told = rig.run().jobs["a"]
    (again,) = tunnels(rig)
    assert (again.up, told.status, told.packets) == (True, Status.RUNNING, 1)
    assert rig.world.programs["a"].mirror == again.ifindex
    rig.world.links[again.ifindex] = replace(again, up=False)
    assert rig.run().jobs["a"].status is Status.RUNNING
    assert tunnels(rig) == [again]


def test_a_guard_that_somebody_removed_comes_back() -> None:
    rig = rig_of(job())
    rig.run()
    rig.world.filters = [f for f in rig.world.filters if not (f.own and f.own.job == DROP)]
    assert rig.run().jobs["a"].status is Status.RUNNING
    assert [f for f in rig.world.filters if f.own and f.own.job == DROP]


def test_a_renamed_netdev_is_still_the_tunnel() -> None:
    rig = rig_of(job())
    rig.run()
    (made,) = tunnels(rig)
    rig.world.links[made.ifindex] = replace(made, name="spy")
    told = rig.run().jobs["a"]
    assert state(told) == ("running", "", "erspan", "spy")
    assert told.message == "what was made as erspan0 is called spy now"
    assert len(tunnels(rig)) == 1


def test_what_a_killed_agent_left_unfinished_is_removed() -> None:
    rig = rig_of(job())
    rig.world.links[7] = Link(7, "tg~0123456789ab", "erspan", up=False, remote="192.0.2.10", local="192.0.2.1")
    assert rig.run().jobs["a"].status is Status.RUNNING
    assert 7 not in rig.world.links


def test_a_netdev_of_another_kind_with_our_alias_is_no_tunnel_and_stays() -> None:
    rig = rig_of(job())
    rig.world.links[7] = Link(7, "mon9", "dummy", alias="telegen/0123456789abcdef")
    assert rig.run().jobs["a"].status is Status.RUNNING
    assert ask(rig)["a"].status is Status.STOPPED
    assert 7 in rig.world.links


def test_the_next_agent_finds_its_tunnel_and_does_nothing() -> None:
    rig = rig_of(job())
    rig.run()
    rig.loop = Loop(rig, rig.open, rig.memory, rig.resolve, lambda: None, lambda: rig.now)
    result = rig.run()
    assert (result.actions, result.jobs["a"].status) == ({}, Status.RUNNING)


def test_a_mode_that_changes_exchanges_the_program_in_its_place() -> None:
    spec = job(match=Match(vlan=7))
    rig = rig_of(spec, settings=Settings(mirror_mode=MirrorMode.DIRECT))
    rig.run()
    (before,) = rig.world.filters[1:]
    rig.settings = lambda _: SETTINGS
    result = rig.run()
    after = next(f for f in rig.world.filters if f.own and f.own.job == "a")
    assert result.jobs["a"].status is Status.RUNNING
    assert (after.priority, after.classid) == (before.priority, before.classid)
    assert after.prog_id != before.prog_id
    rig.settings = lambda _: Settings(mirror_mode=MirrorMode.DIRECT)
    rig.run()
    assert rig.world.programs["a"].mode is MirrorMode.DIRECT
    assert tunnels(rig) == []


def test_while_a_reload_is_under_way_the_tunnel_stays() -> None:
    rig = rig_of(job())
    rig.run()
    rig.asked = Asked({}, told=rig.asked.told, initialized=False)
    assert rig.run().actions == {}
    assert len(tunnels(rig)) == 1


def test_a_job_that_waits_for_its_port_keeps_its_tunnel() -> None:
    rig = rig_of(job())
    rig.run()
    rig.world.vanish(1)
    assert rig.run().jobs["a"].reason is Reason.NETDEV_ABSENT
    assert len(tunnels(rig)) == 1


def test_frames_may_come_from_another_netdev_than_the_port() -> None:
    rig = rig_of(job(directions=BOTH, erspan=ErspanAsked(dev="Ethernet4")))
    told = rig.run().jobs["a"]
    assert (told.status, told.port) == (Status.RUNNING, "Ethernet0")
    assert set(rig.world.accounts) == {AccountKey("a", "Ethernet4", way) for way in BOTH}


def test_all_ports_are_mirrored_but_no_tunnel_of_ours() -> None:
    rig = rig_of(job(port="all"))
    told = rig.run().jobs["a"]
    assert told.status is Status.RUNNING
    assert {f.ifindex for f in rig.world.filters if f.own and f.own.job == "a"} == {1, 2}


def test_a_strangers_filter_on_the_tunnel_stays_between_the_counters_and_the_guard() -> None:
    rig = rig_of(job())
    rig.run()
    (made,) = tunnels(rig)
    stranger = TcFilter(made.ifindex, Direction.INGRESS, 49152, 1, "u32")
    rig.world.filters.append(stranger)
    assert rig.run().actions == {}
    assert rig.world.qdiscs[made.ifindex].kind is QdiscKind.INGRESS
