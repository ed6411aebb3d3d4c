"""The model keeps SONiC's conventions: what its tools take for granted of every model under /usr/local/yang-models."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.db import schema
from tests.support import yang_model

KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RESTRICTIONS = ("pattern", "range", "length", "must")
MODELS = (yang_model.MODEL, *sorted(yang_model.STAND_INS.iterdir()))
NODES = ("module", "container", "list", "leaf", "typedef", "enum", "revision")


def found(*keywords: str) -> list[Any]:
    """Statements of these kinds in the model."""
    return [one for one in yang_model.statements() if one.keyword in keywords]


def name(statement: Any) -> str:
    return f"line {statement.pos.line}: {statement.keyword} {statement.arg}"


@pytest.mark.parametrize(
    "model", [yang_model.MODEL, *sorted(yang_model.STAND_INS.iterdir())], ids=lambda path: path.stem
)
def test_pyang_finds_nothing_to_warn_of(model: Path) -> None:
    rules = ["--strict", "--canonical", "-W", "error"]
    if model == yang_model.MODEL:
        namespace = "http://github.com/sonic-net/"
        rules += ["--lint", "--lint-modulename-prefix", "sonic", "--lint-namespace-prefix", namespace]
    command = [sys.executable, "-m", "pyang", *rules, "-p", str(yang_model.STAND_INS), str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_stand_ins_say_what_they_are() -> None:
    for model in yang_model.STAND_INS.iterdir():
        assert model.read_text().startswith("/* A stand-in by telegen-sonic for SONiC's module of this name")


def test_the_header_is_a_sonic_models() -> None:
    told = {one.keyword: one.arg for one in yang_model.module().substmts}
    assert told["yang-version"] == "1.1"
    assert told["namespace"] == f"http://github.com/sonic-net/{yang_model.MODULE}"
    assert (told["organization"], told["contact"]) == ("SONiC", "SONiC")
    assert "YANG Module for SONiC OS" in told["description"]
    revisions = [one.arg for one in found("revision")]
    assert revisions
    assert revisions == sorted(revisions, reverse=True), "newest first"


def test_the_one_top_container_holds_the_tables_and_each_has_one_kind_of_row() -> None:
    (top,) = yang_model.module().i_children
    assert (top.keyword, top.arg) == ("container", yang_model.MODULE)
    tables = {one.arg: one for one in top.i_children}
    assert set(tables) == {schema.GLOBAL_TABLE, schema.JOB_TABLE}
    for table, container in tables.items():
        assert container.keyword == "container"
        assert table == table.upper()
    (row,) = tables[schema.GLOBAL_TABLE].i_children
    assert (row.keyword, row.arg) == ("container", schema.GLOBAL_KEY)
    (rows,) = tables[schema.JOB_TABLE].i_children
    assert (rows.keyword, rows.arg) == ("list", f"{schema.JOB_TABLE}_LIST")
    assert [key.arg for key in rows.i_key] == ["job_id"]


@pytest.mark.parametrize("keyword", NODES)
def test_every_node_is_described_in_a_sentence(keyword: str) -> None:
    for one in found(keyword):
        description = one.search_one("description")
        assert description is not None, name(one)
        assert re.fullmatch(r"[A-Z0-9].*\.", description.arg, re.DOTALL), name(one)


def test_every_restriction_says_what_to_use_instead_and_has_a_tag() -> None:
    for one in found(*RESTRICTIONS):
        message, tag = one.search_one("error-message"), one.search_one("error-app-tag")
        assert message is not None, name(one)
        assert message.arg.startswith("use "), name(one)
        assert tag is not None, name(one)
        assert KEBAB.fullmatch(tag.arg), name(one)


def test_every_pattern_and_condition_has_a_comment_above() -> None:
    lines = yang_model.MODEL.read_text().splitlines()
    for one in found("pattern", "must", "when"):
        number = one.pos.line - 1
        while not lines[number].strip().startswith(one.keyword):  # pyang tells where its argument ends
            number -= 1
        above = lines[number - 1].strip()
        assert above.startswith("/*"), name(one)
        assert above.endswith("*/"), name(one)


def test_types_are_those_that_sonics_translation_carries_to_libyang_and_back() -> None:
    """It converts a leaf whose type *itself* is called uint…, and hands everything else over as text."""
    for table, row in ((schema.GLOBAL_TABLE, schema.GLOBAL_KEY), (schema.JOB_TABLE, f"{schema.JOB_TABLE}_LIST")):
        for leaf in yang_model.leaves(table, row).values():
            assert leaf.base in {"string", "enumeration", "uint8", "uint16", "uint32", "union"}
            assert {member.base for member in leaf.members} <= {"string", "leafref"}, "a number in a union stays text"
    for one in found("typedef"):
        assert "uint" not in one.search_one("type").arg, f"{name(one)}: not converted by older versions"
    assert found("leaf-list", "uses", "augment", "choice") == [], "validated writes and older versions break these"
