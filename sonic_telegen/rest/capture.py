"""Sends a capture: the file as far as it is, and then as it grows."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from functools import partial
from io import FileIO

from aiohttp import web

from sonic_telegen.model.captured import CaptureFile
from sonic_telegen.model.pcapng import MEDIA_TYPE
from sonic_telegen.rest.hooks import Hooks
from sonic_telegen.rest.jobs import shown
from sonic_telegen.rest.problem import Problem
from sonic_telegen.rest.streams import cut, write
from sonic_telegen.rest.tables import Tables
from sonic_telegen.thread import in_thread

CHUNK = 256 * 1024
LOOK_SEC = 0.1  # between two looks at a file that grows


class Download:
    """The handler of ``/jobs/<id>/capture``."""

    def __init__(self, tables: Tables, hooks: Hooks) -> None:
        self._tables, self._hooks = tables, hooks

    async def capture(self, request: web.Request) -> web.StreamResponse:
        """GET /jobs/<id>/capture."""
        job: str = (await shown(self._tables, request))["job_id"]
        file = self._hooks.capture(request.match_info["job_id"])
        if file is None:
            text = "result_detail=packets makes a job keep frames, and its file stays for an hour after its end"
            raise Problem("no_capture", f"no capture of job {job}: {text}")
        response = web.StreamResponse(headers={"Content-Type": MEDIA_TYPE})
        response.headers["Content-Disposition"] = f'attachment; filename="{file.path.name}"'
        if file.over:
            response.content_length = file.size
        try:
            opened = await in_thread("rest", lambda: FileIO(file.path))
        except OSError as problem:
            raise Problem("no_capture", f"the capture of job {job} is gone: {problem.strerror}") from None
        with opened:
            await response.prepare(request)
            if request.method != "HEAD":
                await self._follow(request, response, file, opened)
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, file: CaptureFile, opened: FileIO
    ) -> None:
        sent, over = 0, file.over
        if os.fstat(opened.fileno()).st_ino != file.inode:  # another file took the place in this moment
            raise cut(request)
        while True:
            while sent < file.size:
                part = min(CHUNK, file.size - sent)
                data = await in_thread("rest", partial(os.pread, opened.fileno(), part, sent))
                if not data:
                    raise cut(request)
                await write(request, response, data)
                sent += len(data)
            if over:
                return
            await asyncio.sleep(LOOK_SEC)
            now = self._hooks.capture(request.match_info["job_id"])
            if now is None or now.inode != file.inode:  # another capture took its place: this one got its end before
                now = replace(file, size=os.fstat(opened.fileno()).st_size, over=True)
            file, over = now, now.over
