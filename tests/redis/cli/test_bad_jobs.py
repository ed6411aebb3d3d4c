"""``config telegen job`` refuses what is no question where it was typed, with field and remedy, and writes nothing."""

from __future__ import annotations

import pytest

from sonic_telegen.errors import NotSupported
from sonic_telegen.kernel import pcap
from tests.redis.cli.test_config_job import option
from tests.support.bad_jobs import BAD_EXPRESSIONS, BAD_QUESTIONS
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door

BAD = BAD_QUESTIONS | BAD_EXPRESSIONS


def words(fields: dict[str, str]) -> list[str]:
    return [word for name, value in fields.items() for word in (option(name), value)]


@pytest.mark.parametrize("name", BAD)
def test_field_and_remedy_are_in_the_answer(name: str, config: Door, config_rows: RawRedis) -> None:
    fields, field, remedy = BAD[name]
    told = config.refuses("job", "add", "x", "--port", "Ethernet0", *words(fields))
    assert told.startswith(f"{field}=")
    assert remedy in told
    assert config_rows("DBSIZE") == 0


@pytest.mark.parametrize("name", BAD)
def test_a_change_is_judged_with_what_the_row_has(name: str, config: Door, config_rows: RawRedis) -> None:
    fields, field, remedy = BAD[name]
    config_rows("HSET", "TELEGEN_JOB|x", "port", "Ethernet0", "dscp", "46")
    told = config.refuses("job", "update", "x", *words(fields))
    assert told.startswith(f"{field}=")
    assert remedy in told
    assert config_rows.row("TELEGEN_JOB|x") == {b"port": b"Ethernet0", b"dscp": b"46"}


def test_where_libpcap_is_not_installed_the_agent_judges(
    config: Door, config_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise NotSupported("open library", "libpcap", 0, "no such file", "install it")

    monkeypatch.setattr(pcap, "lib", absent)
    pcap._verdict.cache_clear()
    config("job", "add", "x", "--port", "Ethernet0", "--filter", "tcp port and")
    assert config_rows.row("TELEGEN_JOB|x")[b"filter"] == b"tcp port and"
