"""Hooks of the schemathesis program: no case is made of a body that only fields together make wrong.

A schema says what each member may hold. It cannot say that a range is reversed, that two fields contradict each other,
that one stands both inside and outside of ``filters``, or that libpcap takes no such expression, so such a body would
count as good data that was refused.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis

from sonic_telegen.errors import ConfigError
from sonic_telegen.kernel import pcap
from sonic_telegen.rest.body import read_start
from sonic_telegen.rest.problem import Problem
from tests.support.unsaid import UNSAID


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Whether the case may be tried."""
    if not isinstance(case.body, dict):
        return True
    # A link may put another job_id in its place, and what else is wrong comes to light.
    return _may_be_tried(case.body) and _may_be_tried({k: v for k, v in case.body.items() if k != "job_id"})


def _may_be_tried(body: dict[str, Any]) -> bool:
    try:
        if expression := read_start(json.dumps(body).encode())[0].match.filter:
            pcap.check(expression)
    except ConfigError:
        return False
    except Problem as found:
        return found.code != "duplicate_field" and not found.message.endswith(UNSAID)
    except (TypeError, ValueError):
        return True
    return True
