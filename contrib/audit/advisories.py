"""Known vulnerabilities of what the locks name, as pip-audit's services say; one that does not answer is no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SERVICES = ("pypi", "osv")
_TIMEOUT_SEC = 300


@dataclass(frozen=True)
class Answer:
    """What one service said of one lock."""

    lock: str
    service: str
    checked: int = 0
    unchecked: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def complete(self) -> bool:
        """Whether every package was looked up."""
        return not self.error and not self.unchecked and self.checked > 0


def ask(lock: Path, osv_url: str = "") -> Answer:
    """The first service's answer that is complete, else that which knows most; with ``osv_url`` that mirror's alone."""
    answers = []
    for service in SERVICES if not osv_url else ("osv",):
        answers.append(read(lock.name, service, *_run(lock, service, osv_url)))
        if answers[-1].complete:
            break
    return max(answers, key=lambda answer: (bool(answer.findings), answer.checked))


def read(lock: str, service: str, output: str, errors: str) -> Answer:
    """pip-audit's own JSON. It calls packages that its service does not know skipped, and ends with 0 all the same."""
    try:
        told = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = errors.strip().splitlines()
        return Answer(lock, service, error=lines[-1][:300] if lines else "no answer")
    skipped = [one for one in told if "skip_reason" in one]
    findings = [
        {"package": one["name"], "version": one["version"], "id": flaw["id"], "fixed_in": flaw.get("fix_versions", [])}
        for one in told
        for flaw in one.get("vulns", [])
    ]
    return Answer(lock, service, len(told) - len(skipped), len(skipped), findings)


def _run(lock: Path, service: str, osv_url: str) -> tuple[str, str]:
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, "--timeout", "15"]
    command += ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "-r", str(lock)]
    command += ["--osv-url", osv_url] if osv_url else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SEC, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {_TIMEOUT_SEC} s"
    return done.stdout, done.stderr
