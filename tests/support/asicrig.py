"""A loop without a kernel on a real Redis, for jobs in ``mirror_mode=asic``; beside it goes orchagent's stand-in."""

from __future__ import annotations

from pathlib import Path

from sonic_telegen.db.store import Store
from sonic_telegen.journal import Journal
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.mirror import SessionAction
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.settings import Settings
from tests.support.mirrororch import MirrorOrch

TUNNEL = ErspanAsked("erspan0", "", "192.0.2.10", "192.0.2.1", 10, 2, 64, "inherit")


class Rows:
    """The store, and jobs that no row can ask for in this version."""

    def __init__(self, store: Store) -> None:
        self._store, self.jobs = store, dict[str, JobSpec]()

    def read(self) -> Asked:
        asked = self._store.read()
        return Asked(jobs=self.jobs, ports=asked.ports, mirrors=asked.mirrors)

    def change_session(self, action: SessionAction) -> str:
        return self._store.change_session(action)


class Rig:
    """A loop without a kernel, a real Redis, and orchagent's stand-in, one step each."""

    def __init__(self, store: Store, state: Path) -> None:
        self.rows, self.state = Rows(store), state
        self.settings = Settings(mirror_mode=MirrorMode.ASIC, erspan=TUNNEL)
        self.restart()

    def restart(self) -> None:
        """A new agent on what the old one left."""
        self.opened: list[bool] = []
        self.loop = Loop(self.rows, self.open, Journal(self.state), lambda _: self.settings, lambda: None)

    def open(self, needed: bool) -> None:
        self.opened.append(needed)

    def run(self) -> PassResult:
        return self.loop.run()


def settle(rig: Rig, orch: MirrorOrch) -> PassResult:
    for _ in range(4):
        rig.run()
        orch.step()
    return rig.run()
