"""Changes: exclusive adds, replacing in place, exact deletes, qdiscs. Needs root; real frames prove who counts."""

from __future__ import annotations

import pytest

from sonic_telegen.errors import Conflict, Gone, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import FilterName, QdiscKind, TcFilter
from tests.support.hooks import NAME, Box, box, counted, program
from tests.support.net import FRAME, tc_json, until

INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS
CLSACT = QdiscKind.CLSACT


def only(b: Box, direction: Direction = INGRESS) -> TcFilter:
    kind = b.netlink.qdiscs()[b.ifindex()]
    (found,) = [f for f in b.netlink.filters(b.ifindex(), kind) if f.direction is direction and f.own]
    return found


def test_filters_count_by_direction_and_classid() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 1)
        b.netlink.add_filter(index, EGRESS, CLSACT, 3, 1, fd, NAME, 2)
        b.switch.send("Ethernet0", [FRAME] * 100)
        b.switch.send_out("Ethernet0", [FRAME] * 50)
        assert until(lambda: (counted(p, 1), counted(p, 2)) == (100, 50))
        assert b.ours("ingress") == b.ours("egress") == [(3, 1, str(NAME))]
        options = b.shown("egress")[-1]["options"]
        assert options["direct-action"]
        assert b.shown("egress")[-1]["protocol"] == "all"


def test_replace_swaps_in_place_and_misses_no_frame() -> None:
    with box() as b, program(1) as one, program(1000) as two:
        index, other = b.ifindex(), FilterName("f" * 16)
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, one.prog_fd("stranger"), NAME, 1)
        sent = 0
        for turn in range(40):
            into = one if turn % 2 else two
            b.netlink.replace_filter(only(b), CLSACT, into.prog_fd("stranger"), other, 1 + turn % 2)
            sent += b.switch.send("Ethernet0", [FRAME] * 25)
        libbpf.wait_rcu()
        assert until(lambda: counted(one, 2) + counted(two, 1) // 1000 == sent)
        assert only(b) == TcFilter(
            index, INGRESS, 3, 1, "bpf", str(other), libbpf.prog_info(one.prog_fd("stranger")).id, 2
        )
        assert len(b.ours()) == 1


def test_replace_of_what_is_gone_adds_nothing() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 1)
        item = only(b)
        b.tc("filter del dev Ethernet0 ingress")
        with pytest.raises(Gone, match=r"replace filter telegen/if@\w+ on Ethernet0 ingress: .* is gone"):
            b.netlink.replace_filter(item, CLSACT, fd, NAME, 1)
        assert b.shown() == []


def test_delete_is_exact_and_again_is_success() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 1)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 2, fd, FilterName("a" * 16, "job"), 1)
        first = next(f for f in b.netlink.filters(index, CLSACT) if f.handle == 1)
        b.netlink.delete_filter(first, CLSACT)
        b.netlink.delete_filter(first, CLSACT)
        assert b.ours() == [(3, 2, "telegen/job/job@" + "a" * 16)]
        b.tc("qdisc del dev Ethernet0 clsact")
        b.netlink.delete_filter(first, CLSACT)  # its qdisc is gone
        b.switch.remove_port("Ethernet0")
        b.netlink.delete_filter(first, CLSACT)  # its netdev is gone


def test_job_filter_is_not_taken_for_the_interface_filter() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        b.netlink.add_qdisc(index, CLSACT)
        b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, FilterName("a" * 16, "job"), 1)
        item = TcFilter(index, INGRESS, 3, 1, "bpf", str(NAME), 0, 1)
        with pytest.raises(Conflict) as replacing:
            b.netlink.replace_filter(item, CLSACT, fd, NAME, 1)
        with pytest.raises(Conflict) as deleting:
            b.netlink.delete_filter(item, CLSACT)
        for caught in (replacing, deleting):
            assert caught.value.holder == f"bpf telegen/job/job@{'a' * 16} at priority 3 handle 0x1"
        assert len(b.ours()) == 1


@pytest.mark.parametrize("kind", list(QdiscKind))
def test_qdisc_is_added_exclusively_and_deleted(kind: QdiscKind) -> None:
    def kinds() -> set[str]:
        return {q["kind"] for q in tc_json(b.switch.namespace, "qdisc show dev Ethernet0")} & set(QdiscKind)

    with box() as b:
        index = b.ifindex()
        b.netlink.add_qdisc(index, kind)
        assert kinds() == {kind}
        for again in QdiscKind:
            with pytest.raises(Conflict) as caught:
                b.netlink.add_qdisc(index, again)
            assert caught.value.holder == f"a qdisc of kind {kind}"
        other = next(k for k in QdiscKind if k is not kind)
        b.netlink.delete_qdisc(index, other)  # there is none of that kind
        assert kinds() == {kind}
        b.netlink.delete_qdisc(index, kind)
        b.netlink.delete_qdisc(index, kind)
        assert kinds() == set()


def test_kernel_names_the_reason() -> None:
    with box() as b, program() as p:
        index, fd = b.ifindex(), p.prog_fd("stranger")
        with pytest.raises(Gone, match="the netdev or its qdisc is gone"):
            b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, fd, NAME, 1)
        with pytest.raises(Gone, match="add clsact qdisc on ifindex 9999: "):
            b.netlink.add_qdisc(9999, CLSACT)
        b.netlink.add_qdisc(index, CLSACT)
        with pytest.raises(KernelError, match=r"add filter .* on Ethernet0 ingress: "):
            b.netlink.add_filter(index, INGRESS, CLSACT, 3, 1, p.map_fd("seen"), NAME, 1)
        with pytest.raises(Conflict, match="Exclusivity flag on, cannot modify"):
            b.netlink.add_qdisc(index, CLSACT)
        assert b.shown() == []
