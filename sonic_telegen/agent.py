"""The composition root: builds every part, starts the root tasks, and dies as one.

Three threads: the asyncio loop (signals, netlink and keyspace file descriptors), the worker (passes and reports), the
collector (counters and export). They share a dirty flag and one immutable ``Sample``. When any of them ends, all end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import re
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sonic_telegen import boot, heap
from sonic_telegen.capturing import Capturing
from sonic_telegen.db import codec, schema
from sonic_telegen.db.changes import Changes
from sonic_telegen.db.store import Store
from sonic_telegen.door import KernelDoor
from sonic_telegen.errors import ConfigError, StoreError
from sonic_telegen.front import Front
from sonic_telegen.journal import Journal
from sonic_telegen.kernel import loader, pcap
from sonic_telegen.kernel.watch import Watch
from sonic_telegen.log import NOTICE, fields, log, set_level
from sonic_telegen.model.job import JobSpec, Owner
from sonic_telegen.model.sample import Sample
from sonic_telegen.model.status import AgentStatus, Status, Told
from sonic_telegen.notify import Notify
from sonic_telegen.punting import Punting
from sonic_telegen.reconcile.checked import Checked
from sonic_telegen.reconcile.loop import Loop, PassResult
from sonic_telegen.reconcile.report import interfaces, with_counters
from sonic_telegen.reconcile.results import job_results
from sonic_telegen.settings import Environment, OtlpSettings, Settings, resolve
from sonic_telegen.telemetry.collector import Collector, resident_bytes
from sonic_telegen.telemetry.flows import JobSeries
from sonic_telegen.telemetry.punts import punt_metrics
from sonic_telegen.telemetry.resource import resource
from sonic_telegen.telemetry.series import AgentStats, Metric, series
from sonic_telegen.telemetry.sessions import session_metrics
from sonic_telegen.thread import in_thread
from sonic_telegen.version import VERSION, build
from sonic_telegen.worker import Worker

RECONNECT_SEC = (0.2, 5.0)  # first and last wait for Redis
STOP_SEC = 1.5  # SIGTERM to exit is under two seconds


class Agent:
    """All parts of one agent; ``run`` returns the exit status."""

    def __init__(self, where: Environment, env: Mapping[str, str]) -> None:
        self._where, self._env = where, dict(env)
        self._build, self._began = build(), time.time_ns()
        self._journal = Journal(where.state_dir)
        self._door = KernelDoor(where, self._journal)
        self._store = Store(where.db_config)
        tables = Checked(self._store, pcap.check)
        self._watch = Watch()
        self._worker = Worker(
            Loop(tables, self._door.open, self._journal, self._resolve, self._before_look),
            self._publish,
            self._turned,
            lambda: boot.hold(self._store.booting),
        )
        self._settings = resolve({}, self._env)
        self._capturing = Capturing(where.state_dir / "captures")
        self._punting = Punting(where.copp_cfg)
        self._notify = Notify(self._env)
        self._front = Front(where, self._worker, self._settings_for, self._build, self._capturing.file)
        self._exported: dict[str, JobSpec] = {}
        self._job_series = JobSeries(self._began)
        self._device: dict[str, str] = {}
        self._collector = Collector(
            self._settings.otlp, self._resource, self._read, self._measure, self._worker.counted, heap.trim
        )

    async def run(self) -> int:
        """Serve until SIGTERM or SIGINT (0), or until a part of it ends by itself (1)."""
        loop = self._running = asyncio.get_running_loop()
        asked = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_reader(self._watch.fileno(), self._kernel_event)
        log.log(NOTICE, "starting", extra=fields(version=self._build, pid=os.getpid(), pins=self._where.pin_dir))
        roots: list[asyncio.Future[Any]] = [
            in_thread("worker", self._worker.run),
            in_thread("collector", self._collector.run),
            (captures := asyncio.create_task(self._capturing.run(), name="captures")),
            *(
                asyncio.create_task(self._listen(db), name=f"listener {db}")
                for db in (schema.CONFIG_DB, schema.STATE_DB)
            ),
            asyncio.create_task(asked.wait(), name="signal"),
        ]
        front = asyncio.create_task(self._front.run(), name="rest")  # no root: telemetry goes on without it
        done, _ = await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
        for root in done:
            if (problem := root.exception()) is not None:
                log.error("a part of the agent died", extra=fields(problem=repr(problem)), exc_info=problem)
        self._notify.stopping()
        self._worker.stop()
        front.cancel()
        self._capturing.stop()
        last = [front, in_thread("stop", lambda: self._collector.stop(1.0))]
        await asyncio.wait([*last, captures] if self._capturing.under_way else last, timeout=STOP_SEC)
        for root in roots:
            root.cancel()
        log.log(NOTICE, "stopped; filters and counters stay in the kernel", extra=fields(asked=asked.is_set()))
        return 0 if asked.is_set() else 1

    def _turned(self, problem: str) -> None:
        """Through the loop, so that it is told only while that runs too; worker thread only."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the agent ends
            self._running.call_soon_threadsafe(self._notify.turned, problem)

    async def _listen(self, db: str) -> None:
        """Keep one subscription on a database; a lost one is made again, and then everything is read again."""
        loop, wait = asyncio.get_running_loop(), RECONNECT_SEC[0]
        while True:
            try:
                changes: Changes = await in_thread("subscribe", lambda: Changes(self._where.db_config, db))
            except StoreError as problem:
                log.warning("cannot subscribe", extra=fields(db=db, problem=problem, retry=wait))
                await asyncio.sleep(wait)
                wait = min(wait * 2, RECONNECT_SEC[1])
                continue
            wait = RECONNECT_SEC[0]
            self._worker.look_again()
            lost: asyncio.Future[None] = loop.create_future()
            descriptor = changes.fileno()
            loop.add_reader(descriptor, self._row_event, changes, lost)
            try:
                await lost
            finally:
                loop.remove_reader(descriptor)

    def _row_event(self, changes: Changes, lost: asyncio.Future[None]) -> None:
        try:
            if changes.drain():
                self._worker.look_again()
        except StoreError as problem:
            log.warning("the subscription is lost", extra=fields(problem=problem))
            if not lost.done():
                lost.set_result(None)

    def _kernel_event(self) -> None:
        if self._watch.drain():
            self._worker.kernel_changed()

    def _before_look(self) -> None:
        self._watch.drain()
        self._worker.about_to_look()

    def _reload(self) -> None:
        log.log(NOTICE, "SIGHUP: everything is read again")
        self._store.reload()
        self._collector.reconfigure(self._settings.otlp, reload=True)
        self._front.reload()
        self._worker.look_again()

    def _resolve(self, row: Mapping[str, str]) -> Settings:
        return resolve(codec.check_fields(row, schema.GLOBAL_FIELDS, schema.GLOBAL_TABLE), self._env)

    def _settings_for(self, row: Mapping[str, str]) -> Settings:
        """The settings of a ``TELEGEN|GLOBAL``; those in force when it is wrong."""
        try:
            return self._resolve(row)
        except ConfigError:
            return self._settings

    def _resource(self, settings: OtlpSettings) -> Mapping[str, str]:
        return resource(settings, VERSION, platform.node(), self._device | asic_type())

    def _read(self) -> Sample:
        return self._capturing.counted(self._door.sample())

    def _measure(self, sample: Sample) -> Sequence[Metric]:
        stats = self._worker.stats
        own = AgentStats(
            start_ns=self._began,
            passes=stats.passes,
            pass_seconds=stats.pass_seconds,
            actions=dict(stats.actions),
            export_failures=self._collector.export.failures,
            map_read_failures=self._collector.map_read_failures,
            sample_age=max(0.0, (time.time_ns() - sample.time_ns) / 1e9),
            rss=resident_bytes(),
        )
        exported = self._exported
        last = self._worker.last
        links = last.state.links.values() if last and last.state else ()
        seen = series(sample, frozenset(exported), own, tunnels={link.name for link in links if link.ours})
        kept = (*self._job_series.metrics(sample, exported), *session_metrics(sample, exported))
        return (*seen, *punt_metrics(sample, exported), *kept)

    def _publish(self, result: PassResult, sample: Sample | None) -> None:
        """Tell STATE_DB; worker thread only."""
        set_level(result.asked.log_level or self._where.log_level)
        if result.asked.device != self._device:
            self._device = dict(result.asked.device)
            self._collector.reconfigure(result.settings.otlp, reload=True)
        elif result.settings != self._settings:
            self._collector.reconfigure(result.settings.otlp)
        self._settings = result.settings
        specs = {job: wanted.spec for job, wanted in result.desired.jobs.items()}
        self._exported = {job: spec for job, spec in specs.items() if spec.otlp_export}
        export, loaded = self._collector.export, self._door.loaded
        if sample is None:
            self._capturing.follow(result, loaded.jobs if loaded else None)
        growing = self._capturing.growing()
        # A beat may have been read before the pass that it is told after.
        readings = [reading for reading in (sample, result.sample) if reading is not None]
        latest = max(readings, key=lambda reading: reading.time_ns, default=None)
        if latest is not None:
            latest = self._capturing.counted(latest)
        jobs = self._capturing.told(with_counters(result.jobs, latest) if latest else result.jobs)
        hooks = interfaces(result.state, latest) if result.state and latest else ()
        kinds = (
            {q.kind.value for q in result.state.qdiscs.values() if q.ifindex in _used(result)}
            if result.state
            else set()
        )
        agent = AgentStatus(
            version=self._build.version,
            commit=self._build.commit,
            pid=os.getpid(),
            kernel=platform.release(),
            started_ns=self._began,
            loader=loaded.loader if loaded else "",
            loader_reason=loaded.reason if loaded else "",
            btf=loader.KERNEL_BTF.exists(),
            attach=",".join(sorted(kinds)),
            jobs=len(result.asked.jobs),
            jobs_running=sum(1 for j in jobs.values() if j.status is Status.RUNNING),
            otlp_endpoint=export.endpoint,
            otlp_last_success_ns=export.last_success_ns,
            otlp_last_error=export.last_error,
            otlp_failures=export.failures,
            config_error=result.config_error or export.config_error,
            listen=self._front.listen,
            listen_error=self._front.error,
            notice=self._door.notice,
        )
        if result.outlived and sample is None:
            self._store.remove_owned(result.outlived, Owner.REST)
        settings = {name: (value.text, value.origin) for name, value in result.settings.values.items()}
        results = job_results(jobs, specs, latest, growing) if latest else {}
        punts = self._punting.told(latest, result.asked.copp)
        self._store.report(Told(agent, jobs, hooks, settings, results, punts))
        self._front.published()


def _used(result: PassResult) -> set[int]:
    return {ifindex for ifindex, _ in result.desired.hooks()}


def asic_type(path: Path = Path("/etc/sonic/sonic_version.yml")) -> dict[str, str]:
    """``{"asic": …}`` on SONiC, whose image notes its ASIC type in this flat file of ``name: value``; else empty."""
    try:
        found = re.search(r"^asic_type:\s*['\"]?([\w-]+)", path.read_text(errors="replace"), re.M)
    except OSError:
        return {}
    return {"asic": found[1]} if found else {}
