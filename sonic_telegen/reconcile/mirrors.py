"""CHANGE and TOLD: mirror sessions wanted beside those that the tables have. Pure.

Sessions are immutable: one that is not as it should be is deleted, and added when orchagent let go of it. Only sessions
of ours are named by an action, and with those that orchagent still holds there are never more than ``limit``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sonic_telegen.model.mirror import (
    ACTIVE,
    AddSession,
    DeleteSession,
    MirrorSession,
    SessionAction,
    SessionNote,
    Source,
    SwitchMirrors,
    session_name,
)
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.desired import Desired, Verdict

SECOND = 1_000_000_000
PATIENCE_NS = 10 * SECOND  # after which a session that orchagent did not tell of counts as dropped
DOWN_TRIES = 3  # asked so often, over some minutes, while orchagent tells of no session: it will not come
FIRST_AGAIN_NS, LAST_AGAIN_NS = 60 * SECOND, 3600 * SECOND  # when such a one is asked for again


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What is told of a job, and when its session was first seen active (Unix ns)."""

    verdict: Verdict
    start_ns: int = 0


@dataclass(frozen=True, slots=True)
class MirrorPlan:
    """``notes`` are to be remembered before the ``actions`` are done; ``due_ns`` is when to look again (0: never)."""

    actions: tuple[SessionAction, ...]
    notes: tuple[SessionNote, ...]
    told: Mapping[str, Mirrored]
    due_ns: int = 0


def plan_mirrors(
    desired: Desired, switch: SwitchMirrors, notes: Mapping[str, SessionNote], limit: int, now_ns: int
) -> MirrorPlan:
    """What to do and to tell; while a ``config reload`` is under way nothing is done.

    Args:
        desired: the jobs; who has a session keeps it, who had one goes next, then the others in this order, at last
            those whose session orchagent dropped.
        switch: the tables as read.
        notes: the sessions that we wrote, by name.
        limit: how many sessions the ASIC may have of ours.
        now_ns: Unix ns.
    """
    return _Planner(desired, switch, notes, limit, now_ns).plan()


