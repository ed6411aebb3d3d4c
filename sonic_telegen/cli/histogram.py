"""Packets by size as bars of a terminal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sonic_telegen.model.sample import SIZE_BOUNDS

_EIGHTHS = " ▏▎▍▌▋▊▉"
_NARROWEST = 10  # columns of a full bar


def labels() -> list[str]:
    """The buckets in words: ``0-64``, ``65-127``, …, ``9217-``."""
    lows = [0, *(bound + 1 for bound in SIZE_BOUNDS)]
    highs = [*map(str, SIZE_BOUNDS), ""]
    return [f"{low}-{high}" for low, high in zip(lows, highs, strict=True)]


def bars(counts: Sequence[int], width: int, blocks: bool = True) -> list[str]:
    """A line for each bucket: size, packets, share, bar; no line is longer than ``width`` as long as bars fit at all.

    The longest bar is full. ``blocks`` draws eighths of a column with characters that only Unicode has.
    """
    names, total, top = labels(), sum(counts), max(counts, default=0)
    numbers = [f"{count:,}" for count in counts]
    shares = [f"{100 * count / total:.1f} %" if total else "" for count in counts]
    names_wide, numbers_wide = max(map(len, names)), max(map(len, [*numbers, "PACKETS"]))
    shares_wide = max(map(len, [*shares, "SHARE"]))
    room = max(_NARROWEST, width - names_wide - numbers_wide - shares_wide - 6)
    lines = [f"{'SIZE':>{names_wide}}  {'PACKETS':>{numbers_wide}}  {'SHARE':>{shares_wide}}"]
    for name, number, share, count in zip(names, numbers, shares, counts, strict=True):
        drawn = bar(count / top if top else 0.0, room, blocks)
        lines.append(f"{name:>{names_wide}}  {number:>{numbers_wide}}  {share:>{shares_wide}}  {drawn}".rstrip())
    return lines


def bar(part: float, width: int, blocks: bool = True) -> str:
    """``part`` (0 to 1) of ``width`` columns; whatever is not zero is seen."""
    if part <= 0:
        return ""
    if not blocks:
        return "#" * max(1, round(part * width))
    eighths = max(1, round(part * width * 8))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
