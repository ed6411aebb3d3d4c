"""What a pass reaches: each side as a Protocol, so that a model of the world can stand in for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from sonic_telegen.model.action import Action
from sonic_telegen.model.asked import Asked
from sonic_telegen.model.kernel import KernelState
from sonic_telegen.model.mirror import SessionAction, SessionNote
from sonic_telegen.model.sample import Sample


class Tables(Protocol):
    """The reader of CONFIG_DB and STATE_DB, the writer of our rows of MIRROR_SESSION (``db/store.py``)."""

    def read(self) -> Asked:
        """All rows; raises StoreError."""
        ...

    def change_session(self, action: SessionAction) -> str:
        """Do it if the row still is as it was read; why Redis refused it, else empty. Raises StoreError."""
        ...


class KernelSide(Protocol):
    """The executor (``kernel/apply.py``)."""

    def observe(self) -> KernelState:
        """The whole look."""
        ...

    def apply(self, action: Action) -> None:
        """Do one thing; raises KernelError."""
        ...

    def sample(self, ended: Collection[str]) -> Sample:
        """Read the maps; those of jobs' own programs for the last time, and only of these jobs."""
        ...


class Memory(Protocol):
    """What outlives a reboot (``journal.py``)."""

    def job_started(self, job: str, digest: str) -> int | None:
        """Unix ns of the first attach, None when it never ran."""
        ...

    def ended(self, job: str, digest: str) -> bool:
        """Whether its duration is over."""
        ...

    def note_start(self, job: str, digest: str, ns: int) -> None:
        """Remember the first attach."""
        ...

    def note_end(self, job: str, digest: str, ns: int, why: str) -> None:
        """Remember the end."""
        ...

    def forget_except(self, jobs: frozenset[str]) -> None:
        """Drop jobs whose rows are gone."""
        ...

    def sessions(self) -> Mapping[str, SessionNote]:
        """The mirror sessions that we wrote, by name."""
        ...

    def note_session(self, note: SessionNote) -> None:
        """Remember one, in the place of what was known of it."""
        ...
