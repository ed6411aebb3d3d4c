"""What promtool says of contrib/fleet."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.fleet.programs import Programs
from tests.support.fleetfiles import FLEET, alert_queries


def promtool(binaries: Programs, *words: str, cwd: Path = FLEET) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(binaries.promtool), *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_configuration_and_rules_are_valid(binaries: Programs) -> None:
    done = promtool(binaries, "check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(list(alert_queries()))} rules found" in done.stdout


def test_alerts_fire_when_they_should_and_not_before(binaries: Programs) -> None:
    done = promtool(binaries, "test", "rules", "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_the_alerts_can_fail(binaries: Programs, tmp_path: Path) -> None:
    for name in ("alerts.yml", "alerts_test.yml"):
        shutil.copy(FLEET / name, tmp_path)
    rules = (tmp_path / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace("> 1e6", "> 1e7"))
    done = promtool(binaries, "test", "rules", "alerts_test.yml", cwd=tmp_path)
    assert done.returncode == 1
    assert "TelegenBurst" in done.stdout + done.stderr
