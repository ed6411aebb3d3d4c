"""``Checked``: the tables with every job rejected whose filter expression no program can be made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sonic_telegen.errors import ConfigError
from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import SessionAction
from sonic_telegen.reconcile.sides import Tables


class Checked:
    """Reads as the tables do. Whether an expression is one is known to the compiler alone, not to the codec."""

    def __init__(self, tables: Tables, check_filter: Callable[[str], None]) -> None:
        """``check_filter`` raises ConfigError."""
        self._tables, self._check_filter = tables, check_filter

    def read(self) -> Asked:
        """All rows; raises StoreError."""
        asked = self._tables.read()
        return replace(asked, jobs={job: self._judged(row) for job, row in asked.jobs.items()})

    def change_session(self, action: SessionAction) -> str:
        """As the tables do."""
        return self._tables.change_session(action)

    def _judged(self, row: JobSpec | Rejection) -> JobSpec | Rejection:
        if isinstance(row, JobSpec) and row.match.filter:
            try:
                self._check_filter(row.match.filter)
            except ConfigError as problem:
                return Rejection(problem.code, str(problem), row.port, row.direction)
        return row
