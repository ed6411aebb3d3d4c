"""Whatever stands in the tables, ``show telegen`` prints it or refuses; no traceback, nothing that a terminal obeys."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonic_telegen.cli import probes, times
from sonic_telegen.db import codec, schema
from sonic_telegen.model.status import AgentStatus, JobStatus, Status
from tests.support.redis import RawRedis
from tests.support.sonic_cli import on_sonic, standalone
from tests.support.told import AT, hook

NAMES = st.sampled_from(["Ethernet0", "a", "a|b", "\x1b[2J", "é"]).map(str.encode) | st.binary(min_size=1, max_size=5)
VALUES = st.sampled_from([b"", b"1", b"-1", b"9" * 30, b"true", b"\xff", b"\x1b[2J", b"1,2", b"2026-01-01T00:00:00Z"])
COMMANDS: tuple[list[str], ...] = (
    [],
    ["jobs"],
    ["job", "a"],
    ["interfaces"],
    ["interfaces", "Ethernet0"],
    ["punt"],
    ["punt", "Ethernet0", "--all"],
    ["histogram", "Ethernet0", "--by-class"],
    ["doctor", "Ethernet0"],
    ["watch", "--count", "1"],
    ["global"],
)


def rows(*fields: str) -> st.SearchStrategy[Mapping[bytes, bytes]]:
    """Fields as they should be called, and others, with any values."""
    names = st.sampled_from(fields).map(str.encode) | st.binary(min_size=1, max_size=4)
    return st.dictionaries(names, VALUES | st.binary(max_size=8), min_size=1, max_size=8)


JOB = rows(*schema.JOB_FIELDS)
STATUS = rows(*codec.status_row(JobStatus("a", Status.RUNNING), 1)) | rows("status").map(
    lambda row: {**row, b"status": b"running"}
)
HOOK = rows(*codec.interface_row(hook("Ethernet0"), 1), "asic_packets")
PUNT = rows("ifindex", "packets", "bytes", "pps", "bps", "trap_group", "cir", "meter", "updated_at")
AGENT = rows(*codec.agent_row(AgentStatus("", "", 0, ""), 1))
SETTING = rows(*schema.GLOBAL_FIELDS, "max_jobs_origin")


def put(raw: RawRedis, key: bytes, row: Mapping[bytes, bytes]) -> None:
    raw("HSET", key, *(part for pair in row.items() for part in pair))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.dictionaries(NAMES, JOB, max_size=2),
    st.dictionaries(NAMES, STATUS, max_size=2),
    st.dictionaries(st.tuples(NAMES, st.sampled_from([b"|ingress", b"|egress", b"|x", b""])), HOOK, max_size=3),
    st.dictionaries(st.tuples(NAMES, st.sampled_from([b"|bgp", b"|arp", b"|x", b""])), PUNT, max_size=3),
    st.none() | AGENT,
    st.none() | SETTING,
    st.sampled_from([on_sonic, standalone]),
)
def test_rubbish_is_shown_or_refused(
    config_rows: RawRedis,
    state_rows: RawRedis,
    jobs: Mapping[bytes, Mapping[bytes, bytes]],
    statuses: Mapping[bytes, Mapping[bytes, bytes]],
    hooks: Mapping[tuple[bytes, bytes], Mapping[bytes, bytes]],
    protocols: Mapping[tuple[bytes, bytes], Mapping[bytes, bytes]],
    agent: Mapping[bytes, bytes] | None,
    setting: Mapping[bytes, bytes] | None,
    made: object,
) -> None:
    config_rows("FLUSHALL")
    for name, row in jobs.items():
        put(config_rows, b"TELEGEN_JOB|" + name, row)
    for name, row in statuses.items():
        put(state_rows, b"TELEGEN_JOB_TABLE|" + name, row)
    for (name, way), row in hooks.items():
        put(state_rows, b"TELEGEN_INTERFACE_TABLE|" + name + way, row)
    for (name, protocol), row in protocols.items():
        put(state_rows, b"TELEGEN_PUNT_TABLE|" + name + protocol, row)
    for key, told in ((b"TELEGEN_TABLE|GLOBAL", agent), (b"TELEGEN_TABLE|SETTINGS", setting)):
        if told:
            put(state_rows, key, told)
    trees = made()  # type: ignore[operator]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "now", lambda: float(AT))
        patch.setattr(probes, "path", lambda endpoint, vrf="": None)  # no name service is asked for rubbish
        for words in COMMANDS:
            for more in ([], ["--json"]):
                result = trees.show.run(*words, *more)
                assert result.exit_code in (0, 1, 2)
                assert "\x1b" not in result.output
        assert "\x1b" not in trees.clear.run("counters").output
        assert "\x1b" not in trees.show.run("interfaces").output
