"""``Folder``: where captures are kept, for how long, and how much they take together."""

from __future__ import annotations

import stat
import time
from collections.abc import Collection
from pathlib import Path

from sonic_telegen.log import fields, log
from sonic_telegen.model.captured import CaptureFile

KEEP_SEC = 3600.0  # of a file whose capture is over
TOTAL_BYTES = 256 << 20
SUFFIX = ".pcapng"


class Folder:
    """Files ``<job>.pcapng`` with mode 0640 in a directory of mode 0700."""

    def __init__(self, path: Path, total: int = TOTAL_BYTES, keep: float = KEEP_SEC) -> None:
        self.path, self._total, self._keep = path, total, keep

    def make(self) -> None:
        """Create it when it is not there. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, job: str) -> Path:
        """The job's file."""
        return self.path / f"{job}{SUFFIX}"

    def kept(self, job: str) -> CaptureFile | None:
        """The file of a job whose capture is over; None when there is none."""
        path = self.of(job)
        try:
            found = path.lstat()
        except (OSError, ValueError):
            return None
        if path.parent != self.path or not stat.S_ISREG(found.st_mode):
            return None
        return CaptureFile(path, found.st_ino, found.st_size, over=True)

    def tidy(self, growing: Collection[Path]) -> int:
        """Remove what is kept long enough, and the oldest while there is too much; the bytes that are left to be taken.

        Files that grow stay.
        """
        total, over = 0, []
        for path in self.path.glob(f"*{SUFFIX}"):
            try:
                found = path.lstat()
            except OSError:
                continue
            total += found.st_size
            if path not in growing:
                over.append((found.st_mtime, found.st_size, path))
        for ended, size, path in sorted(over):
            if ended + self._keep > time.time() and total < self._total:
                break
            try:
                path.unlink()
            except OSError as error:
                log.warning("a capture cannot be removed", extra=fields(path=path, problem=error.strerror))
                continue
            total -= size
        return max(0, self._total - total)
