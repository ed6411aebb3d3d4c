"""The executor on the real kernel: each action's effect, seen by counting frames and by tc. Needs root."""

from __future__ import annotations

import pytest

from sonic_telegen.errors import Busy, Conflict, Gone
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.model.action import (
    AssignSlot,
    Attach,
    CloseAccount,
    DeleteQdisc,
    Detach,
    FreezeAccount,
    OpenAccount,
    ReleaseSlot,
    Replace,
)
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import AccountKey, FilterName, QdiscKind, TcFilter
from tests.support.executor import rig
from tests.support.hooks import DHCP, program
from tests.support.net import FRAME, until
from tests.support.objects import telegen_object

INGRESS, EGRESS, CLSACT = Direction.INGRESS, Direction.EGRESS, QdiscKind.CLSACT


def test_life_of_a_hook() -> None:
    with rig() as r:
        index, key = r.ifindex(), AccountKey("job", "Ethernet0", INGRESS)
        r.add_qdisc()
        r.attach(1)
        r.kernel.apply(OpenAccount(key, "digest", 1))
        r.attach(2, direction=EGRESS)
        r.switch.send("Ethernet0", [FRAME] * 100)
        r.switch.send_out("Ethernet0", [FRAME] * 30)
        assert until(lambda: (r.packets(1), r.packets(2)) == (100, 30))
        state = r.kernel.observe()
        program_ = r.loaded.program
        name = str(FilterName(program_.digest))
        assert state.program == program_
        assert r.own(state) == [
            TcFilter(index, INGRESS, 3, 1, "bpf", name, program_.prog_id, 1),
            TcFilter(index, EGRESS, 3, 1, "bpf", name, program_.prog_id, 2),
        ]
        assert state.qdiscs[index].ours
        assert {s.index: (s.name, s.direction) for s in state.slots.values()} == {
            1: ("Ethernet0", INGRESS),
            2: ("Ethernet0", EGRESS),
        }
        assert state.accounts[key].slot == 1
        assert state.slot_count == 2048
        assert r.kernel.sample().job("job").packets == 100

        r.kernel.apply(FreezeAccount(key))
        for item in r.own(state):
            r.kernel.apply(Detach(item, "Ethernet0", CLSACT))
        r.kernel.apply(ReleaseSlot(1, "Ethernet0"))
        r.kernel.apply(ReleaseSlot(2, "Ethernet0"))
        r.kernel.apply(DeleteQdisc(index, "Ethernet0", CLSACT))
        r.switch.send("Ethernet0", [FRAME] * 7)
        last = r.kernel.observe()
        assert (last.filters, dict(last.qdiscs), dict(last.slots)) == ((), {}, {})
        assert r.kernel.sample().job("job").packets == 100
        assert r.journal.created_qdiscs(r.netlink.netns) == frozenset()
        r.kernel.apply(CloseAccount(key))
        assert not r.kernel.observe().accounts


def test_qdiscs_of_others_are_not_ours() -> None:
    with rig() as r:
        r.tc("qdisc add dev Ethernet0 clsact")
        with pytest.raises(Conflict):
            r.add_qdisc()  # the plan is late: somebody made one meanwhile
        r.add_qdisc(QdiscKind.INGRESS, "Ethernet4")
        with pytest.raises(Conflict):
            r.add_qdisc(QdiscKind.INGRESS, "Ethernet4")
        ours = {q.ifindex: q.ours for q in r.kernel.observe().qdiscs.values()}
        assert ours == {r.ifindex("Ethernet0"): False, r.ifindex("Ethernet4"): True}


def test_qdisc_of_a_recreated_netdev_is_not_ours() -> None:
    with rig() as r:
        r.add_qdisc()
        r.switch.remove_port("Ethernet0")
        r.switch.add_port("Ethernet0")
        r.tc("qdisc add dev Ethernet0 clsact")
        assert [q.ours for q in r.kernel.observe().qdiscs.values()] == [False]
        assert r.journal.created_qdiscs(r.netlink.netns) == frozenset()


def test_filter_counts_only_into_a_slot_of_its_own_hook() -> None:
    with rig() as r:
        index = r.ifindex()
        r.add_qdisc()
        with pytest.raises(Gone, match="count on Ethernet0 ingress: slot 9 is not assigned to it"):
            r.kernel.apply(Attach(index, "Ethernet0", INGRESS, CLSACT, 3, 1, 9))
        r.kernel.apply(AssignSlot(9, index, "Ethernet0", EGRESS))
        with pytest.raises(Gone):
            r.kernel.apply(Attach(index, "Ethernet0", INGRESS, CLSACT, 3, 1, 9))
        r.attach(1)
        (item,) = r.own()
        with pytest.raises(Gone):
            r.kernel.apply(Replace(item, "Ethernet0", CLSACT, 9))
        assert r.own() == [item]


