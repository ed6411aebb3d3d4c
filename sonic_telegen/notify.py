"""Tells systemd how the agent is (sd_notify): ready after the first pass, alive with every one, stopping."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping


class Notify:
    """systemd's notification socket; nothing is told where there is none. Of the asyncio loop's thread alone.

    A pass that Redis or the kernel refused is a completed one: to be started anew would not help, and an agent that
    waits for Redis is ready and idle. A worker that hangs, or a loop, completes none, and systemd's watchdog bites.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._path = env.get("NOTIFY_SOCKET", "")
        self._ready, self._status = False, ""

    def turned(self, problem: str) -> None:
        """The worker completed a pass or a report; ``problem`` is why it could not read, if so."""
        lines = ["WATCHDOG=1"]
        if not self._ready:
            lines.append("READY=1")
            self._ready = True
        status = problem.replace("\n", " ") or "passes complete"
        if status != self._status:
            lines.append(f"STATUS={status}")
            self._status = status
        self._tell(lines)

    def stopping(self) -> None:
        """The agent ends."""
        self._tell(["STOPPING=1"])

    def _tell(self, lines: list[str]) -> None:
        if not self._path:
            return
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), address)
