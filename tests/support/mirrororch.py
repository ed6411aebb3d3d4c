"""A stand-in for orchagent's MirrorOrch on a real Redis: what it does with rows, events and states, not with an ASIC.

Written after sonic-swss's orchagent/mirrororch.cpp: a session with an attribute that it does not know, a port that it
does not have or no room in the ASIC is dropped without a trace but in syslog; a session is never changed by a SET
(with ``recreates``, as on the newest master, it is made anew); it is active while a neighbour for its destination is
known; a session that an ACL rule refers to is deleted when the rule lets go. The newest session on a port and direction
takes them from the one before, and its end leaves them to nobody. What came together is done in the order of the names.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from tests.support.redis import wait_until

_NUMBERS = {"dscp": 63, "ttl": 255, "queue": 255, "gre_type": 65535}
_WORDS = ("src_ip", "dst_ip", "src_port", "dst_port", "direction", "type", "policer")
_WAYS = {"RX": ("ingress",), "TX": ("egress",), "BOTH": ("ingress", "egress"), "": ()}
_NO_MAC, _CHANNEL = "00:00:00:00:00:00", "__keyspace@4__:MIRROR_SESSION|"


def _client(socket: Path, db: int) -> Any:
    return redis.Redis(unix_socket_path=str(socket), db=db, decode_responses=True)


class _Invalid(Exception):
    """The task is dropped; its text goes to syslog."""


@dataclass
class _Session:
    row: dict[str, str]
    active: bool = False

    def get(self, name: str) -> str:
        return self.row.get(name, "")


@dataclass
class MirrorOrch:
    """``step`` does what is to be done; ``running`` does so in a thread until its block ends.

    ``ports`` are front-panel ports, ``lags`` members by LAG, ``neighbours`` the port that leads to an address, ``room``
    how many sessions the ASIC has, ``referenced`` the sessions that ACL rules use, ``ways`` the directions that the
    ASIC can mirror.
    """

    socket: Path
    ports: set[str] = field(default_factory=lambda: {"Ethernet0", "Ethernet4", "Ethernet8"})
    lags: dict[str, list[str]] = field(default_factory=dict)
    neighbours: dict[str, str] = field(default_factory=dict)
    room: int = 4
    ready: bool = True
    recreates: bool = False
    referenced: set[str] = field(default_factory=set)
    ways: set[str] = field(default_factory=lambda: {"ingress", "egress"})
    syslog: list[str] = field(default_factory=list)
    sessions: dict[str, _Session] = field(default_factory=dict)
    mirrored: dict[tuple[str, str], str] = field(default_factory=dict)  # (port, direction) -> session

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._config = _client(self.socket, 4)
        self._state = _client(self.socket, 6)
        self._events = self._config.pubsub()
        self._events.psubscribe(f"{_CHANNEL}*")
        assert self._events.get_message(timeout=5)
        for name in self._state.keys("MIRROR_SESSION_TABLE|*"):  # a cold start: swss.sh flushes the table
            self._state.delete(name)
        self._tasks: list[tuple[str, dict[str, str] | None]] = []  # (name, row or None for DEL) in their order
        for name in self._config.keys("MIRROR_SESSION|*"):
            self._arrived(name.partition("|")[2], "hset")

    def close(self) -> None:
        """Die as a process does: what is in Redis stays."""
        self._events.close()
        self._config.close()
        self._state.close()

    def step(self) -> None:
        """Take in the events there are, then do every task once, by name as m_toSync is; those that must wait stay."""
        with self._lock:
            while (event := self._events.get_message(timeout=0)) is not None:
                self._arrived(event["channel"].removeprefix(_CHANNEL), event["data"])
            if not self.ready:
                return
            for task in sorted(self._tasks, key=lambda task: task[0]):
                name, row = task
                try:
                    done = self._set(name, row) if row is not None else self._delete(name)
                except _Invalid as problem:
                    self.syslog.append(f"{name}: {problem}")
                    done = True
                if done:
                    self._tasks.remove(task)

    @contextmanager
    def running(self) -> Iterator[MirrorOrch]:
        """Step again and again in a thread."""
        stop, broken = threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                while not stop.wait(0.01):
                    self.step()
            except BaseException as problem:
                broken.append(problem)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join(10)
            self.close()
        assert not broken, broken

    def learn(self, address: str, port: str) -> None:
        """A neighbour for the address is resolved behind this port."""
        with self._lock:
            self.neighbours[address] = port
            for name, session in self.sessions.items():
                if session.get("dst_ip") == address:
                    self._update(name, session)

    def forget(self, address: str) -> None:
        """The neighbour is gone."""
        with self._lock:
            self.neighbours.pop(address, None)
            for name, session in self.sessions.items():
                if session.get("dst_ip") == address:
                    self._update(name, session)

    def join(self, lag: str, port: str) -> None:
        """The port becomes a member of the LAG: who mirrors that takes it."""
        with self._lock:
            self.lags.setdefault(lag, []).append(port)
            self._membership(lag, port, bind=True)

    def leave(self, lag: str, port: str) -> None:
        """It is a member no more, and nobody's."""
        with self._lock:
            self.lags[lag].remove(port)
            self._membership(lag, port, bind=False)

    def state(self, name: str) -> dict[str, str]:
        """The session's row in STATE_DB."""
        return dict(self._state.hgetall(f"MIRROR_SESSION_TABLE|{name}"))

    def wait_active(self, name: str) -> None:
        """Until the session is active."""
        wait_until(lambda: self.state(name).get("status") == "active", f"{name} active; {self.syslog}")

    def _arrived(self, name: str, operation: str) -> None:
        """As SubscriberStateTable and addToSync do: a SET has the row of now; a DEL makes earlier tasks void."""
        if operation == "del":
            self._tasks = [task for task in self._tasks if task[0] != name] + [(name, None)]
            return
        row = dict(self._config.hgetall(f"MIRROR_SESSION|{name}"))
        if row:
            self._tasks = [task for task in self._tasks if task[0] != name or task[1] is None] + [(name, row)]

    def _set(self, name: str, row: dict[str, str]) -> bool:
        if name in self.sessions:
            if not self.recreates or row == self.sessions[name].row:
                self.syslog.append(f"{name}: object already exists")
                return True
            if not self._delete(name):
                return False
        for attribute, value in row.items():
            self._check(attribute, value)
        ends = [ipaddress.ip_address(row[end]).version for end in ("src_ip", "dst_ip") if end in row]
        if len(set(ends)) > 1:
            raise _Invalid("address family of source and destination is different")
        if len(self.sessions) >= self.room:
            raise _Invalid("HW resources are not available")
        self.sessions[name] = session = _Session(row)
        self._tell(name, session)
        self._update(name, session)
        return True

    def _check(self, attribute: str, value: str) -> None:
        if attribute in _NUMBERS:
            try:
                number = int(value, 0)
            except ValueError:
                raise _Invalid(f"attribute {attribute} error") from None
            if not 0 <= number <= _NUMBERS[attribute]:
                raise _Invalid(f"attribute {attribute} error")
        elif attribute not in _WORDS:
            raise _Invalid(f"unknown attribute {attribute}")
        elif attribute == "direction" and value not in ("RX", "TX", "BOTH"):
            raise _Invalid(f"direction {value}")
        elif attribute == "dst_port" and value not in self.ports:
            raise _Invalid(f"not supported port {value}")  # CPU, a LAG, a VLAN
        elif attribute == "src_port":
            self._check_sources(value.split(","))
        elif attribute in ("src_ip", "dst_ip"):
            try:
                ipaddress.ip_address(value)
            except ValueError:
                raise _Invalid(f"attribute {attribute} error") from None

    def _check_sources(self, names: list[str]) -> None:
        for name in names:
            if name not in self.ports and name not in self.lags:
                raise _Invalid(f"failed to locate port/LAG {name}")
            if name in self.lags and not self.lags[name]:
                raise _Invalid(f"source LAG {name} is empty")
            if set(self.lags.get(name, ())) & set(names):
                raise _Invalid(f"a member of {name} is also a source port")

    def _delete(self, name: str) -> bool:
        session = self.sessions.get(name)
        if session is None:
            raise _Invalid("remove of a session that does not exist")
        if name in self.referenced:
            return False
        if session.active:
            self._bind(name, session, bind=False)
        del self.sessions[name]
        self._state.delete(f"MIRROR_SESSION_TABLE|{name}")
        return True

    def _update(self, name: str, session: _Session) -> None:
        leads = session.get("type") != "SPAN" and session.get("dst_ip") in self.neighbours
        if leads and not session.active:
            if not set(_WAYS[session.get("direction")]) <= self.ways:
                self.syslog.append(f"{name}: the ASIC does not mirror {session.get('direction')}")
                return
            self._bind(name, session, bind=True)
        elif not leads and session.active:
            self._bind(name, session, bind=False)

    def _bind(self, name: str, session: _Session, bind: bool) -> None:
        session.active = bind
        for source in filter(None, session.get("src_port").split(",")):
            for port in self.lags.get(source, [source]):
                self._bind_port(name, session, port, bind)
        self._tell(name, session)

    def _bind_port(self, name: str, session: _Session, port: str, bind: bool) -> None:
        """Nobody is asked whose the port is."""
        for way in _WAYS[session.get("direction")]:
            if bind:
                self.mirrored[port, way] = name
            else:
                self.mirrored.pop((port, way), None)

    def _membership(self, lag: str, port: str, bind: bool) -> None:
        for name, session in sorted(self.sessions.items()):
            sources = session.get("src_port").split(",")
            if session.active and lag in sources and port not in sources:
                self._bind_port(name, session, port, bind)

    def _tell(self, name: str, session: _Session) -> None:
        port = self.neighbours.get(session.get("dst_ip"), "") if session.active else ""
        row = {
            "status": "active" if session.active else "inactive",
            "monitor_port": port,
            "dst_mac": "02:00:00:00:00:01" if port else _NO_MAC,
            "route_prefix": f"{session.get('dst_ip')}/32" if port else "0.0.0.0/0",
            "vlan_id": "0",
            "next_hop_ip": f"{session.get('dst_ip') if port else '0.0.0.0'}@",
        }
        self._state.hset(f"MIRROR_SESSION_TABLE|{name}", mapping=row)
