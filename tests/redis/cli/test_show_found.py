"""``show telegen job`` and ``flows`` print what a job found as the agent told it, and what it lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sonic_telegen.cli import times
from sonic_telegen.db import results
from sonic_telegen.model.result import JobResult
from sonic_telegen.model.sample import Burst
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door
from tests.support.told import AT, RUNNING, put, tell
from tests.unit.test_results import MIRRORED, OWN, PLAIN, RESULT

KEY = f"TELEGEN_RESULT_TABLE|{RUNNING.job}"
FOUND = replace(RESULT, job=RUNNING.job, started_ns=RUNNING.started_ns, until_ns=RUNNING.started_ns + 2 * 10**9)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, state_rows: RawRedis) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))
    monkeypatch.setenv("COLUMNS", "80")
    tell(state_rows, jobs=[RUNNING])


def find(state_rows: RawRedis, result: JobResult = FOUND) -> None:
    put(state_rows, KEY, results.result_row(result, None))


def test_what_was_found_is_below_the_status(show: Door, state_rows: RawRedis) -> None:
    burst = Burst(9000, 6, RUNNING.started_ns)
    find(
        state_rows,
        replace(FOUND, own=replace(OWN, burst=burst, captured=7, capture_lost=2, mirrored=1234, mirror_failed=5)),
    )
    printed = show("job", RUNNING.job)
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "ipv4 4 400 2.0 1,600.0" in lines
    assert "sampled 10 packets, 1,000 bytes, 1 in 10: flows are scaled by it" in lines
    assert "flows 1 in the table, 60 packets, 6,000 bytes" in lines
    assert "untracked 30 packets, 3,000 bytes in no flow: too many new ones at once" in lines
    assert "captured 7 frames, 2 lost" in lines
    assert "mirrored 1,234 packets, 5 failed" in lines
    assert any(line.startswith("burst 6 packets, 9,000 bytes within 1 ms at ") for line in lines)
    assert any(line.startswith("0-64 10 100.0 %") for line in lines)
    assert f"flows {RUNNING.job}" in lines[-1]


def test_flows_are_a_table_with_what_is_in_none_of_them(show: Door, state_rows: RawRedis) -> None:
    find(state_rows)
    lines = [" ".join(line.split()) for line in show("flows", RUNNING.job).splitlines()]
    assert any(line.startswith("10.0.0.1:7 10.0.0.2:443 tcp 46 5 60 6,000 SA ") for line in lines)
    assert "other flows 0 packets, 0 bytes" in lines
    assert "evicted 10 packets, 1,000 bytes" in lines
    assert "sampled 1 in 10; all numbers here are scaled by it" in lines


def test_json_has_all_of_it(show: Door, state_rows: RawRedis) -> None:
    find(state_rows)
    whole = json.loads(show("flows", RUNNING.job, "--json"))
    assert json.loads(show("job", RUNNING.job, "--json"))["results"] == whole
    assert whole["flows"]["top"][0]["destination_port"] == 443


def test_a_plain_job_shows_its_classes_and_has_no_flows(show: Door, state_rows: RawRedis) -> None:
    find(state_rows, replace(FOUND, classes=PLAIN, own=None, sample_rate=1))
    printed = show("job", RUNNING.job)
    assert "PACKETS" in printed
    assert "sampled" not in printed
    assert "keeps no flows; that takes result_detail=flows" in show("flows", RUNNING.job, fails=True)


def test_sessions_are_a_table_with_what_was_lost(show: Door, state_rows: RawRedis) -> None:
    find(state_rows, replace(FOUND, own=MIRRORED))
    lines = [" ".join(line.split()) for line in show("job", RUNNING.job).splitlines()]
    assert any(line.startswith("1023 192.0.2.1 10.0.0.2 10 1,000 5 ") for line in lines)
    assert "sessions 1, 5 packets lost by their sequence numbers" in lines
    assert "beyond 8 packets, 800 bytes of sessions for which there was no room" in lines


def test_flows_are_offered(show: Door) -> None:
    assert " flows " in show("--help")


def test_an_unknown_job_and_rubbish_are_answered_in_words(show: Door, state_rows: RawRedis) -> None:
    assert "no job nobody; the jobs there are:" in show("flows", "nobody", fails=True)
    row = results.result_row(FOUND, None)
    put(state_rows, KEY, row | {"top_flows": '[{"source":"\\u001b[2J","source_port":-1},3]', "window_ms": "soon"})
    printed = show("flows", RUNNING.job)
    assert "\x1b" not in printed
    assert "\\x1b[2J" in printed
