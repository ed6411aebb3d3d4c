"""What is no question is answered with the same field and remedy by codec and YANG model, or by libpcap."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonic_telegen.db.codec import parse_job, parse_jobs
from sonic_telegen.errors import ConfigError
from sonic_telegen.kernel import pcap
from sonic_telegen.model.asked import Rejection
from tests.support import yang
from tests.support.bad_jobs import BAD_EXPRESSIONS, BAD_QUESTIONS
from tests.support.yang_rows import AROUND


@pytest.mark.parametrize("name", BAD_QUESTIONS)
def test_the_codec_names_field_and_remedy(name: str) -> None:
    fields, field, remedy = BAD_QUESTIONS[name]
    with pytest.raises(ConfigError) as caught:
        parse_job("a", {"port": "Ethernet0"} | fields)
    assert caught.value.field == field
    assert remedy in str(caught.value)


@pytest.mark.parametrize("name", BAD_QUESTIONS)
def test_the_yang_model_names_field_and_remedy(name: str, tmp_path: Path) -> None:
    fields, field, remedy = BAD_QUESTIONS[name]
    data = yang.translate({"TELEGEN_JOB": {"a": {"port": "Ethernet0"} | fields}})
    verdict = yang.judge({**AROUND, **data}, tmp_path / "config.json")
    assert (verdict.good, verdict.blamed) == (False, field)
    assert name == "detail" or remedy in verdict.text  # libyang has words of its own for an enumeration


@pytest.mark.parametrize("name", BAD_EXPRESSIONS)
def test_libpcap_judges_what_the_codec_takes(name: str) -> None:
    fields, field, remedy = BAD_EXPRESSIONS[name]
    job = parse_job("a", {"port": "Ethernet0"} | fields)
    with pytest.raises(ConfigError) as caught:
        pcap.check(job.match.filter)
    assert caught.value.field == field
    assert remedy in str(caught.value)


def test_ten_kilobytes_are_not_told_back() -> None:
    row = {"port": "Ethernet0", "x" * 10_000: "y"}
    for told in parse_jobs({"a": row, "b": {"port": "Ethernet0"} | BAD_QUESTIONS["ten-kilobytes"].fields}).values():
        assert isinstance(told, Rejection)
        assert len(told.message) < 300
