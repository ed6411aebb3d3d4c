"""Metric names and label names as Prometheus translates those of OTLP; tests/fleet asks a real one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sonic_telegen.telemetry.series import Kind, Metric

_UNITS = {"By": "bytes", "s": "seconds", "ms": "milliseconds", "1": "ratio"}


def label(attribute: str) -> str:
    """An attribute's name as a label's."""
    return re.sub(r"[^A-Za-z0-9_]", "_", attribute)


def names(metric: Metric) -> list[str]:
    """The names of the series that ``metric`` becomes."""
    words = [word for word in re.split(r"[^A-Za-z0-9:]+", metric.name) if word]
    unit = "" if metric.unit.startswith("{") else _UNITS[metric.unit]
    if unit and unit not in words:
        words.append(unit)
    if metric.kind is Kind.HISTOGRAM:
        return ["_".join([*words, part]) for part in ("bucket", "sum", "count")]
    if metric.kind is Kind.SUM and metric.monotonic:
        words = [word for word in words if word != "total"] + ["total"]
    return ["_".join(words)]


def labels(metrics: Iterable[Metric]) -> dict[str, set[str]]:
    """The labels that each name has in ``metrics``; ``le`` where there are buckets."""
    found: dict[str, set[str]] = {}
    for metric in metrics:
        for name in names(metric):
            mine = found.setdefault(name, {"le"} if name.endswith("_bucket") else set())
            mine.update(label(attribute) for point in metric.points for attribute, _ in point.attributes)
    return found
