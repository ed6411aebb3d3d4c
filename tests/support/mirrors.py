"""CONFIG_DB, orchagent and our memory for plans of mirror sessions, turned by hand; every action is checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import JobSpec, MirrorMode
from sonic_telegen.model.mirror import (
    ACTIVE,
    AddSession,
    DeleteSession,
    Row,
    SessionNote,
    SessionState,
    Source,
    SwitchMirrors,
    session_name,
)
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.desired import Desired, desire
from sonic_telegen.reconcile.mirrors import Mirrored, MirrorPlan, plan_mirrors
from sonic_telegen.settings import Settings

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
TUNNEL = ErspanAsked("erspan0", "", "192.0.2.10", "192.0.2.1", 10, 2, 64, "inherit")
ASIC = Settings(mirror_mode=MirrorMode.ASIC, erspan=TUNNEL)
PORTS = frozenset({"Ethernet0", "Ethernet4", "Ethernet8"})
LAGS = {"PortChannel1": frozenset({"Ethernet8"}), "PortChannel2": frozenset[str]()}
HERE = Asked(ports=PORTS, mirrors=SwitchMirrors(lags=LAGS))


@dataclass
class Switch:
    """CONFIG_DB, orchagent and our memory, turned by hand."""

    rows: dict[str, Row] = field(default_factory=dict)
    states: dict[str, SessionState] = field(default_factory=dict)
    notes: dict[str, SessionNote] = field(default_factory=dict)
    jobs: dict[str, JobSpec | Rejection] = field(default_factory=dict)
    limit: int = 2
    now: int = NOW
    initialized: bool = True
    dropped: set[str] = field(default_factory=set)  # names that orchagent does not take
    referenced: set[str] = field(default_factory=set)
    status: str = ACTIVE
    strangers: frozenset[str] = frozenset()
    lags: dict[str, frozenset[str]] = field(default_factory=lambda: dict(LAGS))
    taken: dict[str, Row] = field(default_factory=dict)  # orchagent's sessions
    mirrored: dict[Source, str] = field(default_factory=dict)  # the ASIC's port and direction -> session
    read: SwitchMirrors = field(default_factory=SwitchMirrors)  # by the pass before

    def mirrors(self) -> SwitchMirrors:
        return SwitchMirrors(dict(self.rows), dict(self.states), dict(self.lags)).after(self.read)

    def desired(self) -> Desired:
        asked = Asked(jobs=self.jobs, ports=PORTS, mirrors=self.mirrors(), initialized=self.initialized)
        return desire(asked, None, ASIC, {}, self.now)

    def plan(self) -> MirrorPlan:
        return plan_mirrors(self.desired(), self.mirrors(), self.notes, self.limit, self.now)

    def step(self) -> MirrorPlan:
        """One pass of ours: every action against what must hold."""
        found = self.plan()
        self.read = self.mirrors()
        self.notes |= {note.name: note for note in found.notes}
        for action in found.actions:
            if isinstance(action, AddSession):
                name = action.session.name
                assert name in self.notes, "written before it was noted"
                assert name not in self.rows and name not in self.states, "a session is immutable"
                self.rows[name] = action.session.row()
            else:
                assert action.name not in self.strangers, "a stranger's session"
                assert self.rows.pop(action.name) == action.row
            ours = (self.rows.keys() | self.states.keys()) - self.strangers
            assert isinstance(action, DeleteSession) or len(ours) <= self.limit
        return found

    def orch(self) -> None:
        """One turn of orchagent, by name; a port's newest session has it, and its end leaves it to nobody."""
        for name in sorted(self.rows.keys() | self.states.keys()):
            if name in self.states and name not in self.rows and name not in self.referenced:
                del self.states[name]
                for source in self._ports(self.taken.pop(name, {})):
                    self.mirrored.pop(source, None)
            elif name in self.rows and name not in self.states and name not in self.dropped:
                self.taken[name] = self.rows[name]
                self.states[name] = SessionState(self.status, "Ethernet12")
                if self.status == ACTIVE:
                    self.mirrored |= dict.fromkeys(self._ports(self.rows[name]), name)

    def restart_swss(self) -> None:
        """orchagent begins anew; its tables in STATE_DB are empty until it has read CONFIG_DB."""
        self.states.clear()
        self.taken.clear()
        self.mirrored.clear()

    def has_all_its_ports(self, job: str) -> bool:
        """Whether the ASIC mirrors for this job what the job asks for."""
        name = session_name(job)
        return {self.mirrored.get(source) for source in self._ports(self.rows[name])} == {name}

    def _ports(self, row: Row) -> set[Source]:
        return {(port, way) for port, way in self.mirrors().sources(row) if port not in self.lags}

    def settle(self) -> MirrorPlan:
        for _ in range(12):
            if not self.step().actions:
                found = self.plan()
                self.orch()
                if self.plan() == found:
                    return found
            self.orch()
        return self.step()


def verdict(found: MirrorPlan, job: str = "a") -> tuple[Status, Reason]:
    told: Mirrored = found.told[job]
    return told.verdict.status, told.verdict.reason


A, B = session_name("a"), session_name("b")
