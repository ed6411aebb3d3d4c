"""Opens the kernel side when something needs it and watches over its pins; part of the composition root."""

from __future__ import annotations

import time
from pathlib import Path

from sonic_telegen.journal import Journal
from sonic_telegen.kernel import apply, loader, pins
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.log import NOTICE, fields, log
from sonic_telegen.model.sample import Sample
from sonic_telegen.settings import Environment


def packaged_object() -> Path:
    """The BPF object of this build: beside the package when installed, in ``build/`` of a source tree."""
    beside = Path(__file__).with_name("telegen.bpf.o")
    return beside if beside.exists() else Path(__file__).parents[1] / "build" / "telegen.bpf.o"


class KernelDoor:
    """Opens the kernel side when it is first needed, watches over its pins, and hands it to worker and collector.

    It is needed by the first job that wants a program, or when pins of an earlier run are there to be adopted.
    """

    def __init__(self, where: Environment, journal: Journal) -> None:
        self._where, self._journal = where, journal
        self.side: Kernel | None = None
        self.loaded: loader.Loaded | None = None
        self.notice = ""

    def open(self, needed: bool) -> Kernel | None:
        """The kernel side, or None while nothing needs it; raises KernelError. Worker thread only."""
        if self.side is None:
            if not needed and not self._where.pin_dir.exists():
                return None
            netlink = Netlink()
            had_pins = any((self._where.pin_dir / name).exists() for name in pins.MAPS)
            try:
                self.loaded = loader.load(
                    self._where.bpf_obj or packaged_object(),
                    self._where.pin_dir,
                    btf_path=str(self._where.btf_path) if self._where.btf_path else None,
                    hooks=Kernel.swapper(netlink),
                )
            except BaseException:
                netlink.close()
                raise
            self.side = Kernel(netlink, self.loaded, self._journal)
            self._tell(self.loaded.notices)
            orphans = [] if had_pins else [f for f in netlink.dump_all(netlink.qdiscs()) if f.own is not None]
            if orphans:
                text = "filters of ours count into maps that are pinned nowhere any more"
                self._tell((f"counters were reset: {len(orphans)} {text}; they begin again with a new start time",))
        elif self.loaded is not None:
            self._tell(self.loaded.repair())
        return self.side

    def sample(self) -> Sample:
        """Read the maps; an empty reading while there are none. Collector thread."""
        side = self.side
        return side.sample() if side is not None else Sample(time.time_ns())

    def _tell(self, notices: tuple[str, ...]) -> None:
        for notice in notices:
            log.log(NOTICE, notice)
            self.notice = notice


def detach_all(where: Environment) -> int:
    """Remove every filter, qdisc and pin of ours in this network namespace; the exit status (1: something stayed)."""
    journal = Journal(where.state_dir)
    netlink = Netlink()
    try:
        removed = apply.detach_all(netlink, journal)
    finally:
        netlink.close()
    for what in (*removed.filters, *removed.qdiscs):
        log.log(NOTICE, "removed", extra=fields(what=what))
    for problem in removed.failed:
        log.error("not removed", extra=fields(problem=problem))
    left = pins.remove_pins(where.pin_dir) if where.pin_dir.exists() else ()
    for what in left:
        log.warning("left alone", extra=fields(what=what))
    return 1 if removed.failed else 0
