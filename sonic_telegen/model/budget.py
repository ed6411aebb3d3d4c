"""What a job's own program and its maps take of the kernel's memory. Tests compare it with what the kernel says."""

from __future__ import annotations

from sonic_telegen.model.job import JobSpec, MirrorMode, ResultDetail

PROGRAMS_PER_HOOK = 8  # job programs on one netdev and direction
FLOWS = 16384  # entries of a job's flow table, as TG_FLOWS
FLOW_BYTES = 176  # of one, the hash's own share included
INSERTS, INSERTS_SEC = 2000, 0.1  # flows that a CPU may insert in so much time: about 1 % of it, at 0.5 us each
SESSIONS, SESSION_BYTES = 256, 192  # of a job about mirrored frames, as TG_SESSIONS
RING_BYTES = 1 << 20  # of a job that captures packets
SMALL_BYTES = 64 << 10  # program, constants, and the maps that every job has
FILTER_BYTES = 256 << 10  # the code of the longest filter expressions
MOST_BYTES = 256 << 20  # of all jobs on a machine with plenty
SHARE = 16  # and on a small one: this part of its memory


def ring_bytes(spec: JobSpec) -> int:
    """Size of the job's ring buffer; 0 when it needs none."""
    return RING_BYTES if spec.result_detail is ResultDetail.PACKETS else 0


def flow_entries(spec: JobSpec) -> int:
    """Entries of the job's flow table; 0 when it needs none."""
    return FLOWS if spec.result_detail is ResultDetail.FLOWS else 0


def session_entries(spec: JobSpec) -> int:
    """Entries of the job's table of ERSPAN sessions; 0 when it needs none."""
    return SESSIONS if spec.mirror_mode is MirrorMode.DECAP else 0


def program_bytes(spec: JobSpec) -> int:
    """An upper bound for what the job will take."""
    code = FILTER_BYTES if spec.match.filter else 0
    tables = flow_entries(spec) * FLOW_BYTES + session_entries(spec) * SESSION_BYTES
    return SMALL_BYTES + code + tables + ring_bytes(spec)


def allowed_bytes(machine: int) -> int:
    """What all jobs may take together on a machine (or in a container) with that many bytes."""
    return min(MOST_BYTES, machine // SHARE)
