"""Remedies for what a JSON schema of single members cannot forbid: fields, or ends of a range, wrong together."""

from __future__ import annotations

from sonic_telegen.db import codec
from sonic_telegen.model import match
from sonic_telegen.model.job import RECEIVES

UNSAID = (
    match.REVERSED,
    match.NEEDS_PORTS,
    match.NEEDS_CARRIER,
    match.NEEDS_ONE_VERSION,
    codec.NEEDS_PACKETS,
    RECEIVES,
)
