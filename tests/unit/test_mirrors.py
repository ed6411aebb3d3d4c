"""Mirror sessions: what a job asks of the ASIC; no plan ever touches a stranger's, changes one, or has too many."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonic_telegen.model.asked import Asked, Rejection
from sonic_telegen.model.erspan import ErspanAsked
from sonic_telegen.model.job import BOTH, Direction, JobSpec, MirrorMode, ResultDetail
from sonic_telegen.model.match import Match
from sonic_telegen.model.mirror import (
    ACTIVE,
    AddSession,
    DeleteSession,
    MirrorSession,
    Row,
    SessionNote,
    SessionState,
    SwitchMirrors,
    session_name,
)
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.asic import Lacks, session_of
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


def asked_of(spec: JobSpec, tunnel: ErspanAsked = TUNNEL, asked: Asked = HERE) -> MirrorSession | Lacks | Rejection:
    return session_of(spec, tunnel, asked)


def test_a_session_says_what_every_release_of_orchagent_knows_and_no_more() -> None:
    session = asked_of(JobSpec("a", "Ethernet0", BOTH))
    assert isinstance(session, MirrorSession)
    assert session.row() == {
        "type": "ERSPAN",
        "src_ip": "192.0.2.1",
        "dst_ip": "192.0.2.10",
        "src_port": "Ethernet0",
        "direction": "BOTH",
        "ttl": "64",
    }
    with_tos = asked_of(JobSpec("a", "Ethernet0", (Direction.EGRESS,)), replace(TUNNEL, tos="184"))
    assert isinstance(with_tos, MirrorSession)
    assert (with_tos.row()["dscp"], with_tos.row()["direction"]) == ("46", "TX")


def test_the_name_of_a_session_is_one_that_sonic_takes_whatever_the_id_of_the_job() -> None:
    names = {session_name(job) for job in ("a", "A" * 64, "x.y-z_1", "\udcff")}
    assert len(names) == 4
    assert all(len(name) == 20 and name.startswith("telegen_") for name in names)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (JobSpec("a", "Ethernet0", match=Match(src_cidr=ipaddress.ip_network("10.0.0.0/8"))), "src_cidr"),
        (JobSpec("a", "Ethernet0", match=Match(filter="tcp")), "filter"),
        (JobSpec("a", "Ethernet0", sample_rate=8), "sample_rate"),
        (JobSpec("a", "Ethernet0", result_detail=ResultDetail.FLOWS), "result_detail"),
        (JobSpec("a", "Ethernet0", truncate=128), "truncate"),
        (JobSpec("a", "Ethernet0", erspan=ErspanAsked(dev="Ethernet4")), "erspan_dev"),
        (JobSpec("a", "all"), "port"),
    ],
)
def test_a_row_that_asks_for_what_the_asic_cannot_do_is_rejected_by_the_name_of_its_field(
    spec: JobSpec, field: str
) -> None:
    target = desire(replace(HERE, jobs={"a": spec}), None, ASIC, {}, NOW)
    assert target.jobs == {}
    assert target.rejected["a"].message.startswith(f"{field}=")


@pytest.mark.parametrize(
    ("spec", "tunnel", "asked", "reason"),
    [
        pytest.param(JobSpec("a", "Ethernet0"), replace(TUNNEL, remote=""), HERE, Reason.MISSING_FIELD, id="no remote"),
        pytest.param(JobSpec("a", "Ethernet0"), replace(TUNNEL, local=""), HERE, Reason.MISSING_FIELD, id="no local"),
        pytest.param(
            JobSpec("a", "Ethernet0"), replace(TUNNEL, local="192.0.2.10"), HERE, Reason.INVALID_VALUE, id="same ends"
        ),
        pytest.param(JobSpec("a", "Ethernet12"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="no such port"),
        pytest.param(JobSpec("a", "Vlan100"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="a VLAN"),
        pytest.param(JobSpec("a", "eth0"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="the management port"),
        pytest.param(JobSpec("a", "PortChannel2"), TUNNEL, HERE, Reason.NETDEV_ABSENT, id="a LAG without members"),
        pytest.param(JobSpec("a", "Ethernet0"), TUNNEL, replace(HERE, ports=None), Reason.NETDEV_ABSENT, id="no ports"),
        pytest.param(
            JobSpec("a", "Ethernet0", BOTH),
            TUNNEL,
            replace(HERE, mirrors=SwitchMirrors(incapable=frozenset({Direction.EGRESS}))),
            Reason.NOT_SUPPORTED,
            id="an ASIC that mirrors ingress alone",
        ),
    ],
)
def test_what_is_lacking_is_told_and_nothing_is_asked_for(
    spec: JobSpec, tunnel: ErspanAsked, asked: Asked, reason: Reason
) -> None:
    found = asked_of(spec, tunnel, asked)
    assert isinstance(found, Lacks)
    assert found.reason is reason
    target = desire(replace(asked, jobs={"a": spec}), None, replace(ASIC, erspan=tunnel), {}, NOW)
    verdict = target.jobs["a"].verdict
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (Status.PENDING, reason)
    assert target.jobs["a"].session is None


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

    def mirrors(self) -> SwitchMirrors:
        return SwitchMirrors(dict(self.rows), dict(self.states), LAGS)

    def desired(self) -> Desired:
        asked = Asked(jobs=self.jobs, ports=PORTS, mirrors=self.mirrors(), initialized=self.initialized)
        return desire(asked, None, ASIC, {}, self.now)

    def plan(self) -> MirrorPlan:
        return plan_mirrors(self.desired(), self.mirrors(), self.notes, self.limit, self.now)

    def step(self) -> MirrorPlan:
        """One pass of ours: every action against what must hold."""
        found = self.plan()
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
        """One turn of orchagent."""
        for name in list(self.states):
            if name not in self.rows and name not in self.referenced:
                del self.states[name]
        for name in self.rows:
            if name not in self.dropped and name not in self.states:
                self.states[name] = SessionState(self.status, "Ethernet12")

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


def test_a_session_is_told_starting_until_orchagent_tells_of_it_then_running_or_why_not() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, status="inactive")
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)
    switch.orch()
    assert verdict(switch.step()) == (Status.PENDING, Reason.SESSION_INACTIVE)
    switch.states[A] = SessionState(ACTIVE, "Ethernet12")
    switch.now += SECOND
    found = switch.step()
    assert verdict(found) == (Status.RUNNING, Reason.NONE)
    assert found.told["a"].start_ns == switch.now
    assert "192.0.2.10 through Ethernet12" in found.told["a"].verdict.message
    switch.now += SECOND
    assert switch.step() == replace(found, notes=())


def test_a_session_of_which_nothing_is_told_for_ten_seconds_counts_as_dropped_and_is_asked_for_again_later() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, dropped={A})
    assert switch.step().due_ns == NOW + 10 * SECOND
    switch.now += 10 * SECOND
    found = switch.step()
    assert verdict(found) == (Status.PENDING, Reason.SESSION_ABSENT)
    asks = []
    for _ in range(8):
        switch.now = found.due_ns
        found = switch.step()
        if any(isinstance(action, DeleteSession) for action in found.actions):
            found = switch.step()
            asks.append((switch.now - NOW) // SECOND)
            switch.now = found.due_ns
            found = switch.step()
    assert asks == [60, 180, 420, 900, 1860, 3780, 7380, 10980]
    switch.dropped.clear()
    switch.orch()
    assert verdict(switch.step()) == (Status.RUNNING, Reason.NONE)


def test_a_changed_job_waits_until_orchagent_let_go_of_its_session() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, referenced={A})
    switch.settle()
    switch.jobs = {"a": JobSpec("a", "Ethernet4")}
    (deleted,) = switch.step().actions
    assert deleted == DeleteSession(A, {**switch.desired().jobs["a"].session.row(), "src_port": "Ethernet0"})  # type: ignore[union-attr]
    switch.orch()
    found = switch.step()
    assert (found.actions, verdict(found)) == ((), (Status.STARTING, Reason.NOT_ATTACHED))
    switch.referenced.clear()
    switch.orch()
    (added,) = switch.step().actions
    assert isinstance(added, AddSession)
    assert added.session.port == "Ethernet4"


def test_no_more_sessions_than_may_be_and_who_has_one_keeps_it() -> None:
    switch = Switch(jobs={"b": JobSpec("b", "Ethernet0")}, limit=1)
    switch.settle()
    switch.now += SECOND
    switch.jobs["a"] = JobSpec("a", "Ethernet4")
    found = switch.settle()
    assert verdict(found, "b") == (Status.RUNNING, Reason.NONE)
    assert verdict(found, "a") == (Status.PENDING, Reason.MAX_MIRRORS)
    switch.limit = 2
    switch.settle()
    switch.limit = 1
    assert verdict(switch.settle(), "a") == (Status.PENDING, Reason.MAX_MIRRORS)
    switch.limit = 0
    switch.settle()
    assert switch.rows == {}


@pytest.mark.parametrize(
    ("stranger", "port", "conflicts"),
    [
        ({"src_port": "Ethernet4,Ethernet0", "direction": "BOTH"}, "Ethernet0", True),
        ({"src_port": "Ethernet0", "direction": "RX"}, "Ethernet0", True),
        ({"src_port": "Ethernet0"}, "Ethernet0", True),
        ({"src_port": "PortChannel1"}, "Ethernet8", True),
        ({"src_port": "Ethernet8"}, "PortChannel1", True),
        ({"src_port": "Ethernet0", "direction": "TX"}, "Ethernet0", False),
        ({"src_port": "Ethernet4"}, "Ethernet0", False),
        ({"type": "ERSPAN"}, "Ethernet0", False),
    ],
)
def test_a_session_that_would_take_a_port_from_a_stranger_is_not_asked_for(
    stranger: dict[str, str], port: str, conflicts: bool
) -> None:
    switch = Switch({"everflow0": stranger}, jobs={"a": JobSpec("a", port)}, strangers=frozenset({"everflow0"}))
    found = switch.settle()
    assert verdict(found) == ((Status.PENDING, Reason.CONFLICT) if conflicts else (Status.RUNNING, Reason.NONE))
    assert ("everflow0" in found.told["a"].verdict.message) == conflicts
    assert switch.rows["everflow0"] == stranger


def test_two_jobs_for_one_port_and_direction_are_a_conflict_too() -> None:
    found = Switch(jobs={"a": JobSpec("a", "Ethernet0"), "b": JobSpec("b", "Ethernet0", BOTH)}).settle()
    assert {verdict(found, "a")[1], verdict(found, "b")[1]} == {Reason.NONE, Reason.CONFLICT}


def test_while_a_reload_is_under_way_nothing_is_written_or_deleted() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, initialized=False)
    switch.rows[B] = {"src_port": "Ethernet4"}
    switch.notes[B] = SessionNote(B, "b", NOW)
    assert switch.step().actions == ()


def test_a_saved_row_of_a_job_that_is_gone_is_removed_and_one_that_only_looks_like_ours_is_not() -> None:
    other = "telegen_0123456789ab"
    switch = Switch({A: {"src_port": "Ethernet0"}, other: {"src_port": "Ethernet4"}}, strangers=frozenset({other}))
    switch.notes[A] = SessionNote(A, "a", NOW)
    switch.settle()
    assert switch.rows.keys() == {other}


def test_a_row_of_ours_that_the_notes_do_not_know_is_adopted() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")})
    switch.settle()
    switch.notes.clear()
    found = switch.step()
    assert (found.actions, verdict(found)) == ((), (Status.RUNNING, Reason.NONE))
    assert A in switch.notes


def test_a_clock_that_was_set_back_does_not_keep_a_session_starting() -> None:
    switch = Switch(jobs={"a": JobSpec("a", "Ethernet0")}, dropped={A})
    switch.step()
    switch.now -= 3600 * SECOND
    assert switch.step().actions
    assert verdict(switch.step()) == (Status.STARTING, Reason.NOT_ATTACHED)


PORT = st.sampled_from(["Ethernet0", "Ethernet4", "Ethernet8", "PortChannel1", "PortChannel2", "Vlan1"])
WAYS = st.sampled_from([(Direction.INGRESS,), (Direction.EGRESS,), BOTH])
JOBS = st.dictionaries(st.sampled_from("abcde"), st.tuples(PORT, WAYS, st.booleans()), max_size=5)
STRANGE = st.dictionaries(
    st.sampled_from(["everflow0", "telegen_mine", "telegen_0123456789ab", "s"]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ERSPAN", "SPAN"])},
        optional={"src_port": PORT, "direction": st.sampled_from(["RX", "TX", "BOTH", "odd"])},
    ),
    max_size=3,
)
MOVES = st.lists(
    st.one_of(
        JOBS,
        st.integers(0, 3),
        st.sampled_from(["orch", "reload", "later", "forget", "reboot", "swss", "drop", "hold"]),
    ),
    max_size=15,
)


def move(switch: Switch, what: object) -> None:
    """Something that happens to the switch between two passes."""
    if isinstance(what, dict):
        switch.jobs = {job: JobSpec(job, port, ways, enabled) for job, (port, ways, enabled) in what.items()}
    elif isinstance(what, int):
        switch.limit = what
    elif what == "orch":
        switch.orch()
    elif what == "reload":
        switch.initialized = not switch.initialized
    elif what == "later":
        switch.now += 70 * SECOND
    elif what == "forget":  # the state directory is lost; what is not some job's is nobody's then
        names = {session_name(job) for job in switch.jobs}
        switch.notes.clear()
        switch.strangers |= (switch.rows.keys() | switch.states.keys()) - names
    elif what == "swss":
        switch.states.clear()
    elif what == "reboot":
        switch.states.clear()
        switch.initialized = True
    elif what == "drop":
        switch.dropped ^= {A, B}
    elif what == "hold":
        switch.referenced ^= {A, session_name("c")}


@settings(max_examples=400, deadline=None)
@given(strange=STRANGE, moves=MOVES, limit=st.integers(0, 3))
def test_whatever_happens_strangers_are_never_touched_sessions_never_changed_and_never_too_many(
    strange: dict[str, Row], moves: list[object], limit: int
) -> None:
    switch = Switch(dict(strange), limit=limit, strangers=frozenset(strange))
    for what in moves:
        forgotten = switch.strangers - strange.keys()
        if isinstance(what, dict) and {session_name(job) for job in what} & forgotten:
            continue  # a job that comes back takes its session again
        left = {name: switch.rows[name] for name in switch.strangers & switch.rows.keys()}
        move(switch, what)
        count = len((switch.rows.keys() | switch.states.keys()) - switch.strangers)
        if count <= switch.limit:
            switch.step()
        else:
            assert not any(isinstance(action, AddSession) for action in switch.step().actions)
        assert {name: switch.rows[name] for name in left} == left

    switch.initialized, switch.dropped, switch.referenced = True, set(), set()
    found = switch.settle()
    assert found.actions == ()
    served = {job for job in switch.desired().jobs if session_name(job) in switch.rows}
    assert all(verdict(found, job) == (Status.RUNNING, Reason.NONE) for job in served)
    waiting = [job for job, item in switch.desired().jobs.items() if item.session and job not in served]
    assert all(verdict(found, job)[1] in (Reason.CONFLICT, Reason.MAX_MIRRORS) for job in waiting)
    assert {name for name in switch.rows if name not in switch.strangers} == {session_name(job) for job in served}
