"""The journal: what it remembers over restarts, over reboots, and over files and disks that fail."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from sonic_telegen.journal import MAX_ENTRIES, Journal

PLACE = (7, "Ethernet0", "clsact")
OTHER = (8, "Ethernet4", "ingress")


def test_job_is_known_by_id_and_digest(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.job_started("a", "d1") is None
    assert not journal.ended("a", "d1")
    journal.note_start("a", "d1", 100)
    again = Journal(tmp_path)
    assert again.job_started("a", "d1") == 100
    assert again.job_started("a", "d2") is None
    assert again.job_started("b", "d1") is None
    assert not again.ended("a", "d1")
    again.note_end("a", "d1", 900, "expired")
    last = Journal(tmp_path)
    assert last.ended("a", "d1")
    assert not last.ended("a", "d2")
    assert last.job_started("a", "d1") == 100
    last.note_start("a", "d2", 1000)  # a changed row is a new job
    assert not last.ended("a", "d1")
    assert Journal(tmp_path).job_started("a", "d2") == 1000
    assert journal.take_notices() == again.take_notices() == last.take_notices() == ()


def test_jobs_outlive_a_reboot_and_qdiscs_do_not(tmp_path: Path) -> None:
    before = Journal(tmp_path, boot="one")
    before.note_start("a", "d", 100)
    before.note_end("a", "d", 200, "expired")
    before.note_qdisc(4026531840, *PLACE)
    assert Journal(tmp_path, boot="one").created_qdiscs(4026531840) == {PLACE}
    after = Journal(tmp_path, boot="two")
    assert after.ended("a", "d")
    assert after.created_qdiscs(4026531840) == frozenset()
    assert Journal(tmp_path).boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_forget_drops_what_is_not_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for job in "abc":
        journal.note_start(job, "d", 1)
    journal.forget_except(frozenset("b"))
    assert [Journal(tmp_path).job_started(job, "d") for job in "abc"] == [None, 1, None]


def test_nothing_to_change_writes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.forget_except(frozenset())
    journal.keep_qdiscs(1, frozenset())
    journal.forget_qdisc(1, *PLACE)
    assert list(tmp_path.iterdir()) == []
    journal.note_qdisc(1, *PLACE)
    size = (tmp_path / "qdiscs.jsonl").stat().st_size
    journal.note_qdisc(1, *PLACE)
    journal.keep_qdiscs(1, {PLACE})
    assert (tmp_path / "qdiscs.jsonl").stat().st_size == size


def test_qdiscs_belong_to_a_namespace_and_leave_when_not_seen(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for namespace in (1, 2):
        journal.note_qdisc(namespace, *PLACE)
        journal.note_qdisc(namespace, *OTHER)
    journal.keep_qdiscs(1, {OTHER})
    journal.forget_qdisc(2, *OTHER)
    again = Journal(tmp_path)
    assert again.created_qdiscs(1) == {OTHER}
    assert again.created_qdiscs(2) == {PLACE}
    assert again.created_qdiscs(3) == frozenset()
    assert (9, *PLACE[1:]) not in again.created_qdiscs(2)  # the same name under a new index is another netdev


def test_files_stay_small(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for _ in range(2000):
        journal.note_qdisc(1, *PLACE)
        journal.forget_qdisc(1, *PLACE)
    assert len((tmp_path / "qdiscs.jsonl").read_text().splitlines()) < 600
    journal.note_qdisc(1, *OTHER)
    assert Journal(tmp_path).created_qdiscs(1) == {OTHER}
    assert len((tmp_path / "qdiscs.jsonl").read_text().splitlines()) == 1


def test_number_of_entries_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_ENTRIES >= 2048
    monkeypatch.setattr("sonic_telegen.journal.MAX_ENTRIES", 10)
    journal = Journal(tmp_path)
    for number in range(25):
        journal.note_start(f"job{number}", "d", number)
        journal.note_qdisc(1, number, "Ethernet0", "clsact")
    journal.note_end("job15", "d", 99, "expired")  # now the youngest
    journal.note_start("job99", "d", 99)
    again = Journal(tmp_path)
    kept = [n for n in range(100) if again.job_started(f"job{n}", "d") is not None]
    assert kept == [15, *range(17, 25), 99]
    assert again.created_qdiscs(1) == {(n, "Ethernet0", "clsact") for n in range(15, 25)}


BROKEN = {
    "not JSON": b"{\n",
    "not UTF-8": b"\xff\xfe\n",
    "a list": b"[]\n",
    "a number": b"1\n",
    "another version": b'{"version": 2, "jobs": []}\n',
    "no version": b'{"jobs": []}\n',
    "a field of the wrong type": b'{"version": 1, "jobs": [{"job": 5, "digest": "", "start_ns": 1}]}\n',
    "a field is missing": b'{"version": 1, "jobs": [{"job": "a"}]}\n',
    "a truth value as a number": b'{"version":1,"jobs":[{"job":"a","digest":"","start_ns":true}]}\n',
    "endless nesting": b"[" * 200_000 + b"\n",
}


@pytest.mark.parametrize("name", ["jobs.json", "qdiscs.jsonl"])
@pytest.mark.parametrize("content", BROKEN)
def test_corrupt_file_is_told_set_aside_and_begun_anew(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BROKEN[content])
    journal = Journal(tmp_path)
    (notice,) = journal.take_notices()
    assert str(tmp_path / name) in notice
    assert f"{name}.corrupt" in notice
    assert journal.take_notices() == ()
    assert (tmp_path / f"{name}.corrupt").read_bytes() == BROKEN[content]
    journal.note_start("a", "d", 5)
    journal.note_qdisc(1, *PLACE)
    again = Journal(tmp_path)
    assert again.job_started("a", "d") == 5
    assert again.created_qdiscs(1) == {PLACE}
    assert again.take_notices() == ()


def test_last_line_cut_short_is_no_corruption(tmp_path: Path) -> None:
    Journal(tmp_path).note_qdisc(1, *PLACE)
    with (tmp_path / "qdiscs.jsonl").open("a") as file:
        file.write('{"made": true, "boo')
    again = Journal(tmp_path)
    again.note_qdisc(1, *OTHER)
    last = Journal(tmp_path)
    assert last.created_qdiscs(1) == {PLACE, OTHER}
    assert again.take_notices() == last.take_notices() == ()


def test_directory_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    blocked = tmp_path / "file" / "state"
    blocked.parent.write_text("no directory")
    journal = Journal(blocked)
    journal.note_start("a", "d", 5)
    journal.note_qdisc(1, *PLACE)
    journal.note_end("a", "d", 6, "expired")
    (notice,) = journal.take_notices()
    assert notice.startswith(f"cannot write {blocked / 'jobs.json'}: Not a directory")
    assert journal.ended("a", "d")  # remembered all the same
    assert journal.created_qdiscs(1) == {PLACE}
    assert journal.take_notices() == ()


def test_disk_that_works_again_gets_everything(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("in the way")
    journal = Journal(state)
    journal.note_qdisc(1, *PLACE)
    journal.note_start("a", "d", 5)
    state.unlink()
    journal.note_qdisc(1, *OTHER)
    journal.note_start("b", "d", 6)
    again = Journal(state)
    assert again.created_qdiscs(1) == {PLACE, OTHER}
    assert (again.job_started("a", "d"), again.job_started("b", "d")) == (5, 6)


def test_files_are_for_the_group_only_and_nothing_else_is_left(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        journal = Journal(tmp_path / "state")
        journal.note_start("a", "d", 5)
        journal.note_qdisc(1, *PLACE)
    finally:
        os.umask(old)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert modes == {"jobs.json": 0o640, "qdiscs.jsonl": 0o640}
    assert json.loads((tmp_path / "state" / "jobs.json").read_text())["version"] == 1


def test_threads_lose_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)

    def work(number: int) -> None:
        for turn in range(20):
            journal.note_start(f"{number}-{turn}", "d", turn + 1)
            journal.note_qdisc(number, turn, "Ethernet0", "clsact")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Journal(tmp_path)
    assert all(again.job_started(f"{n}-{t}", "d") == t + 1 for n in range(4) for t in range(20))
    assert all(len(again.created_qdiscs(n)) == 20 for n in range(4))
