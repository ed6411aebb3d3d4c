"""Rows of ours in CONFIG_DB and in saved configuration: without the YANG model ``config reload`` refuses them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from sonic_telegen.db import schema

SAVED = Path("/etc/sonic/config_db.json")
TABLES = (schema.JOB_TABLE, schema.GLOBAL_TABLE)


def connected(db_config: Path) -> Any | None:
    """CONFIG_DB, by SONiC's library or ours; None where no Redis answers (an image that is being built)."""
    try:
        module: Any = importlib.import_module("swsscommon.swsscommon")
    except ModuleNotFoundError:
        module = importlib.import_module("sonic_telegen.swsscommon.swsscommon")
    try:
        if not module.SonicDBConfig.isInit():
            module.SonicDBConfig.load_sonic_db_config(str(db_config))
        connector = module.ConfigDBConnector(use_unix_socket_path=True)
        connector.connect(wait_for_init=False, retry_on=False)
        connector.get_keys(schema.GLOBAL_TABLE)
    except Exception:  # SONiC's library maps C++ exceptions to several types
        return None
    return connector


def rows(connector: Any) -> list[str]:
    """Keys of our rows."""
    return [f"{table}|{key}" for table in TABLES for key in sorted(map(str, connector.get_keys(table)))]


def remove(connector: Any) -> None:
    """Remove our rows."""
    for table in TABLES:
        connector.delete_table(table)


def saved(path: Path = SAVED) -> list[str]:
    """Keys of our rows in the saved configuration; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_text())
        return [f"{table}|{key}" for table in TABLES for key in sorted(content.get(table, {}))]
    except (OSError, ValueError, AttributeError, TypeError):
        return []
