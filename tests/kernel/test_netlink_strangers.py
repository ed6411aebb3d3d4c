"""Strangers on our hooks: never replaced, never deleted, never shadowed, and named when they are in the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sonic_telegen.errors import Conflict, Retry
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import QdiscKind, TcFilter
from tests.support.hooks import DHCP, NAME, Box, box, counted, program
from tests.support.net import FRAME, until

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
CLSACT = QdiscKind.CLSACT


@pytest.fixture
def crowd() -> Iterator[Box]:
    """u32 at priority 1, a bpf filter at our own priority with another handle, one behind us, another chain."""
    with box() as b:
        b.tc("qdisc add dev Ethernet0 clsact")
        b.tc(f"filter add dev Ethernet0 ingress {DHCP}")
        b.add_bytecode("ingress prio 3 handle 7")
        b.add_bytecode("ingress prio 9 handle 1")
        b.add_bytecode("egress prio 3 handle 7")
        b.tc(f"filter add dev Ethernet0 ingress chain 4 {DHCP}")
        yield b


def test_attach_replace_and_detach_leave_them_as_they_were(crowd: Box) -> None:
    index, before = crowd.ifindex(), crowd.strangers()
    assert before.count("'insns'") == 3
    assert "'flowid'" in before
    with program() as p:
        fd = p.prog_fd("stranger")
        for direction in Direction:
            crowd.netlink.add_filter(index, direction, CLSACT, 3, 1, fd, NAME, 1)
            assert crowd.strangers() == before
            assert crowd.ours(direction.value) == [(3, 1, str(NAME))]
        for item in crowd.netlink.filters(index, CLSACT):
            if item.own:
                crowd.netlink.replace_filter(item, CLSACT, fd, NAME, 2)
                assert crowd.strangers() == before
                crowd.netlink.delete_filter(item, CLSACT)
                assert crowd.strangers() == before
    assert crowd.ours("ingress") == crowd.ours("egress") == []
    with pytest.raises(Conflict, match="still used by u32 at priority 1"):
        crowd.netlink.delete_qdisc(index, CLSACT)
    assert crowd.strangers() == before


def test_taken_place_is_refused_with_its_holder(crowd: Box) -> None:
    index, before = crowd.ifindex(), crowd.strangers()
    with program() as p:
        for priority, handle, holder in (
            (3, 7, "bpf at priority 3 handle 0x7"),  # EEXIST
            (1, 1, "u32 at priority 1"),  # EINVAL: a priority has one kind
        ):
            with pytest.raises(Conflict) as caught:
                crowd.netlink.add_filter(index, INGRESS, CLSACT, priority, handle, p.prog_fd("stranger"), NAME, 1)
            assert holder in caught.value.holder
            assert caught.value.retry is Retry.ON_CHANGE
    assert crowd.strangers() == before


def test_stranger_that_took_our_place_is_neither_replaced_nor_deleted() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 1)
        (ours,) = b.netlink.filters(index, CLSACT)
        b.tc("filter del dev Ethernet0 ingress prio 3")
        b.add_bytecode("ingress prio 3 handle 1")
        before = b.strangers()
        with pytest.raises(Conflict, match=r"held by bpf at priority 3 handle 0x1"):
            b.netlink.replace_filter(ours, CLSACT, fd, NAME, 1)
        with pytest.raises(Conflict, match=r"held by bpf at priority 3 handle 0x1"):
            b.netlink.delete_filter(ours, CLSACT)
        assert b.strangers() == before


def test_stranger_behind_us_sees_every_frame() -> None:
    with box() as b, program() as ours, program(1000) as theirs:
        index = b.ifindex()
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, ours.prog_fd("stranger"), NAME, 1)
        b.netlink.add_filter(index, INGRESS, CLSACT, 9, 1, theirs.prog_fd("stranger"), NAME, 2)
        b.switch.send("Ethernet0", [FRAME] * 100)
        assert until(lambda: (counted(ours, 1), counted(theirs, 2)) == (100, 100_000))


def test_ingress_qdisc_takes_ingress_and_refuses_egress() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.tc("qdisc add dev Ethernet0 ingress")
        b.tc(f"filter add dev Ethernet0 parent ffff: {DHCP}")
        before = b.strangers()
        b.netlink.add_filter(index, INGRESS, QdiscKind.INGRESS, 3, 1, fd, NAME, 1)
        for believed in QdiscKind:  # planned for clsact, which was replaced meanwhile, or for what is there
            with pytest.raises(Conflict, match="an ingress qdisc has no egress hook") as caught:
                b.netlink.add_filter(index, EGRESS, believed, 3, 1, fd, NAME, 2)
            assert caught.value.holder == "a qdisc of kind ingress"
        (ours,) = [f for f in b.netlink.filters(index, QdiscKind.INGRESS) if f.own]
        assert (ours.direction, ours.classid) == (INGRESS, 1)
        b.netlink.replace_filter(ours, QdiscKind.INGRESS, fd, NAME, 4)
        b.netlink.delete_filter(ours, QdiscKind.INGRESS)
        assert b.strangers() == before
        with pytest.raises(Conflict):
            b.netlink.delete_qdisc(index, QdiscKind.INGRESS)


def test_qdisc_with_a_filter_in_another_chain_only_is_kept() -> None:
    with box() as b:
        b.netlink.add_qdisc(b.ifindex(), CLSACT)
        b.tc(f"filter add dev Ethernet0 egress chain 4 {DHCP}")
        with pytest.raises(Conflict):
            b.netlink.delete_qdisc(b.ifindex(), CLSACT)
        assert len(b.shown("egress")) == 3


def test_filter_that_is_ours_by_place_but_not_by_kind_stays() -> None:
    with box() as b:
        b.tc("qdisc add dev Ethernet0 clsact")
        b.tc(f"filter add dev Ethernet0 ingress {DHCP}")
        index, before = b.ifindex(), b.strangers()
        rule = next(f for f in b.netlink.filters(index, CLSACT) if f.handle & 0xFFF)
        claimed = TcFilter(index, INGRESS, rule.priority, rule.handle, "bpf", str(NAME))
        with pytest.raises(Conflict, match="held by u32"):
            b.netlink.delete_filter(claimed, CLSACT)
        assert b.strangers() == before
