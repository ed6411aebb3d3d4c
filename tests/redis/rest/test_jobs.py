"""Jobs over HTTP: rows in Redis are what was asked for, answers are what the rows say, refusals name their reason."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sonic_telegen.model.job import Owner
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.model.values import JOB_ID
from tests.redis.rest.conftest import Tell
from tests.support.box import wait_for
from tests.support.redis import RawRedis
from tests.support.rest import Answer, Served
from tests.support.samples import START_NS


def refused(answer: Answer, status: int, error: str, field: str = "") -> str:
    """Its message, after the rest was compared."""
    assert (answer.status, answer.body["error"], answer.body.get("field", "")) == (status, error, field)
    return str(answer.body["message"])


def test_a_start_writes_the_row_and_says_what_is_looked_at(rest: Served, config_rows: RawRedis) -> None:
    answer = rest.post("/jobs/start", {"port": "Ethernet0", "direction": "both", "duration_sec": 60})

    assert answer.status == 201
    assert answer.body == {"job_id": answer.body["job_id"], "status": "starting", "interface": "Ethernet0"}
    assert JOB_ID.read(answer.body["job_id"])
    assert config_rows.row(f"TELEGEN_JOB|{answer.body['job_id']}") == {
        b"port": b"Ethernet0",
        b"direction": b"both",
        b"duration_sec": b"60",
        b"owner": b"rest",
    }


@pytest.mark.parametrize(
    "body, row, interface",
    [
        ({}, {}, "Ethernet0"),
        ({"mirror_mode": "erspan"}, {}, "erspan0"),
        ({"mirror_mode": "erspan"}, {"erspan_name": "mon1"}, "mon1"),
        ({}, {"mirror_mode": "placeholder"}, "erspan0"),
        ({"mirror_mode": "direct"}, {"mirror_mode": "placeholder"}, "Ethernet0"),
    ],
)
def test_the_interface_follows_the_mode_in_force(
    rest: Served, config_rows: RawRedis, body: dict[str, str], row: dict[str, str], interface: str
) -> None:
    for field, value in row.items():
        config_rows("HSET", "TELEGEN|GLOBAL", field, value)
    assert rest.post("/jobs/start", {"port": "Ethernet0", **body}).body["interface"] == interface


def test_an_id_of_ones_own_is_taken_once(rest: Served, config_rows: RawRedis) -> None:
    assert rest.post("/jobs/start", {"port": "Ethernet0", "job_id": "mine"}).body["job_id"] == "mine"
    assert "mine" in refused(rest.post("/jobs/start", {"port": "Ethernet4", "job_id": "mine"}), 409, "exists", "job_id")
    assert config_rows.row("TELEGEN_JOB|mine")[b"port"] == b"Ethernet0"


def test_a_key_that_is_no_row_is_not_overwritten(rest: Served, config_rows: RawRedis) -> None:
    config_rows("SET", "TELEGEN_JOB|odd", "text")
    refused(rest.post("/jobs/start", {"port": "Ethernet0", "job_id": "odd"}), 409, "exists", "job_id")
    refused(rest.post("/jobs/odd/stop"), 404, "not_found")
    assert config_rows("GET", "TELEGEN_JOB|odd") == b"text"


def test_one_of_many_starts_of_the_same_id_wins(rest: Served, config_rows: RawRedis) -> None:
    def start(number: int) -> int:
        return rest.post("/jobs/start", {"port": f"Ethernet{number}", "job_id": "one"}).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(start, range(64)))
    assert sorted(statuses) == [201] + [409] * 63
    assert config_rows.row("TELEGEN_JOB|one")[b"port"] == b"Ethernet%d" % statuses.index(201)


def test_a_port_must_be_in_a_table_where_there_is_one(rest: Served, config_rows: RawRedis) -> None:
    assert rest.post("/jobs/start", {"port": "anything"}).status == 201
    for key in ("PORT|Ethernet0", "PORTCHANNEL|PortChannel1", "VLAN|Vlan100"):
        config_rows("HSET", key, "admin_status", "up")
    message = refused(rest.post("/jobs/start", {"port": "Ethernet99"}), 400, "invalid_value", "port")
    assert "Ethernet99" in message
    assert "eth0 or all" in message
    for port in ("Ethernet0", "PortChannel1", "Vlan100", "eth0", "all"):
        assert rest.post("/jobs/start", {"port": port}).status == 201, port


def test_a_wrong_value_leaves_no_row(rest: Served, config_rows: RawRedis) -> None:
    message = refused(
        rest.post("/jobs/start", {"port": "Ethernet0", "direction": "up"}), 400, "invalid_value", "direction"
    )
    assert "use ingress, egress or both" in message
    assert config_rows("KEYS", "TELEGEN_JOB|*") == []


def test_a_burst_of_a_thousand_starts_fills_max_jobs_exactly(rest: Served, config_rows: RawRedis) -> None:
    config_rows("HSET", "TELEGEN_JOB|by-hand", "port", "Ethernet0")

    def start(number: int) -> Answer:
        return rest.post("/jobs/start", {"port": "Ethernet0", "job_id": f"b{number}"})

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(start, range(1000)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (63, 937)
    assert len(config_rows("KEYS", "TELEGEN_JOB|*")) == 64
    last = next(answer for answer in answers if answer.status == 429)
    assert "max_jobs=64" in refused(last, 429, "max_jobs")
    assert int(last.headers["Retry-After"]) > 0


def test_jobs_that_ended_take_no_place(rest: Served, config_rows: RawRedis, tell: Tell) -> None:
    config_rows("HSET", "TELEGEN|GLOBAL", "max_jobs", "4")
    for job, status in {"a": Status.DONE, "b": Status.STOPPED, "c": Status.REJECTED, "d": Status.RUNNING}.items():
        config_rows("HSET", f"TELEGEN_JOB|{job}", "port", "Ethernet0")
        tell(job, status)
    statuses = [rest.post("/jobs/start", {"port": "Ethernet0"}).status for _ in range(4)]
    assert statuses == [201, 201, 201, 429]


def test_a_job_is_shown_as_its_row_joined_with_its_status(rest: Served, config_rows: RawRedis, tell: Tell) -> None:
    refused(rest.get("/jobs/a"), 404, "not_found")
    config_rows("HSET", "TELEGEN_JOB|a", "port", "Ethernet0", "duration_sec", "60")
    assert rest.get("/jobs/a").body["status"] == "starting"
    tell("a", Status.RUNNING, packets=7, started_ns=START_NS - 1_500_000_000)

    shown = rest.get("/jobs/a").body

    assert (shown["status"], shown["packets"], shown["duration_sec"], shown["owner"]) == (
        "running",
        7,
        60,
        "automation",
    )
    assert rest.get("/jobs").body == {"jobs": [shown]}
    results = rest.get("/jobs/a/results").body
    assert (results["window_ms"], results["packets"], results["export"]["failures"]) == (1500, 7, 0)


def test_a_stop_removes_our_row_and_may_be_repeated(rest: Served, config_rows: RawRedis, tell: Tell) -> None:
    rest.post("/jobs/start", {"port": "Ethernet0", "job_id": "a"})
    tell("a", Status.RUNNING)

    assert rest.post("/jobs/a/stop").body == {"job_id": "a", "status": "stopping"}
    assert config_rows("EXISTS", "TELEGEN_JOB|a") == 0
    assert rest.post("/jobs/a/stop").body == {"job_id": "a", "status": "stopping"}
    tell("a", Status.STOPPED, reason=Reason.DELETED)
    again = rest.post("/jobs/a/stop")
    assert (again.status, again.body) == (200, {"job_id": "a", "status": "stopped"})
    refused(rest.post("/jobs/b/stop"), 404, "not_found")


@pytest.mark.parametrize("owner", [Owner.CLI, Owner.AUTOMATION, None])
def test_a_row_of_another_door_is_not_ours_to_stop(rest: Served, config_rows: RawRedis, owner: Owner | None) -> None:
    config_rows("HSET", "TELEGEN_JOB|a", "port", "Ethernet0", *(["owner", owner.value] if owner else []))
    assert "config telegen job del a" in refused(rest.post("/jobs/a/stop"), 409, "not_owner")
    assert config_rows("EXISTS", "TELEGEN_JOB|a") == 1


def test_rows_that_another_process_writes_at_the_same_time_stay_whole(rest: Served, config_rows: RawRedis) -> None:
    """The other writer is a plain client that replaces the same rows, as a command would."""
    over, seen = threading.Event(), set()

    def write() -> None:
        row = ("HSET", "TELEGEN_JOB|x", "port", "Ethernet8", "owner", "cli")
        while not over.is_set():
            config_rows.together(("DEL", "TELEGEN_JOB|x"), row)
            config_rows("DEL", "TELEGEN_JOB|x")

    def once() -> bool:
        seen.add(rest.post("/jobs/start", {"port": "Ethernet0", "job_id": "x"}).status)
        answer = rest.get("/jobs/x")
        if answer.status == 200:
            assert (answer.body["port"], answer.body["owner"]) in {("Ethernet0", "rest"), ("Ethernet8", "cli")}
        seen.add(rest.post("/jobs/x/stop").status)
        return {201, 409} <= seen

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            once()
        wait_for(once, 20, "a start that wins and one that loses")
    finally:
        over.set()
        writer.join()
    assert seen <= {200, 201, 404, 409}


def test_a_job_that_keeps_no_frames_has_no_capture(rest: Served) -> None:
    refused(rest.get("/jobs/a/capture"), 404, "not_found")
    rest.post("/jobs/start", {"port": "Ethernet0", "job_id": "a"})
    assert "no capture" in refused(rest.get("/jobs/a/capture"), 404, "no_capture")


def test_a_job_named_by_any_text_is_found(rest: Served, config_rows: RawRedis) -> None:
    for job in ("a b", "a|b", "ü", "100%", "a;b=c", "start"):
        config_rows("HSET", f"TELEGEN_JOB|{job}", "port", "Ethernet0")
    assert rest.get("/jobs/a%20b").body["job_id"] == "a b"
    assert rest.get("/jobs/a%7Cb").body["job_id"] == "a|b"
    assert rest.get("/jobs/%C3%BC").body["job_id"] == "ü"
    assert rest.get("/jobs/100%25").body["job_id"] == "100%"
    assert rest.get("/jobs/a;b=c").body["job_id"] == "a;b=c"
    refused(rest.get("/jobs/start"), 405, "method_not_allowed")
    assert len(rest.get("/jobs").body["jobs"]) == 6
