"""The cases that go upstream with the model: each through libyang, judged as sonic-yang-models' own runner judges."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.db import schema
from tests.support import yang, yang_model

CASES: dict[str, Any] = json.loads((yang_model.CASES / "tests" / "telegen.json").read_text())
CONFIGS: dict[str, Any] = json.loads((yang_model.CASES / "tests_config" / "telegen.json").read_text())
SAMPLE: dict[str, Any] = json.loads((yang_model.CASES / "sample_config_db.json").read_text())

# What libyang says for each class of sonic-yang-models' test_yang_model.py that the cases use (as libyang 2 words it).
SAYS = {
    "InvalidValue": ("Invalid", "value", "location"),
    "Mandatory": ("Mandatory node", "does not exist"),
    "UnknownElement": ("not found as a child",),
    "Bounds": ("Value", "out of type", "min/max bounds"),
    "ListKey": ("List instance is missing its key",),
}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.keys() & {"eStr", "eStrKey"}])
def test_a_good_configuration_is_taken(name: str, tmp_path: Path) -> None:
    verdict = yang.judge(CONFIGS[name], tmp_path / "config.json")
    assert verdict.good, verdict.text


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if "eStr" in case or case.get("eStrKey") in SAYS]
)
def test_a_bad_configuration_is_refused_for_the_reason_told(name: str, tmp_path: Path) -> None:
    verdict = yang.judge(CONFIGS[name], tmp_path / "config.json")
    assert not verdict.good
    for fragment in (*SAYS.get(CASES[name].get("eStrKey"), ()), *CASES[name].get("eStr", ())):
        assert fragment in verdict.text


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.get("eStrKey") == "Verify"])
def test_a_default_is_what_libyang_adds(name: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIGS[name]))
    printed = subprocess.run(
        ["yanglint", "-t", "config", "-f", "json", "-d", "all", "-p", yang_model.STAND_INS, yang_model.MODEL, file],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    tables = json.loads(printed)["sonic-telegen:sonic-telegen"]
    row = tables["TELEGEN_JOB"]["TELEGEN_JOB_LIST"][0] if "TELEGEN_JOB" in tables else tables["TELEGEN"]["GLOBAL"]
    verify = CASES[name]["verify"]
    field = verify["xpath"].rpartition("/")[2]
    assert verify["key"] == f"sonic-telegen:{field}"
    assert row[field] == verify["value"]


def test_the_two_files_name_the_same_cases() -> None:
    assert list(CASES) == list(CONFIGS)
    classes = {case["eStrKey"] for case in CASES.values() if "eStrKey" in case}
    assert classes == {*SAYS, "Verify"}
    for name, case in CASES.items():
        assert name.startswith("TELEGEN_"), "upstream keeps the cases of all models in one dictionary"
        assert isinstance(case.get("eStr", []), list), "upstream takes a string apart into letters"
        assert case.keys() <= {"desc", "eStr", "eStrKey", "verify"}


@pytest.mark.parametrize("table", [schema.GLOBAL_TABLE, schema.JOB_TABLE])
def test_every_leaf_is_taken_in_one_case_and_refused_in_another(table: str) -> None:
    leaves = yang_model.leaves(table, "GLOBAL" if table == schema.GLOBAL_TABLE else "TELEGEN_JOB_LIST")
    for good in (True, False):
        named: set[str] = set()
        for name, case in CASES.items():
            body = CONFIGS[name][f"{yang_model.MODULE}:{yang_model.MODULE}"].get(f"{yang_model.MODULE}:{table}", {})
            for row in body.get("TELEGEN_JOB_LIST", [body.get("GLOBAL", {})]):
                if good == (not case.keys() & {"eStr", "eStrKey"}):
                    named |= set(row)
        assert set(leaves) <= named, f"good={good}"


def test_the_sample_for_upstream_is_valid_and_covers_both_tables(tmp_path: Path) -> None:
    ports = {"sonic-port:PORT": {"PORT_LIST": [{"name": "Ethernet0", "lanes": "0", "speed": 1000}]}}
    verdict = yang.judge({"sonic-port:sonic-port": ports, **yang.translate(SAMPLE)}, tmp_path / "config.json")
    assert verdict.good, verdict.text
    assert set(SAMPLE) == {schema.GLOBAL_TABLE, schema.JOB_TABLE}
