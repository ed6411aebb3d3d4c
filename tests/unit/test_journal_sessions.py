"""The journal's notes of mirror sessions: over restarts and reboots, over files that fail, and not without end."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sonic_telegen.journal import Journal
from sonic_telegen.model.mirror import SessionNote

NOTE = SessionNote("telegen_0123456789ab", "a", 100, row={"src_port": "Ethernet0", "direction": "RX"})


def test_a_session_is_known_after_a_restart_and_after_a_reboot(tmp_path: Path) -> None:
    journal = Journal(tmp_path, boot="one")
    journal.note_session(NOTE)
    journal.note_session(replace(NOTE, tries=0, active_ns=200))
    assert Journal(tmp_path, boot="two").sessions() == {NOTE.name: replace(NOTE, tries=0, active_ns=200)}


def test_a_session_stays_known_when_its_job_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.note_session(NOTE)
    journal.forget_except(frozenset())
    assert Journal(tmp_path).sessions() == {NOTE.name: NOTE}


def test_the_oldest_notes_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic_telegen.journal.MAX_SESSIONS", 5)
    journal = Journal(tmp_path)
    for number in range(5):
        journal.note_session(replace(NOTE, name=f"telegen_{number:012x}"))
    journal.note_session(replace(NOTE, name="telegen_000000000000", tries=2))
    journal.note_session(NOTE)
    found = Journal(tmp_path).sessions()
    assert len(found) == 5
    assert "telegen_000000000000" in found
    assert "telegen_000000000001" not in found


def test_a_file_that_is_none_is_set_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / "sessions.json").write_text('{"version": 1, "sessions": [{"name": 5}]}')
    journal = Journal(tmp_path)
    assert journal.sessions() == {}
    assert "sessions.json.corrupt" in journal.take_notices()[0]
    journal.note_session(NOTE)
    assert Journal(tmp_path).sessions() == {NOTE.name: NOTE}


def test_a_file_of_an_earlier_version_is_read_without_what_came_later(tmp_path: Path) -> None:
    item = {"name": NOTE.name, "job": "a", "written_ns": 100, "tries": 0, "active_ns": 7}
    (tmp_path / "sessions.json").write_text(json.dumps({"version": 1, "sessions": [item]}))
    journal = Journal(tmp_path)
    assert journal.sessions() == {NOTE.name: SessionNote(NOTE.name, "a", 100, 0, 7)}
    assert journal.take_notices() == ()


@pytest.mark.parametrize("row", [None, "Ethernet0", {"src_port": 5}])
def test_a_note_with_a_row_that_is_none_is_not_read(tmp_path: Path, row: object) -> None:
    content = {"version": 1, "sessions": [{**asdict(NOTE), "row": row}]}
    (tmp_path / "sessions.json").write_text(json.dumps(content))
    assert Journal(tmp_path).sessions() == {}


def test_a_disk_that_cannot_be_written_leaves_the_note_in_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    journal = Journal(blocked / "state")
    journal.note_session(NOTE)
    assert journal.sessions() == {NOTE.name: NOTE}
    assert "cannot write" in journal.take_notices()[0]
