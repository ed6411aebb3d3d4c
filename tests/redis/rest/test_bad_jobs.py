"""A start that asks for what is no question is refused at once with field and remedy, and leaves no row."""

from __future__ import annotations

import pytest

from tests.redis.rest.test_jobs import refused
from tests.support.bad_jobs import BAD_EXPRESSIONS, BAD_QUESTIONS
from tests.support.redis import RawRedis
from tests.support.rest import Served

BAD = BAD_QUESTIONS | BAD_EXPRESSIONS


@pytest.mark.parametrize("name", BAD)
def test_field_and_remedy_are_in_the_answer(name: str, rest: Served, config_rows: RawRedis) -> None:
    fields, field, remedy = BAD[name]
    answer = rest.post("/jobs/start", {"port": "Ethernet0", **fields})
    assert remedy in refused(answer, 400, "invalid_value", field)
    assert config_rows("KEYS", "TELEGEN_JOB|*") == []


def test_an_expression_that_libpcap_takes_becomes_a_row(rest: Served, config_rows: RawRedis) -> None:
    body = {"job_id": "a", "port": "Ethernet0", "filters": {"filter": "tcp port https and net 10.0.0.0/8"}}
    assert rest.post("/jobs/start", body).status == 201
    assert config_rows.row("TELEGEN_JOB|a")[b"filter"] == b"tcp port https and net 10.0.0.0/8"
