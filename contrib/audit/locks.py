"""Whether every dependency is pinned by a lock with hashes: what setup.cfg and *.in ask for, and what the locks say."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path("contrib/requirements")
_SCRIPTS = (
    "Makefile",
    "*/*.mk",
    "*/*/*.mk",
    "debian/rules",
    "*/*.sh",
    "contrib/*/*",
    ".github/workflows/*.yml",
    ".ci/*",
)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?![0-9a-f])")


class Pinned(NamedTuple):
    """One entry of a lock."""

    requirement: Requirement
    hashes: int


def lock(text: str) -> list[Pinned]:
    """The entries of a lock; ``InvalidRequirement`` for a line that is none."""
    entries = []
    for entry in _lines(text.replace("\\\n", " ")):
        stated = entry.split("--hash=", 1)[0].strip()
        entries.append(Pinned(Requirement(stated), len(_HASH.findall(entry))))
    return entries


def asked(root: Path, name: str) -> list[Requirement]:
    """What ``name``.in asks for, the files that it names included."""
    found = []
    for line in _lines((root / REQUIREMENTS / f"{name}.in").read_text()):
        if line.startswith("-r "):
            found += asked(root, line.removeprefix("-r ").strip().removesuffix(".in"))
        else:
            found.append(Requirement(line))
    return found


def installed(root: Path) -> list[Requirement]:
    """What setup.cfg says the package needs."""
    config = configparser.ConfigParser()
    config.read_string((root / "setup.cfg").read_text())
    return [Requirement(line) for line in _lines(config["options"]["install_requires"])]


def problems(root: Path) -> list[str]:
    """What is not pinned by hash; empty if all is."""
    found: list[str] = []
    for path in sorted((root / REQUIREMENTS).glob("*.lock")):
        try:
            entries = lock(path.read_text())
        except InvalidRequirement as error:
            found.append(f"{path.name}: {error}")
            continue
        found += [f"{path.name}: {problem}" for problem in _unpinned(entries)]
        if path.with_suffix(".in").exists():
            found += _missing(asked(root, path.stem), entries, f"{path.stem}.in", path.name)
        if path.stem == "runtime":
            found += _missing(installed(root), entries, "setup.cfg", path.name)
    return found + _loose(root) + _npm(root) + _actions(root)


def _loose(root: Path) -> list[str]:
    """Where a script has pip install something without looking at its hash."""
    files = {path for pattern in _SCRIPTS for path in root.glob(pattern) if path.is_file() and path.suffix != ".py"}
    return [
        f"{path.relative_to(root)}: {line.strip()}: without --require-hashes"
        for path in sorted(files)
        for line in path.read_text(errors="replace").splitlines()
        if re.search(r"\bpip3? install\b", line)
        and not line.lstrip().startswith("#")
        and "--require-hashes" not in line
    ]


def _npm(root: Path) -> list[str]:
    """Entries of npm's locks without a hash; the first is the folder itself."""
    found = []
    for path in sorted(root.glob("contrib/*/package-lock.json")):
        for name, entry in json.loads(path.read_text())["packages"].items():
            if name and not entry.get("integrity", "").startswith("sha512-"):
                found.append(f"{path.relative_to(root)}: {name} has no sha512 hash")
    return found


def _actions(root: Path) -> list[str]:
    """Actions of others in workflows that are not named by their commit."""
    used = re.compile(r"\buses:\s*(?!\./)(\S+)")
    return [
        f"{path.relative_to(root)}: {action} is not pinned to a commit"
        for path in sorted(root.glob(".github/workflows/*.yml"))
        for action in used.findall(path.read_text())
        if not re.fullmatch(r"[^@]+@[0-9a-f]{40}", action)
    ]


def _unpinned(entries: list[Pinned]) -> list[str]:
    found = [] if entries else ["empty"]
    for requirement, hashes in entries:
        exact = [clause for clause in requirement.specifier if clause.operator == "==" and "*" not in clause.version]
        if len(exact) != 1 or len(requirement.specifier) != 1:
            found.append(f"{requirement.name} is not pinned to one version")
        if not hashes:
            found.append(f"{requirement.name} has no sha256 hash")
    return found


def _missing(wanted: list[Requirement], entries: list[Pinned], who: str, where: str) -> list[str]:
    versions: dict[str, list[str]] = {}
    for requirement, _ in entries:
        versions.setdefault(canonicalize_name(requirement.name), []).extend(
            clause.version for clause in requirement.specifier
        )
    found = []
    for requirement in wanted:
        pinned = versions.get(canonicalize_name(requirement.name), [])
        if not any(requirement.specifier.contains(version, prereleases=True) for version in pinned):
            found.append(f"{who} asks for {requirement}, {where} has {', '.join(pinned) or 'none'}")
    return found


def _lines(text: str) -> list[str]:
    return [line for line in (re.split(r"(?:^|\s)#", raw)[0].strip() for raw in text.splitlines()) if line]
