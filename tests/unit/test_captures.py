"""The capture thread over rings without a kernel: nothing is silently missing, whatever ends a capture."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sonic_telegen.capture.captures import BATCH, Captures, Wanted
from sonic_telegen.capture.folder import Folder
from sonic_telegen.capture.writer import Limits
from sonic_telegen.errors import KernelError
from sonic_telegen.model.captured import CaptureCounts
from tests.support.box import wait_for
from tests.support.pcapng import read
from tests.support.ringing import FakeRing, frame

WIDE = Limits(1 << 20, 0)


def made(path: Path, limits: Limits = WIDE, total: int = 1 << 30, keep: float = 3600.0) -> Captures:
    return Captures(Folder(path / "captures", total, keep), limits)


def wanting(ring: FakeRing, identity: str = "one") -> dict[str, Wanted]:
    return {"x": Wanted(identity, 128, lambda: ring)}


def file_of(path: Path, job: str = "x") -> Path:
    return path / "captures" / f"{job}.pcapng"


@contextmanager
def running(captures: Captures) -> Iterator[None]:
    thread = threading.Thread(target=captures.run)
    thread.start()
    try:
        yield
    finally:
        captures.stop()
        thread.join(20)
        assert not thread.is_alive()


def test_frames_come_to_the_file_while_the_job_runs(tmp_path: Path) -> None:
    ring, captures = FakeRing(), made(tmp_path)
    with running(captures):
        assert captures.update(wanting(ring)) == {}
        for start in (0, 10, 20):
            ring.come(*(frame(n) for n in range(start, start + 10)))
            wait_for(lambda: captures.counts("x") == CaptureCounts(ring.sampled, 0), what="the frames")
    assert [p.data[:4] for p in read(file_of(tmp_path)).packets] == [frame(n).data[:4] for n in range(30)]
    assert ring.closed == 1


def test_the_end_of_the_job_takes_what_is_left_and_says_what_was_lost(tmp_path: Path) -> None:
    ring, captures = FakeRing(room=BATCH + 5), made(tmp_path)
    captures.update(wanting(ring))
    ring.come(*(frame(n) for n in range(BATCH + 7)))
    captures.update({})
    captures.turn()
    found = read(file_of(tmp_path))
    assert len(found.packets) == BATCH + 5
    assert found.statistics[0][1:3] == (BATCH + 7, 2)
    told = captures.file("x")
    assert told is not None
    assert (told.over, told.size) == (True, file_of(tmp_path).stat().st_size)
    assert (captures.counts("x"), ring.closed) == (CaptureCounts(BATCH + 5, 2), 1)


def test_frames_of_a_full_file_are_counted_as_lost_while_the_job_goes_on(tmp_path: Path) -> None:
    ring, captures = FakeRing(), made(tmp_path, Limits(2000, 0))
    captures.update(wanting(ring))
    ring.come(*(frame(n) for n in range(50)))
    captures.turn()
    ring.come(*(frame(n) for n in range(50, 60)))
    captures.turn()
    written, told = len(read(file_of(tmp_path)).packets), captures.counts("x")
    assert told is not None
    assert (told.captured, told.lost) == (written, 60 - written)
    assert "the most that a capture may have" in told.problem
    assert len(ring.frames) == 10  # not taken any more: the program counts what finds no room, at no cost of ours
    captures.update({})
    captures.turn()
    assert ring.closed == 1


def test_frames_that_wait_in_the_ring_are_neither_captured_nor_lost(tmp_path: Path) -> None:
    ring, captures = FakeRing(), made(tmp_path)
    captures.update(wanting(ring))
    ring.come(frame(0))
    assert captures.counts("x") == CaptureCounts(0, 0)


def test_the_next_agent_goes_on_with_the_same_capture(tmp_path: Path) -> None:
    captures = made(tmp_path)
    first = FakeRing()
    with running(captures):
        captures.update(wanting(first))
        first.come(frame(0), frame(1))
        wait_for(lambda: captures.counts("x") == CaptureCounts(2, 0), what="the frames")
    second = FakeRing()
    second.sampled = 2
    second.come(frame(2))
    following = made(tmp_path)
    following.update(wanting(second))
    following.update({})
    following.turn()
    found = read(file_of(tmp_path))
    assert ([p.data[3] for p in found.packets], found.statistics[0][1:3]) == ([0, 1, 2], (3, 0))


def test_another_question_of_the_same_job_begins_anew(tmp_path: Path) -> None:
    captures, first, second = made(tmp_path), FakeRing(), FakeRing()
    captures.update(wanting(first))
    first.come(frame(0))
    captures.turn()
    captures.update(wanting(second, "two"))
    second.come(frame(1))
    captures.turn()
    found = read(file_of(tmp_path))
    assert ([p.data[3] for p in found.packets], found.comment, first.closed) == ([1], "two", 1)


def test_a_ring_that_cannot_be_read_ends_the_capture_and_no_other(tmp_path: Path) -> None:
    captures, broken, fine = made(tmp_path), FakeRing(), FakeRing()
    captures.update(wanting(broken) | {"y": Wanted("y", 128, lambda: fine)})
    broken.come(frame(0))
    broken.broken = KernelError("read", "ring buffer", 5, "Input/output error")
    fine.come(frame(1))
    captures.turn()
    told = captures.counts("x")
    assert told is not None
    assert (told.captured, told.lost) == (0, 1)
    assert "ring buffer" in told.problem
    assert captures.counts("y") == CaptureCounts(1, 0)


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file")
    ring = FakeRing()
    (problem,) = made(tmp_path).update(wanting(ring)).values()
    assert "cannot be written" in problem
    assert ring.closed == 1


def test_a_ring_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    def refuse() -> FakeRing:
        raise KernelError("open ring buffer", "map", 12, "no memory")

    (problem,) = made(tmp_path).update({"x": Wanted("one", 128, refuse)}).values()
    assert "no memory" in problem


def kept(path: Path, ages: Sequence[float], size: int = 1000) -> list[Path]:
    """Files of captures that are over, so many seconds ago."""
    (path / "captures").mkdir(mode=0o700, exist_ok=True)
    files = [file_of(path, f"old-{number}") for number in range(len(ages))]
    for file, age in zip(files, ages, strict=True):
        file.write_bytes(bytes(size))
        os.utime(file, (time.time() - age,) * 2)
    return files


def test_files_are_kept_for_an_hour(tmp_path: Path) -> None:
    young, old = kept(tmp_path, [3500, 3700])
    captures = made(tmp_path)
    assert captures.file("old-0") is not None
    captures.tidy()
    assert (young.exists(), old.exists(), captures.file("old-1")) == (True, False, None)


def test_the_oldest_files_go_where_there_is_no_room(tmp_path: Path) -> None:
    files = kept(tmp_path, [10, 30, 20])
    made(tmp_path, total=2500).tidy()
    assert [file.exists() for file in files] == [True, False, True]


def test_captures_end_when_all_together_have_no_room(tmp_path: Path) -> None:
    (old,) = kept(tmp_path, [10])
    ring, captures = FakeRing(), made(tmp_path, total=4000)
    captures.update(wanting(ring))
    for number in range(100):
        ring.come(frame(number))
        captures.turn()
    told = captures.counts("x")
    assert told is not None
    assert "all captures together" in told.problem
    assert (told.captured + told.lost, old.exists()) == (100, False)
    assert file_of(tmp_path).stat().st_size < 4400


def test_the_directory_is_closed_to_others(tmp_path: Path) -> None:
    captures = made(tmp_path)
    captures.update(wanting(FakeRing()))
    assert (tmp_path / "captures").stat().st_mode & 0o777 == 0o700


def test_nothing_begins_once_it_stops(tmp_path: Path) -> None:
    captures = made(tmp_path)
    with running(captures):
        pass
    assert captures.update(wanting(FakeRing())) == {}
    assert captures.counts("x") is None


@pytest.mark.parametrize("job", ["a.b", "A-_1", "a" * 64])
def test_any_job_id_is_a_file_name(tmp_path: Path, job: str) -> None:
    captures = made(tmp_path)
    captures.update({job: Wanted("one", 128, FakeRing)})
    assert file_of(tmp_path, job).exists()
