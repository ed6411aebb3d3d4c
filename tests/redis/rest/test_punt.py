"""Control protocols over HTTP are what the table says, and nothing while it is empty."""

from __future__ import annotations

from sonic_telegen.db import punts
from tests.redis.rest.conftest import flat
from tests.support.redis import RawRedis
from tests.support.rest import Served
from tests.unit.test_punts import NOW, SLOW, told


def test_the_table_is_shown_worst_first_with_the_groups_added_up(rest: Served, state_rows: RawRedis) -> None:
    assert rest.get("/punt").body == {"punt": [], "groups": []}
    for status in (told("Ethernet0", "lldp", 10, SLOW), told("Ethernet4", "dhcp", 40, SLOW)):
        row = punts.punt_row(status, NOW)
        state_rows("HSET", f"TELEGEN_PUNT_TABLE|{status.name}|{status.protocol}", *flat(row))
    state_rows("HSET", "TELEGEN_PUNT_TABLE|Ethernet8|nonsense", "packets", "1")
    body = rest.get("/punt").body
    assert [(item["interface"], item["protocol"], item["used_percent"]) for item in body["punt"]] == [
        ("Ethernet4", "dhcp", 40.0),
        ("Ethernet0", "lldp", 10.0),
    ]
    (group,) = body["groups"]
    assert (group["protocols"], group["packets_per_second"], group["used_percent"]) == (["lldp", "dhcp"], 50.0, 50.0)
