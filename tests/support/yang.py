"""libyang's verdict on configurations, handed over as SONiC does."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.patience import allowed
from tests.support.yang_model import MODEL, MODULE, STAND_INS, Leaf, leaves

IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")  # of YANG

Config = Mapping[str, Mapping[str, Mapping[str, str]]]  # table -> key -> row, as ConfigDBConnector reads it


@dataclass(frozen=True, slots=True)
class Verdict:
    """libyang's; ``blamed`` is the field (``job_id`` for a key) that it names when it refuses.

    It is empty when libyang's reader of JSON gave up before it came to a field.
    """

    good: bool
    blamed: str = ""
    text: str = ""


def judge(data: object, file: Path) -> Verdict:
    """libyang's verdict on YANG-JSON data, which is written to ``file`` for it."""
    file.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    done = subprocess.run(
        ["yanglint", "-t", "config", "-p", STAND_INS, MODEL, *STAND_INS.glob("*.yang"), file],
        capture_output=True,
        text=True,
        timeout=allowed(60),
        check=False,
    )
    if done.returncode == 0 and not done.stderr:
        return Verdict(True)
    assert "libyang err" in done.stderr, done.stderr  # else it is no verdict
    return Verdict(False, _blamed(done.stderr), done.stderr)


UNREADABLE = ("Invalid character", "exceeded the LY_NUMBER_MAXLEN limit")


def _blamed(text: str) -> str:
    if any(reason in text for reason in UNREADABLE):
        return ""
    found = (
        re.search(r'Node "(.*)" not found as a child of', text)
        or re.search(r'Mandatory node "(.*)" instance does not exist', text)
        or re.search(r'(?:Data|Schema) location "(?:[^"]*/)?([^"/]+)"', text)
    )
    assert found, text
    return found[1]


class Untranslatable(ValueError):
    """SONiC's translation refuses the row before libyang sees it; the argument is what it blames."""


def translate(config: Config) -> dict[str, Any]:
    """YANG-JSON data of tables of ours, made as sonic-yang-mgmt makes them (sonic_yang_ext.py).

    A key is split at the bars and stripped, the text of a leaf of uint type becomes a number by ``int()``, and a field
    with the name of the key's leaf takes its place. Two things are left to libyang that the original refuses by itself:
    texts that are no numbers, and fields that are no leaves but could be.
    """
    tables: dict[str, Any] = {}
    for table, rows in config.items():
        if table == "TELEGEN":
            tables[table] = {key: _row(row, leaves(table, key)) for key, row in rows.items()}
        else:
            known = leaves(table, f"{table}_LIST")
            tables[table] = {f"{table}_LIST": [_entry(key, row, known) for key, row in rows.items()]}
    return {f"{MODULE}:{MODULE}": {f"{MODULE}:{table}": body for table, body in tables.items()}}


def _entry(key: str, row: Mapping[str, str], known: Mapping[str, Leaf]) -> dict[str, str | int]:
    if "|" in key:
        raise Untranslatable("job_id")
    return {"job_id": key.strip(), **_row(row, known)}


def _row(row: Mapping[str, str], known: Mapping[str, Leaf]) -> dict[str, str | int]:
    given = {name: text for name, text in row.items() if name != "NULL"}
    for name in given:
        if name not in known and not IDENTIFIER.fullmatch(name):
            raise Untranslatable(name)
    return {name: _value(text, known.get(name)) for name, text in given.items()}


def _value(text: str, leaf: Leaf | None) -> str | int:
    if leaf is None or "uint" not in leaf.base:
        return text
    try:
        return int(text, 10)
    except ValueError:
        return text
