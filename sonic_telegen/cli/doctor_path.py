"""Why is it zero? What the command's own look at netdev, route and collector says of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sonic_telegen.cli import times
from sonic_telegen.cli.findings import Facts, Finding, Mark, Path


def netdev(facts: Facts) -> Iterator[Finding]:
    """The netdev and its link; when the command runs elsewhere it cannot tell."""
    if facts.elsewhere:
        text = f"{facts.port}: {facts.elsewhere}: this command runs in another network namespace than the agent"
        yield Finding("netdev", Mark.WARN, text, f"run it there: nsenter --net --target {facts.agent['pid']} ...")
    elif facts.netdev is None:
        remedy = "see: show interfaces status" if facts.sonic else "see: ip link"
        text = "is configured, but the kernel has no such netdev" if facts.configured else "is no netdev of the kernel"
        yield Finding("netdev", Mark.FAIL, f"{facts.port} {text}", remedy)
    else:
        yield Finding("netdev", Mark.OK, f"{facts.port} exists (ifindex {facts.netdev.ifindex})")
        yield _link(facts, facts.netdev.up, facts.netdev.running)


def _link(facts: Facts, up: bool, running: bool) -> Finding:
    if not up:
        raised = f"config interface startup {facts.port}" if facts.sonic else f"ip link set {facts.port} up"
        return Finding("link", Mark.FAIL, f"{facts.port} is administratively down", raised)
    if not running:
        remedy = "see cable, transceiver and the other end"
        if facts.sonic:
            remedy += f": show interfaces status {facts.port}"
        return Finding("link", Mark.FAIL, f"{facts.port} is up but has no link", remedy)
    return Finding("link", Mark.OK, f"{facts.port} is up and has a link")


def collector(facts: Facts) -> Iterator[Finding]:
    """The way to the collector and what the agent says of its exports."""
    row, path = facts.agent, facts.path
    if row["updated_at"] is None:
        return
    if path is None:
        endpoint = row["otlp_endpoint"]
        text = f"the endpoint {endpoint} is no URL" if endpoint else "there is no endpoint"
        yield Finding("collector", Mark.FAIL, text, facts.spell("config", "global otlp-endpoint <URL or host:port>"))
        return
    success, error = row["otlp_last_success"], row["otlp_last_error"] if facts.alive else ""
    told = (
        f"the agent's last export succeeded {times.ago(success, facts.at)}" if success else "nothing was exported yet"
    )
    exports = bool(success and facts.alive and not error)  # then a look from elsewhere is no proof
    bad = Mark.WARN if exports else Mark.FAIL
    route = _route(path, bad)
    yield route
    remedy = f"see that a collector takes OTLP there; the endpoint in force: {facts.spell('show', 'global')}"
    if error:
        answers = f"does not answer ({path.no_answer})" if path.no_answer else "answers"
        here = f"{path.place} {answers} and " if path.source else ""
        yield Finding("collector", Mark.FAIL, f"{here}the agent's exports fail: {error}; {told}", remedy)
    elif not path.source:
        yield Finding("collector", bad, f"{path.place} is not reached from here; {told}")
    elif path.no_answer:
        yield Finding("collector", bad, f"{path.place} does not answer from here ({path.no_answer}); {told}", remedy)
    else:
        yield Finding("collector", Mark.OK, f"{path.place} answers; {told}")


def _route(path: Path, bad: Mark) -> Finding:
    vrf = f" in VRF {path.vrf}" if path.vrf else ""
    if path.unknown:
        remedy = "see the name service: /etc/resolv.conf"
        return Finding("route", bad, f"{path.place} has no address: {path.unknown}", remedy)
    if path.no_route:
        remedy = "add a route, or name the VRF that has one: config telegen global otlp-vrf <vrf>"
        return Finding("route", bad, f"no route to {path.place}{vrf}: {path.no_route}", remedy)
    return Finding("route", Mark.OK, f"{path.place} is reached from {path.source}{vrf}")
