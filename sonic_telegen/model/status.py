"""TOLD: what STATE_DB says of a job; derived from what was observed, never from a return code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The life of a job in one word."""

    PENDING = "pending"  # waits for something outside us
    STARTING = "starting"
    RUNNING = "running"  # every wanted program was seen in the kernel
    DEGRADED = "degraded"  # some were, or a fallback is in force
    STOPPING = "stopping"
    STOPPED = "stopped"
    DONE = "done"  # its duration is over
    FAILED = "failed"  # the kernel refused
    REJECTED = "rejected"  # the row is not a job


class Reason(StrEnum):
    """Why the status is not ``running``; empty when it is."""

    NONE = ""
    INVALID_VALUE = "invalid_value"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    NOT_AVAILABLE = "not_available"  # this version cannot do what the row asks for
    OWN_NETDEV = "own_netdev"
    NETDEV_ABSENT = "netdev_absent"
    MAX_JOBS = "max_jobs"
    NO_SLOT = "no_slot"
    DISABLED = "disabled"
    DELETED = "deleted"
    EXPIRED = "expired"
    INGRESS_QDISC = "ingress_qdisc"  # a stranger's ingress qdisc leaves egress no place
    PLACEHOLDER = "placeholder"
    ERSPAN_UNAVAILABLE = "erspan_unavailable"
    NOT_ATTACHED = "not_attached"
    CONFLICT = "conflict"
    PERMISSION = "permission"
    NOT_SUPPORTED = "not_supported"
    VERIFIER = "verifier"
    KERNEL = "kernel"


class Visibility(StrEnum):
    """What the programs of a job can see of the port."""

    CPU_PATH = "cpu-path"
    MIRRORED = "mirrored"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One row of ``TELEGEN_JOB_TABLE``; times are Unix ns, 0 when there is none."""

    job: str
    status: Status
    reason: Reason = Reason.NONE
    message: str = ""
    port: str = ""
    interface: str = ""
    direction: str = ""
    mirror_mode: str = ""
    visibility: Visibility = Visibility.NONE
    started_ns: int = 0
    expires_ns: int = 0
