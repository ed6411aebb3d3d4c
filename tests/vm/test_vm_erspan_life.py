"""Netdevs of tunnels on kernels that have them: named, adopted, shared, refused, taken away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sonic_telegen.journal import Journal
from sonic_telegen.kernel.detach import detach_all
from sonic_telegen.kernel.netlink import Netlink
from tests.support.net import run_in, tc_json, until
from tests.vm.erspan import FAR, FAR_END, MIXED, NEAR, Stage, row, running, stage_for
from tests.vm.scene import PACKAGED


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_for(PACKAGED) as made:
        yield made


def test_where_the_modules_netdev_has_the_name_another_is_taken(stage: Stage) -> None:
    stage.far_end(2)  # the module is there from now on
    run_in(stage.switch.namespace, "ip", "link", "add", "tmp", "type", "erspan", "external")
    run_in(stage.switch.namespace, "ip", "link", "del", "tmp")
    assert "erspan0" in stage.links()
    with stage.scene.actor() as actor:
        found = running(actor, a=row())
        assert found["interfaces"]["a"] == "tgerspan0"
        assert "erspan0 is a netdev of the kernel's own" in found["jobs"]["a"][2]
        assert stage.links()["erspan0"]["operstate"] == "DOWN"
        assert actor.ask(a=row())["actions"] == {}
        actor.ask()
        assert actor.ask()["actions"] == {}
        assert {"erspan0", "tgerspan0"} & set(stage.links()) == {"erspan0"}


def test_the_next_agent_takes_over_and_the_last_job_takes_the_netdev_along(stage: Stage) -> None:
    stage.far_end(1)
    jobs = {name: row(erspan_ver="1", erspan_name="mon7") for name in ("a", "b")}
    with stage.scene.actor() as actor:
        running(actor, **jobs)
        before = stage.links()["mon7"]["ifindex"]
        stage.switch.send("Ethernet0", MIXED)
        actor.kill()
    with stage.scene.actor() as actor:
        found = running(actor, **jobs)
        assert (found["actions"], stage.links()["mon7"]["ifindex"]) == ({}, before)
        stage.switch.send("Ethernet0", MIXED)
        assert until(lambda: actor.ask(**jobs)["mirrored"]["a"] == [2 * len(MIXED), 0], 60)
        assert until(lambda: stage.received() == 4 * len(MIXED), 60)
        assert stage.links()["mon7"]["ifindex"] == before
        running(actor, b=jobs["b"])
        assert stage.links()["mon7"]["ifindex"] == before
        actor.ask()
        assert actor.ask()["actions"] == {}
        assert "mon7" not in stage.links()
        assert tc_json(stage.switch.namespace, "filter show dev Ethernet0 ingress") == []


def test_what_the_kernel_refuses_leaves_nothing_and_is_told(stage: Stage) -> None:
    """Ends and session that another netdev has; it stays as it is."""
    words = f"ip link add theirs type erspan seq key 10 local {NEAR} remote {FAR} erspan_ver 1 erspan 3"
    run_in(stage.switch.namespace, *words.split())
    before = stage.links()["theirs"]
    with stage.scene.actor() as actor:
        found = actor.ask(a=row(erspan_name="mon7"))
        status, reason, message = found["jobs"]["a"]
        assert (status, reason) == ("degraded", "conflict"), found
        assert "theirs" in message and "set another erspan_key" in message
        assert stage.links()["theirs"] == before
        assert "mon7" not in stage.links()
        running(actor, a=row(erspan_name="mon7", erspan_key="11"))


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_tunnel_changed_by_hand_is_made_anew_and_leads_to_the_far_end(stage: Stage, version: int) -> None:
    stage.far_end(version)
    asked = {"a": row(erspan_name="mon7", erspan_ver=str(version))}
    with stage.scene.actor() as actor:
        running(actor, **asked)
        before = stage.links()["mon7"]
        for words in ("key 77", "ttl 3", "tos 0x20", "noignore-df", "remote 10.0.0.9", "local 10.0.0.9"):
            whole = f"local {NEAR} remote {FAR} {FAR_END[version]} ttl 64 tos inherit nopmtudisc ignore-df {words}"
            run_in(stage.switch.namespace, *f"ip link set mon7 type erspan {whole}".split())
            now = stage.links()["mon7"]
            assert now["linkinfo"] != before["linkinfo"] or not version, words
            running(actor, **asked)
            made = stage.links()["mon7"]
            assert made["linkinfo"] == before["linkinfo"], words
            assert (made["ifindex"] == now["ifindex"]) == (now["linkinfo"] == before["linkinfo"]), words
        stage.switch.send("Ethernet0", MIXED)
        assert until(lambda: stage.received() == len(MIXED), 60)


def test_detach_takes_netdev_and_leftovers_and_leaves_strangers(stage: Stage) -> None:
    words = f"ip link add theirs type erspan seq key 99 local {NEAR} remote {FAR} erspan_ver 1 erspan 3"
    run_in(stage.switch.namespace, *words.split())
    with stage.scene.actor() as actor:
        running(actor, a=row(erspan_name="mon7"))
    run_in(stage.switch.namespace, "ip", "link", "add", "tg~0123456789ab", "type", "erspan", "external")
    netlink = Netlink(stage.switch.namespace)
    removed = detach_all(netlink, Journal(stage.scene.state))
    netlink.close()
    assert (sorted(removed.tunnels), removed.failed) == (["netdev mon7", "netdev tg~0123456789ab"], ())
    assert "theirs" in stage.links()
    assert not {"mon7", "tg~0123456789ab"} & set(stage.links())
    assert tc_json(stage.switch.namespace, "filter show dev Ethernet0 ingress") == []


def test_what_a_killed_agent_left_unfinished_is_removed_by_the_next(stage: Stage) -> None:
    run_in(stage.switch.namespace, "ip", "link", "add", "tg~0123456789ab", "type", "erspan", "external")
    with stage.scene.actor() as actor:
        running(actor, a=row(erspan_name="mon7"))
        assert "tg~0123456789ab" not in stage.links()
