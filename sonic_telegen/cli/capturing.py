"""Body of ``telegen capture``: a job for the time of the command, and its file as the agent's REST sends it."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from sonic_telegen.cli import jobs, link, state
from sonic_telegen.cli.rest import Refused, connect, get, watch_reader
from sonic_telegen.cli.tables import clean
from sonic_telegen.db import schema, view
from sonic_telegen.model import pcapng
from sonic_telegen.model.job import Owner, ResultDetail
from sonic_telegen.model.status import Status

PREFIX = "capture-"  # of our jobs' ids
BEGIN_SEC = 10.0  # until the agent must have begun
END_SEC = 30.0  # until it must have ended, once the job is removed; a second Ctrl-C does not wait
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OVER = (Status.DONE, Status.FAILED, Status.REJECTED, Status.STOPPED)


def run(ctx: click.Context, asked: Mapping[str, str | None], to: str, count: int | None) -> None:
    """Until the capture is over, by whatever."""
    if to == "-" and (sys.stdout is None or sys.stdout.isatty()):
        ctx.fail("pcapng is nothing for a terminal; use -w <file>, or a pipe into a program that reads it")
    agent = state.agent(ctx)
    if not agent.alive:
        ctx.fail(agent.warning())
    connection = connect(ctx, str(agent.row["listen"]))
    job = Job(ctx, asked)
    with contextlib.closing(connection), _target(ctx, to) as fd, job.ended_by_signals(), job:
        reply = _begun(ctx, connection, job)
        if reply is None:
            click.echo("ended before anything could be captured", err=True)
            return
        sink = Sink(fd, count, job.stop)
        with watch_reader(fd):
            whole = sink.fill(reply)
    click.echo(sink.told(), err=True)
    if not whole and not sink.left:
        ctx.fail(f"the agent ended the answer in the middle; {to} has whole frames only")


class Job:
    """The temporary job: there inside ``with``."""

    def __init__(self, ctx: click.Context, asked: Mapping[str, str | None]) -> None:
        self._ctx, self._asked = ctx, asked
        self.id = f"{PREFIX}{secrets.token_hex(4)}"
        self.stopped = False

    def __enter__(self) -> Job:
        rows = link.config_db(self._ctx)
        self._forget(rows.get_table(schema.JOB_TABLE))
        detail = {"result_detail": ResultDetail.PACKETS.value, "otlp_export": "false"}
        jobs.create(self._ctx, self.id, {**self._asked, **detail})
        if self.stopped:
            self._remove()
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def stop(self) -> None:
        """Take the row away; the capture must come to its end soon."""
        self.stopped = True
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, END_SEC)
        self._remove()

    def _remove(self) -> None:
        rows = link.config_db(self._ctx)
        if self.id in rows.get_keys(schema.JOB_TABLE):
            rows.set_entry(schema.JOB_TABLE, self.id, None)

    def _forget(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        """Remove what killed commands left, when its time is over."""
        told = link.state_db(self._ctx)
        for job, row in rows.items():
            if job.startswith(PREFIX) and row.get("owner") == Owner.CLI:
                status = told.get_all(f"{schema.STATE_JOB_TABLE}{schema.SEPARATOR}{job}").get("status")
                if status == Status.DONE:
                    link.config_db(self._ctx).set_entry(schema.JOB_TABLE, job, None)

    @contextlib.contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """The first signal removes the job, so that the capture comes to its end; the second ends the command."""

        def first(_: int, __: object) -> None:
            for number in _SIGNALS:
                signal.signal(number, signal.default_int_handler)
            self.stop()

        before = {number: signal.signal(number, first) for number in _SIGNALS}
        before[signal.SIGALRM] = signal.getsignal(signal.SIGALRM)
        try:
            yield
        except KeyboardInterrupt:
            raise click.Abort from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)


def _begun(ctx: click.Context, connection: http.client.HTTPConnection, job: Job) -> http.client.HTTPResponse | None:
    """The answer that has the capture; None when the command was ended before there was one.

    One that had begun by then is asked for all the same: it has frames, and its end.
    """
    until = time.monotonic() + BEGIN_SEC
    while True:
        ended, late = job.stopped, time.monotonic() > until  # before the question: there is one after either
        try:
            return get(ctx, connection, f"/jobs/{job.id}/capture")
        except Refused as problem:
            if problem.code not in ("not_found", "no_capture"):
                ctx.fail(str(problem))
        if ended:
            return None
        if job.stopped:
            continue
        told = view.job(
            job.id, None, link.state_db(ctx).get_all(f"{schema.STATE_JOB_TABLE}{schema.SEPARATOR}{job.id}") or None
        )
        if late or told["status"] in _OVER:
            ctx.fail(f"nothing is captured: {_why(told)}")
        time.sleep(0.1)


def _why(told: Mapping[str, Any]) -> str:
    parts = [clean(str(told[name])) for name in ("status", "reason", "message") if told.get(name)]
    return ": ".join(parts) or "the agent said nothing of the job; its log may"


class Sink:
    """Writes whole blocks; ``left`` when the reader went, which is no failure."""

    def __init__(self, fd: int, count: int | None, enough: Callable[[], None]) -> None:
        self._fd, self._count, self._enough = fd, count, enough
        self.frames, self.left = 0, False
        self._statistics: tuple[int, int] | None = None

    def fill(self, reply: http.client.HTTPResponse) -> bool:
        """Until the answer ends; whether it ended well."""
        blocks = pcapng.Blocks()
        try:
            while data := reply.read1(1 << 16):
                self._put(blocks.feed(data))
        except BrokenPipeError:
            self.left = True
            return False
        except (OSError, http.client.HTTPException, ValueError) as problem:
            if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO):
                raise click.ClickException(f"the file cannot be written: {problem.strerror}") from None
            return False
        return not blocks.left and self._statistics is not None

    def _put(self, found: list[tuple[int, bytes]]) -> None:
        kept = bytearray()
        for kind, block in found:
            if kind == pcapng.PACKET:
                if self._count is not None and self.frames >= self._count:
                    continue
                self.frames += 1
            elif kind == pcapng.STATISTICS:
                self._statistics = pcapng.counts_of(block)
            kept += block
        while kept:
            del kept[: os.write(self._fd, kept)]
        if self._count is not None and self.frames >= self._count:
            self._enough()

    def told(self) -> str:
        """What it was, in a line."""
        lost = "" if self._statistics is None else f", {self._statistics[1]} lost"
        return f"{self.frames} frames captured{lost}"


@contextlib.contextmanager
def _target(ctx: click.Context, to: str) -> Iterator[int]:
    if to == "-":
        sys.stdout.flush()
        yield sys.stdout.fileno()
        return
    try:
        fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        ctx.fail(f"{clean(to)} cannot be written: {problem.strerror}")
    try:
        yield fd
    finally:
        os.close(fd)
