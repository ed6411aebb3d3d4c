"""A terminal that is painted again and again until somebody has seen enough; anything else gets plain text."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Self

import click

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # the alternate screen without a cursor, and back
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_ENDING = (b"q", b"Q", b"\x03", b"\x04", b"")


class Screen:
    """Alive inside ``with Screen() as screen:``; whatever ends the block leaves the terminal as it was.

    ``live``: standard output is a terminal that can be painted (not TERM=dumb).
    """

    def __init__(self) -> None:
        self.live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")
        self._spoken = False
        self._keys: int | None = None
        self._before: list[Any] = []
        self._handler: Any = None

    def __enter__(self) -> Self:
        self._handler = signal.signal(signal.SIGTERM, _end)
        if sys.stdin is not None and sys.stdin.isatty():
            self._keys = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys)
        if self.live:
            click.echo(_ENTER, nl=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            click.echo(_LEAVE, nl=False)
        if self._keys is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)
        signal.signal(signal.SIGTERM, self._handler)

    def show(self, lines: Sequence[str]) -> None:
        """Paint the lines, cut to the terminal's size; elsewhere print them, an empty line after those before."""
        if not self.live:
            click.echo("\n".join(["", *lines] if self._spoken else lines))
            self._spoken = True
            return
        width, height = shutil.get_terminal_size()
        cut = [line[:width] for line in lines]
        if len(cut) > height:
            cut = [*cut[: height - 1], f"({len(cut) - height + 1} more lines)"[:width]]
        click.echo(_HOME + "\n".join(line + _REST_OF_LINE for line in cut) + _REST_OF_SCREEN, nl=False)

    def pause(self, seconds: float) -> bool:
        """Wait that long; at once True when somebody pressed q."""
        if self._keys is None:
            time.sleep(max(0.0, seconds))
            return False
        deadline = time.monotonic() + seconds
        while select.select([self._keys], [], [], max(0.0, deadline - time.monotonic()))[0]:
            if os.read(self._keys, 1) in _ENDING:
                return True
        return False


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
