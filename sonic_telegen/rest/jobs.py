"""Starts and stops jobs by their rows, and shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from sonic_telegen.db import codec, results, view
from sonic_telegen.db.rows import ENDED, Rows
from sonic_telegen.errors import ConfigError, StoreError
from sonic_telegen.log import NOTICE, audit, fields
from sonic_telegen.model.job import JobSpec, Owner
from sonic_telegen.model.status import Status
from sonic_telegen.rest.body import read_start
from sonic_telegen.rest.guard import answer, read_body
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.rest.peer import peer
from sonic_telegen.rest.problem import Problem, wrong
from sonic_telegen.rest.tables import WAIT_SEC, Tables
from sonic_telegen.thread import in_thread

T = TypeVar("T")


class Jobs:
    """Handlers of ``/jobs…`` but for stream and capture; named as the route table names them."""

    def __init__(self, tables: Tables, hooks: Hooks) -> None:
        self._tables, self._hooks = tables, hooks
        self._starting = asyncio.Lock()  # counting the jobs and adding one is one step

    async def start(self, request: web.Request) -> web.Response:
        """POST /jobs/start."""
        spec, row = read_start(await read_body(request))
        if spec.match.filter:
            await self._check_filter(spec.match.filter)
        interface = await finish(self._create(spec, row, caller(request)))
        return answer({"job_id": spec.id, "status": Status.STARTING, "interface": interface}, 201)

    async def _check_filter(self, expression: str) -> None:
        try:
            await in_thread("rest", partial(self._hooks.check_filter, expression))
        except ConfigError as problem:
            raise wrong(problem) from None

    async def _create(self, spec: JobSpec, row: dict[str, str], who: dict[str, str]) -> str:
        try:
            async with asyncio.timeout(WAIT_SEC):
                await self._starting.acquire()
        except TimeoutError:
            raise StoreError("wait", "Redis", "too many starts are waiting") from None
        try:
            interface = await self._tables.ask(lambda rows: self._write(rows, spec, row))
        finally:
            self._starting.release()
        audit.log(NOTICE, "job started", extra=fields(job=spec.id, port=spec.port, **who))
        return interface

    def _write(self, rows: Rows, spec: JobSpec, row: dict[str, str]) -> str:
        try:
            rows.check_port(spec.port)
        except ConfigError as problem:
            raise wrong(problem) from None
        settings = self._hooks.settings(rows.settings())
        exists = Problem("exists", f"there is a job {spec.id}; stop it first or use another job_id", "job_id")
        if rows.job(spec.id)[0]:
            raise exists
        if rows.taken() >= settings.max_jobs:
            text = f"max_jobs={settings.max_jobs} jobs are there; stop one or raise max_jobs of TELEGEN|GLOBAL"
            raise Problem("max_jobs", text)
        if not rows.create(spec.id, row):
            raise exists
        return settings.interface(spec)

    async def stop(self, request: web.Request) -> web.Response:
        """POST /jobs/<id>/stop; a job whose row is gone already is answered with what it is now."""
        await read_body(request)
        job = request.match_info["job_id"]
        return answer({"job_id": job, "status": await finish(self._remove(job, caller(request)))})

    async def _remove(self, job: str, who: dict[str, str]) -> str:
        removed, status = await self._tables.ask(lambda rows: _remove(rows, job))
        if removed:
            audit.log(NOTICE, "job stopped", extra=fields(job=job, **who))
        return status

    async def jobs(self, _: web.Request) -> web.Response:
        """GET /jobs."""
        rows, statuses = await self._tables.ask(lambda rows: rows.jobs())
        return answer({"jobs": view.jobs(rows, statuses)})

    async def job(self, request: web.Request) -> web.Response:
        """GET /jobs/<id>."""
        return answer(await shown(self._tables, request))

    async def results(self, request: web.Request) -> web.Response:
        """GET /jobs/<id>/results: what STATE_DB has of it."""
        job = await shown(self._tables, request)
        found, agent = await self._tables.ask(lambda rows: (rows.result(request.match_info["job_id"]), rows.agent()))
        return answer(results.shown(job, found, view.agent(agent)))


async def shown(tables: Tables, request: web.Request) -> dict[str, Any]:
    """The job that the path names, as it is shown. Raises Problem ``not_found``."""
    job = request.match_info["job_id"]
    row, status = await tables.ask(lambda rows: rows.job(job))
    if not row and not status:
        raise unknown(job)
    return view.job(job, row or None, status or None)


def _remove(rows: Rows, job: str) -> tuple[bool, str]:
    """Whether a row of ours was there and is gone now, and what to tell of the job."""
    if rows.delete_if_owner(job, Owner.REST):
        return True, Status.STOPPING
    row, status_row = rows.job(job)
    if row:
        owner = codec.printable(row.get("owner", "automation"))
        text = f"job {job} belongs to {owner}, not to rest; stop it with: config telegen job del {job}"
        raise Problem("not_owner", text)
    told = codec.parse_status(job, status_row) if status_row else None
    if told is None:
        raise unknown(job)
    return False, told.status if told.status in ENDED else Status.STOPPING


def unknown(job: str) -> Problem:
    """No row and no status."""
    return Problem("not_found", f"there is no job {job[:100]}")


async def finish(change: Awaitable[T]) -> T:
    """Carry a change through even when the client goes in the middle of it."""
    return await asyncio.shield(asyncio.ensure_future(change))


def caller(request: web.Request) -> dict[str, str]:
    """Who asks, for the log: such writes pass no TACACS accounting."""
    return {"method": request.method, "path": request.path, "peer": peer(request)}
