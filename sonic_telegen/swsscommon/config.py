"""Where the databases are: SONiC's database_config.json and, with several ASICs or DPUs, database_global.json."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sonic_telegen.swsscommon.database_file import Database, DatabaseFile, RedisInstInfo, parse
from sonic_telegen.swsscommon.failure import ConfigFailure

if TYPE_CHECKING:
    from sonic_telegen.swsscommon.connector import DBConnector

_log = logging.getLogger(__name__)


@dataclass
class SonicDBKey:
    """Which database container: a network namespace (``asic0``) and, on smart switches, a container name (``dpu0``)."""

    netns: str = ""
    containerName: str = ""

    def isEmpty(self) -> bool:
        """Whether it is the host's own."""
        return not (self.netns or self.containerName)

    def toString(self) -> str:
        """``containerName:netns`` for messages."""
        return f"{self.containerName}:{self.netns}"


_Place: TypeAlias = "tuple[str, str]"  # netns, containerName
_HOST: _Place = ("", "")


def _place(netns: str | SonicDBKey, container: str = "") -> _Place:
    if isinstance(netns, SonicDBKey):
        return (netns.netns, netns.containerName)
    return (netns, container)


class SonicDBConfig:
    """The process's one view of the files; every method is static and safe in any thread.

    Where a namespace is asked for, either the strings ``netns, containerName`` or one SonicDBKey will do. Errors:
    RuntimeError (a file that cannot be read: ConfigFailure; a namespace without a global file), IndexError (unknown
    database or place).
    """

    DEFAULT_SONIC_DB_CONFIG_FILE = "/var/run/redis/sonic-db/database_config.json"
    DEFAULT_SONIC_DB_GLOBAL_CONFIG_FILE = "/var/run/redis/sonic-db/database_global.json"

    _lock = threading.RLock()
    _files: dict[_Place, DatabaseFile] = {}
    _init = False
    _global_init = False

    @staticmethod
    def initialize(file: str = DEFAULT_SONIC_DB_CONFIG_FILE) -> None:
        """Read the host's file; RuntimeError if that was done before (see ``reset``) or the file is not to be read."""
        with SonicDBConfig._lock:
            if SonicDBConfig._init:
                raise RuntimeError("SonicDBConfig already initialized")
            SonicDBConfig._files[_HOST] = parse(Path(file))
            SonicDBConfig._init = True

    @staticmethod
    def load_sonic_db_config(sonic_db_file_path: str = DEFAULT_SONIC_DB_CONFIG_FILE) -> None:
        """Same as ``initialize``."""
        SonicDBConfig.initialize(sonic_db_file_path)

    @staticmethod
    def initializeGlobalConfig(
        file: str = DEFAULT_SONIC_DB_GLOBAL_CONFIG_FILE, ignore_nonexistent: bool = False
    ) -> None:
        """Read the global file and all it includes; a second time, or with no such file, only logs.

        ``ignore_nonexistent`` also skips included files that are not there.
        """
        with SonicDBConfig._lock:
            if SonicDBConfig._global_init:
                _log.error("SonicDBConfig global config is already initialized")
                return
            path = Path(file)
            if path.is_file():
                SonicDBConfig._include_all(path, ignore_nonexistent)
            else:
                _log.error("Sonic database config global file doesn't exist at %s", file)
            SonicDBConfig._global_init = True

    @staticmethod
    def load_sonic_global_db_config(
        global_db_file_path: str = DEFAULT_SONIC_DB_GLOBAL_CONFIG_FILE,
        namespace: str | None = None,
        ignore_nonexistent: bool = False,
    ) -> None:
        """Same as ``initializeGlobalConfig``; ``namespace`` is taken and ignored, as in the real library."""
        SonicDBConfig.initializeGlobalConfig(global_db_file_path, ignore_nonexistent)

    @staticmethod
    def _include_all(path: Path, ignore_nonexistent: bool) -> None:
        try:
            includes = json.loads(path.read_text())["INCLUDES"]
            for element in includes:
                place = (element.get("namespace", ""), element.get("container_name", ""))
                if place == _HOST and SonicDBConfig._init:
                    continue
                included = path.parent / element["include"]
                if ignore_nonexistent and not included.exists():
                    _log.warning("Sonic database config file doesn't exist at %s", included)
                    continue
                SonicDBConfig._files[place] = parse(included)
                if place == _HOST:
                    SonicDBConfig._init = True
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigFailure(f"Sonic database config file syntax error >> {path}: {error!r}") from error

    @staticmethod
    def reset() -> None:
        """Forget all files, so that others can be read."""
        with SonicDBConfig._lock:
            SonicDBConfig._init = SonicDBConfig._global_init = False
            SonicDBConfig._files.clear()

    @staticmethod
    def isInit() -> bool:
        """Whether the host's file was read."""
        return SonicDBConfig._init

    @staticmethod
    def isGlobalInit() -> bool:
        """Whether the global file was asked for (true even if it was not there)."""
        return SonicDBConfig._global_init

    @staticmethod
    def validateNamespace(netns: str) -> None:
        """RuntimeError unless ``netns`` is empty or in the global file."""
        with SonicDBConfig._lock:
            if not netns:
                return
            SonicDBConfig._require_global()
            if all(known != netns for known, _ in SonicDBConfig._files):
                raise RuntimeError(f"Namespace {netns} is not a valid namespace name in config file")

    @staticmethod
    def getDbId(dbName: str, netns: str | SonicDBKey = "", containerName: str = "") -> int:
        """The database's number."""
        return SonicDBConfig._database(dbName, netns, containerName).number

    @staticmethod
    def getSeparator(db: str | int | DBConnector, netns: str | SonicDBKey = "", containerName: str = "") -> str:
        """The separator between table and key, of a database by name, number or connector."""
        if isinstance(db, str):
            return SonicDBConfig._database(db, netns, containerName).separator
        if isinstance(db, int):
            file = SonicDBConfig._file(_place(netns, containerName))
            for name in sorted(file.databases):
                if file.databases[name].number == db:
                    return file.databases[name].separator
            raise IndexError(f"Failed to find {db} database in {_place(netns, containerName)} key")
        if db is None:
            raise ValueError("db cannot be null")
        return SonicDBConfig.getSeparator(db.getDbName() or db.getDbId(), db.getDBKey())

    @staticmethod
    def getDbInst(dbName: str, netns: str | SonicDBKey = "", containerName: str = "") -> str:
        """The name of the instance the database lives on."""
        return SonicDBConfig._database(dbName, netns, containerName).instance

    @staticmethod
    def getDbSock(dbName: str, netns: str | SonicDBKey = "", containerName: str = "") -> str:
        """Path of its unix socket, empty if the file names none."""
        return SonicDBConfig._instance(dbName, netns, containerName).unixSocketPath

    @staticmethod
    def getDbHostname(dbName: str, netns: str | SonicDBKey = "", containerName: str = "") -> str:
        """Its TCP host."""
        return SonicDBConfig._instance(dbName, netns, containerName).hostname

    @staticmethod
    def getDbPort(dbName: str, netns: str | SonicDBKey = "", containerName: str = "") -> int:
        """Its TCP port."""
        return SonicDBConfig._instance(dbName, netns, containerName).port

    @staticmethod
    def getDbList(netns: str | SonicDBKey = "", containerName: str = "") -> tuple[str, ...]:
        """Names of all databases of that place."""
        return tuple(SonicDBConfig._validated(netns, containerName).databases)

    @staticmethod
    def getInstanceList(netns: str | SonicDBKey = "", containerName: str = "") -> dict[str, RedisInstInfo]:
        """All redis-servers of that place by name."""
        return dict(SonicDBConfig._validated(netns, containerName).instances)

    @staticmethod
    def getNamespaces() -> tuple[str, ...]:
        """All network namespaces, sorted; the host's is ``''``."""
        with SonicDBConfig._lock:
            SonicDBConfig._ensure()
            return tuple(sorted({netns for netns, _ in SonicDBConfig._files}))

    @staticmethod
    def get_ns_list() -> tuple[str, ...]:
        """Same as ``getNamespaces``."""
        return SonicDBConfig.getNamespaces()

    @staticmethod
    def getDbKeys() -> tuple[SonicDBKey, ...]:
        """All places."""
        with SonicDBConfig._lock:
            SonicDBConfig._ensure()
            return tuple(SonicDBKey(*place) for place in SonicDBConfig._files)

    @staticmethod
    def _ensure() -> None:
        if not SonicDBConfig._init:
            SonicDBConfig.initialize()

    @staticmethod
    def _require_global() -> None:
        if not SonicDBConfig._global_init:
            raise RuntimeError("Initialize global DB config using API SonicDBConfig::initializeGlobalConfig")

    @staticmethod
    def _file(place: _Place) -> DatabaseFile:
        with SonicDBConfig._lock:
            SonicDBConfig._ensure()
            if place != _HOST:
                SonicDBConfig._require_global()
            if place not in SonicDBConfig._files:
                raise IndexError(f"Key {place[1]}:{place[0]} is not a valid key name in config file")
            return SonicDBConfig._files[place]

    @staticmethod
    def _validated(netns: str | SonicDBKey, container: str) -> DatabaseFile:
        place = _place(netns, container)
        with SonicDBConfig._lock:
            SonicDBConfig._ensure()
            SonicDBConfig.validateNamespace(place[0])
            return SonicDBConfig._file(place)

    @staticmethod
    def _database(name: str, netns: str | SonicDBKey, container: str) -> Database:
        place = _place(netns, container)
        databases = SonicDBConfig._file(place).databases
        if name not in databases:
            raise IndexError(f"Failed to find {name} database in {place[1]}:{place[0]} key")
        return databases[name]

    @staticmethod
    def _instance(name: str, netns: str | SonicDBKey, container: str) -> RedisInstInfo:
        instance = SonicDBConfig._database(name, netns, container).instance
        instances = SonicDBConfig._file(_place(netns, container)).instances
        if instance not in instances:
            raise IndexError(f"Failed to find the Redis instance for {name} database")
        return instances[instance]
