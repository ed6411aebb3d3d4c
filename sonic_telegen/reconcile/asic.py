"""WANTED: the ASIC's mirror session that a job in ``mirror_mode=asic`` asks for, or why it cannot have one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.erspan import INHERIT, ErspanAsked
from sonic_telegen.model.job import ALL_PORTS, JobSpec, ResultDetail
from sonic_telegen.model.mirror import WAYS, MirrorSession, session_name
from sonic_telegen.model.status import Reason


@dataclass(frozen=True, slots=True)
class Lacks:
    """What must change elsewhere before there can be a session."""

    reason: Reason
    message: str


def session_of(spec: JobSpec, tunnel: ErspanAsked, asked: Asked) -> MirrorSession | Lacks | Rejection:
    """The session; ``tunnel`` is what is in force for the job. A row that asks for less than whole frames is none."""
    for name, value in _thinned(spec):
        text = f"{name}={value!r}: mirror_mode=asic mirrors every frame as it is; remove the field"
        return Rejection(Reason.INVALID_VALUE.value, text, spec.port, spec.direction)
    if spec.port == ALL_PORTS:
        text = f"port={spec.port!r}: mirror_mode=asic takes one port or LAG; name it"
        return Rejection(Reason.INVALID_VALUE.value, text, spec.port, spec.direction)
    return _lacks(spec, tunnel, asked) or MirrorSession(
        session_name(spec.id),
        spec.port,
        WAYS[spec.direction],
        tunnel.local or "",
        tunnel.remote or "",
        tunnel.ttl or 0,
        None if tunnel.tos in (None, INHERIT) else int(tunnel.tos or 0) >> 2,
    )


def _thinned(spec: JobSpec) -> Iterator[tuple[str, str]]:
    """The fields of the row by which not every frame of the port, or not all of it, would be asked about."""
    yield from spec.match.texts().items()
    if spec.sample_rate > 1:
        yield "sample_rate", str(spec.sample_rate)
    if spec.result_detail is not ResultDetail.SUMMARY:
        yield "result_detail", spec.result_detail.value
    if spec.truncate:
        yield "truncate", str(spec.truncate)
    if spec.erspan.dev:
        yield "erspan_dev", spec.erspan.dev


def _lacks(spec: JobSpec, tunnel: ErspanAsked, asked: Asked) -> Lacks | None:
    lacking = [f"erspan_{name}" for name in ("remote", "local") if not getattr(tunnel, name)]
    if lacking:
        text = f"set {' and '.join(lacking)}: the ASIC mirrors from erspan_local to erspan_remote"
        return Lacks(Reason.MISSING_FIELD, text)
    if tunnel.remote == tunnel.local:
        text = f"erspan_remote and erspan_local are both {tunnel.remote}; set the address of a collector elsewhere"
        return Lacks(Reason.INVALID_VALUE, text)
    members = asked.mirrors.lags.get(spec.port)
    if members is None and spec.port not in (asked.ports or ()):
        text = f"no row of PORT or PORTCHANNEL has the name {spec.port}; the ASIC mirrors ports and LAGs alone"
        return Lacks(Reason.NETDEV_ABSENT, text)
    if members is not None and not members:
        return Lacks(Reason.NETDEV_ABSENT, f"LAG {spec.port} has no members yet")
    for direction in spec.directions:
        if direction in asked.mirrors.incapable:
            text = f"the ASIC does not mirror {direction.value} (SWITCH_CAPABILITY in STATE_DB); use another direction"
            return Lacks(Reason.NOT_SUPPORTED, text)
    return None