class _Planner:
    def __init__(
        self, desired: Desired, switch: SwitchMirrors, notes: Mapping[str, SessionNote], limit: int, now_ns: int
    ) -> None:
        self.desired, self.switch, self.notes, self.limit, self.now = desired, switch, dict(notes), limit, now_ns
        self.wanted = {job: item.session for job, item in desired.jobs.items() if item.session is not None}
        owners = {session_name(job): job for job in desired.remembered}
        ours = {*notes, *owners}
        self.rows = {name: row for name, row in switch.rows.items() if name in ours}
        self.held = (ours & switch.states.keys()) | self.rows.keys()
        self.actions: list[SessionAction] = []
        lost = sorted(self.rows.keys() - notes.keys())  # the notes were lost
        self.noted = [self._adopted(name, owners[name]) for name in lost]
        self.notes |= {note.name: note for note in self.noted}
        self.takers: dict[Source, set[str]] = {}  # the sessions that have a source, or will
        self.unknown: set[str] = set()  # sessions that orchagent holds, of which nobody knows what
        self.leaving = switch.states.keys() - switch.rows.keys()
        for name in switch.rows.keys() | switch.states.keys():
            self._take(name)
        self.told: dict[str, Mirrored] = {}
        self.due: list[int] = []
        self.cut: set[str] = set()  # jobs whose sessions are more than may be
        self.short = 0  # places that jobs lack whose sessions orchagent is not known to drop

    def plan(self) -> MirrorPlan:
        rightly = sorted(self._kept(), key=lambda item: (self._rank(item[1]), item[0]))
        kept, self.cut = dict(rightly[: self.limit]), {job for job, _ in rightly[self.limit :]}
        lacking = sum(self._lacks_a_place(session) for session in self.wanted.values())
        self.short = min(lacking, lacking + len(self.held) - self.limit)
        names = {session.name for session in kept.values()}
        for job, session in kept.items():
            if self._look(job, session):
                names.discard(session.name)
        if self.desired.teardown:
            self.actions += [DeleteSession(name, row) for name, row in self.rows.items() if name not in names]
            self.leaving |= self.rows.keys() - names
        for job, session in sorted(self.wanted.items(), key=lambda item: self._rank(item[1])):
            if job not in self.told:
                self._add(job, session)
        return MirrorPlan(tuple(self.actions), tuple(self.noted), self.told, min(self.due, default=0))

    def _kept(self) -> Iterator[tuple[str, MirrorSession]]:
        """Those whose row is, and was given, as it should be; two may have one name, which has 48 bits of a hash."""
        seen: set[str] = set()
        for job, session in self.wanted.items():
            name, row = session.name, session.row()
            if self.rows.get(name) == row and self.notes[name].row in ({}, row) and name not in seen:
                seen.add(session.name)
                yield job, session

    def _adopted(self, name: str, job: str) -> SessionNote:
        """A note of a row that is ours by its name alone: orchagent is taken to have been given it as it is."""
        return SessionNote(name, job, self.now, int(name not in self.switch.states), row=dict(self.rows[name]))

    def _take(self, name: str) -> None:
        """What the row asks for, and what orchagent holds: somebody may have changed the row since it was given."""
        note, row = self.notes.get(name), self.switch.rows.get(name)
        given = (note.row if note else {}) or self.switch.gone.get(name, {}) if name in self.switch.states else {}
        if row is None and not given:
            self.unknown.add(name)
        for source in self.switch.sources(row or {}) | self.switch.sources(given):
            self.takers.setdefault(source, set()).add(name)

    def _others(self, session: MirrorSession) -> list[str]:
        """The sessions that share a port and direction with this one."""
        sources = self.switch.sources(session.row())
        return sorted(set().union(*(self.takers.get(source, ()) for source in sources)) - {session.name})

    def _rank(self, session: MirrorSession) -> tuple[int, int]:
        """For sorting: whose session orchagent told of, then who never asked for this one, then who did in vain."""
        note = self.notes.get(session.name)
        if note is None or (note.tries and note.row not in ({}, session.row())):
            return 1, 0
        return (2 if self._in_vain(note) else 0), note.written_ns

    def _in_vain(self, note: SessionNote) -> bool:
        """Whether orchagent dropped what it was asked for. One that tells of no session at all may be starting."""
        return note.tries > (0 if self.switch.states else DOWN_TRIES)

    def _lacks_a_place(self, session: MirrorSession) -> bool:
        """Whether a session that orchagent may well take could be asked for, were there a place."""
        able = session.name not in self.held and not self._others(session) and not self.unknown
        return able and self._rank(session)[0] < 2

    def _look(self, job: str, session: MirrorSession) -> bool:
        """Tell of a session whose row is there; whether it is to be asked for again."""
        name = session.name
        before, state = self.notes[name], self.switch.states.get(name)
        others = self._others(session) or (sorted(self.unknown) if before.shared else [])
        note = replace(before, row=session.row(), shared=before.shared or bool(others))
        if state is None and note.tries == 0 and self.desired.teardown:
            note = replace(note, lost_ns=note.lost_ns or self.now)
        since = note.lost_ns or note.written_ns
        if state is not None and note.shared and not others:
            text = f"session {name} is asked for again: another, which is gone, had taken {session.port} from it"
            self.told[job] = Mirrored(Verdict(Status.STARTING, Reason.NOT_ATTACHED, text))
            return True
        if state is not None:
            active = state.status == ACTIVE
            note = replace(note, tries=0, lost_ns=0, active_ns=note.active_ns or (self.now if active else 0))
            if not active:
                verdict = _inactive(session, state.status)
            else:
                verdict = _shared(session, others[0]) if others else _active(session, state.monitor_port)
        elif not self.desired.teardown:
            verdict = Verdict(Status.PENDING, Reason.NOT_ATTACHED, "waits until CONFIG_DB is loaded")
        elif 0 <= self.now - since < PATIENCE_NS:
            self.due.append(since + PATIENCE_NS)
            how = "any more; does it restart?" if note.lost_ns else "yet"
            text = f"session {name} is asked for; orchagent does not tell of it {how}"
            verdict = Verdict(Status.STARTING, Reason.NOT_ATTACHED, text)
        else:
            next_ns = note.written_ns + min(FIRST_AGAIN_NS << min(max(note.tries - 1, 0), 10), LAST_AGAIN_NS)
            verdict = _dropped(session)
            if (self.short > 0 and self._in_vain(note)) or not note.written_ns <= self.now < next_ns:
                self.short -= 1
                self.told[job] = Mirrored(verdict)
                return True
            self.due.append(next_ns)
        if note != before:
            self.noted.append(note)
        self.told[job] = Mirrored(verdict, note.active_ns)
        return False

    def _add(self, job: str, session: MirrorSession) -> None:
        """Ask for a session that has no row as it should be, if there is a place for it."""
        name = session.name
        others = self._others(session)
        stay = [other for other in others if other not in self.leaving]
        if not self.desired.teardown:
            verdict = Verdict(Status.PENDING, Reason.NOT_ATTACHED, "waits until CONFIG_DB is loaded")
        elif name in self.held and job not in self.cut:
            text = f"session {name} is to change: orchagent has not let go of the one before yet"
            verdict = Verdict(Status.STARTING, Reason.NOT_ATTACHED, text)
        elif stay and job not in self.cut:
            text = f"session {stay[0]} mirrors {session.port} already; remove it, or mirror another port or direction"
            verdict = Verdict(Status.PENDING, Reason.CONFLICT, text)
        elif (waits := others or sorted(self.unknown)) and job not in self.cut:
            text = f"orchagent has not let go of session {waits[0]} yet; an ACL rule that refers to it would hold it"
            verdict = Verdict(Status.STARTING, Reason.NOT_ATTACHED, text)
        elif len(self.held) >= self.limit:
            text = f"max_asic_mirrors={self.limit} sessions of ours are there; end a job or raise max_asic_mirrors"
            verdict = Verdict(Status.PENDING, Reason.MAX_MIRRORS, text)
        else:
            self.held.add(name)
            for source in self.switch.sources(session.row()):
                self.takers.setdefault(source, set()).add(name)
            before = self.notes.get(name)
            tries = before.tries + 1 if before is not None and before.row in ({}, session.row()) else 1
            self.noted.append(SessionNote(name, job, self.now, tries, row=session.row()))
            self.actions.append(AddSession(job, session))
            self.due.append(self.now + PATIENCE_NS)
            text = f"session {name} is asked for; orchagent does not tell of it yet"
            verdict = Verdict(Status.STARTING, Reason.NOT_ATTACHED, text)
        self.told[job] = Mirrored(verdict)


