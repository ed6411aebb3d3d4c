"""One truth: for every row libyang's verdict by the YANG model is the codec's, and both blame the same field.

Rows reach libyang as SONiC hands them over (``yang.translate``), which forgives what the stored text is not: it reads
numbers as Python's ``int()`` does, strips the key, and lets a field named as the key's leaf replace it. So the codec is
asked about the row *as SONiC reads it*, and a second test holds that only such rows tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from sonic_telegen.db import codec, schema
from sonic_telegen.db.ports import check_port
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.values import Whole
from tests.support import yang
from tests.support.yang_rows import AROUND, TABLES, Row, contradictions, known, one_change, rows

Judged = tuple[Row, yang.Verdict]


def check(row: Row) -> None:
    """The codec's and the doors' verdict."""
    if row.table == schema.JOB_TABLE:
        check_port(codec.parse_job(row.key, row.fields).port, TABLES)
    else:
        codec.check_fields(row.fields, schema.GLOBAL_FIELDS, row.table)


def blamed(row: Row) -> list[str]:
    """Every field that the codec refuses: each one is mended until it takes the row."""
    fields, key, names = dict(row.fields), row.key, list[str]()
    while True:
        try:
            check(Row(row.table, key, fields))
        except ConfigError as problem:
            names.append(problem.field)
            if problem.field == "job_id" and "job_id" not in fields:
                key = "a"
            elif problem.field == "port":
                fields["port"] = "eth0"
            else:
                del fields[problem.field]
        else:
            return names


def as_sonic_reads(row: Row) -> Row:
    """The row after SONiC's translation, as texts."""
    fields, key = dict(row.fields), row.key
    if row.table == schema.JOB_TABLE:
        named = fields.pop("job_id", key.strip())
        key = key if "|" in key else named
    for name, text in fields.items():
        field = known(row.table).get(name)
        if field and field.available and isinstance(field.type, Whole) and not re.fullmatch("[0-9]{1,9}", text):
            try:
                fields[name] = str(int(text, 10))
            except ValueError:
                continue
    return Row(row.table, key, fields)


def libyang(row: Row, file: Path) -> yang.Verdict:
    try:
        data = yang.translate({row.table: {row.key: row.fields}})
    except yang.Untranslatable as refused:
        return yang.Verdict(False, str(refused))
    return yang.judge({**AROUND, **data}, file)


def disagreement(row: Row, verdict: yang.Verdict) -> str:
    """Empty when both say the same of the row."""
    names = blamed(as_sonic_reads(row))
    same = verdict.good == (not names) and (not verdict.blamed or verdict.blamed in names)
    return "" if same else f"{row}: libyang {verdict}, codec blames {names}"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yang") / "config.json"


@pytest.fixture(scope="module", params=[schema.GLOBAL_TABLE, schema.JOB_TABLE])
def judged(request: pytest.FixtureRequest, file: Path) -> list[Judged]:
    """Rows at every edge of every field of a table, with libyang's verdicts."""
    return [(row, libyang(row, file)) for row in one_change(request.param)]


def test_at_every_edge_of_every_field_both_say_the_same(judged: list[Judged]) -> None:
    assert [wrong for row, verdict in judged if (wrong := disagreement(row, verdict))] == []


def test_of_fields_that_contradict_each_other_both_say_the_same(file: Path) -> None:
    judged = [(row, libyang(row, file)) for row in contradictions()]
    assert [wrong for row, verdict in judged if (wrong := disagreement(row, verdict))] == []


def test_only_what_sonic_reads_otherwise_tells_them_apart(judged: list[Judged]) -> None:
    """Numbers in another spelling, keys with spaces around, fields named as the key's leaf: the codec alone refuses."""
    forgiven = [row for row, verdict in judged if verdict.good and blamed(row)]
    texts = {text for row in forgiven for text in row.fields.values()}
    assert {"-0", "+1", "0000000007", "1_0", "٣", "1\n", "\n1", " 1", "1\t"} <= texts
    for row in forgiven:
        assert as_sonic_reads(row) != row


def examples(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(max_examples=count, deadline=None)


@examples(500)
@given(row=rows(schema.JOB_TABLE))
def test_of_any_job_both_say_the_same(row: Row, file: Path) -> None:
    assert disagreement(row, libyang(row, file)) == ""


@examples(250)
@given(row=rows(schema.GLOBAL_TABLE))
def test_of_any_settings_both_say_the_same(row: Row, file: Path) -> None:
    assert disagreement(row, libyang(row, file)) == ""
