"""What ``show telegen`` prints of the agent, its jobs and its settings: text in columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sonic_telegen.cli import times

ABSENT = "N/A"
ENDED_WELL = ("running", "done")  # statuses that need no explanation below the table
JOB_COLUMNS = ("job_id", "port", "direction", "status", "reason", "visibility", "packets", "bytes", "owner")


def clean(text: object) -> str:
    """The text on one line, without anything that a terminal obeys."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))


def shown(value: object) -> str:
    """A value in a cell: numbers grouped, truths in words, N/A for nothing."""
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,}" if isinstance(value, int) else clean(value)


def grid(headers: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """A table as SONiC's commands print it; one of ``numbers`` is aligned to the right."""
    from tabulate import tabulate

    align = "right" if numbers else "left"
    text = tabulate(list(rows), list(headers), tablefmt="simple", stralign=align, disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Names and what they hold, a line each."""
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name:{width}}  {value}" for name, value in listed)


def agent(row: Mapping[str, Any], alive: bool, at: float) -> str:
    """The agent's summary; ``row`` as ``view.agent`` gives it."""
    told = times.ago(row["updated_at"], at)
    since = times.seconds(row["started_at"])
    up = f", up {times.span(at - since)}" if since else ""
    state = f"running, pid {row['pid']}{up}" if alive else f"not running: last told {told} (pid {row['pid']})"
    failures = f", {row['otlp_failures']:,} failed" if row["otlp_failures"] else ""
    lines = [
        ("Agent", state),
        ("Version", f"{clean(row['version'])} (commit {clean(row['commit'])})"),
        ("Kernel", f"{clean(row['kernel'])}, BTF {'yes' if row['btf'] else 'no'}"),
        ("Programs", f"loader {shown(row['loader'])}, attached by {shown(row['attach'])}"),
        ("Loader", clean(row["loader_reason"])),
        ("Jobs", f"{row['jobs_running']:,} of {row['jobs']:,} running"),
        ("Export", f"{shown(row['otlp_endpoint'])}, last success {times.ago(row['otlp_last_success'], at)}{failures}"),
        ("Export error", clean(row["otlp_last_error"])),
        ("REST", clean(row["listen"])),
        ("REST error", clean(row["listen_error"])),
        ("Config error", clean(row["config_error"])),
        ("Notice", clean(row["notice"])),
        ("Told", f"{shown(row['updated_at'])}, {told}"),
    ]
    return pairs((name, text) for name, text in lines if text)


def jobs(rows: Iterable[Mapping[str, Any]], aliases: Mapping[str, str], columns: Sequence[str] = JOB_COLUMNS) -> str:
    """All jobs, and below the table what those say that do not just run."""
    listed = [_aliased(row, aliases) for row in rows]
    table = grid([name.upper() for name in columns], ([shown(row.get(name)) for name in columns] for row in listed))
    said = [
        f"{shown(row['job_id'])}: {clean(row['message'])}"
        for row in listed
        if row["message"] and row["status"] not in ENDED_WELL
    ]
    return "\n".join([table, "", *said] if said else [table])


def job(row: Mapping[str, Any], aliases: Mapping[str, str]) -> str:
    """One job, field by field."""
    return pairs((name, shown(value)) for name, value in _aliased(row, aliases).items())


def settings(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Settings in force and where each comes from."""
    return grid(
        ("FIELD", "VALUE", "ORIGIN"),
        ((name, clean(row["value"]) or ABSENT, shown(row["origin"])) for name, row in rows.items()),
    )


def _aliased(row: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    names = ("port", "interface")
    return {name: aliases.get(value, value) if name in names else value for name, value in row.items()}