def _active(session: MirrorSession, monitor_port: str) -> Verdict:
    through = f" through {monitor_port}" if monitor_port else ""
    text = f"session {session.name} is active: the ASIC sends what it mirrors to {session.dst_ip}{through}"
    return Verdict(Status.RUNNING, Reason.NONE, f"{text}; none of it passes the agent, whose counters stay 0")


def _shared(session: MirrorSession, other: str) -> Verdict:
    text = (
        f"session {other}, too, mirrors {session.port} or a part of it, and the newest has it; "
        "remove that one, or mirror another port or direction"
    )
    return Verdict(Status.DEGRADED, Reason.CONFLICT, text)


def _inactive(session: MirrorSession, status: str) -> Verdict:
    text = (
        f"session {session.name} is {status or 'without a status'}: no route to {session.dst_ip} through a front-panel "
        f"port, or no neighbour there; add the route, ping {session.dst_ip}, else see syslog (MirrorOrch)"
    )
    return Verdict(Status.PENDING, Reason.SESSION_INACTIVE, text)


def _dropped(session: MirrorSession) -> Verdict:
    text = f"orchagent does not tell of session {session.name}: it does not run, or dropped it; see syslog (MirrorOrch)"
    return Verdict(Status.PENDING, Reason.SESSION_ABSENT, text)


def failed(plan: MirrorPlan, problems: Mapping[str, str]) -> MirrorPlan:
    """The plan when Redis refused the rows of these jobs, each for its reason."""
    refused = {job: Mirrored(Verdict(Status.FAILED, Reason.CONFLICT, text)) for job, text in problems.items()}
    return replace(plan, told={**plan.told, **refused})
