"""Fields of a later version, switched on: what they will mean is tested before any door offers them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sonic_telegen.db import schema
from sonic_telegen.model.job import ResultDetail
from sonic_telegen.model.values import Words

QUESTION = (*schema.MATCH_FIELDS, "sample_rate", "result_detail", "snaplen")


def switch_on(patch: pytest.MonkeyPatch) -> None:
    """Make every field of a job's question available, with all its words."""
    for name in QUESTION:
        patch.setitem(schema.JOB_FIELDS, name, replace(schema.JOB_FIELDS[name], available=True))
    every = Words(tuple(detail.value for detail in ResultDetail))
    patch.setitem(schema.JOB_FIELDS, "result_detail", replace(schema.JOB_FIELDS["result_detail"], type=every))
