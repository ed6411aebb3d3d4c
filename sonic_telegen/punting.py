"""Control protocols as they are told, beside CoPP's trap groups; part of the composition root."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sonic_telegen.db import copp
from sonic_telegen.log import fields, log
from sonic_telegen.model.punt import Policer, PuntStatus
from sonic_telegen.model.sample import Sample
from sonic_telegen.reconcile.punts import PuntRates

NO_FILE = (0, 0, 0)


class Punting:
    """``file`` has CoPP's defaults; it is read when there is something to tell, and again when it changed."""

    def __init__(self, file: Path) -> None:
        self._file, self._identity = file, NO_FILE
        self._defaults: copp.Tables = {}
        self._rows: copp.Tables = {}
        self._policers: Mapping[str, Policer] = {}
        self._rates = PuntRates()

    def told(self, sample: Sample | None, rows: copp.Tables) -> tuple[PuntStatus, ...]:
        """What a report says of a reading; ``rows`` are CONFIG_DB's of CoPP. Worker thread."""
        if sample is None:
            return ()
        if sample.punts and (self._read() or rows != self._rows):
            self._rows, self._policers = rows, copp.policers(self._defaults, rows)
        return self._rates.told(sample, self._policers)

    def _read(self) -> bool:
        """Whether the file is another one than before."""
        try:
            found = self._file.stat()
            identity = found.st_ino, found.st_mtime_ns, found.st_size
        except OSError:
            identity = NO_FILE
        if identity == self._identity:
            return False
        self._identity, self._defaults = identity, {}
        if identity != NO_FILE:
            try:
                self._defaults = copp.file_tables(json.loads(self._file.read_bytes()))
            except (OSError, ValueError, RecursionError) as problem:
                log.warning("CoPP's defaults cannot be read", extra=fields(file=self._file, problem=problem))
        return True
