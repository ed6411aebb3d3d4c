"""Which connectors a command reaches Redis by: on a switch SONiC's own, elsewhere our wrapper."""

from __future__ import annotations

import importlib
import os
from typing import Any, cast

import click

from sonic_telegen.cli.rows import ConfigRows, Rows, reached
from sonic_telegen.db import schema
from sonic_telegen.settings import environment

COUNTERS_DB = "COUNTERS_DB"
_KEPT = "sonic_telegen.cli.link."  # in ctx.meta: what this command has opened already


def config_db(ctx: click.Context) -> ConfigRows:
    """CONFIG_DB: the connector of SONiC's ``Db`` object where the command has one, else one of our own."""
    if _KEPT + schema.CONFIG_DB in ctx.meta:
        return cast(ConfigRows, ctx.meta[_KEPT + schema.CONFIG_DB])
    reader = getattr(ctx.obj, "cfgdb", None)
    if reader is None:
        with reached(ctx, schema.CONFIG_DB):
            module, unix = _module()
            reader = module.ConfigDBConnector(use_unix_socket_path=unix)
            reader.connect(wait_for_init=False, retry_on=False)
        ctx.call_on_close(reader.close)
    with reached(ctx, schema.CONFIG_DB):
        rows = ctx.meta[_KEPT + schema.CONFIG_DB] = ConfigRows(ctx, reader, _validated(ctx, reader))
    return rows


def state_db(ctx: click.Context) -> Rows:
    """STATE_DB, likewise."""
    return _rows(ctx, schema.STATE_DB)


def counters_db(ctx: click.Context) -> Rows:
    """COUNTERS_DB, likewise."""
    return _rows(ctx, COUNTERS_DB)


def port_name(ctx: click.Context, given: str) -> str:
    """The port's name where the operator works with aliases and gave one; everything else as it was given."""
    if not _by_alias():
        return given
    ports = config_db(ctx).get_table(schema.PORT_TABLE)
    return next((name for name, row in ports.items() if row.get("alias") == given), given)


def port_aliases(ctx: click.Context) -> dict[str, str]:
    """What to show for a port's name: aliases where the operator works with them, else nothing."""
    if not _by_alias():
        return {}
    ports = config_db(ctx).get_table(schema.PORT_TABLE)
    return {name: row["alias"] for name, row in ports.items() if row.get("alias")}


def _rows(ctx: click.Context, name: str) -> Rows:
    if _KEPT + name in ctx.meta:
        return cast(Rows, ctx.meta[_KEPT + name])
    connector = getattr(ctx.obj, "db", None)
    if connector is None:
        with reached(ctx, name):
            module, unix = _module()
            connector = module.SonicV2Connector(use_unix_socket_path=unix)
            connector.connect(name, False)
        ctx.call_on_close(connector.close)
    rows = ctx.meta[_KEPT + name] = Rows(ctx, name, connector)
    return rows


def _module() -> tuple[Any, bool]:
    """swsscommon, SONiC's if there is one, with its databases known; and whether to take the unix socket."""
    real = _real("swsscommon.swsscommon")
    module: Any = real or importlib.import_module("sonic_telegen.swsscommon.swsscommon")
    config = module.SonicDBConfig
    if not config.isInit():
        config.load_sonic_db_config(str(environment(os.environ).db_config))
    socket = config.getDbSock(schema.CONFIG_DB)
    return module, bool(socket) and (os.access(socket, os.R_OK | os.W_OK) or not config.getDbPort(schema.CONFIG_DB))


def _validated(ctx: click.Context, connector: Any) -> Any:
    """What writes go through: on SONiC its connector that asks YANG first, when that is enabled."""
    if getattr(ctx.obj, "cfgdb", None) is None and _real("swsscommon.swsscommon") is None:
        return connector  # elsewhere a module of the name ``config`` is somebody else's
    module = _real("config.validated_config_db_connector")
    return module.ValidatedConfigDBConnector(connector) if module else connector


def _real(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def _by_alias() -> bool:
    return os.environ.get("SONIC_CLI_IFACE_MODE") == "alias"
