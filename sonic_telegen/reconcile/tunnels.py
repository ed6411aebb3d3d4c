"""WHERE TO: the tunnel that each job's clones go into, and which netdev it is. Pure.

A job that can have none sees nothing: it is told why, and what to set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sonic_telegen.errors import Conflict, KernelError
from sonic_telegen.model.erspan import ErspanSpec, tunnel
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.kernel import Link
from sonic_telegen.model.status import Reason
from sonic_telegen.settings import Settings

SPARE_NAME = "tgerspan0"  # where the kernel's own netdev has the configured name
OTHER_NAME = "set another erspan_name"


@dataclass(frozen=True, slots=True)
class NotMade:
    """Why the kernel did not make a tunnel, and whether it is to be asked again now."""

    problem: KernelError
    again: bool


Refused = Mapping[str, NotMade]  # by digest of the tunnel


@dataclass(frozen=True, slots=True)
class Way:
    """A job's tunnel: the netdev's name, and the netdev when it is there. ``note`` must be told beside the status.

    With a ``problem`` nothing is mirrored; a ``spec`` beside it is tried again.
    """

    name: str
    spec: ErspanSpec | None = None
    link: Link | None = None
    note: str = ""
    problem: str = ""
    reason: Reason = Reason.NONE


class Ways:
    """Gives names out, first come first served: ``expect`` all jobs that may ask, then ask for them in their order."""

    def __init__(
        self, links: Mapping[str, Link], settings: Settings, refused: Refused, guarded: Collection[int]
    ) -> None:
        """``links`` are the netdevs by name, ``guarded`` those that have our guard."""
        self._links, self._settings = links, settings
        self._lost = [link for link in links.values() if link.ifindex in guarded and link.receives and not link.ours]
        self._made = {(link.tunnel, link.remote, link.local): link for link in links.values() if link.tunnel}
        self._refused = refused
        self._given: dict[str, str] = {}  # name of a netdev: digest of the tunnel that is to have it
        self._ends: dict[tuple[str, str, int | None], str] = {}  # the same by what Linux has one netdev for
        self._meant: set[str] = set()  # names that netdevs of ours may get

    def expect(self, job: JobSpec, mirror: int) -> None:
        """A job that may ask: the netdev ``mirror``, which its clones go into, is kept for it if it asks for that."""
        spec = self._spec(job)
        if isinstance(spec, str):
            return
        self._meant |= {spec.name, SPARE_NAME}
        made = self._netdev(spec)
        if made is not None and made.ifindex == mirror and not made.unnamed:
            self._given[made.name] = self._ends[spec.ends] = spec.digest()

    def own(self, port: str) -> bool:
        """Whether what is to be watched is a netdev of ours, or would be.

        Who names one is told so before there is one, whatever the order: else in a ring of jobs that name each other's
        tunnels each would be made and deleted again for ever.
        """
        link = self._links.get(port)
        return port in self._meant if link is None else link.ours

    def of(self, job: JobSpec) -> Way:
        """The way of a job's clones."""
        spec = self._spec(job)
        name = self._settings.tunnel(job).name or ""
        if isinstance(spec, str):
            text = f"mirror_mode=erspan: {spec}, or mirror_mode=direct"
            return Way(name, problem=text, reason=Reason.ERSPAN_UNAVAILABLE)
        if self._ends.get(spec.ends, spec.digest()) != spec.digest():
            text = f"{spec} is another job's tunnel; set another erspan_key, or the same erspan_* fields"
            return Way(name, problem=text, reason=Reason.CONFLICT)
        found = self._named(spec)
        refused = self._refused.get(spec.digest())
        if refused is None or found.problem or found.link is not None:
            return found
        failure = refused.problem
        if isinstance(failure, Conflict):
            lost = next((link for link in self._lost if (link.remote, link.local) == (spec.remote, spec.local)), None)
            text = f"{failure}; {_once_ours(lost)}" if lost else str(failure)
            return Way(name, spec, problem=text, reason=Reason.CONFLICT)
        return Way(
            name,
            spec if refused.again else None,
            problem=f"{failure}; or set mirror_mode=direct",
            reason=Reason.ERSPAN_UNAVAILABLE,
        )

    def _spec(self, job: JobSpec) -> ErspanSpec | str:
        return tunnel(self._settings.tunnel(job), job.truncate)

    def _netdev(self, spec: ErspanSpec) -> Link | None:
        """That of the tunnel; one that somebody made lead elsewhere, or gave another key, is it no more."""
        made = self._made.get((spec.digest(), spec.remote, spec.local))
        return made if made is not None and made.outer in (None, spec.outer) else None

    def _named(self, spec: ErspanSpec) -> Way:
        """The netdev that there is, else the name that it will have."""
        digest = spec.digest()
        made = self._netdev(spec)
        name, holder = spec.name, self._links.get(spec.name)
        if made is not None and not made.unnamed:
            name, holder = made.name, made
        elif holder is not None and holder.fallback:
            name, holder = SPARE_NAME, self._links.get(SPARE_NAME)
        if self._given.get(name, digest) != digest:
            return self._conflict(spec, name, f"it is another job's tunnel, with other parameters; {OTHER_NAME}")
        if holder is not None and holder in self._lost:
            return self._conflict(spec, name, _once_ours(holder))
        if holder is not None and not holder.ours:
            kind = f" of kind {holder.kind}" if holder.kind else ""
            return self._conflict(spec, name, f"a netdev{kind} that is not the agent's has that name; {OTHER_NAME}")
        self._given[name] = self._ends[spec.ends] = digest
        return Way(name, spec, made, self._note(name, spec))

    def _note(self, name: str, spec: ErspanSpec) -> str:
        if name == SPARE_NAME != spec.name:
            return f"{spec.name} is a netdev of the kernel's own; {name} takes its place"
        return "" if name == spec.name else f"what was made as {spec.name} is called {name} now"

    def _conflict(self, spec: ErspanSpec, name: str, why: str) -> Way:
        text = f"erspan_name={name}: {why}"
        return Way(spec.name, problem=text, reason=Reason.CONFLICT)


def _once_ours(lost: Link) -> str:
    return f"{lost.name} was the agent's until somebody changed its alias; delete it (ip link del {lost.name})"
