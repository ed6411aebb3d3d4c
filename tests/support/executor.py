"""The executor on real parts: a switch, pins of our own in a bpffs, the interface program, a journal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sonic_telegen.demo.switch import Switch
from sonic_telegen.journal import Journal
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.loader import Loaded, load
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.action import AddQdisc, AssignSlot, Attach
from sonic_telegen.model.job import Direction
from sonic_telegen.model.kernel import KernelState, QdiscKind, TcFilter
from tests.support.hooks import Box
from tests.support.objects import bpffs, telegen_object


@dataclass(frozen=True)
class Rig(Box):
    """A ``Box`` with the executor in it."""

    kernel: Kernel
    loaded: Loaded
    journal: Journal

    def attach(self, slot: int, port: str = "Ethernet0", direction: Direction = Direction.INGRESS) -> None:
        """Slot and filter on a clsact hook whose qdisc is there."""
        index = self.ifindex(port)
        self.kernel.apply(AssignSlot(slot, index, port, direction))
        self.kernel.apply(Attach(index, port, direction, QdiscKind.CLSACT, 3, 1, slot))

    def add_qdisc(self, kind: QdiscKind = QdiscKind.CLSACT, port: str = "Ethernet0") -> None:
        self.kernel.apply(AddQdisc(self.ifindex(port), port, kind))

    def own(self, state: KernelState | None = None) -> list[TcFilter]:
        """Our filters in a look."""
        return [f for f in (state or self.kernel.observe()).filters if f.own]

    def packets(self, slot: int) -> int:
        """Frames of all classes that the slot has counted."""
        found = [i for i in self.kernel.sample().interfaces if i.slot == slot]
        return sum(c.packets for i in found for c in i.classes)


@contextmanager
def rig(*ports: str) -> Iterator[Rig]:
    """Everything is made for this block and gone after it."""
    with (
        Switch(ports or ("Ethernet0", "Ethernet4")) as switch,
        bpffs() as mounted,
        tempfile.TemporaryDirectory(prefix=f"telegen-state-{os.getpid()}-") as state,
    ):
        netlink, journal = Netlink(switch.namespace), Journal(state)
        loaded = load(telegen_object(), mounted / "telegen", Kernel.swapper(netlink))
        kernel = Kernel(netlink, loaded, journal)
        try:
            yield Rig(switch, netlink, kernel, loaded, journal)
        finally:
            kernel.close()
