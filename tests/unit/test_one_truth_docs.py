"""Names, values, defaults and examples in the documentation against the schema in code and the YANG model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.db import codec, ports, schema
from sonic_telegen.model import budget
from sonic_telegen.model.status import Reason
from sonic_telegen.model.values import JOB_ID, Whole, Words
from sonic_telegen.settings import GLOBAL_ROW
from tests.support import yang
from tests.support.yang_model import leaves
from tests.support.yang_rows import AROUND, TABLES

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()
SCHEMA = (DOCS / "schema.md").read_text()
EXAMPLES: list[Any] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", CONFIGURATION, re.DOTALL)]


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the first table after ``head``, without its own head."""
    lines = text[text.index(head) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    found = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip().replace("`", "") for cell in line[1:-1].split("|")])
    return found


@pytest.mark.parametrize(
    "head, table, row, known",
    [
        ("**TELEGEN**", schema.GLOBAL_TABLE, schema.GLOBAL_KEY, schema.GLOBAL_FIELDS),
        ("**TELEGEN_JOB**", schema.JOB_TABLE, f"{schema.JOB_TABLE}_LIST", schema.JOB_FIELDS),
    ],
)
def test_configuration_tells_each_available_field_as_the_schema_has_it(
    head: str, table: str, row: str, known: dict[str, schema.Field]
) -> None:
    told = {cells[0]: cells[1:] for cells in rows(CONFIGURATION, head)}
    assert list(told) == [name for name, field in known.items() if field.available]
    for name, (description, values, mandatory, default, *environment) in told.items():
        field, leaf = known[name], leaves(table, row)[name]
        assert description == re.sub(r"\s+", " ", leaf.description).partition(" Where it is unset")[0]
        assert (values, mandatory) == (field.values, "yes" if field.mandatory else "no")
        inherited = table == schema.JOB_TABLE and name in schema.GLOBAL_FIELDS and not field.default
        assert default == (f"that of {schema.GLOBAL_TABLE}" if inherited else field.default)
        assert environment == ([field.environment] if table == schema.GLOBAL_TABLE else [])
    assert JOB_ID.words in CONFIGURATION


def test_configuration_tells_each_reason_and_the_limits_behind_some() -> None:
    told = {cells[0]: cells[1] for cells in rows(CONFIGURATION, "### Reasons")}
    assert {name for names in told for name in names.split(", ")} == {reason.value for reason in Reason} - {""}
    assert f"{budget.PROGRAMS_PER_HOOK} job programs" in told["no_program_place"]
    assert f"{budget.MOST_BYTES >> 20} MiB, or a {budget.SHARE}th" in told["no_memory"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_taken_by_libyang_and_codec(example: Any, tmp_path: Path) -> None:
    verdict = yang.judge({**AROUND, **yang.translate(example)}, tmp_path / "config.json")
    assert verdict.good, verdict.text
    for key, row in example.get(schema.JOB_TABLE, {}).items():
        ports.check_port(codec.parse_job(key, row).port, TABLES)
    for row in example.get(schema.GLOBAL_TABLE, {}).values():
        codec.check_fields(row, schema.GLOBAL_FIELDS, GLOBAL_ROW)


def test_the_examples_cover_both_tables() -> None:
    assert {table for example in EXAMPLES for table in example} == {schema.GLOBAL_TABLE, schema.JOB_TABLE}


def documented(head: str) -> dict[str, list[str]]:
    """Field -> values, default (and environment) of a table of docs/schema.md."""
    return {name: cells[1:] for cells in rows(SCHEMA, head) for name in cells[0].split(", ")}


def test_the_schema_page_knows_the_fields_that_the_code_knows() -> None:
    jobs = documented("`TELEGEN_JOB|<job_id>`")
    jobs.pop("erspan_*")
    assert set(jobs) == {name for name in schema.JOB_FIELDS if not name.startswith("erspan_")}
    assert set(documented("`TELEGEN|GLOBAL`")) == set(schema.GLOBAL_FIELDS)


@pytest.mark.parametrize(
    "head, known", [("`TELEGEN|GLOBAL`", schema.GLOBAL_FIELDS), ("`TELEGEN_JOB|<job_id>`", schema.JOB_FIELDS)]
)
def test_the_schema_page_has_the_codes_defaults_variables_and_borders(
    head: str, known: dict[str, schema.Field]
) -> None:
    told = documented(head)
    for name, field in known.items():
        if name not in told:  # the row erspan_* refers to GLOBAL
            continue
        values, default, *environment = told[name]
        if field.default:
            assert re.split(r"[ ,]", default)[0] == field.default, name
        else:
            assert default in ("mandatory", "none", "any", "whole", "GLOBAL's", "the job's port") or "needed" in default
        if environment:
            variables = [part.partition(" ")[0] for part in environment[0].split(", ") if part]
            assert any(map(field.environment.endswith, variables)) or not (field.environment or variables), name
        if isinstance(field.type, Whole) and not re.fullmatch(r"[\d, ]+(\(.*\))?", values):
            assert f"{field.type.low}..{field.type.high}" in values, name
        if isinstance(field.type, Words) and not values.startswith("as in"):
            assert set(values.split(", ")) == {*field.type.choices, *field.type.later}, name
