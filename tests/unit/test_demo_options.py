"""The demo's command line: wrong options are refused with the reason, before anything is made."""

from __future__ import annotations

import pytest

from sonic_telegen.demo.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--ports", "0"], "use a number from 1 to 64", id="no port"),
        pytest.param(["--ports", "1.5"], "use a whole number", id="half a port"),
        pytest.param(["--duration", "soon"], "use a number from 0.1", id="a word"),
        pytest.param(["--duration", "nan"], "use a number from 0.1", id="not a number"),
        pytest.param(["--rate", "1e9"], "use a number from 1 to 20000", id="too fast"),
        pytest.param(["--otlp", "udp"], "invalid choice", id="no such protocol"),
        pytest.param(["now"], "unrecognized", id="no such word"),
    ],
)
def test_wrong_option(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_help_tells_signals_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("SIGINT", "exit status:", "130", "--duration", "TELEGEN_BPF_OBJ"))
