"""What the YANG model says, as pyang reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pyang.context import Context
from pyang.repository import FileRepository

ROOT = Path(__file__).parents[2]
MODULE = "sonic-telegen"
MODEL = ROOT / "yang" / f"{MODULE}.yang"
CASES = ROOT / "tests" / "yang_model_tests"
STAND_INS = CASES / "yang-models"


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the model says of one leaf, typedefs followed to YANG's own types."""

    base: str
    description: str
    mandatory: bool = False
    default: str | None = None
    units: str = ""
    enums: tuple[str, ...] = ()
    range: str = ""
    length: str = ""
    patterns: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()  # patterns that must not match
    messages: frozenset[str] = frozenset()
    conditions: frozenset[str] = frozenset()  # what to use instead where a must is not met
    members: tuple[Leaf, ...] = ()  # of a union
    path: str = ""  # of a leafref


@cache
def module() -> Any:
    """The model as pyang's statement, valid and without a warning."""
    context = Context(FileRepository(str(STAND_INS), use_env=False))
    context.strict = True
    found = context.add_module(str(MODEL), MODEL.read_text())
    context.validate()
    assert context.errors == []
    return found


def statements(root: Any = None) -> Iterator[Any]:
    """Every statement of the model, the root's own first."""
    root = root or module()
    yield root
    for inner in root.substmts:
        yield from statements(inner)


def leaves(table: str, row: str) -> dict[str, Leaf]:
    """The leaves of a list or container of a table, by name in their order."""
    (top,) = (child for child in module().i_children if child.keyword == "container")
    (container,) = (child for child in top.i_children if child.arg == table)
    (layer,) = (child for child in container.i_children if child.arg == row)
    return {child.arg: _leaf(child) for child in layer.i_children}


def _leaf(statement: Any) -> Leaf:
    default = statement.search_one("default")
    units, mandatory = statement.search_one("units"), statement.search_one("mandatory")
    return Leaf(
        description=statement.search_one("description").arg,
        mandatory=mandatory is not None and mandatory.arg == "true",
        default=default.arg if default is not None else None,
        units=units.arg if units is not None else "",
        conditions=frozenset(one.search_one("error-message").arg for one in statement.search("must")),
        **_type(statement.search_one("type")),
    )


def _type(statement: Any) -> dict[str, Any]:
    typedef = getattr(statement, "i_typedef", None)
    if typedef is not None:
        return _type(typedef.search_one("type"))
    patterns = statement.search("pattern")
    single = {name: statement.search_one(name) for name in ("range", "length", "path")}
    restrictions = [*patterns, *(single[name] for name in ("range", "length") if single[name] is not None)]
    inverted = [one for one in patterns if one.search_one("modifier") is not None]
    return {
        "base": statement.arg,
        "enums": tuple(one.arg for one in statement.search("enum")),
        "patterns": tuple(one.arg for one in patterns if one not in inverted),
        "forbidden": tuple(one.arg for one in inverted),
        "messages": frozenset(one.search_one("error-message").arg for one in restrictions),
        "members": tuple(Leaf(description="", **_type(one)) for one in statement.search("type")),
        **{name: one.arg if one is not None else "" for name, one in single.items()},
    }
