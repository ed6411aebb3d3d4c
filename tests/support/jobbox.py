"""Passes of the real loop on real parts with jobs that need programs of their own: rows by hand, an agent that dies."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sonic_telegen.demo.switch import Switch
from sonic_telegen.journal import Journal
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.loader import Loaded, load
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.mirror import SessionAction
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.settings import Settings
from tests.support.hooks import Box
from tests.support.objects import bpffs, job_object, telegen_object


class Agent(Box):
    """A switch and an agent without doors and Redis: what it tells is what it reads back in the next pass."""

    def __init__(self, switch: Switch, pins: Path, state: Path) -> None:
        object.__setattr__(self, "switch", switch)
        self.pins, self._state = pins, state
        self.asked = Asked()
        self.kernel: Kernel
        self.loaded: Loaded

    def start(self, layout: Mapping[str, int] | None = None, **defines: int) -> None:
        """A new agent with the job program of this build; ``layout`` builds both objects."""
        shape = dict(layout or {})
        object.__setattr__(self, "netlink", Netlink(self.switch.namespace))
        self.loaded = load(
            telegen_object(**shape),
            self.pins,
            Kernel.swapper(self.netlink),
            job_object=job_object(**shape, **defines),
        )
        self.kernel = Kernel(self.netlink, self.loaded, Journal(self._state))
        settings = Settings(mirror_mode=MirrorMode.DIRECT)
        journal = Journal(self._state)
        self.loop = Loop(self, lambda _: self.kernel, journal, lambda _: settings, lambda: None)

    def die(self) -> None:
        """As a process does that was killed: its descriptors close, and nothing else."""
        self.kernel.close()

    def restart(self, layout: Mapping[str, int] | None = None, **defines: int) -> None:
        self.die()
        self.start(layout, **defines)

    def read(self) -> Asked:
        return self.asked

    def change_session(self, action: SessionAction) -> str:
        raise AssertionError(action)  # there is no ASIC

    def ask(self, *specs: JobSpec) -> PassResult:
        """These rows and no others; the first pass over them."""
        self.asked = replace(self.asked, jobs={spec.id: spec for spec in specs})
        return self.run()

    def run(self) -> PassResult:
        """One pass, told."""
        result = self.loop.run()
        told = {job: replace(status, updated_ns=time.time_ns()) for job, status in result.jobs.items()}
        self.asked = replace(self.asked, told=told)
        return result

    def counted(self, job: str) -> int:
        """Packets of a job."""
        return self.kernel.sample().job(job).packets

    def pinned(self) -> set[str]:
        """Names below the directory of jobs' pins."""
        jobs = self.pins / "jobs"
        return {str(p.relative_to(jobs)) for p in jobs.rglob("*") if not p.is_dir()} if jobs.exists() else set()


@contextmanager
def agent(*ports: str, **defines: int) -> Iterator[Agent]:
    """A running agent; all of it is gone after the block."""
    with (
        Switch(ports or ("Ethernet0", "Ethernet4")) as switch,
        bpffs() as mounted,
        tempfile.TemporaryDirectory(prefix=f"telegen-state-{os.getpid()}-") as state,
    ):
        made = Agent(switch, mounted / "telegen", Path(state))
        made.start(None, **defines)
        try:
            yield made
        finally:
            made.die()
