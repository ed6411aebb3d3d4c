"""The private redis-server: set up as SONiC's, back on the same socket after a stop, gone without a trace."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sonic_telegen.demo.redisd import DATABASES, RedisServer
from tests.support.redis import RawRedis, wait_until


def test_it_is_set_up_as_on_a_switch() -> None:
    with RedisServer() as server, RawRedis(server.socket, 99) as raw:
        assert set(raw("CONFIG", "GET", "notify-keyspace-events")[1]) == set(b"AKE")
        assert raw("CONFIG", "GET", "client-output-buffer-limit")[1].endswith(b"pubsub 0 0 0")
        assert raw("CONFIG", "GET", "save")[1] == b""
        assert raw("CONFIG", "GET", "port")[1] == b"0"
        config = json.loads(server.config.read_text())
        assert config["INSTANCES"]["redis"]["unix_socket_path"] == str(server.socket)
        assert config["DATABASES"]["CONFIG_DB"] == {"id": 4, "separator": "|", "instance": "redis"}
        assert {name: (entry["id"], entry["separator"]) for name, entry in config["DATABASES"].items()} == DATABASES


def test_nothing_is_left() -> None:
    with RedisServer() as server:
        directory, pid = server.directory, server.pid
    assert not directory.exists()
    assert not Path(f"/proc/{pid}").exists()
    server.stop()  # idempotent
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_a_given_directory_keeps_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with RedisServer(tmp_path) as server:
        assert server.socket.parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_stop_and_start_again_on_the_same_socket() -> None:
    with RedisServer() as server:
        with RawRedis(server.socket, 4) as raw:
            raw("SET", "x", "1")
        server.stop()
        assert not server.socket.exists()
        with pytest.raises(OSError):
            RawRedis(server.socket, 4)
        server.start()
        with RawRedis(server.socket, 4) as raw:
            assert raw("DBSIZE") == 0
        with pytest.raises(RuntimeError, match="already running"):
            server.start()


def test_why_it_does_not_start_is_told(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        server = RedisServer(port=holder.getsockname()[1])
        with pytest.raises(RuntimeError, match=r"ended with 1: [\s\S]*Address already in use"), server:
            pass
    assert not server.directory.exists()
    with pytest.raises(ValueError, match="shorter directory"):
        RedisServer(tmp_path / ("x" * 100)).start()


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from sonic_telegen.demo.redisd import RedisServer\n"
        "server = RedisServer(sys.argv[1]); server.start(); print(server.pid, flush=True); time.sleep(60)"
    )
    root = Path(__file__).resolve().parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    wait_until(lambda: not _runs(pid), "redis-server is gone")


def _runs(pid: int) -> bool:
    """Whether it is more than a zombie (a container's init may reap late)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
