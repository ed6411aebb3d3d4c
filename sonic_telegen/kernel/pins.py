"""``PinDir``: our directory on the BPF file system, whom it belongs to, and the pins in it.

Every change is one system call (``rename`` over a pin is atomic there too), so a kill leaves the old pin or the new
one. Only names of ours are ever touched.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from sonic_telegen.errors import Gone, KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.failure import kernel_error

STATS, IF_STATS, PROG, META, BASE, ACCOUNTS = "stats_percpu", "if_stats_percpu", "prog", "meta", "base", "accounts"
PUNT, PROG_PUNT = "punt_percpu", "prog_punt"
MAPS = (STATS, IF_STATS, META, BASE, ACCOUNTS, PUNT)
PROGRAMS = {PROG_PUNT: "telegen_if_punt", PROG: "telegen_if"}  # pin and name in the object
NAMES = (*MAPS, *PROGRAMS)
PRIOR, PRIOR_META = "prior", "prior_meta"  # counters of the layout before, where programs of jobs still count there
NEXT = "next"  # directory in which a migration collects the new pins
JOBS = "jobs"  # directory of the jobs' own programs, in it one for each job
LIVE, PERCPU, FLOWS, RING, SESSIONS = "live", "percpu", "flows", "ring", "sessions"
JOB_NAMES = (LIVE, PERCPU, FLOWS, RING, SESSIONS, PROG)
_TEMPORARY = "_new"  # names must not contain dots


class PinDir:
    """The directory ``path``; descriptors that it returns are the caller's."""

    def __init__(self, path: str | os.PathLike[str], names: tuple[str, ...] = NAMES) -> None:
        """``names`` are those of the pins that are ours."""
        self.path, self.names = Path(path), names

    @property
    def next(self) -> PinDir:
        """The directory of a migration under way."""
        return PinDir(self.path / NEXT)

    def job(self, job: str) -> PinDir:
        """The directory of a job's own program. Names on bpffs hold no dot, ids may: it is named by a hash."""
        return PinDir(self.path / JOBS / hashlib.sha256(job.encode()).hexdigest()[:16], JOB_NAMES)

    def jobs(self) -> list[PinDir]:
        """Every directory of a job that there is."""
        folder = self.path / JOBS
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [PinDir(p, JOB_NAMES) for p in found if re.fullmatch("[0-9a-f]{16}", p.name) and p.is_dir()]

    def at(self, name: str) -> str:
        """Path of a pin."""
        return str(self.path / name)

    def prepare(self) -> None:
        """Create the directory when there is none (mode 0750, one level) and see that it is ours.

        Raises ``PermissionDenied`` when it belongs to another user, also for root: a stranger could exchange the pins
        in a directory of his. ``KernelError`` when no BPF file system is mounted there.
        """
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            self._need_bpffs(self.path.parent)
            try:
                self.path.mkdir(0o750)
            except OSError as error:
                raise self._error("create pin directory", error) from None
            found = self.path.lstat()
        except OSError as error:
            raise self._error("open pin directory", error) from None
        if not stat.S_ISDIR(found.st_mode):
            raise kernel_error("open pin directory", str(self.path), errno.ENOTDIR)
        self._need_bpffs(self.path)
        if found.st_uid != os.geteuid():
            remedy = f"chown it to uid {os.geteuid()}, or set TELEGEN_PIN_DIR to a directory of your own"
            problem = f"it belongs to uid {found.st_uid} and this process is uid {os.geteuid()}"
            raise kernel_error("use pin directory", str(self.path), errno.EPERM, remedy, problem)
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise self._error("use pin directory", PermissionError(errno.EACCES, "not writable"))

    def _need_bpffs(self, path: Path) -> None:
        mount = "/sys/fs/bpf" if path.is_relative_to("/sys/fs/bpf") else path
        remedy = f"mount it: mount -t bpf bpf {mount}"
        try:
            mounted = libbpf.is_bpffs(str(path))
        except KernelError as error:
            raise kernel_error("use pin directory", str(self.path), error.errno, remedy, error.problem) from None
        if not mounted:
            problem = f"no BPF file system is mounted at {path}"
            raise kernel_error("use pin directory", str(self.path), errno.EINVAL, remedy, problem)

    def _error(self, operation: str, error: OSError) -> KernelError:
        remedy = ""
        if error.errno in (errno.EACCES, errno.EPERM):
            holder = next((p for p in (self.path, *self.path.parents) if p.exists()), Path("/"))
            remedy = f"{holder} belongs to uid {holder.stat().st_uid} and this process is uid {os.geteuid()}"
        return kernel_error(operation, str(self.path), error.errno or errno.EIO, remedy)

    def exists(self) -> bool:
        """Whether the directory is there."""
        return self.path.is_dir()

    def get(self, name: str) -> int | None:
        """A new descriptor of the pinned object, None when there is no such pin."""
        try:
            return libbpf.obj_get(self.at(name))
        except Gone:
            return None

    def put(self, name: str, fd: int) -> None:
        """Pin where nothing is yet; ``Conflict`` else."""
        libbpf.obj_pin(fd, self.at(name))

    def replace(self, name: str, fd: int) -> None:
        """Pin, in the place of whatever has the name now."""
        temporary = name + _TEMPORARY
        self.drop(temporary)
        libbpf.obj_pin(fd, self.at(temporary))
        self._move(self.at(temporary), name)

    def take(self, name: str, source: PinDir) -> None:
        """Move a pin here from ``source``, over one that has the name; nothing when it has moved already."""
        with contextlib.suppress(Gone):
            self._move(source.at(name), name)

    def _move(self, source: str, name: str) -> None:
        try:
            os.rename(source, self.at(name))  # noqa: PTH104 - tests break in here
        except OSError as error:
            raise kernel_error("rename pin", source, error.errno or errno.EIO) from None

    def drop(self, name: str) -> bool:
        """Unpin; whether there was such a pin."""
        try:
            os.unlink(self.at(name))  # noqa: PTH108
        except FileNotFoundError:
            return False
        except OSError as error:
            raise kernel_error("unpin", self.at(name), error.errno or errno.EIO) from None
        return True

    def make(self) -> None:
        """Create this directory, in one that is ours."""
        try:
            os.mkdir(self.path, 0o750)  # noqa: PTH102
        except OSError as error:
            raise self._error("create pin directory", error) from None

    def clear(self) -> tuple[str, ...]:
        """Remove our pins and, when it is empty then, the directory; names of what is not ours and stays."""
        if not self.exists():
            return ()
        self._need_bpffs(self.path)
        for name in (*reversed(self.names), PRIOR, PRIOR_META):  # prog first: next/ without it is an unfinished one
            self.drop(name)
            self.drop(name + _TEMPORARY)
        left = sorted(p.name for p in self.path.iterdir())
        if not left:
            try:
                os.rmdir(self.path)  # noqa: PTH106
            except OSError as error:
                raise self._error("remove pin directory", error) from None
        return tuple(left)


def remove_pins(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Remove every pin of ours and the directory (``detach --all``); tells what was left because it is not ours."""
    found = PinDir(path)
    if found.path.is_symlink():
        raise kernel_error("remove pins", str(path), errno.ENOTDIR, problem="it is a symbolic link")
    jobs = found.jobs()
    left = [str(inner.path / name) for inner in (*jobs, found.next) for name in inner.clear()]
    if (found.path / JOBS).is_dir():
        left += [str(p) for p in (found.path / JOBS).iterdir() if p not in {inner.path for inner in jobs}]
        with contextlib.suppress(OSError):  # not empty, told already
            os.rmdir(found.path / JOBS)  # noqa: PTH106
    told = {Path(name).relative_to(found.path).parts[0] for name in left}
    left += [found.at(name) for name in found.clear() if name not in told]
    return tuple(f"{name} is not ours and stays" for name in sorted(left))
