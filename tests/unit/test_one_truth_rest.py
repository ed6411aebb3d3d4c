"""The body that REST documents for a start against the YANG model and the codec."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from sonic_telegen.db import codec, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.job import Owner
from sonic_telegen.rest import openapi
from sonic_telegen.rest.body import RESERVED
from tests.support.unsaid import UNSAID
from tests.support.yang_model import leaves
from tests.support.yang_rows import Row, one_change

START = openapi.document("0")["paths"]["/jobs/start"]["post"]["requestBody"]["content"]["application/json"]["schema"]
LEAVES = leaves(schema.JOB_TABLE, f"{schema.JOB_TABLE}_LIST")


def test_its_members_are_the_leaves_and_the_mandatory_ones_are_required() -> None:
    assert set(START["properties"]) - {"filters"} == set(LEAVES)
    assert START["required"] == [name for name, leaf in LEAVES.items() if leaf.mandatory]
    assert START["additionalProperties"] is False


@pytest.mark.parametrize("name", [name for name, leaf in LEAVES.items() if leaf.base == "enumeration"])
def test_a_word_is_one_of_yangs(name: str) -> None:
    if name == "owner":
        assert START["properties"][name]["const"] == Owner.REST.value
        assert Owner.REST.value in LEAVES[name].enums
    else:
        found = [item for item in words(START["properties"][name]) if isinstance(item, str)]
        assert tuple(found) == LEAVES[name].enums


@pytest.mark.parametrize("name", [name for name, leaf in LEAVES.items() if leaf.range])
def test_a_number_has_yangs_borders(name: str) -> None:
    (number,) = [kind for kind in START["properties"][name]["anyOf"] if kind["type"] == "integer"]
    assert f"{number['minimum']}..{number['maximum']}" == LEAVES[name].range


def words(member: dict[str, Any]) -> list[Any]:
    return [word for kind in member.get("anyOf", [member]) for word in kind.get("enum", ())]


def taken(row: Row) -> bool:
    """Whether the codec takes it, or refuses what a schema of single members cannot say."""
    try:
        codec.parse_job(row.key, row.fields)
    except ConfigError as verdict:
        return verdict.problem in UNSAID
    return True


def test_at_every_edge_of_every_field_a_start_is_valid_if_the_codec_takes_the_row() -> None:
    """``owner`` is REST's own, ``job_id`` names the key, and ``NULL`` is how SONiC stores an empty row."""
    valid = jsonschema_rs.validator_for(START).is_valid
    rows = [row for row in one_change(schema.JOB_TABLE) if not row.fields.keys() & {"owner", "job_id", "NULL"}]
    assert len(rows) > 100
    wrong = [row for row in rows if valid({"job_id": row.key, **row.fields}) != taken(row) and row.key not in RESERVED]
    assert wrong == []
