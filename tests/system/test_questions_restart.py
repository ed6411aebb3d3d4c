"""The invariant: seen = counted + untracked + lost, on mixed traffic, whatever happens to the agent meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.support.box import Box, wait_for
from tests.support.pcapng import parse
from tests.support.questions import download, mixed, results, sock
from tests.support.stream import Stream

RESTARTS = 8
JOBS = {
    "flows": {"result_detail": "flows"},
    "udp-flows": {"result_detail": "flows", "filter": "udp", "sample_rate": "7"},
    "kept": {"result_detail": "packets", "ip_proto": "tcp", "dscp": "46", "snaplen": "64"},
    "plain": {},
}


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


def start(box: Box, wait: bool = True) -> None:
    box.start(wait, TELEGEN_LISTEN=f"unix:{sock(box)}")


def test_nothing_is_missing_and_nothing_counted_twice_through_restarts_under_traffic(box: Box) -> None:
    chance, frames = random.Random(4), mixed(20)
    start(box)
    for job, row in JOBS.items():
        box.job(job, port="Ethernet0", **row)
    for job in JOBS:
        box.wait_status(job, "running")
    with Stream(box.switch, "Ethernet0", frames) as stream:
        for turn in range(RESTARTS):
            seen = stream.sent
            wait_for(lambda seen=seen: stream.sent > seen + chance.randrange(500, 5000))  # type: ignore[misc]
            box.kill()
            if turn % 3 == 2:
                box.state.flushdb()
            start(box, wait=turn % 2 == 0)
        for job in JOBS:
            box.wait_status(job, "running", 20)
        sent = stream.stop()
    rounds, tcp = sent // len(frames), 20
    assert sent == rounds * len(frames)
    # Neither a tag nor an extension header is looked behind by libpcap's "udp".
    expected = {"flows": sent, "udp-flows": rounds * 20 * 2, "kept": rounds * tcp, "plain": sent}
    for job, packets in expected.items():
        wait_for(lambda j=job, n=packets: box.told(j).get("packets") == str(n), 20, f"{job} {packets}: {box.told(job)}")  # type: ignore[misc]
    for job in JOBS:
        box.job(job, port="Ethernet0", admin_state="disabled", **JOBS[job])
    for job in JOBS:
        box.wait_status(job, "stopped")
        wait_for(lambda job=job: results(box, job)["final"], what=f"the result of {job}")  # type: ignore[misc]

    whole = results(box, "flows")
    parts = [whole["flows"][name]["packets"] for name in ("held", "untracked", "evicted")]
    assert sum(parts) == whole["sampled"]["packets"] == whole["packets"] == sent
    assert sum(c["packets"] for c in whole["classes"].values()) == sent

    thin = results(box, "udp-flows")
    parts = [thin["flows"][name]["packets"] for name in ("held", "untracked", "evicted")]
    assert sum(parts) == 7 * thin["sampled"]["packets"]
    assert abs(thin["packets"] - 7 * thin["sampled"]["packets"]) <= 7 * 8, "one in seven of each CPU"

    kept = results(box, "kept")
    assert kept["capture"]["captured"] + kept["capture"]["capture_lost"] == kept["packets"]
    found = parse(download(box, "kept"))
    assert len(found.packets) == kept["capture"]["captured"]
    assert {p.data for p in found.packets} == {one[:64] for one in frames[0::6]}
    assert box.receiver.received.violations == []
