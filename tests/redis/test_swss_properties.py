"""What is written is what is read, for any text (Hypothesis)."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

shared = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
plain = text.filter(lambda name: name not in ("", "NULL") and not name.endswith("@"))
item = text.filter(lambda value: "," not in value)
typed_rows = st.dictionaries(plain, text | st.lists(item, min_size=1), max_size=6)
part = text.filter(lambda value: value and "|" not in value)
keys = part | st.lists(part, min_size=2, max_size=4).map(tuple)


@shared
@given(row=typed_rows)
def test_values_round_trip(swss: Any, row: dict[str, Any]) -> None:
    connector = swss.ConfigDBConnector
    assert connector.raw_to_typed(connector.typed_to_raw(row)) == row


@shared
@given(key=keys)
def test_keys_round_trip(swss: Any, key: Any) -> None:
    connector = swss.ConfigDBConnector
    assert connector.deserialize_key(connector.serialize_key(key)) == key


@shared
@given(key=keys, row=typed_rows, other=typed_rows)
def test_rows_round_trip_and_leave_nothing_behind(
    swss: Any, config_db: Any, key: Any, row: dict[str, Any], other: dict[str, Any]
) -> None:
    config_db.set_entry("T", key, other)
    config_db.set_entry("T", key, row)
    assert config_db.get_entry("T", key) == row
    assert config_db.get_table("T") == {key: row}
    config_db.set_entry("T", key, None)
    assert config_db.get_keys("T") == []


@shared
@given(fields=st.dictionaries(text.filter(lambda name: name and "@" not in name), text, min_size=1, max_size=6))
def test_tables_round_trip(swss: Any, fields: dict[str, str]) -> None:
    table = swss.Table(swss.DBConnector("STATE_DB", 0), "T")
    table.delete("a")
    table.set("a", list(fields.items()))
    found, row = table.get("a")
    assert (found, dict(row)) == (True, fields)
