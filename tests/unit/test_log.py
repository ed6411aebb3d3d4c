"""Log lines can be split by a machine whatever is in them, and the build tells itself."""

from __future__ import annotations

import json
import logging
import shlex
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.log import Logfmt, fields
from sonic_telegen.version import Build, build


def line(message: str, **values: object) -> str:
    record = logging.LogRecord("telegen", logging.WARNING, "", 0, message, None, None)
    for name, value in fields(**values).items():
        setattr(record, name, value)
    return Logfmt(with_time=False).format(record)


def test_fields_follow_the_message() -> None:
    assert line("pass", ms=1.5, problem="a b") == 'warning pass ms=1.5 problem="a b"'


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_is_one_line_and_one_word(value: str) -> None:
    text = line("x", v=value)
    assert "\n" not in text
    if value.isprintable():
        assert shlex.split(text) == ["warning", "x", f"v={value}"]


def test_surrogates_do_not_break_a_line() -> None:
    assert line("x", v="\udcff").encode()


def test_the_build_note_is_read_and_its_absence_is_dev(tmp_path: Path) -> None:
    path = tmp_path / "build.json"
    assert build(path) == Build("dev", "unknown", "unknown")
    path.write_text(json.dumps({"version": "release/mark-v1-2-3", "commit": "abc", "date": "2026-01-01T00:00:00Z"}))
    assert "release/mark-v1-2-3, commit abc, built 2026" in str(build(path))
    path.write_text("[]")
    assert build(path).version == "dev"
