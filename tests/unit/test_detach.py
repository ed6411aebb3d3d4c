"""``detach --all`` against a modelled kernel: what keeps a far end's frames from the host stays where they come in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sonic_telegen.errors import KernelError, PermissionDenied
from sonic_telegen.journal import Journal
from sonic_telegen.kernel import erspan
from sonic_telegen.kernel.detach import detach_all
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.action import DeleteTunnel, TunnelAction
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import DROP, LAST_PRIORITY, FilterName, Link, QdiscKind, TcFilter

PORT, TUNNEL = Link(1, "Ethernet0"), Link(2, "mon7", "erspan", alias="telegen/0123456789abcdef")
COUNTS = TcFilter(2, Direction.INGRESS, 3, 1, "bpf", str(FilterName("aa" * 8)))
GUARD = replace(COUNTS, priority=LAST_PRIORITY, name=str(FilterName("cc" * 8, DROP)))


class Kernel:
    """The door that ``detach_all`` uses; filters and qdiscs go with their netdev."""

    netns = 4026531840
    transport = None

    def __init__(self, tunnel: Link) -> None:
        self.netdevs = {link.ifindex: link for link in (PORT, tunnel)}
        self.kinds = {1: QdiscKind.CLSACT, 2: QdiscKind.INGRESS}
        self.on_it = [replace(COUNTS, ifindex=1), replace(GUARD, ifindex=1), COUNTS, GUARD]

    def links(self) -> dict[int, Link]:
        return dict(self.netdevs)

    def qdiscs(self) -> dict[int, QdiscKind]:
        return dict(self.kinds)

    def filters(self, ifindex: int, kind: QdiscKind) -> tuple[TcFilter, ...]:
        return tuple(item for item in self.on_it if item.ifindex == ifindex)

    def dump_all(self, kinds: dict[int, QdiscKind]) -> tuple[TcFilter, ...]:
        return tuple(item for item in self.on_it if item.ifindex in kinds)

    def delete_filter(self, item: TcFilter, kind: QdiscKind) -> None:
        self.on_it.remove(item)

    def delete_qdisc(self, ifindex: int, kind: QdiscKind) -> None:
        assert not self.filters(ifindex, kind)
        del self.kinds[ifindex]

    def delete(self, ifindex: int) -> None:
        del self.netdevs[ifindex], self.kinds[ifindex]
        self.on_it = [item for item in self.on_it if item.ifindex != ifindex]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path)
    found.note_qdisc(Kernel.netns, 1, "Ethernet0", "clsact")
    found.note_qdisc(Kernel.netns, 2, "mon7", "ingress")
    return found


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> list[KernelError]:
    """What is in it, if anything, is what deleting a netdev is answered with."""
    answers: list[KernelError] = []

    def apply(self: Any, action: TunnelAction) -> None:
        assert isinstance(action, DeleteTunnel)
        for problem in answers:
            raise problem
        self._netlink.delete(action.ifindex)

    monkeypatch.setattr(erspan.Tunnels, "apply", apply)
    return answers


def test_all_of_it_goes_with_our_netdev(journal: Journal, refusal: list[KernelError]) -> None:
    kernel = Kernel(TUNNEL)
    removed = detach_all(cast(Netlink, kernel), journal)
    assert (removed.tunnels, len(removed.filters), removed.failed) == (("netdev mon7",), 2, ())
    assert (kernel.netdevs, kernel.on_it, kernel.kinds) == ({1: PORT}, [], {})


def test_what_lost_our_alias_keeps_its_guard_while_it_is_up(journal: Journal, refusal: list[KernelError]) -> None:
    kernel = Kernel(replace(TUNNEL, alias="uplink monitor"))
    removed = detach_all(cast(Netlink, kernel), journal)
    assert (removed.tunnels, kernel.on_it, kernel.kinds) == ((), [GUARD], {2: QdiscKind.INGRESS})
    (problem,) = removed.failed
    assert "mon7" in str(problem) and "ip link del mon7" in str(problem)

    kernel.netdevs[2] = replace(kernel.netdevs[2], up=False)
    assert detach_all(cast(Netlink, kernel), journal).failed == ()
    assert (kernel.on_it, kernel.kinds) == ([], {})


def test_a_netdev_that_cannot_be_deleted_keeps_its_guard(journal: Journal, refusal: list[KernelError]) -> None:
    refusal.append(PermissionDenied("delete ERSPAN netdev", "mon7", 1))
    kernel = Kernel(TUNNEL)
    removed = detach_all(cast(Netlink, kernel), journal)
    assert (removed.failed[:1], kernel.on_it) == (tuple(refusal), [GUARD])
