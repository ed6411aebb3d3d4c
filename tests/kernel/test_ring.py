"""Frames out of a real ring buffer, by a small program that fills it as a job's program does, into real files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sonic_telegen.capture.captures import Captures, Wanted
from sonic_telegen.capture.folder import Folder
from sonic_telegen.capture.writer import Limits
from sonic_telegen.errors import KernelError
from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.jobabi import FRAME_SIZE, Frame
from sonic_telegen.kernel.ring import Ring, captured
from sonic_telegen.model.job import Direction
from tests.support import frames
from tests.support.objects import open_fds, source_object
from tests.support.pcapng import read

CAPTURER = r"""
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "telegen_job_abi.h"
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} job_ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_job_percpu);
} job_percpu SEC(".maps");

SEC("tc")
int capturer(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 want = skb->len, more = want - 1;
	struct tg_job_percpu *mine = bpf_map_lookup_elem(&job_percpu, &zero);
	struct tg_frame *frame;

	if (!mine)
		return -1;
	mine->sampled_frames++;
	frame = bpf_ringbuf_reserve(&job_ring, sizeof(*frame) + 256, 0);
	if (!frame) {
		mine->capture_lost++;
		return -1;
	}
	asm volatile("" : "+r"(more));
	if (more >= 256 || bpf_skb_load_bytes(skb, 0, frame + 1, more + 1)) {
		bpf_ringbuf_discard(frame, 0);
		return -1;
	}
	__builtin_memset(frame, 0, sizeof(*frame));
	frame->at_ns = bpf_ktime_get_ns();
	frame->ifindex = 1;
	frame->len = skb->len;
	frame->caplen = want;
	frame->direction = 3;
	bpf_ringbuf_submit(frame, 0);
	mine->captured++;
	return -1;
}

char LICENSE[] SEC("license") = "GPL";
"""
ROOM = 65536 // (8 + FRAME_SIZE + 256)  # records, each with the ring's own header


def numbered(number: int) -> bytes:
    return frames.ether(frames.IPV4, frames.ipv4(frames.UDP, number.to_bytes(4, "big") + bytes(number % 200)))


class Capturer:
    def __init__(self, opened: libbpf.Object) -> None:
        self._fd = opened.prog_fd("capturer")
        self.ring, self.percpu = opened.map_fd("job_ring"), opened.map_fd("job_percpu")

    def take(self, *numbers: int) -> None:
        for number in numbers:
            libbpf.prog_test_run(self._fd, numbered(number))

    def reader(self) -> Ring:
        return Ring(self.ring, self.percpu)


@pytest.fixture
def capturer() -> Iterator[Capturer]:
    with libbpf.Object.open(source_object(CAPTURER, "capturer")) as opened:
        opened.load()
        yield Capturer(opened)


def captures(path: Path, floor: int = 0) -> Captures:
    return Captures(Folder(path), Limits(1 << 24, floor))


def wanting(capturer: Capturer) -> dict[str, Wanted]:
    return {"x": Wanted("job x", 256, capturer.reader)}


def test_frames_are_read_byte_for_byte_in_their_order(capturer: Capturer) -> None:
    ring = capturer.reader()
    assert ring.read(10) == []
    capturer.take(*range(25))
    found = ring.read(10) + ring.read(10) + ring.read(10)
    assert [one.data for one in found] == [numbered(n) for n in range(25)]
    assert [one.length for one in found] == [len(numbered(n)) for n in range(25)]
    assert {(one.ifindex, one.direction) for one in found} == {(1, Direction.INGRESS)}
    assert sorted(one.at_ns for one in found) == [one.at_ns for one in found]
    assert ring.counted() == (25, 0)
    ring.close()


def test_the_next_reader_finds_what_was_not_read(capturer: Capturer) -> None:
    first = capturer.reader()
    capturer.take(0, 1, 2)
    first.read(1)
    first.close()
    second = capturer.reader()
    assert [one.data for one in second.read(10)] == [numbered(1), numbered(2)]
    second.close()


def test_a_reader_leaves_no_descriptor_behind(capturer: Capturer) -> None:
    before = open_fds()
    capturer.reader().close()
    with pytest.raises(KernelError, match="open ring buffer"):
        Ring(capturer.percpu, capturer.percpu)
    assert open_fds() == before


def test_what_a_full_ring_takes_no_more_is_counted_as_lost(capturer: Capturer, tmp_path: Path) -> None:
    made = captures(tmp_path)
    made.update(wanting(capturer))
    many = ROOM + 50
    capturer.take(*range(many))
    made.update({})
    made.turn()
    found = read(tmp_path / "x.pcapng")
    assert [p.data for p in found.packets] == [numbered(n) for n in range(len(found.packets))]
    assert found.statistics == [("lo", many, many - len(found.packets), found.statistics[0][3])]
    assert len(found.packets) == ROOM


def test_an_agent_that_is_killed_in_the_middle_loses_nothing_that_the_ring_holds(
    capturer: Capturer, tmp_path: Path
) -> None:
    first = captures(tmp_path)
    first.update(wanting(capturer))
    capturer.take(0, 1)
    first.turn()
    capturer.take(2, 3)  # nobody reads: the agent is dead, the program is not
    second = captures(tmp_path)
    second.update(wanting(capturer))
    capturer.take(4)
    second.turn()
    second.update({})
    second.turn()
    found = read(tmp_path / "x.pcapng")
    assert [p.data for p in found.packets] == [numbered(n) for n in range(5)]
    assert found.statistics[0][1:3] == (5, 0)


def test_frames_that_an_agent_took_and_did_not_write_are_counted_as_lost(capturer: Capturer, tmp_path: Path) -> None:
    capturer.take(0, 1, 2)
    dead = capturer.reader()
    dead.read(2)  # and then it was killed
    made = captures(tmp_path)
    made.update(wanting(capturer))
    made.update({})
    made.turn()
    found = read(tmp_path / "x.pcapng")
    assert ([p.data for p in found.packets], found.statistics[0][1:3]) == ([numbered(2)], (3, 2))


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk_ends_the_capture_with_whole_blocks_and_a_count_of_the_rest(
    capturer: Capturer, tmp_path: Path
) -> None:
    with small_disk(tmp_path) as disk:
        (disk / "other").write_bytes(bytes(24 << 10))
        made = captures(disk)
        made.update(wanting(capturer))
        sent = 0
        while (told := made.counts("x")) is not None and not told.problem:
            capturer.take(*range(sent, sent + 20))
            sent += 20
            made.turn()
            assert sent < 2000
        capturer.take(sent)
        assert told is not None
        assert "full" in told.problem or "No space left" in told.problem
        now = made.counts("x")
        assert now is not None
        assert now.captured + now.lost == sent + 1
        made.update({})
        made.turn()
        found = read(disk / "x.pcapng")
        assert len(found.packets) == now.captured > 0
        assert [p.data for p in found.packets] == [numbered(n) for n in range(now.captured)]


TCI = 0x2007


@pytest.mark.parametrize("proto", [frames.DOT1Q, frames.DOT1AD])
def test_the_tag_that_the_kernel_keeps_beside_the_frame_is_put_back(proto: int) -> None:
    plain = numbered(1)
    found = captured(Frame(5, 2, len(plain) + 4, TCI, proto, 0, 2, 7, plain))
    wire = plain[:12] + proto.to_bytes(2, "big") + TCI.to_bytes(2, "big") + plain[12:]
    assert (found.data, found.length, found.direction) == (wire, len(wire), Direction.EGRESS)
