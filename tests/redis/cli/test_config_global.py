"""``config telegen global``: a command for each field of the row, judged by the codec; ``unset`` puts one back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.db import schema
from sonic_telegen.db.codec import check_fields
from sonic_telegen.errors import ConfigError
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, ValidatedConfigDBConnector, on_sonic

KEY = "TELEGEN|GLOBAL"
OFFERED = [name for name, field in schema.GLOBAL_FIELDS.items() if field.available]
GOOD = {
    "admin_state": "disabled",
    "max_jobs": "512",
    "export_interval": "1",
    "otlp_endpoint": "https://collector.example:4317",
    "otlp_protocol": "http/protobuf",
    "otlp_certificate": "/etc/sonic/ca.pem",
    "otlp_client_key": "/etc/sonic/key.pem",
    "otlp_client_certificate": "/etc/sonic/client.pem",
    "otlp_vrf": "mgmt",
    "mirror_mode": "direct",
    "max_asic_mirrors": "8",
    "erspan_name": "erspan1",
    "erspan_dev": "Ethernet4",
    "erspan_remote": "192.0.2.10",
    "erspan_local": "192.0.2.1",
    "erspan_key": "0",
    "erspan_ver": "0",
    "erspan_ttl": "1",
    "erspan_tos": "255",
}


def row(config_rows: RawRedis) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in config_rows.row(KEY).items()}


def test_a_value_for_every_field_is_known_here() -> None:
    assert sorted(GOOD) == sorted(OFFERED), "a field came or went: give it a good value here"


@pytest.mark.parametrize("name", OFFERED)
def test_each_field_is_set_by_its_command_and_unset_again(name: str, config: Door, config_rows: RawRedis) -> None:
    config_rows("HSET", KEY, "other", "stays")

    assert config("global", name.replace("_", "-"), GOOD[name]) == f"{name} set to {GOOD[name]}\n"
    assert row(config_rows) == {"other": "stays", name: GOOD[name]}
    check_fields({name: GOOD[name]}, schema.GLOBAL_FIELDS, KEY)

    assert config("global", "unset", name.replace("_", "-")) == f"{name} unset\n"
    assert row(config_rows) == {"other": "stays"}
    assert config("global", "unset", name) == f"{name} is not set\n"


@pytest.mark.parametrize("bad", ["no thing/\t", "", "-1"], ids=repr)
@pytest.mark.parametrize("name", OFFERED)
def test_a_bad_value_is_answered_by_the_codec_and_writes_nothing(
    name: str, bad: str, config: Door, config_rows: RawRedis
) -> None:
    try:
        check_fields({name: bad}, schema.GLOBAL_FIELDS, KEY)
    except ConfigError as problem:
        assert config.refuses("global", name.replace("_", "-"), bad) == str(problem)
        assert config_rows("DBSIZE") == 0
    else:
        assert schema.GLOBAL_FIELDS[name].type.read(bad) == bad, "only a text may be so"


def test_a_field_of_a_later_version_is_not_offered_and_answered_by_the_codec(
    config: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, command = "otlp_vrf", "otlp-vrf"
    monkeypatch.setitem(schema.GLOBAL_FIELDS, name, replace(schema.GLOBAL_FIELDS[name], available=False))
    assert f"\n  {command} " not in config("global", "--help")
    assert config.refuses("global", command, "1") == f"{name}='1': not available in this version; remove the field"


def test_help_lists_every_field_and_each_tells_values_default_and_environment(config: Door) -> None:
    listed = config("global", "--help")
    for name in OFFERED:
        field, command = schema.GLOBAL_FIELDS[name], name.replace("_", "-")
        assert f"\n  {command} " in listed
        text = " ".join(config("global", command, "--help").split())
        assert f"{command} [OPTIONS] <value> {field.description}: {field.values}. " in text
        assert (f"Default: {field.default}" if field.default else "No default") in text
        assert field.environment in text
    assert "\n  unset " in listed


def test_unset_of_what_is_no_field_tells_what_is_set(config: Door, config_rows: RawRedis) -> None:
    assert config.refuses("global", "unset", "colour") == "colour: no field of TELEGEN|GLOBAL; what is set: nothing"
    config_rows("HSET", KEY, "max_jobs", "5", "shape", "round")
    told = config.refuses("global", "unset", "colour")
    assert told == "colour: no field of TELEGEN|GLOBAL; what is set: max_jobs, shape"
    assert config.refuses("global", "unset", "\udcff").startswith("\\xff: no field of TELEGEN|GLOBAL; ")
    assert config("global", "unset", "shape") == "shape unset\n"
    assert row(config_rows) == {"max_jobs": "5"}


def test_the_last_field_takes_the_row_with_it(config: Door, config_rows: RawRedis) -> None:
    config("global", "max-jobs", "5")
    config("global", "unset", "max-jobs")
    assert config_rows("EXISTS", KEY) == 0


def test_with_yang_validation_fields_are_set_and_unset_alike(
    validation: type[ValidatedConfigDBConnector], config_rows: RawRedis
) -> None:
    config = on_sonic().config
    config("global", "max-jobs", "5")
    config("global", "mirror-mode", "direct")
    config("global", "unset", "max-jobs")
    assert row(config_rows) == {"mirror_mode": "direct"}


def test_commands_abbreviate_on_sonic(config_rows: RawRedis) -> None:
    config = on_sonic().config
    config("g", "max-j", "7")
    assert row(config_rows) == {"max_jobs": "7"}
    assert "Too many matches: otlp-certificate" in config.refuses("global", "otlp", "7")
