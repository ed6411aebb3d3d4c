"""What a demo shows: a table that fits the terminal, plain lines elsewhere, differences that cannot be overlooked."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sonic_telegen.demo.rates import Rates
from sonic_telegen.demo.screen import Screen, View, picture
from sonic_telegen.demo.tally import Count, Line, Series


def lines(ports: int = 2) -> list[Line]:
    count = Count(1234, 567890)
    return [
        Line(Series(f"Ethernet{4 * n}", direction, cls), count, count, count)
        for n in range(ports)
        for direction in ("ingress", "egress")
        for cls in ("icmp6", "ipv4", "ipv6", "other")
    ]


def view(shown: list[Line]) -> View:
    rates = Rates()
    for when in (1.0, 2.0, 3.0):
        rates.note({line.series: int(when) * 100 for line in shown}, when)
    job = {"status": "running", "port": "all", "direction": "both", "packets": "77"}
    return View(3.0, shown, rates, job, {"version": "dev", "loader": "core"}, "127.0.0.1:4317", 40, 0.4)


def drawn(shown: list[Line], height: int, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(picture(view(shown), width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_tall_terminal_shows_each_class_with_rate_and_plot() -> None:
    text = drawn(lines(), 40)
    assert text.count("1,234") == 16
    assert "icmp6" in text
    assert re.search(r" 100 +██\s", text)
    assert "running" in text
    assert "127.0.0.1:4317 40 series" in text


def test_a_low_terminal_shows_each_direction_summed() -> None:
    text = drawn(lines(), 23)
    assert text.count(f"{4 * 1234:,}") == 4
    assert "icmp6" not in text
    assert re.search(r" 400 +██\s", text)
    assert len(text.splitlines()) <= 24


def test_an_ordinary_terminal_shows_each_class_of_two_ports() -> None:
    text = drawn(lines(), 24, 80)
    assert text.count("icmp6") == 4
    assert len(text.splitlines()) <= 24
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_no_terminal_gets_a_line_every_two_seconds() -> None:
    out = io.StringIO()
    with Screen(out) as screen:
        screen.show(view(lines()))
        screen.show(view(lines()))
    (line,) = out.getvalue().splitlines()
    assert "job running" in line
    assert f"sent {16 * 1234}" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("ports", [1, 3])
def test_summary_tells_each_difference(ports: int) -> None:
    out, shown = io.StringIO(), lines(ports)
    wrong = Line(Series("Ethernet96", "egress", "ipv6"), Count(5, 500), Count(4, 400), Count(5, 500))
    Screen(out).summary([*shown, wrong])
    text = out.getvalue()
    assert text.count("none") == len(shown)
    assert "counted -1 packets -100 bytes" in text
