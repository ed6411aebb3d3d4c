"""Structured logs: one line an event, ``key=value`` fields behind the message, to stderr or syslog."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

NOTICE = 25
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": NOTICE,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
log = logging.getLogger("telegen")
audit = log.getChild("audit")  # who changed what: at every log level
audit.setLevel(NOTICE)


def fields(**values: object) -> dict[str, object]:
    """The ``extra`` of a log call: ``log.info("attached", extra=fields(netdev="Ethernet0"))``."""
    return {"fields": values}


class Logfmt(logging.Formatter):
    """``time level message key=value …``; syslog gets no time, it has its own."""

    def __init__(self, with_time: bool) -> None:
        super().__init__()
        self._with_time = with_time

    def format(self, record: logging.LogRecord) -> str:
        """One line; an exception's text follows as a field."""
        parts = [record.levelname.lower(), record.getMessage()]
        if self._with_time:
            now = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
            parts.insert(0, now.replace("+00:00", "Z"))
        parts += [f"{name}={_value(value)}" for name, value in getattr(record, "fields", {}).items()]
        if record.exc_info and record.exc_info[1]:
            parts.append(f"error={_value(repr(record.exc_info[1]))}")
            if record.levelno >= logging.ERROR:
                parts.append("\n" + self.formatException(record.exc_info))
        return " ".join(parts)


def _value(value: object) -> str:
    text = str(value).encode("utf-8", "backslashreplace").decode()
    if text and not any(c in text for c in " \"'=\n\\"):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def set_level(level: str) -> None:
    """Log at ``level`` and above from now on."""
    if log.level != _LEVELS[level]:
        log.setLevel(_LEVELS[level])


def set_up(level: str, syslog: bool = False) -> None:
    """Send the agent's log at ``level`` and above to stderr, or to ``/dev/log`` with facility daemon."""
    logging.addLevelName(NOTICE, "NOTICE")
    handler: logging.Handler
    if syslog:
        from logging.handlers import SysLogHandler  # here: it brings pickle and more, 0.5 MB

        handler = SysLogHandler("/dev/log", SysLogHandler.LOG_DAEMON)
        handler.ident = "sonic-telegen: "
    else:
        handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Logfmt(with_time=not syslog))
    log.handlers[:] = [handler]
    log.propagate = False
    set_level(level)
