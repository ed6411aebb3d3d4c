"""Server-sent events: after each report of the agent one event to every listener; a slow one gets the newest only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

from sonic_telegen.db import view
from sonic_telegen.db.rows import Snapshot
from sonic_telegen.errors import StoreError
from sonic_telegen.log import fields, log
from sonic_telegen.model.status import Status
from sonic_telegen.rest.problem import Problem
from sonic_telegen.rest.tables import Tables

HEARTBEAT_SEC = 15.0
STALLED_SEC = 60.0  # a client that takes nothing for so long is cut off
CONTENT_TYPE = "text/event-stream"
_BEAT = b": still here\n\n"


class Told:
    """A snapshot and its texts, each made once however many listen."""

    def __init__(self, rows: Snapshot) -> None:
        self.rows = rows

    @cached_property
    def time(self) -> str:
        """When the agent reported: the events' id."""
        return view.time(self.rows.agent.get("updated_at", "")) or ""

    @cached_property
    def interfaces(self) -> bytes:
        """The event of ``/interfaces/stream``."""
        return event({"interfaces": view.interfaces(self.rows.interfaces)}, self.time)


@dataclass(frozen=True, slots=True)
class Event:
    """What is written to a client; ``last``: and nothing after it."""

    text: bytes
    last: bool = False


def event(data: object, time: str, name: str = "") -> bytes:
    """One event in the format of server-sent events."""
    head = f"event: {name}\n" if name else ""
    number = f"id: {time}\n" if time else ""
    return f"{head}{number}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class JobEvents:
    """Makes the events of one job; raises Problem ``not_found`` when the first snapshot does not know it."""

    def __init__(self, job_id: str) -> None:
        self._job = job_id
        self._last: dict[str, object] = {}

    def __call__(self, told: Told) -> Event:
        """The job as it is told; ``end`` when its end is told or it is no more."""
        row, status = told.rows.jobs.get(self._job), told.rows.statuses.get(self._job)
        if row is None and status is None:
            if not self._last:
                raise Problem("not_found", f"there is no job {self._job}")
            return Event(event(self._last, told.time, "end"), last=True)
        self._last = view.job(self._job, row, status)
        state = self._last["status"]
        over = state == Status.DONE or (row is None and state == Status.STOPPED)
        return Event(event(self._last, told.time, "end" if over else ""), last=over)


class _Client:
    """Holds the newest snapshot that was not written yet."""

    def __init__(self) -> None:
        self._news, self._told = asyncio.Event(), Told(Snapshot())

    def offer(self, told: Told) -> None:
        self._told = told
        self._news.set()

    async def take(self) -> Told | None:
        """The newest, or None after the heartbeat's time."""
        try:
            async with asyncio.timeout(HEARTBEAT_SEC):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        return self._told


class Streams:
    """All listeners; ``run`` reads the tables once after each ``published`` if anybody listens."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._clients: set[_Client] = set()
        self._published = asyncio.Event()
        self._era = 0

    def published(self) -> None:
        """The agent has reported; from the loop's thread."""
        self._published.set()

    def end(self) -> None:
        """End all streams that there are."""
        self._era += 1
        for client in self._clients:
            client.offer(Told(Snapshot()))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._published.wait()
            self._published.clear()
            if not self._clients:
                continue
            try:
                told = Told(await self._tables.ask(lambda rows: rows.snapshot()))
            except StoreError as problem:
                log.debug("streams get nothing", extra=fields(problem=problem))
                continue
            for client in self._clients:
                client.offer(told)

    async def serve(self, request: web.Request, make: Callable[[Told], Event]) -> web.StreamResponse:
        """Answer with events until ``make`` says it is the last, or the client goes."""
        client = _Client()
        self._clients.add(client)
        try:
            first = make(Told(await self._tables.ask(lambda rows: rows.snapshot())))
            response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
            await response.prepare(request)
            if request.method != "HEAD":
                await self._follow(request, response, make, client, first)
            return response
        finally:
            self._clients.discard(client)

    async def _follow(
        self,
        request: web.Request,
        response: web.StreamResponse,
        make: Callable[[Told], Event],
        client: _Client,
        first: Event,
    ) -> None:
        era, sent = self._era, first
        try:
            await write(request, response, sent.text)
            while not sent.last:
                told = await client.take()
                if era != self._era:
                    return
                sent = make(told) if told is not None else Event(_BEAT)
                await write(request, response, sent.text)
        except ConnectionError:
            raise
        except Exception:
            log.exception("a stream failed")
            raise cut(request) from None


def cut(request: web.Request) -> ConnectionResetError:
    """End the connection where no other answer can be given any more."""
    if request.transport is not None:
        request.transport.abort()
    return ConnectionResetError("cut off")


async def write(request: web.Request, response: web.StreamResponse, text: bytes) -> None:
    """Send; a client that takes nothing for ``STALLED_SEC`` is cut off."""
    try:
        async with asyncio.timeout(STALLED_SEC):
            await response.write(text)
    except TimeoutError:
        raise cut(request) from None
