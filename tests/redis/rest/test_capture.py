"""GET /jobs/<id>/capture: the file's bytes, while it grows and after; over real files, with rings that tests fill."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sonic_telegen.capture.captures import Captures, Wanted
from sonic_telegen.capture.folder import Folder
from sonic_telegen.capture.writer import Limits
from sonic_telegen.model.status import Status
from tests.redis.rest.conftest import Tell
from tests.redis.rest.test_jobs import refused
from tests.support.box import wait_for
from tests.support.pcapng import parse
from tests.support.rest import Served
from tests.support.ringing import FakeRing, frame


class Capturing:
    """A job ``x`` that captures, with the thread that writes."""

    def __init__(self, rest: Served, folder: Path) -> None:
        self.rest, self.folder = rest, folder
        self.captures = Captures(Folder(folder), Limits(1 << 24, 0))
        self.ring = FakeRing()
        rest.capture = self.captures.file
        self._thread = threading.Thread(target=self.captures.run)
        self._thread.start()

    def begin(self, identity: str = "one") -> None:
        self.captures.update({"x": Wanted(identity, 0, lambda: self.ring)})

    def end(self) -> None:
        self.captures.update({})
        wait_for(lambda: self.ring.closed, what="the end")

    @contextmanager
    def get(self, method: str = "GET") -> Iterator[http.client.HTTPResponse]:
        with contextlib.closing(self.rest.tcp()) as connection:
            connection.request(method, "/jobs/x/capture")
            with connection.getresponse() as reply:
                yield reply

    @property
    def raw(self) -> bytes:
        return (self.folder / "x.pcapng").read_bytes()

    def close(self) -> None:
        self.captures.stop()
        self._thread.join(20)


@pytest.fixture
def capturing(rest: Served, tell: Tell, tmp_path: Path) -> Iterator[Capturing]:
    tell("x", Status.RUNNING)
    found = Capturing(rest, tmp_path / "captures")
    yield found
    found.close()


def test_a_capture_that_is_over_is_sent_with_its_length(capturing: Capturing) -> None:
    capturing.begin()
    capturing.ring.come(*(frame(n, size=1500) for n in range(400)))
    capturing.end()
    with capturing.get() as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-pcapng")
        assert reply.headers["Content-Disposition"] == 'attachment; filename="x.pcapng"'
        assert int(reply.headers["Content-Length"]) == len(capturing.raw) > 256 * 1024
        assert reply.read() == capturing.raw


def test_frames_arrive_while_the_capture_goes_on_and_the_answer_ends_with_it(capturing: Capturing) -> None:
    capturing.begin()
    got = b""
    with capturing.get() as reply:
        assert (reply.status, reply.headers["Transfer-Encoding"]) == (200, "chunked")
        for number in range(3):
            capturing.ring.come(frame(number))
            while frame(number).data not in got:
                part = reply.read1(65536)
                assert part, "the answer ended"
                got += part
        capturing.end()
        got += reply.read()
    assert got == capturing.raw
    assert len(parse(got).packets) == 3
    assert parse(got).statistics[0][1:3] == (3, 0)


def test_another_capture_of_the_same_job_ends_the_answer_of_the_first_with_its_end(capturing: Capturing) -> None:
    capturing.begin()
    with capturing.get() as reply:
        capturing.ring.come(frame(1))
        capturing.ring = FakeRing()
        capturing.begin("two")
        found = parse(reply.read())
    assert (found.comment, len(found.packets), found.statistics[0][1:3]) == ("one", 1, (1, 0))
    with capturing.get() as reply:
        assert parse(reply.read1(65536)).comment == "two"


def test_head_tells_and_sends_nothing(capturing: Capturing) -> None:
    capturing.begin()
    with capturing.get("HEAD") as reply:
        assert (reply.status, reply.headers["Content-Type"], reply.read()) == (200, "application/x-pcapng", b"")


def test_a_file_that_is_gone_is_no_capture(capturing: Capturing) -> None:
    capturing.begin()
    capturing.end()
    (capturing.folder / "x.pcapng").unlink()
    assert "result_detail=packets" in refused(capturing.rest.get("/jobs/x/capture"), 404, "no_capture")


def test_no_name_of_a_job_leads_to_another_file(capturing: Capturing, tell: Tell) -> None:
    (capturing.folder.parent / "secret.pcapng").write_text("secret")
    for job in ("../secret", "..", "."):
        tell(job, Status.RUNNING)
        path = f"/jobs/{job.replace('/', '%2F').replace('.', '%2E')}/capture"
        assert capturing.rest.get(path).body["error"] in ("no_capture", "not_found")


def test_a_client_that_goes_leaves_no_connection(capturing: Capturing) -> None:
    capturing.begin()
    with capturing.get():
        wait_for(lambda: capturing.rest.connections() == 1, what="the connection")
    wait_for(lambda: capturing.rest.connections() == 0, what="its end")
    capturing.ring.come(frame(1))
    capturing.end()
