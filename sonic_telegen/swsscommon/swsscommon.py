"""The names of the real module ``swsscommon.swsscommon``, as far as we have them.

Left out: Producer/Consumer tables, notifications, ZMQ, Lua scripts, YANG decorators, the logger, ``Table.dump`` and
``DBConnector.blpop`` (which the real library cannot answer either).
"""

from __future__ import annotations

from sonic_telegen.swsscommon.config import SonicDBConfig, SonicDBKey
from sonic_telegen.swsscommon.configdb import ConfigDBConnector
from sonic_telegen.swsscommon.configpipe import ConfigDBPipeConnector
from sonic_telegen.swsscommon.connector import DBConnector
from sonic_telegen.swsscommon.database_file import RedisInstInfo
from sonic_telegen.swsscommon.interface import DBInterface
from sonic_telegen.swsscommon.pubsub import PubSub, RedisSelect
from sonic_telegen.swsscommon.select import Select, Selectable
from sonic_telegen.swsscommon.subscriber import (
    DEL_COMMAND,
    SET_COMMAND,
    CastSelectableToRedisSelectObj,
    CastSelectableToSubscriberTableObj,
    SubscriberStateTable,
    transpose_pops,
)
from sonic_telegen.swsscommon.table import FieldValuePairs, RedisPipeline, Table, TableBase
from sonic_telegen.swsscommon.v2 import SonicV2Connector

IFACE_NAME_MAX_LEN = 15


def isInterfaceNameValid(ifaceName: str) -> bool:
    """Whether the kernel takes it for a netdev's name as far as length goes (1 to 15 bytes)."""
    return 0 < len(ifaceName.encode("utf-8", "surrogateescape")) <= IFACE_NAME_MAX_LEN


__all__ = [
    "DEL_COMMAND",
    "IFACE_NAME_MAX_LEN",
    "SET_COMMAND",
    "CastSelectableToRedisSelectObj",
    "CastSelectableToSubscriberTableObj",
    "ConfigDBConnector",
    "ConfigDBPipeConnector",
    "DBConnector",
    "DBInterface",
    "FieldValuePairs",
    "PubSub",
    "RedisInstInfo",
    "RedisPipeline",
    "RedisSelect",
    "Select",
    "Selectable",
    "SonicDBConfig",
    "SonicDBKey",
    "SonicV2Connector",
    "SubscriberStateTable",
    "Table",
    "TableBase",
    "isInterfaceNameValid",
    "transpose_pops",
]
