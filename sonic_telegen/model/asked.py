"""READ: one reading of the tables, every row parsed or rejected; what a pass starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.mirror import SwitchMirrors
from sonic_telegen.model.status import JobStatus


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not a job: which field, why; ``code`` is a ``Reason`` value."""

    code: str
    message: str
    port: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """CONFIG_DB's rows and what STATE_DB said last.

    ``ports`` are the keys of PORT, None where that table is empty; ``initialized`` is whether
    ``CONFIG_DB_INITIALIZED`` is "1": while it is not, absent rows are no wish to stop anything. ``log_level`` is what
    the agent's LOGGER row asks for (empty: nothing), ``device`` the platform and hwsku of DEVICE_METADATA, ``copp`` the
    rows of COPP_TRAP, COPP_GROUP and FEATURE by table and key, ``mirrors`` the switch's own mirror sessions.
    """

    jobs: Mapping[str, JobSpec | Rejection] = field(default_factory=dict)
    global_row: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[str] | None = None
    told: Mapping[str, JobStatus] = field(default_factory=dict)
    initialized: bool = True
    log_level: str = ""
    device: Mapping[str, str] = field(default_factory=dict)
    copp: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    mirrors: SwitchMirrors = field(default_factory=SwitchMirrors)
