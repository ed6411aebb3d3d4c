"""Why is it zero? What the rows of the agent and of the operator say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sonic_telegen.cli import times
from sonic_telegen.cli.doctor_path import collector, netdev
from sonic_telegen.cli.findings import Facts, Finding, Mark
from sonic_telegen.model.job import COUNTING_MODES, Direction, MirrorMode
from sonic_telegen.model.status import Reason, Status, Visibility

COMPILED = "bcc"  # on the box, since the object did not load
_ATTACHED = (Status.RUNNING, Status.DEGRADED)
_OVER = (Status.STOPPED, Status.DONE, Status.REJECTED)
_MARKS = {Status.RUNNING: Mark.OK, Status.DEGRADED: Mark.WARN, Status.STARTING: Mark.WARN}  # all others: fail


def judge(facts: Facts) -> list[Finding]:
    """Every check, from the agent to the collector."""
    checks = (_agent, _port, _jobs, _vantage, _mirror, netdev, _filters, _packets, collector)
    return [found for check in checks for found in check(facts)]


def _agent(facts: Facts) -> Iterator[Finding]:
    row, told = facts.agent, times.ago(facts.agent["updated_at"], facts.at)
    if row["updated_at"] is None:
        yield Finding("agent", Mark.FAIL, "it has told nothing yet", "start sonic-telegen")
    elif not facts.alive:
        yield Finding("agent", Mark.FAIL, f"it does not run: it last told {told}", "start sonic-telegen")
    else:
        yield Finding("agent", Mark.OK, f"it runs (pid {row['pid']}), and last told {told}")
    if row["loader"]:
        yield _loader(row)
    if row["config_error"]:
        yield Finding("settings", Mark.FAIL, row["config_error"], f"see: {facts.spell('show', 'global')}")


def _loader(row: Mapping[str, Any]) -> Finding:
    reason = f": {row['loader_reason']}" if row["loader_reason"] else ""
    text = f"the programs were loaded as {row['loader']}{reason}"
    if row["loader"] == COMPILED:
        return Finding("loader", Mark.WARN, text, "install the package again, or unset TELEGEN_BPF_OBJ")
    return Finding("loader", Mark.OK, text)


def _port(facts: Facts) -> Iterator[Finding]:
    if facts.unknown_port:
        yield Finding("port", Mark.FAIL, f"{facts.port}: {facts.unknown_port}")


def _jobs(facts: Facts) -> Iterator[Finding]:
    if not facts.jobs:
        add = facts.spell("config", f"job add <job_id> --port {facts.port}")
        yield Finding("job", Mark.FAIL, f"no job covers {facts.port}", f"add one: {add}")
    runs = any(job["status"] in _ATTACHED for job in facts.jobs)
    for job in facts.jobs:
        mark = _MARKS.get(Status(job["status"]), Mark.WARN if runs else Mark.FAIL)
        why = f" ({job['reason']})" if job["reason"] else ""
        said = f": {job['message']}" if job["message"] else ""
        yield Finding("job", mark, f"{job['job_id']} is {job['status']}{why}{said}", _job_remedy(facts, job))


def _job_remedy(facts: Facts, job: Mapping[str, Any]) -> str:
    if job["reason"] == Reason.DISABLED:
        own = job.get("admin_state") == "disabled"
        words = f"job enable {job['job_id']}" if own else "global admin-state enabled"
        return facts.spell("config", words)
    if job["status"] == Status.DONE:
        return facts.spell("config", f"job update {job['job_id']} --duration-sec <seconds>")
    return "" if job["status"] == Status.RUNNING else f"see: {facts.spell('show', 'job ' + job['job_id'])}"


def _vantage(facts: Facts) -> Iterator[Finding]:
    """What the programs of the jobs that are attached can see at all."""
    attached = [job for job in facts.jobs if job["status"] in _ATTACHED]
    sights = {job["visibility"] for job in attached}
    if Visibility.MIRRORED in sights:
        yield Finding("vantage", Mark.OK, "frames within the ERSPAN that the port receives are counted")
    elif Visibility.CPU_PATH in sights:
        yield _cpu_path(facts)
    elif attached and all(job["mirror_mode"] == MirrorMode.ASIC for job in attached):
        text = "the ASIC sends what it mirrors of the port elsewhere; the agent counts none of it"
        yield Finding("vantage", Mark.WARN, text, "look where it arrives: the job's message says where")
    elif attached:
        direct = facts.spell("config", f"job update {attached[0]['job_id']} --mirror-mode {MirrorMode.DIRECT.value}")
        mode = attached[0]["mirror_mode"]
        yield Finding("vantage", Mark.FAIL, f"mirror_mode {mode} sees no packet of the port", direct)


def _cpu_path(facts: Facts) -> Finding:
    if not facts.asic:
        text = "the port's own netdev: all that passes it is counted; the switch itself counts no packets here"
        return Finding("vantage", Mark.OK, text)
    counts = " and ".join(f"{count:,} ({direction})" for direction, count in sorted(facts.asic.items(), reverse=True))
    text = f"only frames punted to the CPU or sent by it pass this netdev; the ASIC has counted {counts}"
    return Finding("vantage", Mark.WARN, text, "transit traffic: show interfaces counters")


def _mirror(facts: Facts) -> Iterator[Finding]:
    """orchagent's mirror sessions, where a job needs one."""
    asking = [job for job in facts.jobs if job["mirror_mode"] == MirrorMode.ASIC and job["status"] not in _OVER]
    if not asking:
        return
    if not facts.sessions:
        remedy = f"see: {facts.spell('show', 'job ' + asking[0]['job_id'])}"
        yield Finding("mirror", Mark.FAIL, f"no mirror session has {facts.port} as its source", remedy)
    for name, status in sorted(facts.sessions.items()):
        if status == "active":
            yield Finding("mirror", Mark.OK, f"session {name} is active")
        elif status:
            remedy = "see that a route to its dst_ip through a front-panel port and the neighbour there exist"
            yield Finding("mirror", Mark.FAIL, f"session {name} is {status}", remedy)
        else:
            remedy = "the reason is in syslog (MirrorOrch)"
            yield Finding("mirror", Mark.FAIL, f"orchagent has not taken session {name}", remedy)


def _filters(facts: Facts) -> Iterator[Finding]:
    wanted = [job for job in facts.jobs if job["status"] not in _OVER]
    here = [job for job in wanted if job["mirror_mode"] in COUNTING_MODES and not job.get("erspan_dev")]
    words = {job.get("direction") for job in here}
    seen = {hook["direction"]: hook for hook in facts.hooks}
    for way in Direction:
        if way.value not in words and "both" not in words:
            continue
        if way.value in seen and facts.alive:
            yield Finding("filter", Mark.OK, f"the program is seen in the kernel on {way.value}")
        elif way.value in seen:
            yield Finding("filter", Mark.WARN, f"the program was seen on {way.value} when the agent last told")
        else:
            yield Finding("filter", Mark.FAIL, f"no program is on {way.value}", f"see: {facts.spell('show', 'jobs')}")


def _packets(facts: Facts) -> Iterator[Finding]:
    read = times.ago(facts.agent["updated_at"], facts.at)
    for hook in facts.hooks:
        where = hook["direction"]
        if hook["packets"]:
            changed = times.ago(hook["updated_at"], facts.at)
            text = f"{hook['packets']:,} counted on {where}, more of them last {changed}; counters read {read}"
            yield Finding("packets", Mark.OK, text)
        else:
            yield Finding("packets", Mark.WARN, f"none was counted on {where} so far; counters read {read}")
