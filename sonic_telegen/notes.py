"""The records of ``journal.py`` and the text that its files have of them. Pure: what is no record raises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from sonic_telegen.model.mirror import SessionNote

T = TypeVar("T", "QdiscNote", "JobNote", SessionNote)

_VERSION = 1
_LATER = {"row", "shared", "lost_ns"}  # fields that a file of an earlier version lacks


@dataclass(frozen=True, slots=True)
class QdiscNote:
    """A qdisc that we created. ``netns`` is the namespace's inode: names and indexes repeat between namespaces."""

    boot: str
    netns: int
    ifindex: int
    netdev: str
    kind: str


@dataclass(frozen=True, slots=True)
class JobNote:
    """When a job of this digest began and ended (Unix ns, 0: not yet) and why."""

    job: str
    digest: str
    start_ns: int
    end_ns: int = 0
    why: str = ""


def content(name: str, notes: Iterable[JobNote] | Iterable[SessionNote]) -> str:
    """A file that is written as a whole."""
    return json.dumps({"version": _VERSION, name: [asdict(note) for note in notes]})


def line_of(note: QdiscNote, made: bool) -> str:
    """A line of a file that grows."""
    return json.dumps({"made": made, **asdict(note)}) + "\n"


def parse_jobs(text: str) -> list[JobNote]:
    """What ``content`` wrote."""
    return [_checked(item, JobNote) for item in _versioned(text)["jobs"]]


def parse_sessions(text: str) -> list[SessionNote]:
    """What ``content`` wrote, in this version or an earlier one."""
    return [_checked(item, SessionNote) for item in _versioned(text)["sessions"]]


def _versioned(text: str) -> Any:
    content = json.loads(text)
    if content["version"] != _VERSION:
        raise ValueError(f"version {content['version']!r} instead of {_VERSION}")
    return content


def parse_qdiscs(text: str) -> list[QdiscNote]:
    """What the lines leave. A last line that was cut short (the disk was full) is none."""
    found: dict[QdiscNote, None] = {}
    for line in text.split("\n")[:-1]:
        item = json.loads(line)
        note = _checked(item, QdiscNote)
        if item["made"]:
            found[note] = None
        else:
            found.pop(note, None)
    return list(found)


def _checked(item: Mapping[str, Any], kind: type[T]) -> T:
    """The record, each field of its type; KeyError or TypeError when not."""
    values = {}
    for field in fields(kind):
        if field.name in _LATER and field.name not in item:
            continue
        values[field.name] = value = item[field.name]
        if type(value).__name__ != str(field.type).partition("[")[0]:
            raise TypeError(f"{field.name} is {value!r}")
        if isinstance(value, dict) and not all(isinstance(text, str) for text in value.values()):
            raise TypeError(f"{field.name} is {value!r}")
    return kind(**values)
