"""Hooks of the schemathesis program: no case is made of a body that only fields together make wrong.

A schema says what each member may hold. That a range is reversed, that two fields contradict each other, or that one
stands both inside and outside of ``filters`` it cannot say, so such a body would count as good data that was refused.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis

from sonic_telegen.rest.body import read_start
from sonic_telegen.rest.problem import Problem
from tests.support.unsaid import UNSAID


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Whether the case may be tried."""
    if not isinstance(case.body, dict):
        return True
    try:
        read_start(json.dumps(case.body).encode())
    except Problem as found:
        return found.code != "duplicate_field" and not found.message.endswith(UNSAID)
    except (TypeError, ValueError):
        return True
    return True
