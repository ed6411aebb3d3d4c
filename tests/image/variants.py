"""Other builds of the package, made from one: what an upgrade, a downgrade and old pins need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.objects import job_object, telegen_object

_AGENT = Path("usr/lib/python3/dist-packages/sonic_telegen")
OLD_VERSION = "0.0.9"


def second(deb: Path, target: Path, scratch: Path) -> None:
    """A newer version of another commit."""
    _packed(_tree(deb, scratch, r"\1+second", "second"), target)


def old(deb: Path, target: Path, scratch: Path) -> None:
    """An older version, whose maps have another layout."""
    tree = _tree(deb, scratch, OLD_VERSION, "old")
    for build, name in ((telegen_object, "telegen.bpf.o"), (job_object, "telegen_job.bpf.o")):
        shutil.copyfile(build(TG_LAYOUT_VERSION=0, TG_PAD=3), tree / _AGENT / name)
    _packed(tree, target)


def _tree(deb: Path, tree: Path, version: str, commit: str) -> Path:
    subprocess.run(["dpkg-deb", "--raw-extract", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: (.*)$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    note = f'{{"version": "dev", "commit": "{commit}", "date": "2026-01-01T00:00:00Z"}}\n'
    (tree / _AGENT / "build.json").write_text(note)
    return tree


def _packed(tree: Path, target: Path) -> None:
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", str(tree), str(target)], check=True)
