"""How a demo looks: a live table on a terminal, plain lines elsewhere, and the comparison at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sonic_telegen.demo.rates import Rates, plot
from sonic_telegen.demo.tally import Count, Line, Series, total

_PLAIN_EVERY_SEC = 2.0
_AROUND_TABLE = 8  # lines of a terminal that are not rows of the table
_BESIDE_PLOT = 67  # columns of it that are not plot


@dataclass(frozen=True, slots=True)
class View:
    """One look at everything; ``job`` and ``agent`` are rows of STATE_DB, ``age`` is of the last OTLP request (s)."""

    seconds: float
    lines: Sequence[Line]
    rates: Rates
    job: Mapping[str, str]
    agent: Mapping[str, str]
    endpoint: str
    series: int = 0
    age: float | None = None


class Screen:
    """Shows views while it is entered; ``say`` prints a line in between. All of it goes to ``out``."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._console = Console(file=out or sys.stdout, highlight=False)
        self._live: Live | None = None
        self._spoken = float("-inf")

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """One plain line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def show(self, view: View) -> None:
        """The view: redrawn on a terminal, else one line every two seconds."""
        if self._live is not None:
            self._live.update(picture(view, *self._console.size), refresh=True)
        elif time.monotonic() - self._spoken >= _PLAIN_EVERY_SEC:
            self._spoken = time.monotonic()
            self.say(_plain(view))

    def summary(self, lines: Sequence[Line]) -> None:
        """What was sent, counted and received, series by series."""
        if self._console.is_terminal:
            self._console.print(_summary(lines))
            return
        wide = Console(file=self._console.file, width=160, highlight=False)
        wide.print(_summary(lines))


def _plain(view: View) -> str:
    sent, counted, received = _totals(view.lines)
    rate = sum(view.rates.now(line.series) for line in view.lines)
    age = "never" if view.age is None else f"{view.age:.1f}s ago"
    return (
        f"{view.seconds:6.1f}s  job {view.job.get('status', '-')}  sent {sent.packets}  counted {counted.packets}"
        f"  {rate:.0f}/s  OTLP {received.packets} in {view.series} series, last {age}"
    )


def picture(view: View, width: int, height: int) -> RenderableType:
    """The live table for a terminal of that size, and under it what job, agent and OTLP receiver say."""
    rows, bars = list(view.lines), max(6, width - _BESIDE_PLOT)
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for title in ("port", "direction", "class"):
        table.add_column(title)
    for title in ("packets", "bytes", "per second"):
        table.add_column(title, justify="right")
    table.add_column("rate", no_wrap=True)
    if len(rows) + _AROUND_TABLE <= height:
        for line in rows:
            _add(table, line.series, line.counted, view.rates.history(line.series)[-bars:])
    else:  # too many for this terminal: one row for each port and direction
        for port, direction in dict.fromkeys(line.series[:2] for line in rows):
            mine = [line for line in rows if line.series[:2] == (port, direction)]
            histories = [view.rates.history(line.series) for line in mine]
            summed = [sum(values) for values in zip(*histories, strict=False)]
            _add(table, Series(port, direction, "all"), total(line.counted for line in mine), summed[-bars:])
    return Group(table, Text(), *_facts(view))


def _add(table: Table, series: Series, count: Count, history: Sequence[float]) -> None:
    now = f"{history[-1]:,.0f}" if history else ""
    bars = Text(plot(history), style="cyan")
    table.add_row(*series, f"{count.packets:,}", f"{count.bytes:,}", now, bars)


def _facts(view: View) -> list[Text]:
    sent, _, received = _totals(view.lines)
    job, agent = view.job, view.agent
    status = job.get("status", "not told yet")
    age = "none yet" if view.age is None else f"last {view.age:.1f} s ago"
    success = agent.get("otlp_last_success", "")[11:19] or "none yet"
    facts = [
        Text.assemble(
            ("job    ", "bold"),
            (status, "green" if status == "running" else "yellow"),
            *(f" {name}={job.get(name, '')}" for name in ("port", "direction", "mirror_mode", "visibility", "packets")),
        ),
        Text.assemble(
            ("agent  ", "bold"),
            f"{agent.get('version', '')} {agent.get('commit', '')}",
            *(f" {name}={agent.get(name, '')}" for name in ("loader", "attach")),
            f" last OTLP success {success}",
        ),
        Text.assemble(
            ("OTLP   ", "bold"), f"{view.endpoint} {view.series} series, sum of bpf.packets {received.packets:,}, {age}"
        ),
        Text.assemble(("sent   ", "bold"), f"{sent.packets:,} packets in {view.seconds:.0f} s; Ctrl-C ends it"),
    ]
    complaints = (job.get("message"), *(agent.get(name) for name in ("config_error", "otlp_last_error", "notice")))
    facts += [Text(text, style="red") for text in complaints if text]
    for fact in facts:
        fact.no_wrap, fact.overflow = True, "ellipsis"
    return facts


def _summary(lines: Sequence[Line]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for title in ("port", "direction", "class"):
        table.add_column(title, no_wrap=True)
    for title in ("sent", "counted", "over OTLP", "bytes sent"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("difference")
    for line in lines:
        counts = [f"{count.packets:,}" for count in (line.sent, line.counted, line.received)]
        difference = Text(line.difference or "none", style="" if line.equal else "red")
        table.add_row(*line.series, *counts, f"{line.sent.bytes:,}", difference)
    return table


def _totals(lines: Sequence[Line]) -> tuple[Count, Count, Count]:
    return (
        total(line.sent for line in lines),
        total(line.counted for line in lines),
        total(line.received for line in lines),
    )
