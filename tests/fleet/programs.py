"""Prometheus, promtool and vmagent as Debian builds them, in a cache; nothing is installed.

bookworm's own are too old (vmagent 1.79 takes no OTLP): they are of the suite below, and need no newer C library.
Debian's Prometheus is built without its OTLP receiver: what comes in is vmagent's remote write.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.vm.fetch_kernels import apt_options
from tests.vm.host import HostError, cache_dir, require

SUITE = "forky"
PACKAGES = {"prometheus": "prometheus", "promtool": "promtool", "victoria-metrics": "vmagent"}


class Programs(NamedTuple):
    """Where they are."""

    prometheus: Path
    promtool: Path
    vmagent: Path


def programs() -> Programs:
    """Fetched when they are not there yet; HostError where they cannot be had."""
    cache = cache_dir().absolute().parent / "fleet"
    cache.mkdir(parents=True, exist_ok=True)
    found = Programs(*(cache / name for name in PACKAGES.values()))
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(path.exists() for path in found):
            _fetch(cache)
    return found


def _fetch(cache: Path) -> None:
    options = apt_options(cache / ".apt" / SUITE, SUITE)
    _run(require("apt-get"), *options, "-qq", "update")
    with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as folder:
        staged = Path(folder)
        _run(require("apt-get"), *options, "-qq", "download", *PACKAGES, cwd=staged)
        for archive in staged.glob("*.deb"):
            _run(require("dpkg-deb"), "--extract", str(archive), str(staged))
        for name in PACKAGES.values():
            shutil.move(staged / "usr" / "bin" / name, cache / name)


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