def test_slot_is_not_freed_while_a_filter_counts_into_it() -> None:
    with rig() as r:
        r.add_qdisc()
        r.attach(1)
        with pytest.raises(Busy, match=r"release on slot 1 of Ethernet0: .* still counts into it"):
            r.kernel.apply(ReleaseSlot(1, "Ethernet0"))
        assert 1 in r.kernel.observe().slots
        r.switch.remove_port("Ethernet0")
        r.kernel.apply(ReleaseSlot(1, "Ethernet0"))  # the netdev took the filter with it
        assert not r.kernel.observe().slots


def test_replace_moves_a_filter_to_another_slot_without_a_gap() -> None:
    with rig() as r:
        r.add_qdisc()
        r.attach(1)
        r.switch.send("Ethernet0", [FRAME] * 10)
        (item,) = r.own()
        r.kernel.apply(AssignSlot(2, r.ifindex(), "Ethernet0", INGRESS))
        r.kernel.apply(Replace(item, "Ethernet0", CLSACT, 2))
        r.switch.send("Ethernet0", [FRAME] * 20)
        assert until(lambda: (r.packets(1), r.packets(2)) == (10, 20))
        assert [f.classid for f in r.own()] == [2]


def test_swap_gives_every_interface_filter_the_program_and_nothing_else() -> None:
    with rig() as r, program() as stranger, Object.open(telegen_object(TG_PAD=3)) as other:
        for port in ("Ethernet0", "Ethernet4"):
            r.add_qdisc(port=port)
        r.attach(1)
        r.attach(2, direction=EGRESS)
        r.attach(3, port="Ethernet4")
        index, job = r.ifindex(), FilterName("b" * 16, "job")
        r.netlink.add_filter(index, INGRESS, CLSACT, 4, 1, stranger.prog_fd("stranger"), job, 1)
        r.add_bytecode("ingress prio 3 handle 7")
        before = [(f.ifindex, f.direction, f.priority, f.handle, f.classid) for f in r.kernel.observe().filters]
        strangers = r.strangers()
        other.load()
        fd = other.prog_fd("telegen_if")
        info = libbpf.prog_info(fd)
        swapper = Kernel.swapper(r.netlink)
        swapper.swap(fd, {})
        swapper.swap(fd, {})
        after = r.kernel.observe().filters
        assert [(f.ifindex, f.direction, f.priority, f.handle, f.classid) for f in after] == before
        interface = [f for f in after if f.own and not f.own.job]
        assert {(f.name, f.prog_id) for f in interface} == {(f"telegen/if@{info.tag}", info.id)}
        assert len(interface) == 3
        assert [f.prog_id for f in after if f.own and f.own.job] == [libbpf.prog_info(stranger.prog_fd("stranger")).id]
        assert r.strangers() == strangers


def test_detach_all_takes_what_is_ours_alone() -> None:
    with rig("Ethernet0", "Ethernet4", "Ethernet8") as r:
        r.add_qdisc()
        r.attach(1)
        r.attach(2, direction=EGRESS)
        r.tc("qdisc add dev Ethernet4 clsact")  # a stranger's, empty but for us
        r.attach(3, port="Ethernet4")
        r.add_qdisc(port="Ethernet8")  # ours, and a stranger moved in
        r.attach(4, port="Ethernet8")
        r.tc(f"filter add dev Ethernet8 egress {DHCP}")
        with program() as p:
            job = FilterName("b" * 16, "job")
            r.netlink.add_filter(r.ifindex(), INGRESS, CLSACT, 4, 1, p.prog_fd("stranger"), job, 1)
            strangers = r.strangers("Ethernet8")
            removed = r.kernel.detach_all()
        assert len(removed.filters) == 5
        name = FilterName(r.loaded.program.digest)
        assert f"bpf {name} at priority 3 handle 0x1 on Ethernet0 egress" in removed.filters
        assert (removed.qdiscs, removed.failed) == (("clsact on Ethernet0",), ())
        state = r.kernel.observe()
        assert r.own(state) == []
        assert set(state.qdiscs) == {r.ifindex("Ethernet4"), r.ifindex("Ethernet8")}
        assert r.strangers("Ethernet8") == strangers
        again = r.kernel.detach_all()
        assert (again.filters, again.qdiscs, again.failed) == ((), (), ())


def test_look_while_ports_come_and_go_is_no_error() -> None:
    with rig() as r:
        r.add_qdisc()
        r.attach(1)
        gone = r.ifindex("Ethernet4")
        r.tc("qdisc add dev Ethernet4 clsact")
        r.tc(f"filter add dev Ethernet4 ingress {DHCP}")
        qdiscs = r.netlink.qdiscs()
        r.switch.remove_port("Ethernet4")
        assert gone in qdiscs
        assert all(f.ifindex != gone for f in r.netlink.dump_all(qdiscs))
        state = r.kernel.observe()
        assert gone not in state.links
        assert len(r.own(state)) == 1
