"""JSON Schema of what a field may hold, made from its value type: what it allows is what is accepted.

It cannot say what ``Unfit`` says: a reversed range of ports is allowed and refused all the same.
"""

from __future__ import annotations

from typing import Any

from sonic_telegen.model.values import TRUTH, Either, Several, Spelt, Text, ValueType, Whole, Words

DIGITS = 9  # of a whole number, leading zeros included

Schema = dict[str, Any]


def accepted(kind: ValueType[object]) -> Schema:
    """What a request may hold: a number or a truth as JSON has it or as text, all else as text."""
    if kind == TRUTH:
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "enum": list(TRUTH.choices)}]}
    if isinstance(kind, Words):
        return {"type": "string", "enum": list(kind.choices)}
    if isinstance(kind, Text):
        text: Schema = {"type": "string", "pattern": f"^(?:{kind.pattern})$", "maxLength": kind.max_length}
        return text | {"not": {"enum": list(kind.never)}} if kind.never else text
    if isinstance(kind, Whole):
        text = {"type": "string", "pattern": f"^(?:{pattern(kind)})$"}
        return {"anyOf": [{"type": "integer", "minimum": kind.low, "maximum": kind.high}, text]}
    if isinstance(kind, Spelt):
        text = accepted(kind.form)
        if kind.number is None:
            return text
        return {"anyOf": [{"type": "integer", "minimum": kind.number.low, "maximum": kind.number.high}, text]}
    if isinstance(kind, Either):
        return {"anyOf": [{"const": kind.word}, *_branches(accepted(kind.other))]}
    if isinstance(kind, Several):
        item = accepted(kind.item)
        items = {"type": "array", "items": item, "minItems": 1, "maxItems": kind.most}
        numbers = [branch for branch in _branches(item) if branch.get("type") == "integer"]
        return {"anyOf": [items, *numbers, {"type": "string", "pattern": f"^(?:{pattern(kind)})$"}]}
    raise TypeError(f"no JSON schema for {kind!r}")


def _branches(one: Schema) -> list[Schema]:
    return one["anyOf"] if set(one) == {"anyOf"} else [one]


def pattern(kind: ValueType[object]) -> str:
    """A regular expression of the texts that ``kind`` reads (but for what ``Text.never`` forbids)."""
    if isinstance(kind, Words):
        return "|".join(kind.choices)
    if isinstance(kind, Text):
        return kind.pattern
    if isinstance(kind, Spelt):
        return pattern(kind.form)
    if isinstance(kind, Whole):
        return digits(kind.low, kind.high)
    if isinstance(kind, Either):
        return f"{kind.word}|{pattern(kind.other)}"
    if isinstance(kind, Several):
        item = f"(?:{pattern(kind.item)})"
        return f"{item}(?:,{item}){{0,{kind.most - 1}}}"
    raise TypeError(f"no pattern for {kind!r}")


def digits(low: int, high: int) -> str:
    """A regular expression of the whole numbers from ``low`` to ``high`` in up to nine digits."""
    parts = []
    for length in range(len(str(low)), len(str(high)) + 1):
        first, last = max(low, 10 ** (length - 1) if length > 1 else 0), min(high, 10**length - 1)
        parts.append(f"0{{0,{DIGITS - length}}}{_between(str(first), str(last))}")
    return "|".join(parts)


def _between(low: str, high: str) -> str:
    """The numbers from ``low`` to ``high``, texts of one length."""
    if not low:
        return ""
    if low[0] == high[0]:
        return low[0] + _between(low[1:], high[1:])
    rest, first, last, parts = len(low) - 1, int(low[0]), int(high[0]), []
    if low[1:].strip("0"):
        parts.append(low[0] + _between(low[1:], "9" * rest))
        first += 1
    if high[1:].strip("9"):
        parts.append(high[0] + _between("0" * rest, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return f"(?:{'|'.join(parts)})"


def shown(kind: ValueType[object]) -> Schema:
    """What an answer may hold: typed, or as text where the row does not hold what it should."""
    if kind == TRUTH:
        return {"type": ["boolean", "string"]}
    return {"type": ["integer", "string"]} if isinstance(kind, Whole) else {"type": "string"}
