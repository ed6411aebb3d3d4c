"""Shows counters, the agent, this build, health, the document and the web page."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from aiohttp import web

from sonic_telegen.db import punts, view
from sonic_telegen.errors import StoreError
from sonic_telegen.rest import openapi
from sonic_telegen.rest.guard import answer
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.rest.problem import Problem
from sonic_telegen.rest.streams import Event, JobEvents, Streams
from sonic_telegen.rest.tables import Tables

STATIC = Path(__file__).with_name("static")
PAGE = "index.html"


class About:
    """Handlers that change nothing; named as the route table names them."""

    def __init__(self, tables: Tables, hooks: Hooks, streams: Streams) -> None:
        self._tables, self._hooks, self._streams = tables, hooks, streams
        self._document = openapi.document(hooks.version["version"])
        self._files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.is_file()}

    async def interfaces(self, _: web.Request) -> web.Response:
        """GET /interfaces."""
        return answer({"interfaces": view.interfaces(await self._tables.ask(lambda rows: rows.interfaces()))})

    async def punt(self, _: web.Request) -> web.Response:
        """GET /punt."""
        return answer(punts.shown(await self._tables.ask(lambda rows: rows.punts())))

    async def interface_stream(self, request: web.Request) -> web.StreamResponse:
        """GET /interfaces/stream."""
        return await self._streams.serve(request, lambda told: Event(told.interfaces))

    async def job_stream(self, request: web.Request) -> web.StreamResponse:
        """GET /jobs/<id>/stream."""
        return await self._streams.serve(request, JobEvents(request.match_info["job_id"]))

    async def status(self, _: web.Request) -> web.Response:
        """GET /status."""
        return answer(view.agent(await self._tables.ask(lambda rows: rows.agent())))

    async def version(self, _: web.Request) -> web.Response:
        """GET /version."""
        return answer(dict(self._hooks.version))

    async def healthz(self, _: web.Request) -> web.Response:
        """GET /healthz."""
        if problem := self._hooks.unhealthy():
            raise Problem("not_healthy", problem)
        return answer({"status": "ok"})

    async def readyz(self, _: web.Request) -> web.Response:
        """GET /readyz."""
        try:
            await self._tables.ask(lambda rows: rows.agent())
        except StoreError as problem:
            raise Problem("not_ready", f"Redis is not available: {problem}") from None
        if text := self._hooks.unready():
            raise Problem("not_ready", text)
        return answer({"status": "ok"})

    async def openapi(self, _: web.Request) -> web.Response:
        """GET /openapi.json."""
        return answer(self._document)

    async def page(self, _: web.Request) -> web.Response:
        """GET /."""
        return self._file(PAGE)

    async def static(self, request: web.Request) -> web.Response:
        """GET /static/<name>."""
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.Response:
        if name not in self._files:
            raise Problem("not_found", f"there is no file {name[:100]}")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=self._files[name], content_type=kind, charset=charset)
