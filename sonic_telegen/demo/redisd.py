"""A private redis-server set up as a SONiC switch sets up its own.

No TCP port unless one is asked for, a unix socket, nothing on disk, 100 databases, keyspace events ``AKE`` and an
unlimited pub/sub buffer; beside it a ``database_config.json`` in SONiC's layout, so that everything resolves its
databases by name exactly as on a switch.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# name -> (id, separator), as sonic-swss-common's database_config.json has them.
DATABASES: dict[str, tuple[int, str]] = {
    "APPL_DB": (0, ":"),
    "ASIC_DB": (1, ":"),
    "COUNTERS_DB": (2, ":"),
    "LOGLEVEL_DB": (3, ":"),
    "CONFIG_DB": (4, "|"),
    "PFC_WD_DB": (5, ":"),
    "FLEX_COUNTER_DB": (5, ":"),
    "STATE_DB": (6, "|"),
    "SNMP_OVERLAY_DB": (7, "|"),
    "RESTAPI_DB": (8, "|"),
    "GB_ASIC_DB": (9, ":"),
    "GB_COUNTERS_DB": (10, ":"),
    "GB_FLEX_COUNTER_DB": (11, ":"),
    "CHASSIS_APP_DB": (12, "|"),
    "CHASSIS_STATE_DB": (13, "|"),
    "APPL_STATE_DB": (14, ":"),
    "DPU_APPL_DB": (15, ":"),
    "DPU_APPL_STATE_DB": (16, "|"),
    "DPU_STATE_DB": (17, "|"),
    "DPU_COUNTERS_DB": (18, ":"),
    "EVENT_DB": (19, "|"),
    "BMP_STATE_DB": (20, "|"),
}

_SOCKET_PATH_MAX = 107  # sun_path is 108 bytes with its NUL
_READY_TIMEOUT = 10.0


class RedisServer:
    """A redis-server of our own, alive inside ``with RedisServer() as server:``.

    ``directory`` holds the socket, the configuration and the log; a fresh one is made and removed when none is given,
    a given one keeps everything that is not ours. Attributes: ``directory``, ``socket``, ``config`` (paths, ``config``
    being the database_config.json). ``port`` > 0 also opens TCP on 127.0.0.1.

    The server dies with the thread that started it (PR_SET_PDEATHSIG counts threads): start it from one that stays.
    """

    def __init__(self, directory: str | Path | None = None, port: int = 0) -> None:
        self._fresh = directory is None
        prefix = f"telegen-redis-{os.getpid()}-"  # a look for leftovers asks whether the maker lives
        self.directory = Path(tempfile.mkdtemp(prefix=prefix) if directory is None else directory).absolute()
        self.socket = self.directory / "redis.sock"
        self.config = self.directory / "database_config.json"
        self.port = port
        self._log = self.directory / "redis.log"
        self._conf = self.directory / "redis.conf"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server; RuntimeError when it is stopped."""
        if self._process is None:
            raise RuntimeError(f"redis-server in {self.directory} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server (again, on the same socket) and return once it answers; RuntimeError with its log if not."""
        if self._process is not None:
            raise RuntimeError(f"redis-server in {self.directory} is already running")
        if len(str(self.socket)) > _SOCKET_PATH_MAX:
            raise ValueError(
                f"socket path {self.socket} is longer than {_SOCKET_PATH_MAX} bytes; give a shorter directory"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(database_config(self.socket, self.port), indent=4))
        self._conf.write_text(_REDIS_CONF.format(socket=self.socket, log=self._log, dir=self.directory, port=self.port))
        # setpriv sets the parent-death signal and execs: the pid is redis-server's own.
        command = ["setpriv", "--pdeathsig", "KILL", "redis-server", str(self._conf)]
        # A process group of its own: Ctrl-C in our terminal is for us, who may still want to read what is in it.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0)
        try:
            self._await_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the server; its data is gone, socket path and directory stay for another ``start``. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop and remove what was written: the whole directory if it was made here, else only our files."""
        self.stop()
        if self._fresh:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for path in (self.config, self._conf, self._log):
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT
        while not self._answers():
            code = process.poll()
            if code is not None or time.monotonic() > deadline:
                state = "does not answer" if code is None else f"ended with {code}"
                log = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
                raise RuntimeError(f"redis-server in {self.directory} {state}: {log}")
            time.sleep(0.002)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            probe.connect(str(self.socket))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        return False


def database_config(socket_path: str | Path, port: int = 0) -> dict[str, Any]:
    """SONiC's database_config.json as an object: every database of ``DATABASES`` on one instance ``redis``."""
    return {
        "INSTANCES": {
            "redis": {
                "hostname": "127.0.0.1",
                "port": port,
                "unix_socket_path": str(socket_path),
                "persistence_for_warm_boot": "yes",
            }
        },
        "DATABASES": {
            name: {"id": number, "separator": separator, "instance": "redis"}
            for name, (number, separator) in DATABASES.items()
        },
        "VERSION": "1.0",
    }


_REDIS_CONF = """\
port {port}
bind 127.0.0.1
unixsocket {socket}
unixsocketperm 770
databases 100
save ""
appendonly no
notify-keyspace-events AKE
client-output-buffer-limit pubsub 0 0 0
logfile {log}
dir {dir}
daemonize no
"""
