"""What an operator asks with curl and redis-cli, of an agent in a switch's namespace."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import redis

from sonic_telegen.demo.namespace import in_namespace
from sonic_telegen.demo.received import Histogram
from sonic_telegen.demo.receiver import Receiver
from sonic_telegen.demo.switch import Switch
from tests.support.box import STATE_DB, wait_for
from tests.support.container import Container
from tests.support.patience import allowed


def rows(path: Path, db: int = STATE_DB) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(path), db=db, decode_responses=True)


def ask(switch: Switch, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """As curl does it, on the switch's loopback."""
    data = json.dumps(body).encode() if body is not None else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    with in_namespace(switch.namespace, lambda: socket.create_connection(("127.0.0.1", 8080), allowed(10))) as conn:
        conn.sendall(head.encode() + data)
        answer = b"".join(iter(lambda: conn.recv(65536), b""))
    start, _, rest = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), json.loads(rest)


def listens(switch: Switch) -> bool:
    try:
        return ask(switch, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def told(state: redis.Redis, job: str) -> dict[str, str]:
    found: Any = state.hgetall(f"TELEGEN_JOB_TABLE|{job}")
    return dict(found)


def answered(switch: Switch, job: str, status: str, running: Container) -> dict[str, Any]:
    """The job as REST tells it, once it has this status."""
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(ask(switch, "GET", f"/jobs/{job}")[1])
        return bool(found["status"] == status)

    wait_for(there, 15, lambda: f"{found}\n{running.log()}")
    return found


def exported(receiver: Receiver, name: str) -> int:
    values = [value.value for (metric, _), value in receiver.latest().items() if metric == name]
    return int(sum(value.count if isinstance(value, Histogram) else value for value in values))
