"""docs/rest.md says what the code does: routes, errors and limits. Its commands are run by tests/system."""

from __future__ import annotations

import re
from pathlib import Path

from sonic_telegen.capture import captures, folder
from sonic_telegen.front import LATELY_SEC
from sonic_telegen.rest import connections, facade, guard, listener, streams
from sonic_telegen.rest.problem import ERRORS
from sonic_telegen.rest.routes import ROUTES

TEXT = (Path(__file__).parents[2] / "docs" / "rest.md").read_text()


def rows(title: str) -> list[list[str]]:
    part = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_route_is_told_with_its_status_and_errors() -> None:
    told = {
        call.strip("`"): (answers[:3], [code for code in errors.split(", ") if code])
        for call, answers, errors in rows("Routes")
    }
    known = {f"{r.method} {r.path}": (str(r.status), list(r.errors)) for r in ROUTES if r.documented}
    assert told == known


def test_every_error_is_told() -> None:
    assert {code: (int(status), text) for code, status, text in rows("Errors")} == ERRORS


def test_limits_are_those_of_the_code() -> None:
    flat = " ".join(TEXT.split())
    for words in (
        f"{connections.MOST} connections",
        f"bodies of {guard.MAX_BODY // 1024} KiB, read within {guard.BODY_SEC:.0f} s",
        f"closed after {facade.IDLE_SEC:.0f} s",
        f"at most {listener.RETRY_SEC[1]:.0f} s apart",
        f"every {streams.HEARTBEAT_SEC:.0f} s",
        f"nothing for {streams.STALLED_SEC:.0f} s",
        f"within {LATELY_SEC:.0f} s",
        f"its file has {captures.LIMITS.most >> 20} MiB, all files together {folder.TOTAL_BYTES >> 20} MiB, "
        f"or the disk less than {captures.LIMITS.floor >> 20} MiB free",
    ):
        assert words in flat, words


def test_every_command_has_an_answer() -> None:
    assert len(re.findall(r"```sh\n(?:.+\n)+?```\n\n```(?:json|text)\n", TEXT)) == TEXT.count("```sh")
