"""``sonic-clear telegen counters``: what one viewer wants left out of the counters from now on.

As with SONiC's own ``sonic-clear counters`` nothing is cleared but for the user who asks: the counters of that moment
are kept in a file of the user's, and ``show`` subtracts them. The agent and its exports know nothing of it.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonic_telegen.model.sample import CLASSES

Row = Mapping[str, str]  # of TELEGEN_INTERFACE_TABLE or TELEGEN_PUNT_TABLE, by key: no direction is a protocol
Numbers = dict[str, list[int]]  # by field, a histogram being several

_PLACE = "/tmp/cache"  # nosec B108: where sonic-utilities keep what belongs to one user; _make() refuses a stranger's
_COUNTED = (
    *(f"{name}_{kind}" for name in CLASSES for kind in ("packets", "bytes", "histogram")),
    *("packets", "bytes"),  # of a control protocol
)
_IDENTITY = "ifindex"
ASIC = "asic_packets"  # what the ASIC counted on the port at the same moment; not a field of the agent's


@dataclass(frozen=True, slots=True)
class Since:
    """Rows less the baseline; ``cleared`` says since when (Unix s) by key, ``reset`` whose baseline is void.

    It is void when a counter is smaller than it or the netdev is another: the counters began anew since it was saved.
    Such a row, and one without baseline, is as it was. The ASIC's counters may begin anew by themselves: then a row has
    none.
    """

    rows: dict[str, dict[str, str]]
    cleared: dict[str, float] = field(default_factory=dict)
    reset: tuple[str, ...] = ()


def save(rows: Mapping[str, Row]) -> None:
    """Keep ``rows`` as the user's baseline, that of other rows stays; OSError when it cannot be written."""
    kept, now = _load(), time.time()
    kept.update({key: (now, _numbers(row)) for key, row in rows.items()})
    path = _file()
    _make(path.parent)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(kept))
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def subtract(rows: Mapping[str, Row]) -> Since:
    """``rows`` less the user's baseline."""
    kept, cleared, reset = _load(), {}, []
    result = {key: dict(row) for key, row in rows.items()}
    for key, row in rows.items():
        if key not in kept:
            continue
        since, before = kept[key]
        less = _less(_numbers(row), before)
        if less is None:
            reset.append(key)
        else:
            cleared[key] = since
            result[key].pop(ASIC, None)
            result[key].update({name: ",".join(map(str, numbers)) for name, numbers in less.items()})
    return Since(result, cleared, tuple(reset))


def _numbers(row: Row) -> Numbers:
    """The row's counters and its netdev's index; what is no number is left out."""
    found = {}
    for name in (_IDENTITY, *_COUNTED, ASIC):
        parts = row.get(name, "").split(",")
        if all(part.isascii() and part.isdigit() for part in parts):
            found[name] = [int(part) for part in parts]
    return found


def _less(now: Numbers, before: Numbers) -> Numbers | None:
    """The counters that both have, subtracted; None when they began anew in between."""
    if now.get(_IDENTITY) != before.get(_IDENTITY):
        return None
    less = {}
    for name in _COUNTED:
        if name in now and len(now[name]) == len(before.get(name, [])):
            less[name] = [a - b for a, b in zip(now[name], before[name], strict=True)]
            if min(less[name]) < 0:
                return None
    if ASIC in now and ASIC in before and now[ASIC] >= before[ASIC]:
        less[ASIC] = [now[ASIC][0] - before[ASIC][0]]
    return less


def _file() -> Path:
    return Path(os.environ.get("SONIC_CLI_CACHE_DIR", _PLACE), "telegen", str(os.getuid()), "interfaces.json")


def _make(directory: Path) -> None:
    """Make the user's directory; PermissionError when somebody else put one (or a link) in its place."""
    for shared in (directory.parent.parent, directory.parent):
        if not shared.is_dir():
            shared.mkdir(parents=True, exist_ok=True)
            shared.chmod(0o1777)
    directory.mkdir(mode=0o700, exist_ok=True)
    if not _is_own(directory, stat.S_ISDIR):
        raise PermissionError(f"{directory} is not a directory of this user's; remove it")


def _is_own(path: Path, kind: Any) -> bool:
    found = path.lstat()
    return bool(kind(found.st_mode)) and found.st_uid == os.getuid()


def _load() -> dict[str, tuple[float, Numbers]]:
    """The baseline by key; what cannot be read, is somebody else's or of another form counts as none."""
    path = _file()
    try:
        if not (_is_own(path.parent, stat.S_ISDIR) and _is_own(path, stat.S_ISREG)):
            return {}
        kept = {}
        for key, (since, numbers) in json.loads(path.read_text()).items():
            kept[str(key)] = (float(since), {str(n): [int(v) for v in values] for n, values in numbers.items()})
        return kept
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
