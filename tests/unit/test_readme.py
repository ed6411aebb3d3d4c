"""The README promises what there is: fields, variables, metrics, make targets and files, compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sonic_telegen.db.schema import GLOBAL_FIELDS, JOB_FIELDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SOURCES = "".join(path.read_text() for path in (ROOT / "sonic_telegen").rglob("*.py"))


def section(title: str) -> str:
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """Cells of the tables in a section, without their heads."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_job_fields_and_their_defaults() -> None:
    told = {name: default for names, _, default in rows("Tables") for name in names.split(", ")}
    known = {name: field for name, field in JOB_FIELDS.items() if field.available}
    assert set(told) == set(known)
    assert {name: default for name, default in told.items() if known[name].default} == {
        name: field.default for name, field in known.items() if field.default
    }


def test_defaults_of_the_settings_that_have_a_variable() -> None:
    told = {name: row[2] for row in rows("Environment") for name in re.findall(r"`(\w+)`", row[0])}
    for name in ("max_jobs", "mirror_mode", "otlp_endpoint", "otlp_protocol"):
        field = GLOBAL_FIELDS[name]
        assert told[field.environment].strip("`") == field.default, name


def test_every_variable_is_one_that_the_agent_reads() -> None:
    for name in re.findall(r"\b(?:TELEGEN|OTEL)_[A-Z_]*[A-Z]\b", section("Environment")):
        written = name in SOURCES or name.removeprefix("OTEL_EXPORTER_OTLP_METRICS_") in SOURCES
        by_suffix = f'"{name.removeprefix("OTEL_EXPORTER_OTLP_")}"' in SOURCES  # settings._otel makes both forms
        assert written or by_suffix, name


@pytest.mark.parametrize("name", ["bpf.packets", "bpf.bytes", "telegen.job.packets", "telegen.job.bytes"])
def test_metrics_are_told_under_the_names_they_are_sent_with(name: str) -> None:
    assert f'"{name}"' in SOURCES
    assert any(f"`{name}`" in row[0] for row in rows("Metrics"))


def test_make_targets_exist() -> None:
    included = ["Makefile", *re.findall(r"^-include (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)]
    makefiles = "\n".join((ROOT / name).read_text() for name in included)
    wanted = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"run", "test"} <= wanted
    assert [target for target in sorted(wanted) if not re.search(rf"^{target}:.*", makefiles, re.MULTILINE)] == []


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`((?:tests|\.ci)/[\w./]+)`", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
