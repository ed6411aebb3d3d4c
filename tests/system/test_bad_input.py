"""Bad rows, a Redis that fails, a reload under way: told, survived, and nothing that works is torn down."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.bad_jobs import BAD_EXPRESSIONS, BAD_QUESTIONS
from tests.support.box import Box, wait_for
from tests.support.net import FRAME, run_in
from tests.support.rest import UnixConnection, ask
from tests.system.test_rows import counted, filters


@pytest.fixture
def box() -> Iterator[Box]:
    with Box() as made:
        yield made


BAD = {
    "unknown": ({"port": "Ethernet0", "prot": "tcp"}, "unknown_field", "prot"),
    "way": ({"port": "Ethernet0", "direction": "sideways"}, "invalid_value", "direction"),
    "slash": ({"port": "../Ethernet0"}, "invalid_value", "port"),
    "long": ({"port": "E" * 40}, "invalid_value", "port"),
    "empty": ({"NULL": "NULL"}, "missing_field", "port"),
    "a|b": ({"port": "Ethernet0"}, "invalid_value", "job_id"),
    "cut": ({"port": "Ethernet0", "truncate": "81"}, "invalid_value", "truncate"),
    "group": ({"port": "Ethernet0", "erspan_remote": "224.0.0.1"}, "invalid_value", "erspan_remote"),
    "six": ({"port": "Ethernet0", "erspan_remote": "2001:db8::1"}, "invalid_value", "erspan_remote"),
    "key": ({"port": "Ethernet0", "erspan_key": "1024", "erspan_ver": "1"}, "invalid_value", "erspan_key"),
    "ttl": ({"port": "Ethernet0", "erspan_ttl": "0"}, "invalid_value", "erspan_ttl"),
    "sixteen": ({"port": "Ethernet0", "erspan_name": "erspan0123456789"}, "invalid_value", "erspan_name"),
    **{
        job: ({"port": "Ethernet0", **bad.fields}, "invalid_value", f"{bad.field}=")
        for job, bad in (BAD_QUESTIONS | BAD_EXPRESSIONS).items()
    },
}


def test_bad_rows_are_rejected_with_field_and_reason_and_disturb_nobody(box: Box) -> None:
    box.start()
    box.job("good", port="Ethernet0")
    box.wait_status("good", "running")
    for job, (row, _, _) in BAD.items():
        box.job(job, **row)
    box.config.hset("TELEGEN_JOB|bytes", "port", b"Ethernet\xff\xfe")  # type: ignore[arg-type]
    for job, (_, reason, field) in {**BAD, "bytes": ({}, "invalid_value", "port")}.items():
        told = box.wait_status(job, "rejected")
        assert told["reason"] == reason
        assert field in told["message"]
    box.switch.send("Ethernet0", [FRAME] * 4)
    wait_for(lambda: counted(box) == 4)
    assert box.told("good")["status"] == "running"

    box.job("way", port="Ethernet4", direction="egress")
    box.wait_status("way", "running")
    assert len(filters(box)) == 1


def test_rest_answers_a_bad_expression_at_once(box: Box) -> None:
    address = box.directory / "rest.sock"
    box.start(TELEGEN_LISTEN=f"unix:{address}")
    wait_for(lambda: box.about("listen") == f"unix:{address}", what=box.log)
    for fields, field, remedy in BAD_EXPRESSIONS.values():
        answer = ask(UnixConnection(address), "POST", "/jobs/start", {"port": "Ethernet0", **fields})
        assert (answer.status, answer.body["field"]) == (400, field)
        assert remedy in answer.body["message"]
    assert box.config.keys("TELEGEN_JOB|*") == []


def test_a_netdev_of_the_agents_own_is_no_port(box: Box) -> None:
    run_in(box.switch.namespace, "ip", "link", "set", "Ethernet4", "alias", "telegen/0123456789abcdef")
    box.start()
    box.job("a", port="Ethernet4")
    assert box.wait_status("a", "rejected")["reason"] == "own_netdev"
    box.job("b", port="all")
    box.wait_status("b", "running")
    assert filters(box, "Ethernet4") == []


def test_five_thousand_rows_at_once(box: Box) -> None:
    box.start()
    with box.config.pipeline(transaction=False) as pipe:
        for n in range(5000):
            pipe.hset(f"TELEGEN_JOB|j{n:04}", mapping={"port": "Ethernet0"})
        pipe.execute()
    wait_for(lambda: box.about("jobs") == "5000", 30)
    wait_for(lambda: box.about("jobs_running") == "64", 30)
    assert (box.told("j4999")["status"], box.told("j4999")["reason"]) == ("pending", "max_jobs")
    box.switch.send("Ethernet0", [FRAME] * 3)
    wait_for(lambda: box.told("j0000")["packets"] == "3", 20)
    assert len(filters(box)) == 1


def test_a_bad_global_row_keeps_the_last_good_settings(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    box.config.hset("TELEGEN|GLOBAL", "max_jobs", "none")
    wait_for(lambda: "max_jobs" in box.about("config_error"))
    assert box.told("a")["status"] == "running"
    box.config.hset("TELEGEN|GLOBAL", "max_jobs", "5")
    wait_for(lambda: box.about("config_error") == "")
    box.config.hset("TELEGEN|GLOBAL", "admin_state", "disabled")
    assert box.wait_status("a", "stopped")["reason"] == "disabled"
    assert filters(box) == []


def test_a_malformed_endpoint_is_told_and_counting_goes_on(box: Box) -> None:
    box.start(OTEL_EXPORTER_OTLP_ENDPOINT="localhost:port")
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    wait_for(lambda: "otlp_endpoint" in box.about("config_error"))
    box.switch.send("Ethernet0", [FRAME] * 2)
    wait_for(lambda: box.told("a")["packets"] == "2")
    box.config.hset("TELEGEN|GLOBAL", "otlp_endpoint", f"127.0.0.1:{box.receiver.grpc_port}")
    wait_for(lambda: box.about("config_error") == "" and box.about("otlp_last_success") != "")


def test_redis_down_at_start_and_in_mid_run(box: Box) -> None:
    box.redis.stop()
    box.start(wait=False)
    wait_for(lambda: "not reachable" in box.log())
    box.redis.start()
    box.config.set("CONFIG_DB_INITIALIZED", "1")
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running", 15)

    box.redis.stop()
    box.switch.send("Ethernet0", [FRAME] * 5)
    wait_for(lambda: box.log().count("not reachable") >= 2, 15)
    assert len(filters(box)) == 1
    box.redis.start()  # empty, without the flag: absence of rows is no wish
    wait_for(lambda: box.about("pid") == str(box.pid), 15)
    assert len(filters(box)) == 1
    box.job("a", port="Ethernet0")
    box.config.set("CONFIG_DB_INITIALIZED", "1")
    box.wait_status("a", "running")
    wait_for(lambda: box.told("a")["packets"] == "5")


def test_a_config_reload_tears_nothing_down(box: Box) -> None:
    box.start()
    box.job("a", port="Ethernet0")
    box.wait_status("a", "running")
    before = filters(box)
    box.switch.send("Ethernet0", [FRAME] * 3)

    box.config.flushdb()  # tells nobody; what follows does
    box.config.set("CONFIG_DB_INITIALIZED", "0")
    box.job("b", port="Ethernet4")
    box.wait_status("b", "running")  # attaching goes on
    assert filters(box) == before
    box.job("a", port="Ethernet0")
    box.config.set("CONFIG_DB_INITIALIZED", "1")
    box.switch.send("Ethernet0", [FRAME] * 3)
    wait_for(lambda: box.told("a")["packets"] == "6", what="nothing was lost")
    assert box.told("a")["status"] == "running"

    box.config.delete("TELEGEN_JOB|a")
    box.wait_status("a", "stopped")
    assert filters(box) == []


def test_a_disk_without_room_is_told_and_neither_counting_nor_the_end_of_the_agent_minds(box: Box) -> None:
    state = box.directory / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(state)], check=True)
    try:
        (state / "full").write_bytes(bytes(4096))
        box.start()
        box.job("short", port="Ethernet0", duration_sec="1")
        box.wait_status("short", "done")
        wait_for(lambda: "No space left on device" in box.about("notice"))
        assert box.kill(signal.SIGTERM) == 0
    finally:
        box.kill()
        subprocess.run(["umount", str(state)], check=True)
    assert "Traceback" not in box.log()
