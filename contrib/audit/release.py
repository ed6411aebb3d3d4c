"""An audit's report in words, and the newest one kept with the release: a file under reports/, a block in README.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

START, END = "<!-- AUDIT-START -->", "<!-- AUDIT-END -->"
REPORTS = Path("reports/audit")


def findings(report: dict[str, Any]) -> int:
    """How many things must be put right."""
    flaws = sum(len(answer["findings"]) for answer in report["vulnerabilities"])
    return len(report["locks"]["problems"]) + len(report["bandit"]["findings"]) + flaws


def vulnerabilities(report: dict[str, Any]) -> str:
    """The known vulnerabilities in a few words; what was not looked up is never called clean."""
    answers = report["vulnerabilities"]
    flaws = sum(len(answer["findings"]) for answer in answers)
    checked = sum(answer["checked"] for answer in answers)
    if all(answer["complete"] for answer in answers):
        return f"{flaws} in {checked} packages"
    if not checked:
        return "not checked: no vulnerability service answered"
    return f"{flaws} in {checked} packages; {sum(answer['unchecked'] for answer in answers)} not checked"


def summary(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    problems, bandit = report["locks"]["problems"], report["bandit"]
    lines = [
        f"locks            {len(problems) or 'every dependency pinned by hash'}",
        *(f"  {problem}" for problem in problems),
        f"vulnerabilities  {vulnerabilities(report)}",
    ]
    for answer in report["vulnerabilities"]:
        if answer["error"]:
            lines.append(f"  {answer['lock']}: {answer['service']}: {answer['error']}")
        elif answer["unchecked"]:
            lines.append(f"  {answer['lock']}: {answer['service']} does not know {answer['unchecked']} packages")
        lines += [
            f"  {answer['lock']}: {flaw['package']} {flaw['version']} {flaw['id']}" for flaw in answer["findings"]
        ]
    lines.append(f"bandit           {len(bandit['findings'])} findings in {bandit['lines']} lines")
    lines += [f"  {one['place']} {one['id']} {one['severity']}: {one['text']}" for one in bandit["findings"]]
    return "\n".join(lines)


def keep(root: Path, report: dict[str, Any], tag: str) -> Path:
    """Write the report of ``tag`` under reports/ and its sum into README.md; where it is, from ``root``."""
    path = REPORTS / f"{re.sub(r'[^A-Za-z0-9.]+', '-', tag)}.json"
    (root / REPORTS).mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(report | {"tag": tag}, indent=2) + "\n")
    readme = root / "README.md"
    readme.write_text(replaced(readme.read_text(), block(report, tag, path)))
    return path


def block(report: dict[str, Any], tag: str, path: Path) -> str:
    """README's table."""
    complete = all(answer["complete"] for answer in report["vulnerabilities"])
    rows = (
        ("Tag", f"**{tag}**"),
        ("Scan time (UTC)", report["scan_time"]),
        ("Findings", f"**{findings(report)}**" + ("" if complete else " in what was checked")),
        ("Dependencies not pinned by hash", str(len(report["locks"]["problems"]))),
        ("Known vulnerabilities (pip-audit)", vulnerabilities(report)),
        ("bandit", f"{len(report['bandit']['findings'])} in {report['bandit']['lines']} lines"),
        ("Full report", f"[{path}]({path})"),
    )
    return "| Field | Value |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def replaced(readme: str, table: str) -> str:
    """README with ``table`` between the two marks, which must be there once, in order."""
    if readme.count(START) != 1 or readme.count(END) != 1 or readme.index(START) > readme.index(END):
        raise ValueError(f"README.md needs {START} and, after it, {END}, once each")
    before, rest = readme.split(START)
    return f"{before}{START}\n{table}{END}{rest.split(END)[1]}"
