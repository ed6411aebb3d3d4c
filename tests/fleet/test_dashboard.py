"""The dashboard is one of Grafana's: its own model knows every field of it."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.support.box import REPOSITORY
from tests.support.fleetfiles import dashboard


def written(given: dict[str, Any]) -> dict[str, Any]:
    python = REPOSITORY / "build" / "fleet" / "bin" / "python"
    done = subprocess.run(
        [str(python), "-m", "tests.fleet.grafana_model"],
        cwd=REPOSITORY,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Where ``kept`` lacks or changes something of ``given``; what it adds are defaults."""
    if isinstance(given, dict):
        for name, value in given.items():
            if isinstance(kept, dict) and name in kept:
                yield from lost(value, kept[name], f"{at}.{name}")
            else:
                yield f"{at}.{name}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{at}[{number}]")
    elif given != kept:
        yield f"{at}: {given!r} became {kept!r}"


def test_grafanas_model_reads_it_and_writes_the_same_back() -> None:
    assert list(lost(dashboard(), written(dashboard()))) == []


def test_it_would_lose_a_field_that_grafana_does_not_know() -> None:
    odd = copy.deepcopy(dashboard())
    odd["panels"][1]["unheard"] = 1
    assert list(lost(odd, written(odd))) == [".panels[1].unheard"]
