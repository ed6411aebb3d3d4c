"""The MTU of a tunnel's netdev on kernels that have ERSPAN: it follows the way, in place, to what the kernel gives."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.heard import Heard
from tests.support.net import run_in, until
from tests.vm.erspan import FAR, FAR_END, MIXED, NEAR, Stage, Way, row, running, stage_for
from tests.vm.scene import PACKAGED, Scene, scene

ALONE = {"SetTunnelMtu ok": 1}


@pytest.fixture
def bare() -> Iterator[Scene]:
    """A switch that does not know the way yet, as at boot."""
    with scene(PACKAGED, "Ethernet0", "Ethernet4") as made:
        yield made


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_for(PACKAGED) as made:
        yield made


def whole(way: Way) -> None:
    """Frames of all sizes arrive as they were."""
    with Heard(way.switch.hosts, "mon0") as heard:
        way.switch.send("Ethernet0", MIXED)
        assert until(lambda: len(heard.frames) == len(MIXED), 60), heard.frames
        assert sorted(heard.frames) == sorted(MIXED)


@pytest.mark.parametrize("version", FAR_END)
def test_a_way_that_comes_after_the_job_takes_whole_frames(version: int, bare: Scene) -> None:
    job = row(erspan_name="mon7", erspan_ver=str(version))
    with bare.actor() as actor:
        running(actor, a=job)
        assert actor.ask(a=job)["actions"] == {}
        made = json.loads(run_in(bare.switch.namespace, "ip", "-j", "link", "show", "mon7"))[0]
        assert made["mtu"] < 1500
        way = Way(bare.switch)
        way.far_end(version)
        assert running(actor, a=job)["actions"] == ALONE
        raised = way.links()["mon7"]
        assert raised["ifindex"] == made["ifindex"]
        assert actor.ask(a=job)["actions"] == {}
        whole(way)
        actor.ask()
        running(actor, a=job)
        anew = way.links()["mon7"]
        assert (anew["mtu"], anew["ifindex"] == made["ifindex"]) == (raised["mtu"], False)


def test_an_underlay_that_is_widened_takes_whole_frames_and_a_narrow_one_changes_nothing(stage: Stage) -> None:
    stage.far_end(2)
    space = stage.switch.namespace
    run_in(space, "ip", "link", "set", "Ethernet4", "mtu", "1500")
    with stage.scene.actor() as actor:
        running(actor, a=row(erspan_name="mon7"))
        with Heard(stage.switch.hosts, "mon0") as heard:
            stage.switch.send("Ethernet0", MIXED[3:4])
            assert until(lambda: len(heard.frames) == 1, 60)
            assert heard.frames == [MIXED[3][:1460]]
        run_in(space, "ip", "link", "set", "Ethernet4", "mtu", "9216")
        assert running(actor, a=row(erspan_name="mon7"))["actions"] == ALONE
        whole(stage)
        run_in(space, "ip", "link", "set", "Ethernet4", "mtu", "1500")
        assert actor.ask(a=row(erspan_name="mon7"))["actions"] == {}
        whole(stage)


def test_what_somebody_set_is_put_right_without_addresses_of_ipv6(stage: Stage) -> None:
    stage.far_end(2)
    space = stage.switch.namespace
    job, cut = row(erspan_name="mon7"), row(erspan_name="mon8", erspan_key="11", truncate="1000")
    with stage.scene.actor() as actor:
        run_in(
            space,
            "sh",
            "-c",
            "echo 0 | tee /proc/sys/net/ipv6/conf/all/disable_ipv6 /proc/sys/net/ipv6/conf/default/disable_ipv6",
        )
        running(actor, a=job, b=cut)
        before = {name: stage.links()[name]["mtu"] for name in ("mon7", "mon8")}
        assert before["mon8"] == 986
        for name in before:
            run_in(space, "ip", "link", "set", name, "mtu", "700")
        assert running(actor, a=job, b=cut)["actions"] == {"SetTunnelMtu ok": 2, "RaiseTunnel ok": 1}
        assert {name: stage.links()[name]["mtu"] for name in before} == before
        assert json.loads(run_in(space, "ip", "-6", "-j", "addr", "show", "dev", "mon7")) in ([], [{}])
        assert actor.ask(a=job, b=cut)["actions"] == {}
        whole(stage)


def test_a_route_that_leads_nowhere_changes_nothing_and_is_no_error(stage: Stage) -> None:
    space = stage.switch.namespace
    with stage.scene.actor() as actor:
        running(actor, a=row(erspan_name="mon7"))
        before = stage.links()["mon7"]["mtu"]
        for kind in ("unreachable", "prohibit", "blackhole"):
            run_in(space, "ip", "route", "replace", kind, f"{FAR}/32")
            assert running(actor, a=row(erspan_name="mon7"))["actions"] == {}
        run_in(space, "ip", "addr", "del", f"{NEAR}/24", "dev", "Ethernet4")
        assert running(actor, a=row(erspan_name="mon7"))["actions"] == {}
        assert stage.links()["mon7"]["mtu"] == before
