"""PubSub: pattern subscriptions as swsscommon offers them, one pattern a connection."""

from __future__ import annotations

from collections import deque

from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.failure import ConnectionLost
from sonic_telegen.swsscommon.link import Reply, decode
from sonic_telegen.swsscommon.select import Select, Selectable

_SUBSCRIBE_TIMEOUT_MS = 1000
_LISTEN_MS = 600_000


class RedisSelect(Selectable):
    """A Selectable on a subscribing connection of its own; keeps the pushed messages until they are popped."""

    def __init__(self, pri: int = 0) -> None:
        super().__init__(pri)
        self._subscription: DBConnector | None = None
        self._events: deque[Reply] = deque()

    def getFd(self) -> int:
        """The subscribing socket, also for asyncio's ``loop.add_reader``."""
        return self._subscriber().fileno()

    def readData(self) -> int:
        """Take in all messages that have arrived, without waiting; RuntimeError when the server is gone."""
        self._events.extend(self._subscriber()._link.arrived())
        return 0

    def hasData(self) -> bool:
        """Whether a message waits."""
        return bool(self._events)

    def hasCachedData(self) -> bool:
        """Whether more than one does."""
        return len(self._events) > 1

    def initializedWithData(self) -> bool:
        """Whether a message came with the subscription."""
        return bool(self._events)

    def getDbConnector(self) -> DBConnector:
        """The subscribing connector (for its database number and namespace)."""
        return self._subscriber()

    def popEvent(self) -> Reply:
        """The oldest message as it came (ours); None when none waits."""
        return self._events.popleft() if self._events else None

    def _psubscribe(self, parent: DBConnector, pattern: str) -> None:
        subscription = parent.newConnector(_SUBSCRIBE_TIMEOUT_MS)
        subscription.psubscribe(pattern)
        self._subscription = subscription
        # Messages may have come in one piece with the reply: read already, the socket would not tell of them.
        self.readData()

    def _subscriber(self) -> DBConnector:
        if self._subscription is None:
            raise RuntimeError("not subscribed")
        return self._subscription


class PubSub:
    """Messages one at a time, as dicts with ``type``, ``pattern``, ``channel`` and ``data``."""

    def __init__(self, parent: DBConnector) -> None:
        self._parent = parent
        self._select = Select()
        self._inbox: RedisSelect | None = None  # not ourselves: a cycle would keep the connection until the next gc

    def psubscribe(self, pattern: str) -> None:
        """Subscribe to a pattern; as in the real library a second one takes the place of the first."""
        self._forget()
        inbox = RedisSelect()
        inbox._psubscribe(self._parent, pattern)
        self._select.addSelectable(inbox)
        self._inbox = inbox

    def punsubscribe(self, pattern: str) -> None:
        """End the subscription."""
        self._forget()

    def getFd(self) -> int:
        """The subscribing socket for an event loop (ours); when it is readable call ``get_message`` until ``{}``."""
        return self._subscribed().getFd()

    def get_message(self, timeout: float = 0.0, interrupt_on_signal: bool = False) -> dict[str, str]:
        """The next message, ``{}`` after ``timeout`` seconds or a signal; RuntimeError when the server is gone."""
        return self._next(timeout, interrupt_on_signal)[1]

    def listen_message(self, interrupt_on_signal: bool = False) -> dict[str, str]:
        """Wait for the next message; ``{}`` only after a signal, if that was asked for."""
        self._subscribed()
        while True:
            state, message = self._next(_LISTEN_MS / 1000, interrupt_on_signal)
            if message or state == Select.SIGNALINT:
                return message

    def _next(self, timeout: float, interrupt_on_signal: bool) -> tuple[int, dict[str, str]]:
        if self._inbox is None:
            return Select.ERROR, {}
        state, _ = self._select.select(int(timeout * 1000), interrupt_on_signal)
        if state == Select.ERROR:
            raise ConnectionLost("Failed to select")
        if state != Select.OBJECT:
            return state, {}
        return state, message(self._inbox.popEvent()) or dict.fromkeys(("type", "pattern", "channel", "data"), "")

    def _subscribed(self) -> RedisSelect:
        if self._inbox is None:
            raise RuntimeError("not subscribed")
        return self._inbox

    def _forget(self) -> None:
        if self._inbox is not None:
            self._select.removeSelectable(self._inbox)
            self._inbox.getDbConnector().close()
            self._inbox = None


def message(event: Reply) -> dict[str, str]:
    """A pushed ``pmessage`` as a dict, ``{}`` for any other push."""
    if not isinstance(event, list) or len(event) != 4:
        return {}
    return dict(zip(("type", "pattern", "channel", "data"), map(decode, event), strict=True))
