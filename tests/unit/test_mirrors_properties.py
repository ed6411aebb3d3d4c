"""Whatever happens: strangers' sessions are never touched, ours never changed in place, and never too many."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonic_telegen.model.job import BOTH, Direction, JobSpec
from sonic_telegen.model.mirror import (
    AddSession,
    Row,
    SwitchMirrors,
    session_name,
)
from sonic_telegen.model.status import Reason, Status
from tests.support.mirrors import SECOND, A, B, Switch, verdict

PORT = st.sampled_from(["Ethernet0", "Ethernet0", "Ethernet4", "Ethernet8", "PortChannel1", "PortChannel2", "Vlan1"])
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
        st.sampled_from(["orch", "reload", "later", "forget", "reboot", "swss", "drop", "hold", "late"]),
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
        switch.restart_swss()
    elif what == "reboot":
        switch.restart_swss()
        switch.read = SwitchMirrors()
        switch.initialized = True
    elif what == "drop":
        switch.dropped ^= {A, B}
    elif what == "hold":
        switch.referenced ^= {A, "late"}
    elif what == "late":  # a stranger that comes and goes
        if switch.rows.pop(what, None) is None:
            switch.rows[what] = {"src_port": "Ethernet0", "direction": "BOTH"}
        switch.orch()


@settings(max_examples=400, deadline=None)
@given(strange=STRANGE, moves=MOVES, limit=st.integers(0, 3))
@example(strange={}, moves=[{"a": ("Ethernet0", BOTH, True)}, "orch", "late", "late"], limit=2)
def test_whatever_happens_strangers_are_never_touched_sessions_never_changed_and_never_too_many(
    strange: dict[str, Row], moves: list[object], limit: int
) -> None:
    switch = Switch(dict(strange), limit=limit, strangers=frozenset({*strange, "late"}))
    for what in moves:
        forgotten = switch.strangers - strange.keys() - {"late"}
        if isinstance(what, dict) and {session_name(job) for job in what} & forgotten:
            continue  # a job that comes back takes its session again
        move(switch, what)
        left = {name: switch.rows[name] for name in switch.strangers & switch.rows.keys()}
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
    assert all(verdict(found, job)[1] in (Reason.NONE, Reason.CONFLICT) for job in served)
    assert all(switch.has_all_its_ports(job) for job in served if verdict(found, job) == (Status.RUNNING, Reason.NONE))
    if not switch.strangers & switch.rows.keys():
        assert all(verdict(found, job)[1] is Reason.NONE for job in served)
    waiting = [job for job, item in switch.desired().jobs.items() if item.session and job not in served]
    assert all(verdict(found, job)[1] in (Reason.CONFLICT, Reason.MAX_MIRRORS) for job in waiting)
    assert {name for name in switch.rows if name not in switch.strangers} == {session_name(job) for job in served}
