"""Every error the agent raises on purpose, drawn as one tree.

::

    TelegenError
    ├── ConfigError            a row or a variable is wrong; nothing changes until it does
    ├── StoreError             Redis could not be read or written; try again with backoff
    ├── KernelError            the kernel said no: operation, target, errno
    │   ├── NotSupported       this kernel lacks the feature; no retry helps
    │   ├── PermissionDenied   a capability or an owner is missing; no retry helps
    │   ├── Conflict           somebody else holds the place; look again when the world changes
    │   ├── Gone               the object vanished meanwhile; look again
    │   ├── VerifierRejected   the verifier refused the program; its log is in ``log``
    │   ├── NoMemory           no memory is left for it in the kernel; it may be there later
    │   └── Busy               the kernel asks to try again
    └── ExportError            OTLP did not take a batch; the next one carries the same sums

Each class says in ``retry`` what makes another try worthwhile. Messages read: operation on target: what was said;
what to do.
"""

from __future__ import annotations

from enum import StrEnum

SHOWN = 100  # characters of what was given that a message shows


class Retry(StrEnum):
    """What makes another try worthwhile."""

    ON_CHANGE = "on-change"
    BACKOFF = "backoff"
    NEVER = "never"


class TelegenError(Exception):
    """Base of all; catch it only where one failure must not stop the rest."""

    retry = Retry.NEVER


class ConfigError(TelegenError):
    """A value that was given is wrong.

    Attributes: ``field`` (name in the row, or the variable), ``value`` (as given), ``problem`` (what and the remedy),
    ``code`` (``invalid_value``, ``unknown_field``, ``missing_field``, ``not_available`` or ``own_netdev``). The message
    shows the first SHOWN characters of field and value.
    """

    retry = Retry.ON_CHANGE

    def __init__(self, field: str, value: str, problem: str, code: str = "invalid_value") -> None:
        super().__init__(f"{_cut(field)}={_cut(value)!r}: {problem}" if field else problem)
        self.field, self.value, self.problem, self.code = field, value, problem, code


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class StoreError(TelegenError):
    """Redis could not be reached, read or written."""

    retry = Retry.BACKOFF

    def __init__(self, operation: str, target: str, problem: str) -> None:
        super().__init__(f"{operation} on {target}: {problem}")
        self.operation, self.target, self.problem = operation, target, problem


class KernelError(TelegenError):
    """A system call or netlink request failed.

    Attributes: ``operation`` and ``target`` as a sentence would name them, ``errno`` (positive; 0 when the kernel gave
    none), ``problem`` (the kernel's words), ``remedy`` (what an operator can do, may be empty).
    """

    retry = Retry.BACKOFF

    def __init__(self, operation: str, target: str, errno: int = 0, problem: str = "", remedy: str = "") -> None:
        text = f"{operation} on {target}: {problem or f'errno {errno}'}"
        super().__init__(f"{text}; {remedy}" if remedy else text)
        self.operation, self.target, self.errno = operation, target, errno
        self.problem, self.remedy = problem, remedy


class NotSupported(KernelError):
    """The kernel has no such feature (EOPNOTSUPP, ENOTSUPP 524, ENOSYS)."""

    retry = Retry.NEVER


class PermissionDenied(KernelError):
    """A capability is missing (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON) or the object is somebody else's."""

    retry = Retry.NEVER


class Conflict(KernelError):
    """The place is taken; ``holder`` says by whom as far as it can be told."""

    retry = Retry.ON_CHANGE

    def __init__(
        self, operation: str, target: str, errno: int = 0, problem: str = "", remedy: str = "", holder: str = ""
    ) -> None:
        super().__init__(operation, target, errno, problem or (f"held by {holder}" if holder else ""), remedy)
        self.holder = holder


class Gone(KernelError):
    """The netdev, qdisc, filter or pin vanished while we worked on it."""

    retry = Retry.ON_CHANGE


class VerifierRejected(KernelError):
    """The kernel's verifier refused the program; ``log`` is its whole text, the message carries the last lines."""

    retry = Retry.NEVER

    def __init__(self, operation: str, target: str, errno: int = 0, log: str = "", remedy: str = "") -> None:
        tail = " | ".join(line for line in log.splitlines()[-4:] if line.strip())
        super().__init__(operation, target, errno, f"the verifier refused it: {tail}", remedy)
        self.log = log


class NoMemory(KernelError):
    """ENOMEM: the machine or the agent's control group has no memory left for what was asked."""


class Busy(KernelError):
    """EBUSY, EAGAIN, EINTR, ENOBUFS: the same request may succeed later."""


class ExportError(TelegenError):
    """The OTLP endpoint did not take a batch."""

    retry = Retry.BACKOFF

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(f"export to {endpoint}: {problem}")
        self.endpoint, self.problem = endpoint, problem
