"""The Debian package beside what it packages: one version, every variable in the manual."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from sonic_telegen import __main__ as daemon
from sonic_telegen.cli.standalone import tree
from sonic_telegen.settings import environment, resolve
from sonic_telegen.version import VERSION

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"


def test_package_and_setup_cfg_have_the_version_of_the_agent() -> None:
    changelog = (DEBIAN / "changelog").read_text()
    assert changelog.startswith(f"sonic-telegen ({VERSION}) ")
    assert f"version = {VERSION}\n" in (ROOT / "setup.cfg").read_text()


def test_the_manual_names_every_variable_that_the_help_names() -> None:
    variables = set(re.findall(r"\b(?:TELEGEN|OTEL)_[A-Z_]+", daemon._EPILOG))
    assert len(variables) > 10
    assert variables <= set(re.findall(r"\b(?:TELEGEN|OTEL)_[A-Z_]+", (DEBIAN / "man" / "sonic-telegen.8").read_text()))


def test_the_defaults_of_the_service_are_settings_that_the_agent_takes() -> None:
    lines = (DEBIAN / "sonic-telegen.default").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given["TELEGEN_MIRROR_MODE"] == resolve({}, given).mirror_mode.value == "direct"
    assert environment(given).listen == ("unix:/run/sonic-telegen/telegen.sock",)


@pytest.mark.parametrize(
    "line", re.findall(r"^part telegen (.+)$", (DEBIAN / "bin" / "debug-dump").read_text(), re.MULTILINE)
)
def test_what_techsupport_asks_for_is_a_whole_command(line: str) -> None:
    command: click.Command = tree()
    words = line.split()
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    command.make_context("telegen", words)


def test_the_unit_never_sets_a_limit_whose_breach_would_panic_a_sonic_kernel() -> None:
    unit = (DEBIAN / "sonic-telegen.service").read_text()
    assert re.search(r"^MemoryHigh=", unit, re.MULTILINE)
    assert not re.search(r"^MemoryMax=", unit, re.MULTILINE)
