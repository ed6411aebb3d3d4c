"""The supply chain's audit. Exit status: 0 nothing found, 1 findings, 3 not checked (with --require-answer only)."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contrib.audit import advisories, bandits, locks, release

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Look, say, and note."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--report", type=Path, help="write the report here, as JSON")
    parser.add_argument("--require-answer", action="store_true", help="a service that did not answer is a failure")
    parser.add_argument(
        "--osv", metavar="URL", default="", help="ask this mirror of OSV's query service and nobody else"
    )
    parser.add_argument("--release", metavar="TAG", help="keep the report under reports/ and sum it up in README.md")
    options = parser.parse_args(arguments)

    report = audit(options.osv)
    print(release.summary(report))
    if options.report:
        options.report.write_text(json.dumps(report, indent=2) + "\n")
    if options.release is not None:
        print(f"kept as {release.keep(ROOT, report, options.release or report['tag'])}")
    return status(report, options.require_answer)


def audit(osv: str = "") -> dict[str, Any]:
    """Everything that was looked at, and when."""
    looked = bandits.look(ROOT)
    answers = [advisories.ask(path, osv) for path in sorted((ROOT / locks.REQUIREMENTS).glob("*.lock"))]
    return {
        "tag": _git("describe", "--tags", "--exact-match", "--match", "release/mark-v*") or "dev",
        "commit": _git("rev-parse", "HEAD"),
        "scan_time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "locks": {"problems": locks.problems(ROOT)},
        "vulnerabilities": [asdict(answer) | {"complete": answer.complete} for answer in answers],
        "bandit": {"lines": looked.lines, "findings": looked.findings},
    }


def status(report: dict[str, Any], require_answer: bool) -> int:
    """The exit status for ``report``."""
    if release.findings(report):
        return 1
    return 3 if require_answer and not all(answer["complete"] for answer in report["vulnerabilities"]) else 0


def _git(*command: str) -> str:
    done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
