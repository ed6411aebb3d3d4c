"""Why is it zero: each cause alone is found, with what to do, and nothing else is blamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sonic_telegen.cli.doctor import judge
from sonic_telegen.cli.findings import Facts, Finding, Mark, Netdev, Path, failed
from sonic_telegen.db import codec, view
from sonic_telegen.model.status import AgentStatus, JobStatus, Reason, Status, Visibility
from tests.support.told import AGENT, AT, RUNNING, SECOND, hook

COLLECTOR = Path("collector.example:4317", source="192.0.2.1")


def agent(status: AgentStatus = AGENT, at: int = AT - 2) -> dict[str, Any]:
    return view.agent(codec.agent_row(status, at * SECOND))


def job(status: JobStatus = RUNNING, **row: str) -> dict[str, Any]:
    asked = {"port": status.port, "direction": status.direction, **row}
    return view.job(status.job, asked, codec.status_row(status, (AT - 2) * SECOND))


def counted(*packets: int, direction: str = "ingress") -> dict[str, Any]:
    return view.interface(
        "Ethernet0", direction, codec.interface_row(hook("Ethernet0", packets=packets), (AT - 9) * SECOND)
    )


WELL = Facts(
    port="Ethernet0",
    at=AT,
    agent=agent(),
    alive=True,
    spell=lambda root, words: f"{root} telegen {words}",
    configured=True,
    jobs=[job()],
    hooks=[counted(5, direction="egress"), counted(700)],
    netdev=Netdev(7, up=True, running=True),
    path=COLLECTOR,
)


def wrong(facts: Facts) -> list[Finding]:
    """What is not ok."""
    return [found for found in judge(facts) if found.mark is not Mark.OK]


def cause(facts: Facts) -> tuple[str, str, str]:
    """The one finding that fails; nothing else is more than a warning."""
    (found,) = [found for found in judge(facts) if found.mark is Mark.FAIL]
    return found.check, found.finding, found.remedy


def test_where_all_is_well_every_check_says_so() -> None:
    found = judge(WELL)
    assert not failed(found)
    assert [(each.check, each.finding) for each in found] == [
        ("agent", "it runs (pid 4242), and last told 2 s ago"),
        ("loader", "the programs were loaded as core"),
        ("job", "uplink is running"),
        ("vantage", "the port's own netdev: all that passes it is counted; the switch itself counts no packets here"),
        ("netdev", "Ethernet0 exists (ifindex 7)"),
        ("link", "Ethernet0 is up and has a link"),
        ("filter", "the program is seen in the kernel on ingress"),
        ("filter", "the program is seen in the kernel on egress"),
        ("packets", "5 counted on egress, more of them last 9 s ago; counters read 2 s ago"),
        ("packets", "700 counted on ingress, more of them last 9 s ago; counters read 2 s ago"),
        ("route", "collector.example:4317 is reached from 192.0.2.1"),
        ("collector", "collector.example:4317 answers; the agent's last export succeeded 4 s ago"),
    ]
    assert {each.mark for each in found} == {Mark.OK}
    assert {each.remedy for each in found} == {""}


def test_an_agent_that_does_not_run_is_the_cause_and_old_news_is_called_old() -> None:
    facts = replace(WELL, agent=agent(at=AT - 300), alive=False)
    assert cause(facts) == ("agent", "it does not run: it last told 5 min ago", "start sonic-telegen")
    old = [found.finding for found in wrong(facts) if found.mark is Mark.WARN]
    assert old[0] == "the program was seen on ingress when the agent last told"


def test_an_agent_that_never_ran() -> None:
    nothing = view.agent({})
    facts = replace(WELL, agent=nothing, alive=False, jobs=[], hooks=[], path=None)
    causes = [found.check for found in wrong(facts)]
    assert causes == ["agent", "job"]


def test_settings_that_the_agent_refuses() -> None:
    facts = replace(WELL, agent=agent(replace(AGENT, config_error="max_jobs='0': use a whole number from 1 to 512")))
    said = "max_jobs='0': use a whole number from 1 to 512"
    assert cause(facts) == ("settings", said, "see: show telegen global")


def test_no_job_covers_the_port() -> None:
    found = cause(replace(WELL, jobs=[]))
    assert found == (
        "job",
        "no job covers Ethernet0",
        "add one: config telegen job add <job_id> --port Ethernet0",
    )


def test_a_port_that_no_table_has() -> None:
    facts = replace(WELL, unknown_port="no row of PORT, PORTCHANNEL or VLAN has this name", configured=False)
    assert cause(facts)[:2] == ("port", "Ethernet0: no row of PORT, PORTCHANNEL or VLAN has this name")


@pytest.mark.parametrize(
    ("status", "row", "finding", "remedy"),
    [
        pytest.param(
            replace(RUNNING, status=Status.STOPPED, reason=Reason.DISABLED, message="admin_state=disabled"),
            {"admin_state": "disabled"},
            "uplink is stopped (disabled): admin_state=disabled",
            "config telegen job enable uplink",
            id="disabled",
        ),
        pytest.param(
            replace(
                RUNNING, status=Status.STOPPED, reason=Reason.DISABLED, message="admin_state=disabled in TELEGEN|GLOBAL"
            ),
            {},
            "uplink is stopped (disabled): admin_state=disabled in TELEGEN|GLOBAL",
            "config telegen global admin-state enabled",
            id="all disabled",
        ),
        pytest.param(
            replace(RUNNING, status=Status.DONE, reason=Reason.EXPIRED, message="duration_sec=1 is over"),
            {},
            "uplink is done (expired): duration_sec=1 is over",
            "config telegen job update uplink --duration-sec <seconds>",
            id="done",
        ),
        pytest.param(
            replace(RUNNING, status=Status.REJECTED, reason=Reason.INVALID_VALUE, message="direction='up': use ..."),
            {},
            "uplink is rejected (invalid_value): direction='up': use ...",
            "see: show telegen job uplink",
            id="rejected",
        ),
    ],
)
def test_a_job_that_counts_nothing(status: JobStatus, row: dict[str, str], finding: str, remedy: str) -> None:
    ended = job(status, **row)
    facts = replace(WELL, jobs=[ended], hooks=[])
    assert cause(facts) == ("job", finding, remedy)
    assert [
        found.mark for found in judge(replace(facts, jobs=[ended, job()], hooks=WELL.hooks)) if found.check == "job"
    ] == [
        Mark.WARN,
        Mark.OK,
    ]


def test_a_job_that_mirrors_has_its_program_on_the_port() -> None:
    facts = replace(WELL, jobs=[job(replace(RUNNING, mirror_mode="erspan", interface="erspan0", direction="both"))])
    assert wrong(facts) == []
    assert ("filter", "no program is on ingress") in {(e.check, e.finding) for e in wrong(replace(facts, hooks=[]))}


def test_a_failed_job_lacks_its_program() -> None:
    status = replace(RUNNING, status=Status.FAILED, reason=Reason.PERMISSION, message="no CAP_BPF", direction="ingress")
    found = wrong(replace(WELL, jobs=[job(status)], hooks=[]))
    assert [(each.check, each.mark, each.finding) for each in found] == [
        ("job", Mark.FAIL, "uplink is failed (permission): no CAP_BPF"),
        ("filter", Mark.FAIL, "no program is on ingress"),
    ]


def test_an_asic_forwards_what_no_netdev_passes() -> None:
    (found,) = wrong(replace(WELL, asic={"ingress": 1_000_000, "egress": 5}))
    assert (found.check, found.mark, found.remedy) == (
        "vantage",
        Mark.WARN,
        "transit traffic: show interfaces counters",
    )
    assert found.finding.endswith("has counted 1,000,000 (ingress) and 5 (egress)")


def test_a_placeholder_sees_nothing() -> None:
    status = replace(RUNNING, status=Status.DEGRADED, mirror_mode="placeholder", visibility=Visibility.NONE)
    facts = replace(WELL, jobs=[job(status)], hooks=[])
    remedy = "config telegen job update uplink --mirror-mode direct"
    assert cause(facts) == ("vantage", "mirror_mode placeholder sees no packet of the port", remedy)


def test_a_netdev_that_is_absent() -> None:
    waiting = replace(RUNNING, status=Status.PENDING, reason=Reason.NETDEV_ABSENT, direction="ingress")
    facts = replace(WELL, jobs=[job(waiting)], hooks=[], netdev=None)
    found = [(each.check, each.finding, each.remedy) for each in judge(facts) if each.check == "netdev"]
    text = "Ethernet0 is configured, but the kernel has no such netdev"
    assert found == [("netdev", text, "see: show interfaces status")]
    facts = replace(facts, configured=False, sonic=False)
    found = [(each.check, each.finding, each.remedy) for each in judge(facts) if each.check == "netdev"]
    assert found == [("netdev", "Ethernet0 is no netdev of the kernel", "see: ip link")]


@pytest.mark.parametrize(
    ("seen", "how"),
    [
        (None, "it is not seen from here, but the agent counts on it (ifindex 7)"),
        (Netdev(3, False, False), "here it is ifindex 3, for the agent 7"),
    ],
)
def test_a_look_from_another_namespace_blames_neither_netdev_nor_link(seen: Netdev | None, how: str) -> None:
    (found,) = wrong(replace(WELL, netdev=seen))
    assert (found.check, found.mark) == ("netdev", Mark.WARN)
    assert found.finding == f"Ethernet0: {how}: this command runs in another network namespace than the agent"
    assert found.remedy == "run it there: nsenter --net --target 4242 ..."


def test_a_port_that_is_down_or_has_no_link() -> None:
    down = replace(WELL, netdev=Netdev(7, up=False, running=False))
    assert cause(down) == ("link", "Ethernet0 is administratively down", "config interface startup Ethernet0")
    assert cause(replace(down, sonic=False))[2] == "ip link set Ethernet0 up"
    dark = replace(WELL, netdev=Netdev(7, up=True, running=False))
    assert cause(dark)[:2] == ("link", "Ethernet0 is up but has no link")


def test_nothing_counted_yet_is_no_cause_of_itself() -> None:
    (found,) = wrong(replace(WELL, hooks=[counted(5, direction="egress"), counted(0)]))
    assert (found.mark, found.finding) == (Mark.WARN, "none was counted on ingress so far; counters read 2 s ago")


@pytest.mark.parametrize(
    ("path", "check", "text"),
    [
        (Path("c:1", unknown="Name or service not known"), "route", "c:1 has no address: Name or service not known"),
        (
            Path("c:1", "mgmt", no_route="Network is unreachable"),
            "route",
            "no route to c:1 in VRF mgmt: Network is unreachable",
        ),
        (
            Path("c:1", source="192.0.2.1", no_answer="Connection refused"),
            "collector",
            "c:1 does not answer from here (Connection refused); nothing was exported yet",
        ),
    ],
)
def test_a_collector_out_of_reach_is_a_cause_unless_the_agent_reaches_it(path: Path, check: str, text: str) -> None:
    lonely = replace(WELL, path=path, agent=agent(replace(AGENT, otlp_last_success_ns=0)))
    found = {each.check: each for each in wrong(lonely)}
    assert (found[check].mark, found[check].finding) == (Mark.FAIL, text)
    assert found["collector"].mark is Mark.FAIL
    assert {each.mark for each in wrong(replace(lonely, agent=agent()))} == {Mark.WARN}


def test_an_export_that_fails_though_somebody_answers() -> None:
    facts = replace(WELL, agent=agent(replace(AGENT, otlp_last_error="certificate verify failed")))
    check, text, remedy = cause(facts)
    assert (check, remedy.partition(";")[0]) == ("collector", "see that a collector takes OTLP there")
    assert text == (
        "collector.example:4317 answers and the agent's exports fail: certificate verify failed; "
        "the agent's last export succeeded 4 s ago"
    )


@pytest.mark.parametrize(
    ("endpoint", "text"), [("", "there is no endpoint"), ("unix:x", "the endpoint unix:x is no URL")]
)
def test_an_endpoint_that_cannot_be_looked_at(endpoint: str, text: str) -> None:
    facts = replace(WELL, path=None, agent=agent(replace(AGENT, otlp_endpoint=endpoint)))
    assert cause(facts) == ("collector", text, "config telegen global otlp-endpoint <URL or host:port>")


@pytest.mark.parametrize(
    ("sessions", "mark", "text"),
    [
        ({}, Mark.FAIL, "no mirror session has Ethernet0 as its source"),
        ({"telegen_a": "active"}, Mark.OK, "session telegen_a is active"),
        ({"telegen_a": "inactive"}, Mark.FAIL, "session telegen_a is inactive"),
        ({"telegen_a": ""}, Mark.FAIL, "orchagent has not taken session telegen_a"),
    ],
)
def test_orchagents_mirror_counts_only_for_a_job_that_needs_it(sessions: dict[str, str], mark: Mark, text: str) -> None:
    status = replace(RUNNING, mirror_mode="asic", visibility=Visibility.NONE)
    facts = replace(WELL, sessions=sessions, jobs=[job(status)])
    assert [(each.mark, each.finding) for each in judge(facts) if each.check == "mirror"] == [(mark, text)]
    over = replace(WELL, sessions=sessions, jobs=[job(replace(status, status=Status.DONE))])
    for other in (replace(WELL, sessions=sessions), over):
        assert [each for each in judge(other) if each.check == "mirror"] == []


def test_a_job_that_the_asic_serves_sees_nothing_and_is_no_cause() -> None:
    status = replace(RUNNING, mirror_mode="asic", visibility=Visibility.NONE)
    found = judge(replace(WELL, sessions={"telegen_a": "active"}, jobs=[job(status)]))
    assert not failed(found)
    assert [each.mark for each in found if each.check == "vantage"] == [Mark.WARN]


def test_a_line_is_one_line_and_moves_no_terminal() -> None:
    assert Finding("job", Mark.FAIL, "a\nb\x1b[2J", "c").line() == "job        a\\nb\\x1b[2J -> c"
