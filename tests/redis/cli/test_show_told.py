"""``show telegen``, ``jobs``, ``job`` and ``global`` print exactly what the agent told and the rows ask for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sonic_telegen.cli import times
from sonic_telegen.db import schema, view
from sonic_telegen.model.status import JobStatus, Reason, Status
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees
from tests.support.told import AGENT, AT, RUNNING, put, tell

WAITING = JobStatus(
    "later",
    Status.PENDING,
    Reason.NETDEV_ABSENT,
    "no netdev Ethernet8 yet; it is attached when it appears",
    "Ethernet8",
)


@pytest.fixture(autouse=True)
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now", lambda: float(AT))


def agent_told(state_rows: RawRedis) -> dict[str, object]:
    row = state_rows.row("TELEGEN_TABLE|GLOBAL")
    return view.agent({name.decode(): value.decode() for name, value in row.items()})


def test_the_agent_in_short(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows)
    assert show() == (
        "Agent     running, pid 4242, up 2 h 5 min\n"
        "Version   v1.2.3 (commit abcdef0)\n"
        "Kernel    6.1.0-22-2-amd64, BTF yes\n"
        "Programs  loader core, attached by clsact\n"
        "Jobs      2 of 3 running\n"
        "Export    http://collector.example:4317, last success 4 s ago\n"
        "Told      2026-09-21T14:13:18.000Z, 2 s ago\n"
    )


def test_what_went_wrong_is_in_the_summary(show: Door, state_rows: RawRedis) -> None:
    wrong = replace(
        AGENT,
        otlp_last_success_ns=0,
        otlp_failures=1200,
        otlp_last_error="connection refused",
        config_error="max_jobs='0': use a whole number from 1 to 512",
        listen="127.0.0.1:8080",
        listen_error="[::]:8080: needs TLS",
        notice="counters began anew\x1b[2J",
    )
    tell(state_rows, agent=wrong)
    told = show().splitlines()
    assert told[5:] == [
        "Export        http://collector.example:4317, last success never, 1,200 failed",
        "Export error  connection refused",
        "REST          127.0.0.1:8080",
        "REST error    [::]:8080: needs TLS",
        "Config error  max_jobs='0': use a whole number from 1 to 512",
        "Notice        counters began anew\\x1b[2J",
        "Told          2026-09-21T14:13:18.000Z, 2 s ago",
    ]


def test_an_agent_that_tells_nothing_any_more_is_not_running(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, at=AT - 300, jobs=[RUNNING], env={})
    assert show().splitlines()[0] == "Agent     not running: last told 5 min ago (pid 4242)"
    assert json.loads(show("--json"))["running"] is False
    for words in ("jobs", "job uplink", "global"):
        assert show(*words.split()).splitlines()[:2] == [
            "The agent is not running: it last told 5 min ago, and what is shown is of that time",
            "",
        ]


@pytest.mark.parametrize(
    ("interval", "age", "alive"),
    [("10", 24, True), ("10", 26, False), ("1", 8, False), ("300", 124, True), ("300", 126, False), ("?", 24, True)],
)
def test_how_old_its_row_may_be_depends_on_its_beat(
    interval: str, age: int, alive: bool, show: Door, state_rows: RawRedis
) -> None:
    tell(state_rows, at=AT - age)
    put(state_rows, "TELEGEN_TABLE|SETTINGS", {"export_interval": interval})
    assert json.loads(show("-j"))["running"] is alive


def test_an_agent_that_never_ran_is_told_as_that(show: Door) -> None:
    assert show() == "The agent is not running: it has told nothing yet; start sonic-telegen\n"
    assert show.refuses("global") == "the agent has not told its settings yet; start sonic-telegen"


def test_json_of_the_agent_is_what_every_door_shows(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows)
    assert json.loads(show("--json")) == {**agent_told(state_rows), "running": True}


def test_json_before_a_command_is_refused_with_its_place(trees: Trees) -> None:
    right = trees.show.says("jobs --json")
    assert trees.show.refuses("--json", "jobs") == f"--json goes behind the command: {right}"


def test_jobs_are_a_table_and_those_that_do_not_run_say_why(
    show: Door, state_rows: RawRedis, config_rows: RawRedis
) -> None:
    put(config_rows, "TELEGEN_JOB|uplink", {"port": "Ethernet0", "direction": "both", "owner": "cli"})
    put(config_rows, "TELEGEN_JOB|later", {"port": "Ethernet8"})
    put(config_rows, "TELEGEN_JOB|new", {"port": "eth0"})
    tell(state_rows, jobs=[RUNNING, WAITING])
    assert show("jobs") == (
        "JOB_ID    PORT       DIRECTION    STATUS    REASON         VISIBILITY    PACKETS    BYTES       OWNER\n"
        "--------  ---------  -----------  --------  -------------  ------------  ---------  ----------  ----------\n"
        "later     Ethernet8  ingress      pending   netdev_absent  none          0          0           automation\n"
        "new       eth0       ingress      starting  N/A            none          0          0           automation\n"
        "uplink    Ethernet0  both         running   N/A            cpu-path      1,234,567  98,765,432  cli\n"
        "\n"
        "later: no netdev Ethernet8 yet; it is attached when it appears\n"
        "new: the agent has not told of it yet\n"
    )


def test_no_job_is_told_with_the_command_that_adds_one(trees: Trees, state_rows: RawRedis) -> None:
    tell(state_rows)
    add = trees.config.says("job add <job_id> --port <port>")
    assert trees.show("jobs").splitlines()[2:] == [f"No job yet; add one: {add}"]
    assert json.loads(trees.show("jobs", "--json")) == []


def test_one_job_field_by_field(show: Door, state_rows: RawRedis, config_rows: RawRedis) -> None:
    put(config_rows, "TELEGEN_JOB|uplink", {"port": "Ethernet0", "direction": "both", "owner": "cli"})
    tell(state_rows, jobs=[RUNNING])
    assert show("job", "uplink") == (
        "job_id         uplink\n"
        "port           Ethernet0\n"
        "direction      both\n"
        "admin_state    enabled\n"
        "sample_rate    1\n"
        "result_detail  summary\n"
        "duration_sec   0\n"
        "otlp_export    true\n"
        "owner          cli\n"
        "status         running\n"
        "reason         N/A\n"
        "message        N/A\n"
        "interface      Ethernet0\n"
        "mirror_mode    direct\n"
        "visibility     cpu-path\n"
        "started_at     2026-09-21T14:03:20.000Z\n"
        "expires_at     N/A\n"
        "updated_at     2026-09-21T14:13:18.000Z\n"
        "packets        1,234,567\n"
        "bytes          98,765,432\n"
        "sample_age_ms  0\n"
    )


def test_json_of_jobs_is_what_every_door_shows(show: Door, state_rows: RawRedis, config_rows: RawRedis) -> None:
    asked = {"port": "Ethernet0", "direction": "both"}
    put(config_rows, "TELEGEN_JOB|uplink", asked)
    tell(state_rows, jobs=[RUNNING])
    row = {name.decode(): value.decode() for name, value in state_rows.row("TELEGEN_JOB_TABLE|uplink").items()}
    assert json.loads(show("jobs", "-j")) == [view.job("uplink", asked, row)]
    assert json.loads(show("job", "uplink", "-j")) == view.job("uplink", asked, row)


def test_a_job_that_is_not_there_is_told_with_those_that_are(
    show: Door, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    assert show.refuses("job", "x") == "no job x; the jobs there are: none"
    put(config_rows, "TELEGEN_JOB|a", {"port": "eth0"})
    put(config_rows, "TELEGEN_JOB|b", {"port": "eth0"})
    assert show.refuses("job", "\udcff") == "no job \\xff; the jobs there are: a, b"


def test_rubbish_in_the_tables_is_shown_and_moves_no_terminal(
    show: Door, config_rows: RawRedis, state_rows: RawRedis
) -> None:
    config_rows("HSET", b"TELEGEN_JOB|\x1b[31m\xff", b"port", b"Ether\x1b[0m", b"x\n", b"\xfe")
    put(state_rows, "TELEGEN_JOB_TABLE|b", {"status": "gone wild", "packets": "-1"})
    put(state_rows, "TELEGEN_TABLE|GLOBAL", {"updated_at": "soon", "pid": "x"})
    told = show("jobs")
    assert "\\x1b[31m\\xff  Ether\\x1b[0m" in told
    assert "\x1b" not in told
    assert show().startswith("The agent is not running: it has told nothing yet")


def test_ports_go_by_their_aliases_where_the_operator_works_with_them(
    show: Door, config_rows: RawRedis, state_rows: RawRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONIC_CLI_IFACE_MODE", "alias")
    put(config_rows, "PORT|Ethernet0", {"alias": "etp1"})
    put(config_rows, "TELEGEN_JOB|uplink", {"port": "Ethernet0", "direction": "both"})
    tell(state_rows, jobs=[RUNNING])
    assert show("jobs").splitlines()[2].split()[:2] == ["uplink", "etp1"]
    lines = show("job", "uplink").splitlines()
    assert [line.split()[1] for line in lines if line.split()[0] in ("port", "interface")] == ["etp1", "etp1"]
    assert json.loads(show("job", "uplink", "-j"))["port"] == "Ethernet0"


def test_settings_tell_where_each_value_comes_from(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, asked={"max_jobs": "8"}, env={"TELEGEN_MIRROR_MODE": "direct"})
    told = show("global").splitlines()
    assert told[:4] == [
        "FIELD                    VALUE           ORIGIN",
        "-----------------------  --------------  -------------------",
        "admin_state              enabled         default",
        "max_jobs                 8               TELEGEN|GLOBAL",
    ]
    assert "mirror_mode              direct          TELEGEN_MIRROR_MODE" in told
    assert "erspan_remote            N/A             default" in told
    assert [line.split()[0] for line in told[2:]] == [n for n, field in schema.GLOBAL_FIELDS.items() if field.available]


def test_json_of_the_settings_is_typed(show: Door, state_rows: RawRedis) -> None:
    tell(state_rows, asked={"max_jobs": "8"})
    told = json.loads(show("global", "--json"))
    assert told["max_jobs"] == {"value": 8, "origin": "TELEGEN|GLOBAL"}
    assert told["erspan_tos"] == {"value": "inherit", "origin": "default"}


def test_a_row_that_the_agent_refuses_is_told_as_not_in_force(
    show: Door, state_rows: RawRedis, config_rows: RawRedis
) -> None:
    put(config_rows, "TELEGEN|GLOBAL", {"max_jobs": "0", "admin_state": "enabled", "color": "red"})
    said = "max_jobs='0': use a whole number from 1 to 512"
    tell(state_rows, agent=replace(AGENT, config_error=said), env={})
    assert show("global").splitlines()[-2:] == ["", f"Not in force: max_jobs=0, color=red; {said}"]
