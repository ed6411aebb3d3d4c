"""Fetch Debian's stock kernels for the VM tests: the series' newest image, its modules, and the plain vmlinux.

Run as root: ``python -m tests.vm.fetch_kernels [--update] [SERIES ...]``. A cached kernel is used without network;
``--update`` asks the mirror for a newer one. The mirror is the machine's own, as apt itself reads its sources; apt
checks every signature against Debian's archive keyring, in a state directory apart from the system's.

Security updates delete old kernels from the mirror, so the meta package is resolved each time and what it names is
kept as ``<cache>/<package>``, with ``<cache>/<series>`` a symlink to the newest.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vm.bzimage import vmlinux
from tests.vm.host import HostError, Lacking, cache_dir, require, require_root

SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "trixie"}
META_PACKAGE = "linux-image-amd64"  # never a version: a suite carries other series beside its own under other names
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_DRIVERS = r"drivers/(?:(?:block|char|virtio|net/bonding|net/team|net/vxlan)/.*|net/[^/]+)"
_KEPT = re.compile(
    r"\./(?:boot/(?:vmlinuz|config)-.*|(?:usr/)?lib/modules/[^/]+/"
    rf"(?:modules\..*|kernel/(?:(?:arch|crypto|fs|lib|net)/.*|{_DRIVERS})))"
)


def mirrors() -> tuple[str, str]:
    """URIs of the Debian archive and of its security archive (empty when the machine has none) as apt has them."""
    listed = _run([require("apt-get"), "update", "--print-uris"], "listing apt's sources")
    by_suite: dict[str, str] = {}
    for uri, suite in re.findall(r"'(\S+?)/dists/(\S+?)/main/binary-", listed):
        by_suite.setdefault(suite, uri)
    releases = (_codename(), *SUITES.values(), "stable", "oldstable", "testing")
    archive = [by_suite[name] for name in releases if name in by_suite]
    security = [
        by_suite[name + tail] for name in releases for tail in ("-security", "/updates") if name + tail in by_suite
    ]
    if not archive:
        raise Lacking("apt has no source of a Debian release: add one below /etc/apt/sources.list.d")
    return archive[0], security[0] if security else ""


def _codename() -> str:
    found = re.search(r'^VERSION_CODENAME="?(\w+)', Path("/etc/os-release").read_text(), re.M)
    return found[1] if found else ""


def _run(command: list[str], doing: str, cwd: Path | None = None, error: type[HostError] = HostError) -> str:
    """The command's standard output; ``error`` with its complaint when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise error(f"{doing} failed: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def apt_options(state: Path, suite: str) -> list[str]:
    """Options that make apt read only ``suite`` of Debian, in the private state directory ``state``."""
    if not KEYRING.exists():
        raise Lacking(f"{KEYRING} is missing: install the Debian package debian-archive-keyring")
    archive, security = mirrors()
    lines = [f"deb [signed-by={KEYRING}] {archive} {suite} main"]
    if security:
        lines.append(f"deb [signed-by={KEYRING}] {security} {suite}-security main")
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "sources.list").write_text("\n".join(lines) + "\n")
    options = {
        "Dir::Etc::sourcelist": str(state / "sources.list"),
        "Dir::Etc::sourceparts": "-",
        "Dir::State": str(state),
        "Dir::State::lists": str(state / "lists"),
        "Dir::State::status": str(state / "status"),
        "Dir::Cache": str(state / "cache"),
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",  # else an unreachable mirror is only a warning
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def newest_package(options: list[str]) -> str:
    """The image package that the suite's meta package depends on now, for example linux-image-6.1.0-56-amd64."""
    _run([require("apt-get"), *options, "-qq", "update"], "apt-get update", error=Lacking)
    depends = _run([require("apt-cache"), *options, "depends", META_PACKAGE], "apt-cache depends")
    found = re.search(r"Depends: (linux-image-\d\S+)", depends)
    if found is None:
        raise HostError(f"{META_PACKAGE} names no image: {depends.strip()!r}")
    return found[1]


def unpack(package: str, options: list[str], into: Path) -> None:
    """Download ``package`` and leave vmlinux, config and the modules we may need in the directory ``into``."""
    _run([require("apt-get"), *options, "-qq", "download", package], f"downloading {package}", into, Lacking)
    (archive,) = into.glob("*.deb")
    listing = _run([require("dpkg-deb"), "--contents", str(archive)], f"reading {archive.name}")
    files = [line.split(maxsplit=5)[5] for line in listing.splitlines() if line.startswith("-")]
    wanted = into / "wanted"
    wanted.write_text("\n".join(filter(_KEPT.fullmatch, files)))
    with subprocess.Popen([require("dpkg-deb"), "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as tar:
        subprocess.run([require("tar"), "-x", "-C", str(into), "-T", str(wanted)], stdin=tar.stdout, check=True)
    wanted.unlink()
    archive.unlink()
    if not (into / "lib").exists():
        (into / "lib").symlink_to("usr/lib")  # trixie's packages have the merged /usr
    image = next((into / "boot").glob("vmlinuz-*"))
    _run([require("depmod"), "-b", str(into), image.name.removeprefix("vmlinuz-")], "depmod")
    (into / "vmlinux").write_bytes(vmlinux(image))


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """One fetch at a time in a cache: apt's private state is shared."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(series: str, cache: Path, update: bool = False) -> Path:
    """The directory of the series' kernel in ``cache``, fetched when it is absent (or, with ``update``, outdated)."""
    link = cache / series
    with _locked(cache):
        if (link / "vmlinux").exists() and not update:
            return link.resolve()
        options = apt_options(cache / ".apt" / SUITES[series], SUITES[series])
        try:
            package = newest_package(options)
        except HostError as error:
            if not (link / "vmlinux").exists():
                raise
            print(f"{series}: no news from the mirror ({error}); using {link.resolve().name}", file=sys.stderr)
            return link.resolve()
        if not (cache / package / "vmlinux").exists():
            staged = Path(tempfile.mkdtemp(prefix=".new-", dir=cache))
            try:
                unpack(package, options, staged)
                staged.chmod(0o755)
                shutil.rmtree(cache / package, ignore_errors=True)
                staged.rename(cache / package)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
        fresh = cache / f".link-{os.getpid()}"
        fresh.symlink_to(package)
        fresh.replace(link)
    return link.resolve()


def main() -> int:
    """Command line entry: print one line a kernel; 1 with the reason when one cannot be had."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument(
        "series", nargs="*", metavar="SERIES", help=f"kernel series, of {', '.join(SUITES)}; default all"
    )
    parser.add_argument("--update", action="store_true", help="look for newer packages even when cached")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="default: %(default)s (TELEGEN_VM_CACHE)")
    asked = parser.parse_args()
    if unknown := set(asked.series) - set(SUITES):
        parser.error(f"unknown series {', '.join(sorted(unknown))}; known: {', '.join(SUITES)}")
    try:
        require_root("fetching kernels (depmod, file owners)")
        for series in asked.series or SUITES:
            print(f"{series}: {fetch(series, asked.cache.absolute(), asked.update)}", flush=True)
    except HostError as error:
        print(f"fetch_kernels: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
