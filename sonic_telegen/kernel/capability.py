"""What the kernel asks for before it lets us load, and the words for an operator who lacks it."""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path

from sonic_telegen.errors import KernelError
from sonic_telegen.kernel.failure import kernel_error

NEEDED = {"CAP_BPF": 39, "CAP_NET_ADMIN": 12, "CAP_PERFMON": 38}  # without PERFMON ordinary clang output is refused
_SYS_ADMIN = 21  # implies CAP_BPF and CAP_PERFMON
_MEMCG = (5, 11)  # from this kernel on maps are charged to the memory cgroup instead of RLIMIT_MEMLOCK


def missing() -> tuple[str, ...]:
    """The needed capabilities that are not effective in this process."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    have = int(found[1], 16) if found else 0
    admin = bool(have >> _SYS_ADMIN & 1)
    return tuple(n for n, bit in NEEDED.items() if not have >> bit & 1 and not (admin and n != "CAP_NET_ADMIN"))


def _memlock_counts(release: str) -> bool:
    found = re.match(r"(\d+)\.(\d+)", release)
    return bool(found) and (int(found[1]), int(found[2])) < _MEMCG  # type: ignore[index]


def raise_memlock() -> None:
    """Lift RLIMIT_MEMLOCK as far as we may, on kernels that charge maps to it (before 5.11)."""
    if not _memlock_counts(os.uname().release):
        return
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    for limit in ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limit)
        except (OSError, ValueError):
            continue
        return


def denied(operation: str, target: str, code: int, problem: str = "") -> KernelError:
    """EPERM or EACCES of the bpf system call, told with the capabilities and limits that are lacking."""
    lacking = missing()
    remedy = f"run it with {', '.join(NEEDED)} in the initial user namespace"
    remedy += f" (lacking here: {', '.join(lacking)})" if lacking else " (all three are effective here)"
    if lacking:
        remedy += f"; a container gets it with {' '.join(f'--cap-add {name[4:]}' for name in lacking)}"
        remedy += " (Docker 20.10: --cap-add SYS_ADMIN)" if set(lacking) - {"CAP_NET_ADMIN"} else ""
    if _memlock_counts(os.uname().release):
        soft = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
        if soft != resource.RLIM_INFINITY:
            remedy += f"; this kernel charges maps to RLIMIT_MEMLOCK ({soft} bytes here): set LimitMEMLOCK=infinity"
            remedy += " in the unit, --ulimit memlock=-1 for a container"
    return kernel_error(operation, target, code, remedy, problem)
