"""REST beside the agent: what goes wrong there is told and tried again, and never reaches the agent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from sonic_telegen import front
from sonic_telegen.front import Front
from sonic_telegen.rest import facade
from sonic_telegen.settings import Environment, Settings
from sonic_telegen.version import Build


class Pass:
    """Stands in for the worker; ``looks`` counts how often another pass was asked for."""

    def __init__(self) -> None:
        self.stats = SimpleNamespace(finished=0.0)
        self.last: Any = None
        self.problem = ""
        self.looks = 0

    def look_again(self) -> None:
        self.looks += 1


def settings(_: Mapping[str, str]) -> Settings:
    return Settings()


def made(worker: Any, *listen: str) -> Front:
    return Front(Environment(listen=listen), worker, settings, Build(), lambda job: None)


def test_a_facade_that_fails_is_told_and_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "AGAIN_SEC", 0.0)
    tries: list[str] = []

    class Broken:
        listen, errors = ("127.0.0.1:1",), ()

        def __init__(self, *_: object) -> None:
            tries.append("made")

        async def run(self) -> None:
            if len(tries) == 3:
                await asyncio.Event().wait()
            raise RuntimeError("out of order")

    monkeypatch.setattr(facade, "Facade", Broken)
    worker = Pass()
    found = made(worker, "127.0.0.1:1")

    async def run() -> None:
        task = asyncio.create_task(found.run())
        while len(tries) < 3:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    assert found.error == "REST failed: RuntimeError('out of order')"
    assert found.listen == ""
    assert worker.looks == 2


def test_without_an_address_it_returns_at_once() -> None:
    asyncio.run(made(Pass()).run())


def test_health_follows_the_last_pass_and_readiness_what_it_could_read() -> None:
    worker = Pass()
    found = made(worker)
    assert found.unhealthy() == found.unready() == "no pass finished yet"
    worker.stats.finished = time.monotonic()
    worker.last = SimpleNamespace(state=object(), failures=("attach: refused",))
    assert (found.unhealthy(), found.unready()) == ("", "")
    worker.problem = "read on CONFIG_DB: refused"
    assert found.unready() == "read on CONFIG_DB: refused"
    worker.problem, worker.last = "", SimpleNamespace(state=None, failures=("open: denied",))
    assert found.unready() == "open: denied"
    worker.last = SimpleNamespace(state=None, failures=())
    assert found.unready() == ""
    worker.stats.finished -= front.LATELY_SEC + 1
    assert "no pass finished for" in found.unhealthy()


def test_the_agent_imports_no_aiohttp_by_itself() -> None:
    code = "import sys, sonic_telegen.agent; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
