"""contrib/fleet: dashboard and alerts ask for what the product exports; its rows are rows that the product takes."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sonic_telegen.db import codec, schema
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.sample import PUNT_PROTOCOLS
from sonic_telegen.settings import resolve
from sonic_telegen.telemetry.series import Metric
from tests.support import yang
from tests.support.fleetfiles import (
    FLEET,
    Query,
    alert_queries,
    dashboard,
    flags,
    grouped,
    load,
    panel_queries,
    panels,
    used,
)
from tests.support.pretend import Pretend
from tests.support.promnames import label, labels, names

HOST = label("host.name")
QUERIES = [*panel_queries(), *alert_queries()]
PLAYBOOK = FLEET / "rollout" / "playbook.yml"


def exported() -> tuple[Metric, ...]:
    now = time.time_ns()
    return Pretend(["Ethernet0", "PortChannel1"], 2, now - 10**11).metrics(2, now)


KNOWN = labels(exported())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.of)
def test_a_query_asks_for_metrics_and_labels_that_the_agent_exports(query: Query) -> None:
    found = used(query.expr)
    assert found, query.expr
    for name, selected in found.items():
        assert name in KNOWN
        assert selected <= KNOWN[name] | {HOST}, name
        assert grouped(query.expr) <= KNOWN[name] | {HOST}, name


def test_every_metric_of_the_agent_is_on_the_dashboard() -> None:
    shown = {name for query in panel_queries() for name in used(query.expr)}
    told = {metric.name for metric in exported() if not set(names(metric)) & shown}
    assert told == {"telegen.flow.packets"}  # beside the bits of the same flows


def test_the_protocols_that_alerts_name_are_those_that_are_told_apart() -> None:
    named = [re.findall(r'telegen_punt_protocol=~"([^"]+)"', query.expr) for query in alert_queries()]
    protocols = {protocol for one in named for choice in one for protocol in choice.split("|")}
    assert {"arp", "bgp", "dhcp"} <= protocols <= set(PUNT_PROTOCOLS)


def test_every_alert_has_a_remedy_and_a_test() -> None:
    tested = (FLEET / "alerts_test.yml").read_text()
    for group in load("alerts.yml")["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "remedy"}
            assert rule["labels"]["severity"] in {"info", "warning", "critical"}
            assert f'alertname="{rule["alert"]}"' in tested or f"alertname: {rule['alert']}" in tested


def test_panels_lie_side_by_side_and_have_the_chosen_source() -> None:
    whole = dashboard()
    assert len({panel["id"] for panel in whole["panels"]}) == len(whole["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in whole["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
    variables = {variable["name"] for variable in whole["templating"]["list"]}
    asked = {name for panel in panels() for t in panel["targets"] for name in re.findall(r"\$(\w+)", t["expr"])}
    assert asked - {"__rate_interval", "__range"} <= variables == {"datasource", "host", "port", "job"}
    for variable in whole["templating"]["list"][1:]:
        asked_of = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["query"]["query"])
        assert asked_of and asked_of[2] in KNOWN[asked_of[1]] | {HOST}


def test_a_single_number_says_when_it_is_red() -> None:
    """Grafana makes it red from 80 on where nothing is said: 80 switches that report are well."""
    steps = {p["title"]: p["fieldConfig"]["defaults"]["thresholds"]["steps"] for p in panels() if p["type"] == "stat"}
    assert {title: [step["value"] for step in found] for title, found in steps.items()} == {
        "Switches that report": [None],
        "Silent switches": [None, 1],
    }


def test_who_is_among_the_ten_is_decided_once_for_a_whole_graph() -> None:
    """A topk of each point draws all that were among the ten at some time."""
    asked = [t["expr"] for p in panels() if p["type"] == "timeseries" for t in p["targets"]]
    ranked = [expr for expr in asked if "topk" in expr]
    assert len(ranked) == 2
    assert all(re.search(r" and topk\(10, .*\[\$__range\] @ end\(\)", expr) for expr in ranked)


@pytest.mark.parametrize("name", ["otelcol-site.yaml", "otelcol-gateway.yaml", "otelcol-clickhouse.yaml"])
def test_a_collector_has_every_part_that_its_pipeline_names_and_no_other(name: str) -> None:
    config = load(name)
    assert set(config["service"].get("extensions", [])) == set(config.get("extensions", {}))
    (pipeline,) = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert pipeline[kind] == list(config[kind])
    assert pipeline["processors"][0] == "memory_limiter"
    for protocol in config["receivers"]["otlp"]["protocols"].values():
        assert {"cert_file", "key_file", "client_ca_file"} <= protocol["tls"].keys()
    for exporter in config["exporters"].values():
        assert {"min_size", "flush_timeout"} <= exporter["sending_queue"]["batch"].keys()
        assert "ca_file" in exporter.get("tls", {}) or exporter["endpoint"].endswith("?secure=true")


def test_prometheus_and_the_gateway_make_the_same_labels_of_the_resource() -> None:
    promoted = load("prometheus.yml")["otlp"]["promote_resource_attributes"]
    assert f"-opentelemetry.promoteResourceAttributes={','.join(promoted)}" in flags(
        (FLEET / "gateway.flags").read_text()
    )
    assert promoted[0] == "host.name"


def rows() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = json.loads((FLEET / "rollout" / "jobs.json").read_text())
    return found


def patched(patch: list[dict[str, Any]]) -> dict[str, Any]:
    """RFC 6902, as far as additions go."""
    whole: dict[str, Any] = {}
    for step in patch:
        assert step["op"] == "add"
        *path, last = step["path"].removeprefix("/").split("/")
        place = whole
        for name in path:
            place = place[name]
        place[last] = copy.deepcopy(step["value"])
    return whole


def test_the_rows_to_roll_out_are_rows_that_the_agent_takes() -> None:
    jobs = codec.parse_jobs(rows()[schema.JOB_TABLE])
    assert len(jobs) == 2
    assert [job for job in jobs.values() if isinstance(job, Rejection)] == []
    assert {job.port for job in jobs.values() if isinstance(job, JobSpec)} == {"all"}
    row = rows()[schema.GLOBAL_TABLE][schema.GLOBAL_KEY]
    assert resolve(row, {}).otlp.endpoint == row["otlp_endpoint"]


def test_the_yang_model_takes_them_too(tmp_path: Path) -> None:
    verdict = yang.judge(yang.translate(rows()), tmp_path / "config.json")
    assert verdict.good, verdict.text


def test_the_json_patch_makes_the_same_rows() -> None:
    assert patched(json.loads((FLEET / "rollout" / "patch.json").read_text())) == rows()


def test_what_the_document_names_is_there() -> None:
    document = FLEET.parents[1] / "docs" / "fleet.md"
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    assert len(links) > 10
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


def test_gnmi_sets_each_row_under_its_path(tmp_path: Path) -> None:
    told = tmp_path / "told"
    stand_in = tmp_path / "gnmi_set"
    stand_in.write_text(f'#!/bin/sh\necho "$*" >>{told}\ncat "${{6#*:@}}" >>{told}\necho >>{told}\n')
    stand_in.chmod(0o755)
    subprocess.run(
        ["sh", "gnmi.sh", "leaf1:8080", "jobs.json", "-insecure"],
        cwd=FLEET / "rollout",
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=True,
    )
    lines = told.read_text().splitlines()
    found: dict[str, dict[str, Any]] = {}
    for words, row in zip(lines[::2], lines[1::2], strict=True):
        assert words.startswith("-target_addr leaf1:8080 ") and words.endswith(" -insecure")
        at = re.search(r"-update /sonic-db:CONFIG_DB/localhost/(\w+)/(\w+):@", words)
        assert at
        found.setdefault(at[1], {})[at[2]] = json.loads(row)
    assert found == rows()


def test_the_playbook_writes_to_our_tables_and_waits_for_the_status_that_means_running() -> None:
    text = PLAYBOOK.read_text()
    for name in (f"{schema.JOB_TABLE}|", f"{schema.GLOBAL_TABLE}|{schema.GLOBAL_KEY}", f"{schema.STATE_JOB_TABLE}|"):
        assert f"'{name}'" in text or name in text
    (play,) = load("rollout/playbook.yml")
    assert play["max_fail_percentage"] == 0 and play["serial"][0] == "1"
