"""TOLD: what STATE_DB says of a job; derived from what was observed, never from a return code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sonic_telegen.model.punt import PuntStatus
from sonic_telegen.model.result import JobResult
from sonic_telegen.model.sample import InterfaceSample


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
    NO_PROGRAM_PLACE = "no_program_place"  # as many job programs as may be are on the hook
    NO_MEMORY = "no_memory"  # the maps of job programs take what they may, or what the machine has
    CAPTURE_ENDED = "capture_ended"  # before the job: its file or the disk is full
    DISABLED = "disabled"
    DELETED = "deleted"
    EXPIRED = "expired"
    MAX_MIRRORS = "max_mirrors"  # as many of the ASIC's sessions as may be are ours
    SESSION_INACTIVE = "session_inactive"  # the ASIC's session has no way to its destination
    SESSION_ABSENT = "session_absent"  # orchagent does not tell of the session
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
    packets: int = 0
    bytes: int = 0
    sample_ns: int = 0  # when packets and bytes were read
    updated_ns: int = 0  # when the row was written; set by the store


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """``TELEGEN_TABLE|GLOBAL``: what the agent says of itself; ``kernel`` is the running release."""

    version: str
    commit: str
    pid: int
    kernel: str
    started_ns: int = 0
    loader: str = ""
    loader_reason: str = ""  # why it is not the first way
    btf: bool = False
    attach: str = ""
    jobs: int = 0
    jobs_running: int = 0
    otlp_endpoint: str = ""
    otlp_last_success_ns: int = 0
    otlp_last_error: str = ""
    otlp_failures: int = 0
    config_error: str = ""
    listen: str = ""  # REST: the addresses that listen
    listen_error: str = ""  # and why others do not
    notice: str = ""  # what must be told once: counters reset, maps migrated, a file set aside


@dataclass(frozen=True, slots=True)
class Told:
    """All that one report says; a row of ours that is not in it is removed from STATE_DB.

    ``settings`` are the values in force by field of GLOBAL, each with its origin; ``results`` is what a new reading
    says of jobs, ``punts`` of control protocols.
    """

    agent: AgentStatus
    jobs: Mapping[str, JobStatus] = field(default_factory=dict)
    interfaces: tuple[InterfaceSample, ...] = ()
    settings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    results: Mapping[str, JobResult] = field(default_factory=dict)
    punts: tuple[PuntStatus, ...] = ()
