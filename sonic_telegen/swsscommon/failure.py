"""What the wrapper raises when Redis does not do what was asked.

The real library throws std::system_error for refused connections and error replies and its RedisError for broken
connections; both are std::runtime_error, so Python sees RuntimeError for all of them. Ours are subclasses of that.
"""

from __future__ import annotations


class RedisFailure(RuntimeError):
    """Base of all: catch this (or RuntimeError, which also works with the real library)."""


class ConfigFailure(RedisFailure):
    """database_config.json or database_global.json could not be read: where Redis is remains unknown."""


class ConnectFailure(RedisFailure):
    """No connection could be made: nobody listens, no such host or database number."""


class ReplyFailure(RedisFailure):
    """Redis answered with an error (WRONGTYPE, LOADING, OOM ...) or with something unexpected."""


class ConnectionLost(RedisFailure):
    """An established connection broke or a reply did not come in time; the connector stays unusable."""


class UnavailableData(RedisFailure):
    """A blocking read waited its whole time for a row that never came; ``awaited`` is what it waited for."""

    def __init__(self, message: str, awaited: str) -> None:
        super().__init__(message)
        self.awaited = awaited
