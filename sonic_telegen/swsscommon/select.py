"""Select: wait for several subscriptions at once, highest priority first, then the longest unserved."""

from __future__ import annotations

import contextlib
import select as _select
import signal
import socket
import threading
import time
from collections.abc import Iterator


class Selectable:
    """Something with a file descriptor that Select can wait for; ``pri`` higher is served first."""

    def __init__(self, pri: int = 0) -> None:
        self._pri = pri
        self.last_used = time.monotonic()

    def getFd(self) -> int:
        """The file descriptor that becomes readable when there is something to read."""
        raise NotImplementedError

    def readData(self) -> int:
        """Take in what can be read without waiting; RuntimeError when the other side is gone."""
        raise NotImplementedError

    def hasData(self) -> bool:
        """Whether something was taken in and not yet popped."""
        return True

    def hasCachedData(self) -> bool:
        """Whether that is more than one thing."""
        return False

    def initializedWithData(self) -> bool:
        """Whether there was something from the start."""
        return False

    def getPri(self) -> int:
        """The priority given at construction."""
        return self._pri


class Select:
    """epoll over Selectables. ``select`` hands out each that has data, once per datum as the real library does."""

    OBJECT = 0
    ERROR = 1
    TIMEOUT = 2
    SIGNALINT = 3

    def __init__(self) -> None:
        self._epoll = _select.epoll()
        self._objects: dict[int, Selectable] = {}
        self._ready: list[Selectable] = []

    def addSelectable(self, selectable: Selectable) -> None:
        """Wait for this one too; a file descriptor that is already there is ignored."""
        fd = selectable.getFd()
        if fd in self._objects:
            return
        self._epoll.register(fd, _select.EPOLLIN)
        self._objects[fd] = selectable
        if selectable.initializedWithData():
            self._make_ready(selectable)

    def removeSelectable(self, selectable: Selectable) -> None:
        """Wait for it no more; RuntimeError if it was not there."""
        fd = next((fd for fd, known in self._objects.items() if known is selectable), -1)
        if fd < 0:
            raise RuntimeError("Select: no such selectable")
        del self._objects[fd]
        if selectable in self._ready:
            self._ready.remove(selectable)
        with contextlib.suppress(OSError):  # its socket may be closed already
            self._epoll.unregister(fd)

    def select(self, timeout: int = -1, interrupt_on_signal: bool = False) -> tuple[int, Selectable | None]:
        """Wait at most ``timeout`` ms (negative: for ever) and return (state, selectable or None).

        OBJECT: pop from the selectable. ERROR: a server is gone. SIGNALINT: only if asked for, and only in the main
        thread, whose Python handler has run by then (an exception of the handler comes out of here instead).
        """
        state, selected = self._poll(0)
        if state != Select.TIMEOUT or timeout == 0:
            return state, selected
        if not interrupt_on_signal or threading.current_thread() is not threading.main_thread():
            return self._poll(timeout)
        with _signals_as_input() as signals:
            self._epoll.register(signals, _select.EPOLLIN)
            try:
                return self._poll(timeout, signals.fileno())
            finally:
                self._epoll.unregister(signals)

    def isQueueEmpty(self) -> bool:
        """Whether nothing taken in waits to be handed out."""
        return not self._ready

    @staticmethod
    def resultToString(result: int) -> str:
        """The name of a state."""
        names = ("OBJECT", "ERROR", "TIMEOUT", "SIGNALINT")
        return names[result] if 0 <= result < len(names) else "UNKNOWN"

    def _poll(self, timeout: int, signal_fd: int = -1) -> tuple[int, Selectable | None]:
        try:
            readable = self._epoll.poll(None if timeout < 0 else timeout / 1000)
        except OSError:
            return Select.ERROR, None
        for fd, _ in readable:
            if fd == signal_fd:
                continue
            selectable = self._objects[fd]
            try:
                selectable.readData()
            except RuntimeError:
                return Select.ERROR, None
            self._make_ready(selectable)
        while self._ready:
            selectable = min(self._ready, key=lambda ready: (-ready.getPri(), ready.last_used))
            self._ready.remove(selectable)
            selectable.last_used = time.monotonic()
            if not selectable.hasData():
                continue
            if selectable.hasCachedData():
                self._make_ready(selectable)
            return Select.OBJECT, selectable
        if any(fd == signal_fd for fd, _ in readable):
            return Select.SIGNALINT, None
        return Select.TIMEOUT, None

    def _make_ready(self, selectable: Selectable) -> None:
        if selectable not in self._ready:
            self._ready.append(selectable)


@contextlib.contextmanager
def _signals_as_input() -> Iterator[socket.socket]:
    """A socket that becomes readable with any signal that has a Python handler.

    Python retries interrupted waits itself, so this is how one is seen. A former wake-up descriptor (asyncio's) gets
    the bytes afterwards.
    """
    receiver, sender = socket.socketpair()
    with receiver, sender:
        receiver.setblocking(False)
        sender.setblocking(False)
        former = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        try:
            yield receiver
        finally:
            signal.set_wakeup_fd(former)
            with contextlib.suppress(OSError):
                came = receiver.recv(4096)
                if former >= 0:
                    with socket.socket(fileno=former) as target:
                        try:
                            target.send(came)
                        finally:
                            target.detach()
