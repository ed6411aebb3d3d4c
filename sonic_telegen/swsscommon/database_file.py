"""One database_config.json, parsed: which databases there are, on which redis-server each lives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonic_telegen.swsscommon.failure import ConfigFailure


@dataclass
class RedisInstInfo:
    """One redis-server; ``unixSocketPath`` is empty when the file names none."""

    unixSocketPath: str = ""
    hostname: str = ""
    port: int = 0


@dataclass(frozen=True)
class Database:
    """One database: its number, the separator between table and key, the name of its redis-server."""

    number: int
    separator: str
    instance: str


@dataclass
class DatabaseFile:
    """The file's two sections by name."""

    instances: dict[str, RedisInstInfo]
    databases: dict[str, Database]


def parse(path: Path) -> DatabaseFile:
    """Read the file; ConfigFailure (a RuntimeError) when it is not there or not of the form."""
    try:
        content: Any = json.loads(path.read_text())
        instances = {
            name: RedisInstInfo(str(entry.get("unix_socket_path", "")), str(entry["hostname"]), int(entry["port"]))
            for name, entry in content["INSTANCES"].items()
        }
        databases = {
            name: Database(int(entry["id"]), str(entry["separator"]), str(entry["instance"]))
            for name, entry in content["DATABASES"].items()
        }
    except OSError as error:
        raise ConfigFailure(f"Sonic database config file doesn't exist at {path}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigFailure(f"Sonic database config file syntax error >> {path}: {error!r}") from error
    return DatabaseFile(instances, databases)
