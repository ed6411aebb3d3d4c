"""The Debian package beside what it packages: one version, every variable in the manual."""

from __future__ import annotations

import re
import subprocess
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


@pytest.mark.parametrize(
    ("defaults", "found"),
    [
        ("# where\nTELEGEN_STATE_DIR=/srv/telegen\n", True),
        ("TELEGEN_STATE_DIR=/srv/telegen\nOTEL_EXPORTER_OTLP_HEADERS=a=Basic b\n", True),  # systemd takes it
        ("TELEGEN_STATE_DIR='/srv\n", False),
        (None, False),
    ],
)
def test_what_is_detached_at_the_removal_is_looked_for_where_the_service_was_told_to_keep_it(
    defaults: str | None, found: bool, tmp_path: Path
) -> None:
    prerm = (DEBIAN / "sonic-telegen.prerm").read_text()
    for there, here in (
        ("/etc/default/sonic-telegen", str(tmp_path / "defaults")),
        ("/usr/lib/sonic-telegen/integrate", "true"),
        ("python3 -BIS /usr/sbin/sonic-telegen", "env detached=yes env #"),
    ):
        assert there in prerm
        prerm = prerm.replace(there, here)
    if defaults is not None:
        (tmp_path / "defaults").write_text(defaults)
    done = subprocess.run(["sh", "-c", prerm, "prerm", "remove"], capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert "detached=yes" in told
    assert ("TELEGEN_STATE_DIR=/srv/telegen" in told) == found


def test_a_value_that_the_agent_refuses_does_not_keep_its_filters_at_the_removal(tmp_path: Path) -> None:
    agent = tmp_path / "agent"
    agent.write_text('#!/bin/sh\n[ -z "$TELEGEN_MAX_JOBS" ] || exit 2\necho "$*"\n')
    agent.chmod(0o755)
    (tmp_path / "defaults").write_text("TELEGEN_MAX_JOBS=lots\n")
    prerm = (DEBIAN / "sonic-telegen.prerm").read_text()
    prerm = prerm.replace("/etc/default/sonic-telegen", str(tmp_path / "defaults"))
    prerm = prerm.replace("/usr/lib/sonic-telegen/integrate", "true")
    prerm = prerm.replace("python3 -BIS /usr/sbin/sonic-telegen", str(agent))
    done = subprocess.run(["sh", "-c", prerm, "prerm", "remove"], capture_output=True, text=True, check=True)
    assert done.stdout == "detach --all\n"
