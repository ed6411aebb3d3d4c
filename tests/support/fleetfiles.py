"""What is in contrib/fleet, as the tests look at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FLEET = Path(__file__).parents[2] / "contrib" / "fleet"
RATE_INTERVAL, RANGE = "1m", "1h"
_WORD = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_OURS = re.compile(rf"\b((?:bpf|telegen)_{_WORD}?)\b(?!\s*=)(\{{[^}}]*\}})?")


class Query(NamedTuple):
    """One expression and whose it is."""

    of: str
    expr: str


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads((FLEET / "dashboard.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def panel_queries() -> Iterator[Query]:
    """As Grafana asks them when all is chosen."""
    for panel in panels():
        for target in panel["targets"]:
            expr = target["expr"].replace("$__rate_interval", RATE_INTERVAL).replace("$__range", RANGE)
            yield Query(panel["title"], re.sub(r"\$(?:host|port|job)\b", ".*", expr))


def alert_queries() -> Iterator[Query]:
    """The rules'."""
    for group in load("alerts.yml")["groups"]:
        for rule in group["rules"]:
            yield Query(rule["alert"], rule["expr"])


def load(name: str) -> Any:
    """A YAML file."""
    return yaml.safe_load((FLEET / name).read_text())


def flags(text: str) -> list[str]:
    """Lines of a file of flags or of an environment, without what is said about them."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def replaced(lines: list[str], here: Mapping[str, str]) -> list[str]:
    """``name=value`` lines, with the values of ``here``; each of these must be in one."""
    named = [line.partition("=")[0] for line in lines]
    assert set(here) <= set(named), set(here) - set(named)
    return [f"{name}={here[name]}" if name in here else line for name, line in zip(named, lines, strict=True)]


def used(expr: str) -> dict[str, set[str]]:
    """The metrics in an expression and the labels that it selects them by."""
    found: dict[str, set[str]] = {}
    for name, selector in _OURS.findall(_without_lists(expr)):
        found.setdefault(name, set()).update(re.findall(rf"({_WORD})\s*(?:=~|!~|!=|=)", selector))
    return found


def grouped(expr: str) -> set[str]:
    """The labels in ``by (…)`` and ``on (…)``."""
    lists = re.findall(r"\b(?:by|on|without)\s*\(([^)]*)\)", expr)
    return {label.strip() for one in lists for label in one.split(",")}


def _without_lists(expr: str) -> str:
    return re.sub(r"\b(?:by|on|without)\s*\([^)]*\)", "", expr)
