"""``need_addresses``: refuses names in a filter expression that libpcap would ask DNS about. Pure.

libpcap looks names of hosts and networks up while it compiles: an agent that waits for a name server in the middle of a
pass is worse than an operator who has to write the address. What is looked up depends on the words before the name: a
name stays only where libpcap looks it up in a file (ports, protocols).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address

_FROM_FILES = ("port", "portrange", "proto")
_KEEPING = ("and", "or", "not")  # what follows is still what the words before them said

_B = "[0-9A-Fa-f]{1,2}"
_B2 = "[0-9A-Fa-f]{4}"
_NUMBER = "(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
# In libpcap's scanner the longest match wins. These are its numbers and addresses as a whole.
_ADDRESS = re.compile(
    rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}|{_B}(?P<by>[:.-]){_B}(?:(?P=by){_B}){{4}}|{_B2}\.{_B2}\.{_B2}|(?:{_B2}){{3}}"
)
_TOKEN = re.compile(r"\\[^ !()\n\t]+|[A-Za-z0-9:][A-Za-z0-9:_.-]*", re.DOTALL)


def need_addresses(expression: str, is_word: Callable[[str], bool]) -> None:
    """Raises ValueError, with the remedy, for a name that is not of a port or protocol.

    ``is_word`` says whether the libpcap at hand knows a word of its language; what it does not know is a name to it.
    """
    files = False  # whether libpcap would look a name up in a file
    for token in _tokens(expression):
        if _is_address(token):
            continue
        if not token.startswith("\\") and is_word(token):
            files = token in _FROM_FILES or (files and token in _KEEPING)
        elif not files:
            shown = token.removeprefix("\\")
            raise ValueError(f"{shown!r} is not known; hosts and networks are not looked up by name: write the address")


def _tokens(expression: str) -> Iterator[str]:
    for token in _TOKEN.findall(expression):
        if token.startswith("\\") or _is_address(token):
            yield token
        else:  # no name holds a colon or ends with these
            yield from filter(None, (part.rstrip("-_") for part in token.split(":")))


def _is_address(token: str) -> bool:
    try:
        return bool(_ADDRESS.fullmatch(token)) or (":" in token and bool(IPv6Address(token).packed))
    except ValueError:
        return False
