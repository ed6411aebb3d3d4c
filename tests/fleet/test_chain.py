"""Agent, site collector, gateway and Prometheus as contrib/fleet has them: what was counted can be asked for."""

from __future__ import annotations

import time

import pytest

from sonic_telegen.model.sample import CLASSES
from tests.fleet.conftest import PORTS, Fleet
from tests.support.box import wait_for
from tests.support.fleetfiles import Query, alert_queries, panel_queries
from tests.support.pretend import Pretend
from tests.support.promnames import label, labels

FROM_RESOURCE = {label("host.name")}


def test_prometheus_has_what_the_agent_counted_by_port_and_class(fleet: Fleet) -> None:
    for port in PORTS:
        assert sum(counted(fleet, port).values()) >= fleet.sent[port]
        wait_for(
            lambda port=port: told(fleet, port) == counted(fleet, port),  # type: ignore[misc]
            10,
            lambda port=port: f"{port}: {told(fleet, port)}, counted {counted(fleet, port)}",  # type: ignore[misc]
        )


def counted(fleet: Fleet, port: str) -> dict[str, int]:
    row = fleet.box.interface(port)
    return {name: int(row[f"{name}_packets"]) for name in CLASSES}


def told(fleet: Fleet, port: str) -> dict[str, int]:
    labels = f'host_name="leaf1", network_interface_name="{port}", network_io_direction="receive"'
    found = fleet.chain.query(f"bpf_packets_total{{{labels}}}")
    return {one["metric"]["proto"]: int(one["value"][1]) for one in found}


def test_every_metric_of_the_product_has_the_name_and_labels_that_dashboard_and_alerts_go_by(fleet: Fleet) -> None:
    now = time.time_ns()
    expected = labels(Pretend(["Ethernet0", "PortChannel1"], 3, now - 10**11).metrics(2, now))
    found: dict[str, set[str]] = {}
    for one in fleet.chain.ask("series", **{"match[]": '{host_name="leaf2"}'}):
        name = one.pop("__name__")
        found.setdefault(name, set()).update(set(one) - FROM_RESOURCE)
    assert found == expected


def test_every_series_is_of_a_switch(fleet: Fleet) -> None:
    assert fleet.chain.query('count({__name__=~"(bpf|telegen)_.+", host_name=""})') == []
    (found,) = fleet.chain.query('count(bpf_packets_total{host_name="leaf3"})')
    assert int(found["value"][1]) == 300 * 2 * len(CLASSES)


def test_nothing_that_changes_with_an_upgrade_is_a_label(fleet: Fleet) -> None:
    every = fleet.chain.ask("labels")
    assert {"host_name", "proto", "le"} <= set(every)
    assert [name for name in every if "version" in name or "instance" in name] == []


@pytest.mark.parametrize("query", list(panel_queries()), ids=lambda query: query.of)
def test_a_panel_shows_something(fleet: Fleet, query: Query) -> None:
    found = fleet.chain.query(query.expr)
    assert found
    assert all(one["value"][1] not in ("NaN", "+Inf") for one in found), found


@pytest.mark.parametrize("query", list(alert_queries()), ids=lambda query: query.of)
def test_an_alert_is_an_expression_that_prometheus_takes(fleet: Fleet, query: Query) -> None:
    fleet.chain.query(query.expr)


def test_the_rules_are_loaded(fleet: Fleet) -> None:
    groups = fleet.chain.ask("rules")["groups"]
    loaded = {rule["name"] for group in groups for rule in group["rules"]}
    assert loaded == {query.of for query in alert_queries()}
