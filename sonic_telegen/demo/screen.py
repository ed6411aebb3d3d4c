"""How a demo looks: a live table on a terminal, plain lines elsewhere, and the comparison at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sonic_telegen.demo.rates import Rates, plot
from sonic_telegen.demo.tally import Count, Line, Series, total

_PLAIN_EVERY_SEC = 2.0
_AROUND_TABLE = 9  # lines of a screen that are not rows of the table


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
    requests: int = 0
    age: float | None = None
    problems: Sequence[str] = field(default_factory=tuple)


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
            self._live.update(picture(view, self._console.height), refresh=True)
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


def picture(view: View, height: int) -> RenderableType:
    """The live table for a terminal of ``height`` lines, and under it what job, agent and OTLP receiver say."""
    rows = list(view.lines)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for title in ("port", "direction", "class"):
        table.add_column(title)
    for title in ("packets", "bytes", "per second"):
        table.add_column(title, justify="right")
    table.add_column("rate")
    if len(rows) + _AROUND_TABLE <= height:
        for line in rows:
            _add(table, line.series, line.counted, view.rates.history(line.series))
    else:  # too many for this terminal: one row for each port and direction
        for port, direction in dict.fromkeys(line.series[:2] for line in rows):
            mine = [line for line in rows if line.series[:2] == (port, direction)]
            histories = [view.rates.history(line.series) for line in mine]
            summed = [sum(values) for values in zip(*histories, strict=False)]
            _add(table, Series(port, direction, "all"), total(line.counted for line in mine), summed)
    return Group(table, Text(), *_facts(view))


def _add(table: Table, series: Series, count: Count, history: Sequence[float]) -> None:
    now = f"{history[-1]:,.0f}" if history else ""
    bars = Text(plot(history), style="cyan")
    table.add_row(*series, f"{count.packets:,}", f"{count.bytes:,}", now, bars)


def _facts(view: View) -> list[Text]:
    sent, _, received = _totals(view.lines)
    job, agent = view.job, view.agent
    status = job.get("status", "not told yet")
    style = "green" if status == "running" else "yellow"
    age = "none yet" if view.age is None else f"last {view.age:.1f} s ago"
    facts = [
        Text.assemble(
            ("job    ", "bold"),
            ("demo ", ""),
            (status, style),
            f" {job.get('reason', '')} port={job.get('port', '')} direction={job.get('direction', '')}",
            f" mirror_mode={job.get('mirror_mode', '')} visibility={job.get('visibility', '')}",
            f" packets={job.get('packets', '')}",
        ),
        Text.assemble(
            ("agent  ", "bold"),
            f"{agent.get('version', '')} {agent.get('commit', '')} pid={agent.get('pid', '')}",
            f" loader={agent.get('loader', '')} attach={agent.get('attach', '')}",
            f" otlp_last_success={agent.get('otlp_last_success', '')}",
        ),
        Text.assemble(
            ("OTLP   ", "bold"),
            f"{view.endpoint}: {view.series} series, bpf.packets {received.packets:,} in all,"
            f" {view.requests} requests, {age}",
        ),
        Text.assemble(("sent   ", "bold"), f"{sent.packets:,} packets in {view.seconds:.0f} s; Ctrl-C ends it"),
    ]
    facts += [Text(problem, style="red") for problem in view.problems]
    for fact in facts:
        fact.no_wrap, fact.overflow = True, "ellipsis"
    return facts


def _summary(lines: Sequence[Line]) -> Table:
    table = Table(title="packets / bytes", title_justify="left", box=None, padding=(0, 1), header_style="bold")
    for title in ("port", "direction", "class"):
        table.add_column(title, no_wrap=True)
    for title in ("sent", "counted", "received over OTLP"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("difference")
    for line in lines:
        counts = [f"{c.packets:,} / {c.bytes:,}" for c in (line.sent, line.counted, line.received)]
        table.add_row(*line.series, *counts, Text(line.difference or "none", style="" if line.equal else "red"))
    return table


def _totals(lines: Sequence[Line]) -> tuple[Count, Count, Count]:
    return (
        total(line.sent for line in lines),
        total(line.counted for line in lines),
        total(line.received for line in lines),
    )
