"""Whatever rows come and whatever happens to netdevs: the plan converges, tells the truth, and strangers stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.kernel import DROP, Link
from sonic_telegen.model.status import Status
from tests.unit.test_loop import Rig
from tests.unit.test_plan_tunnels import ask, rig_of, tunnels

NAMES = ("erspan0", "mon1")
REMOTES = ("192.0.2.10", "192.0.2.11")

specs = st.builds(
    lambda name, port, mode, tunnel: JobSpec(name, port, mirror_mode=mode, erspan=tunnel),
    st.sampled_from("abc"),
    st.sampled_from(["Ethernet0", "Ethernet4", "all", "Ethernet0", *NAMES]),
    st.sampled_from([MirrorMode.ERSPAN, MirrorMode.ERSPAN, MirrorMode.DIRECT]),
    st.builds(
        ErspanAsked,
        name=st.sampled_from(NAMES),
        remote=st.sampled_from(REMOTES),
        ttl=st.sampled_from([None, 9]),
        dev=st.sampled_from([None, None, "Ethernet4", "mon1", "tgerspan0"]),
    ),
)


def own_gone(rig: Rig) -> None:
    for link in tunnels(rig):
        rig.world.vanish(link.ifindex)


def own_down(rig: Rig) -> None:
    for link in tunnels(rig):
        rig.world.links[link.ifindex] = replace(link, up=False)


def own_renamed(rig: Rig) -> None:
    for link in tunnels(rig)[:1]:
        rig.world.links[link.ifindex] = replace(link, name="spy")


def own_led_elsewhere(rig: Rig) -> None:
    for link in tunnels(rig)[:1]:
        rig.world.links[link.ifindex] = replace(link, remote="203.0.113.9")


def own_alias_lost(rig: Rig) -> None:
    for link in tunnels(rig)[:1]:
        rig.world.links[link.ifindex] = replace(link, alias="uplink monitor")


def unguarded(rig: Rig) -> None:
    rig.world.filters = [f for f in rig.world.filters if not (f.own and f.own.job == DROP)]


def stranger(rig: Rig) -> None:
    if "erspan0" not in {link.name for link in rig.world.links.values()}:
        rig.world.links[90] = Link(90, "erspan0", "dummy")


def widened(rig: Rig) -> None:
    rig.world.routes |= dict.fromkeys(REMOTES, 2)
    rig.world.links[2] = replace(rig.world.links[2], mtu=rig.world.links[2].mtu + 1000)


def own_narrowed(rig: Rig) -> None:
    for link in tunnels(rig):
        rig.world.links[link.ifindex] = replace(link, mtu=500)


def module(rig: Rig) -> None:
    rig.world.module_brings_netdevs = True
    rig.world.with_module()


tunnel_happenings = [own_gone, own_down, own_renamed, own_led_elsewhere, own_alias_lost, own_narrowed]
happenings = [*tunnel_happenings, widened, unguarded, stranger, module]
events = st.sampled_from([*happenings, lambda rig: None])
steps = st.lists(st.tuples(st.lists(specs, max_size=3), events), min_size=1, max_size=4)
Step = tuple[list[JobSpec], Callable[[Rig], None]]


@settings(max_examples=300, deadline=None)
@given(steps)
def test_the_plan_converges_and_tells_what_is_there(story: list[Step]) -> None:
    rig = rig_of()
    for wanted, happens in story:
        happens(rig)
        strangers = {link for link in rig.world.links.values() if not link.ours}
        jobs = {spec.id: spec for spec in wanted}.values()
        ask(rig, *jobs)
        rig.run()
        result = rig.run()
        assert result.actions.keys() <= {("CreateTunnel", "failed")}, "but for ends that a stranger has"
        assert {link for link in rig.world.links.values() if not link.ours} >= strangers
        running = {job for job, told in result.jobs.items() if told.status is Status.RUNNING}
        assert running <= {spec.id for spec in jobs}
        mirrors = {job: program.mirror for job, program in rig.world.programs.items() if job in running}
        for spec in jobs:
            told = result.jobs[spec.id]
            watched = spec.erspan.dev if spec.mirror_mode is MirrorMode.ERSPAN and spec.erspan.dev else spec.port
            if watched not in ("Ethernet0", "Ethernet4", "all"):
                theirs = {link.name for link in rig.world.links.values() if not link.ours}  # the module's, too
                assert told.status is not Status.RUNNING or watched in theirs
            elif spec.mirror_mode is MirrorMode.DIRECT:
                assert told.status is Status.RUNNING
            elif told.status is Status.RUNNING:
                link = rig.world.links[mirrors[spec.id]]
                assert (link.name, link.up, link.remote) == (told.interface, True, spec.erspan.remote)
                way = rig.world.links[2].mtu - 54 if rig.world.routes else 500
                assert link.mtu >= way
            else:
                assert told.status is Status.DEGRADED
                assert told.message
                assert spec.id not in rig.world.programs or rig.world.programs[spec.id].mirror == 0
        waiting = {told.interface for told in result.jobs.values() if told.status is Status.PENDING}
        made = {link.ifindex for link in tunnels(rig) if link.name not in waiting}
        assert made <= {number for number in mirrors.values() if number} <= {link.ifindex for link in tunnels(rig)}
