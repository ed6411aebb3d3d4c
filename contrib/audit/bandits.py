"""bandit over every Python source that is shipped or that ships it; what is excepted, and why, is in pyproject.toml."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

TREES = ("sonic_telegen", "contrib")
SCRIPTS = "debian/bin"


class Looked(NamedTuple):
    """What bandit read and what it says of it."""

    lines: int
    findings: list[dict[str, Any]]


def look(root: Path) -> Looked:
    """Run it; ``RuntimeError`` if it could not read all."""
    scripts = [str(path) for path in sorted((root / SCRIPTS).iterdir()) if b"python" in path.read_bytes()[:40]]
    command = [sys.executable, "-m", "bandit", "-q", "-c", "pyproject.toml", "-f", "json", "-r", *TREES, *scripts]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"bandit: {done.stderr.strip()[-300:] or 'no output'}") from None
    if told["errors"]:
        raise RuntimeError(f"bandit could not read {told['errors'][0]['filename']}: {told['errors'][0]['reason']}")
    findings = [
        {
            "place": f"{one['filename'].removeprefix('./')}:{one['line_number']}",
            "id": one["test_id"],
            "severity": one["issue_severity"].lower(),
            "text": one["issue_text"],
        }
        for one in told["results"]
    ]
    return Looked(told["metrics"]["_totals"]["loc"], findings)
