"""A capture's file: continued by the next agent, cut behind its last whole block, ended by limits and full disks."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sonic_telegen.capture.writer import Limits, Writer, netdev_name
from sonic_telegen.model.captured import Captured
from sonic_telegen.model.job import Direction
from tests.support.pcapng import read
from tests.support.ringing import frame

WIDE = Limits(1 << 20, 0)
UNIX_NS = 1_790_000_000_000_000_000
NAMES = {1: "Ethernet0", 2: "Ethernet4", 3: "Ethernet0"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.pcapng"


def writer(path: Path, identity: str = "job x", snaplen: int = 128, limits: Limits = WIDE) -> Writer:
    return Writer(path, identity, snaplen, limits, NAMES.__getitem__)


def test_frames_are_in_the_file_with_their_netdevs_and_times(path: Path) -> None:
    made = writer(path)
    made.add(
        [frame(0, 1), frame(1, 2, size=128, length=1514), Captured(7, 3, Direction.EGRESS, 60, bytes(60))], UNIX_NS
    )
    made.finish(3)
    made.close()
    found = read(path)
    assert found.interfaces == [("Ethernet0", 128), ("Ethernet4", 128)]
    assert [(p.interface, p.time_ns - UNIX_NS, p.length, len(p.data), p.flags) for p in found.packets] == [
        ("Ethernet0", 1000, 60, 60, 1),
        ("Ethernet4", 1001, 1514, 128, 1),
        ("Ethernet0", 7, 60, 60, 2),
    ]
    assert found.packets[1].data == frame(1, size=128).data
    assert found.statistics[0][:3] == ("Ethernet0", 3, 0)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_tag_that_was_put_back_does_not_make_a_frame_longer_than_snaplen(path: Path) -> None:
    made = writer(path, snaplen=64)
    made.add([frame(0, size=68, length=1518)], UNIX_NS)
    assert read(path).packets[0].data == frame(0, size=64).data


def test_the_next_agent_goes_on_behind_the_last_whole_block(path: Path) -> None:
    first = writer(path)
    first.add([frame(0), frame(1, 2)], UNIX_NS)
    first.close()
    with path.open("ab") as file:
        file.write(b"\x06\0\0\0\x60\0\0\0half a block")
    second = writer(path)
    assert second.frames == 2
    second.add([frame(2, 2), frame(3)], UNIX_NS)
    second.finish(5)
    found = read(path)
    assert [p.data[:4] for p in found.packets] == [frame(n).data[:4] for n in range(4)]
    assert [p.interface for p in found.packets] == ["Ethernet0", "Ethernet4", "Ethernet4", "Ethernet0"]
    assert len(found.interfaces) == 2
    assert found.statistics[0][1:3] == (5, 1)


def test_another_capture_begins_a_new_file(path: Path) -> None:
    first = writer(path)
    first.add([frame(0)], UNIX_NS)
    before = first.file().inode
    second = writer(path, "job x, another question")
    assert (second.frames, second.file().inode != before) == (0, True)
    assert read(path).packets == []
    first.close()


@pytest.mark.parametrize("rubbish", [b"", b"\xff" * 40, b"\x0a\x0d\x0d\x0a"])
def test_what_is_no_capture_is_replaced(path: Path, rubbish: bytes) -> None:
    path.write_bytes(rubbish)
    writer(path).close()
    assert read(path).comment == "job x"


def test_a_link_in_the_place_of_the_file_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("dear")
    path.symlink_to(victim)
    writer(path).close()
    assert victim.read_text() == "dear"
    assert not path.is_symlink()


def test_a_full_file_takes_the_frames_that_fit_and_says_how_many_do_not(path: Path) -> None:
    made = writer(path, limits=Limits(1000, 0))
    made.add([frame(n) for n in range(20)], UNIX_NS)
    assert "the most that a capture may have" in made.problem
    made.finish(20)
    found = read(path)
    assert 0 < len(found.packets) < 20
    assert found.statistics[0][1:3] == (20, 20 - len(found.packets))
    assert "the most that a capture may have" in found.statistics[0][3]


def test_a_full_file_is_not_continued_and_keeps_its_reason(path: Path) -> None:
    made = writer(path, limits=Limits(1000, 0))
    made.add([frame(n) for n in range(20)], UNIX_NS)
    made.finish(20)
    made.close()
    again = writer(path)
    assert (again.over, again.frames, again.problem) == (True, made.frames, made.problem)


def test_so_much_of_the_disk_stays_free(path: Path) -> None:
    disk = os.statvfs(path.parent)
    made = writer(path, limits=Limits(1 << 20, disk.f_bavail * disk.f_frsize + (1 << 30)))
    made.add([frame(0)], UNIX_NS)
    assert "the disk of" in made.problem
    made.finish(1)
    assert (read(path).packets, read(path).statistics[0][1:3]) == ([], (1, 1))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel takes no more of any file: writes go in part, then fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_in_the_middle_leaves_nothing_of_its_own(path: Path) -> None:
    made = writer(path)
    made.add([frame(0)], UNIX_NS)
    with largest_file(made.size + 500):
        made.add([frame(n) for n in range(1, 20)], UNIX_NS)
        made.finish(20)
    assert "cannot be written: File too large" in made.problem
    found = read(path)
    assert ([p.data for p in found.packets], found.statistics[0][1:3]) == ([frame(0).data], (20, 19))
    assert made.file().over


def test_statistics_that_the_disk_does_not_take_leave_whole_blocks(path: Path) -> None:
    made = writer(path)
    made.add([frame(0)], UNIX_NS)
    with largest_file(made.size):
        made.finish(1)
    assert (made.file().over, len(read(path).packets), read(path).statistics) == (True, 1, [])
    assert "cannot be written" in made.problem


def test_a_capture_without_frames_has_an_interface_for_readers_that_want_one(path: Path) -> None:
    made = writer(path)
    made.finish(0)
    assert [name for name, _ in read(path).interfaces] == ["none"]
    assert read(path).statistics[0][1:3] == (0, 0)


def test_only_whole_blocks_may_be_read_while_it_grows(path: Path) -> None:
    made = writer(path)
    for number in range(3):
        made.add([frame(number)], UNIX_NS)
        told = made.file()
        assert (told.size, told.over) == (path.stat().st_size, False)
    made.finish(3)
    assert made.file().over


def test_a_netdev_that_is_gone_has_its_number_for_a_name() -> None:
    assert netdev_name(1) == "lo"
    assert netdev_name(2**31 - 1) == "ifindex 2147483647"
