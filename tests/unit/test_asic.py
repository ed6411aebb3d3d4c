"""What a job asks of the ASIC: a session that every release of orchagent takes, or why there can be none."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import BOTH, Direction, JobSpec, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.mirror import (
    MirrorSession,
    SwitchMirrors,
    session_name,
)
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.asic import Lacks, session_of
from sonic_telegen.reconcile.desired import desire
from tests.support.mirrors import ASIC, HERE, NOW, TUNNEL


def asked_of(spec: JobSpec, tunnel: ErspanAsked = TUNNEL, asked: Asked = HERE) -> MirrorSession | Lacks | Rejection:
    return session_of(spec, tunnel, asked)


def test_a_session_says_what_every_release_of_orchagent_knows_and_no_more() -> None:
    session = asked_of(JobSpec("a", "Ethernet0", BOTH))
    assert isinstance(session, MirrorSession)
    assert session.row() == {
        "type": "ERSPAN",
        "src_ip": "192.0.2.1",
        "dst_ip": "192.0.2.10",
        "src_port": "Ethernet0",
        "direction": "BOTH",
        "ttl": "64",
    }
    with_tos = asked_of(JobSpec("a", "Ethernet0", (Direction.EGRESS,)), replace(TUNNEL, tos="184"))
    assert isinstance(with_tos, MirrorSession)
    assert (with_tos.row()["dscp"], with_tos.row()["direction"]) == ("46", "TX")


def test_the_name_of_a_session_is_one_that_sonic_takes_whatever_the_id_of_the_job() -> None:
    names = {session_name(job) for job in ("a", "A" * 64, "x.y-z_1", "\udcff")}
    assert len(names) == 4
    assert all(len(name) == 20 and name.startswith("telegen_") for name in names)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (JobSpec("a", "Ethernet0", match=Match(src_cidr=ipaddress.ip_network("10.0.0.0/8"))), "src_cidr"),
        (JobSpec("a", "Ethernet0", match=Match(filter="tcp")), "filter"),
        (JobSpec("a", "Ethernet0", sample_rate=8), "sample_rate"),
        (JobSpec("a", "Ethernet0", result_detail=ResultDetail.FLOWS), "result_detail"),
        (JobSpec("a", "Ethernet0", truncate=128), "truncate"),
        (JobSpec("a", "Ethernet0", erspan=ErspanAsked(dev="Ethernet4")), "erspan_dev"),
        (JobSpec("a", "all"), "port"),
    ],
)
def test_a_row_that_asks_for_what_the_asic_cannot_do_is_rejected_by_the_name_of_its_field(
    spec: JobSpec, field: str
) -> None:
    target = desire(replace(HERE, jobs={"a": spec}), None, ASIC, {}, NOW)
    assert target.jobs == {}
    assert target.rejected["a"].message.startswith(f"{field}=")


@pytest.mark.parametrize(
    ("spec", "tunnel", "asked", "reason"),
    [
        pytest.param(JobSpec("a", "Ethernet0"), replace(TUNNEL, remote=""), HERE, Reason.MISSING_FIELD, id="no remote"),
        pytest.param(JobSpec("a", "Ethernet0"), replace(TUNNEL, local=""), HERE, Reason.MISSING_FIELD, id="no local"),
        pytest.param(
            JobSpec("a", "Ethernet0"), replace(TUNNEL, local="192.0.2.10"), HERE, Reason.INVALID_VALUE, id="same ends"
        ),
        pytest.param(JobSpec("a", "Ethernet12"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="no such port"),
        pytest.param(JobSpec("a", "Vlan100"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="a VLAN"),
        pytest.param(JobSpec("a", "eth0"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="the management port"),
        pytest.param(JobSpec("a", "PortChannel2"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="a LAG without members"),
        pytest.param(JobSpec("a", "Ethernet0"), TUNNEL, replace(HERE, ports=None), Reason.NETDEV_ABSENT, id="no ports"),
        pytest.param(
            JobSpec("a", "Ethernet0", BOTH),
            TUNNEL,
            replace(HERE, mirrors=SwitchMirrors(incapable=frozenset({Direction.EGRESS}))),
            Reason.NOT_SUPPORTED,
            id="an ASIC that mirrors ingress alone",
        ),
    ],
)
def test_what_is_lacking_is_told_and_nothing_is_asked_for(
    spec: JobSpec, tunnel: ErspanAsked, asked: Asked, reason: Reason
) -> None:
    found = asked_of(spec, tunnel, asked)
    assert isinstance(found, Lacks)
    assert found.reason is reason
    target = desire(replace(asked, jobs={"a": spec}), None, replace(ASIC, erspan=tunnel), {}, NOW)
    verdict = target.jobs["a"].verdict
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (Status.PENDING, reason)
    assert target.jobs["a"].session is None
