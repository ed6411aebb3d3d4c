"""What a field may hold: one definition for codec, settings, REST schema, command line, YANG and documentation.

``read`` turns a row's text into a value or raises ValueError with the remedy; ``words`` says the same to an operator.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sonic_telegen.model.job import LATER_DETAILS, LATER_MODES, MirrorMode, ResultDetail
from sonic_telegen.model.match import PROTOCOLS, REVERSED, Ports, Prefix

T_co = TypeVar("T_co", covariant=True)


class NotYet(ValueError):
    """The value is one of a later version."""


class Unfit(ValueError):
    """The text has the right form and still means nothing; no pattern can say so. The message is the remedy."""


class ValueType(Protocol[T_co]):
    """A set of texts and what they mean."""

    @property
    def words(self) -> str:
        """The allowed values in an operator's words."""
        ...

    def read(self, text: str) -> T_co:
        """The value of ``text``; ValueError with the remedy when it is none."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """One word out of a few; those of ``later`` belong to a later version and are refused with that reason."""

    choices: tuple[str, ...]
    later: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """``a, b or c``."""
        return " or ".join(filter(None, (", ".join(self.choices[:-1]), self.choices[-1])))

    def read(self, text: str) -> str:
        """The word itself."""
        if text in self.later:
            raise NotYet(f"not available in this version; use {self.words}")
        if text not in self.choices:
            raise ValueError(f"use {self.words}")
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in at most nine ASCII digits, leading zeros among them; ``unit`` is for people.

    SONiC turns the text into a number with Python's ``int()`` before libyang sees it, so there ``+7``, `` 7``, ``1_0``
    and digits of other scripts pass. They are refused here: other readers of the row do not take them for numbers.
    """

    low: int
    high: int
    unit: str = ""

    @property
    def words(self) -> str:
        """``low to high unit``."""
        return f"a whole number from {self.low} to {self.high}{' ' + self.unit if self.unit else ''}"

    def read(self, text: str) -> int:
        """The number."""
        if not re.fullmatch("[0-9]{1,9}", text) or not self.low <= int(text) <= self.high:
            raise ValueError(f"use {self.words}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that matches ``pattern`` (of the subset that Python, JSON Schema and YANG read alike) as a whole."""

    pattern: str
    hint: str
    max_length: int = 1024
    never: tuple[str, ...] = ()  # texts that match and are refused all the same

    @property
    def words(self) -> str:
        """The hint."""
        return self.hint

    def read(self, text: str) -> str:
        """The text itself."""
        if len(text) > self.max_length or text in self.never or not re.fullmatch(self.pattern, text):
            raise ValueError(f"use {self.hint}")
        return text


@dataclass(frozen=True, slots=True)
class Spelt(Generic[T_co]):
    """A text of a form (as ``Text``) that stands for what ``make`` makes of it; ``number`` are those it may be."""

    form: Text
    make: Callable[[str], T_co]
    number: Whole | None = None

    @property
    def words(self) -> str:
        """The hint of the form."""
        return self.form.words

    def read(self, text: str) -> T_co:
        """What the text stands for."""
        return self.make(self.form.read(text))


@dataclass(frozen=True, slots=True)
class Either(Generic[T_co]):
    """A word, or a value of another type (``inherit`` or a number); read as text."""

    word: str
    other: ValueType[T_co]

    @property
    def words(self) -> str:
        """``word or …``."""
        return f"{self.word} or {self.other.words}"

    def read(self, text: str) -> str:
        """The text itself."""
        if text != self.word:
            try:
                self.other.read(text)
            except ValueError:
                raise ValueError(f"use {self.words}") from None
        return text


@dataclass(frozen=True, slots=True)
class Several(Generic[T_co]):
    """A comma list of one to ``most`` values of another type."""

    item: ValueType[T_co]
    most: int

    @property
    def words(self) -> str:
        """``…; comma list, at most n``."""
        return f"{self.item.words}; comma list, at most {self.most}"

    def read(self, text: str) -> tuple[T_co, ...]:
        """The values in their order."""
        parts = text.split(",")
        if len(parts) > self.most:
            raise ValueError(f"use {self.words}")
        try:
            return tuple(self.item.read(part) for part in parts)
        except Unfit:
            raise
        except ValueError:
            raise ValueError(f"use {self.words}") from None


def _protocol(text: str) -> int:
    return PROTOCOLS[text] if text in PROTOCOLS else int(text)


def _ports(text: str) -> Ports:
    low, _, high = text.partition("-")
    if high and int(high) < int(low):
        raise Unfit(REVERSED)
    return int(low), int(high or low)


def _prefix(text: str) -> Prefix:
    return ipaddress.ip_network(text, strict=False)


_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = Text(
    rf"(22[0-3]|2[01][0-9]|1[0-9][0-9]|[1-9][0-9]?)(\.{_OCTET}){{3}}", "a unicast IPv4 address such as 192.0.2.10", 15
)
SESSION = Whole(0, 1023)
ERSPAN_VER = Whole(0, 2)
ERSPAN_TTL = Whole(1, 255)
ERSPAN_TOS = Either("inherit", Whole(0, 255))
NETDEV = Text(
    "[!-.0-9;-{}~]{1,15}",  # printable ASCII less slash, colon and bar; the kernel takes 15 characters at most
    "a netdev name: 1 to 15 printable characters without slash, colon, bar or space",
    15,
    (".", ".."),
)
JOB_ID = Text(
    r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}",
    "1 to 64 letters, digits, '_', '.' or '-', a letter or digit first",
    64,
)
PATH = Text("/[!-~ ]{1,254}", "an absolute file path", 255)
ENDPOINT = Text("[!-~]{1,255}", "a URL or host:port without spaces", 255)
SWITCH = Words(("enabled", "disabled"))
TRUTH = Words(("true", "false"))
DIRECTION = Words(("ingress", "egress", "both"))
MIRROR_MODE = Words(
    tuple(mode.value for mode in MirrorMode if mode not in LATER_MODES), tuple(mode.value for mode in LATER_MODES)
)
RESULT_DETAIL = Words(
    tuple(detail.value for detail in ResultDetail if detail not in LATER_DETAILS),
    tuple(detail.value for detail in LATER_DETAILS),
)

_H = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    (
        f"({_H}:){{7}}{_H}",
        f"({_H}:){{1,7}}:",
        f"({_H}:){{1,6}}:{_H}",
        *(f"({_H}:){{1,{7 - n}}}(:{_H}){{1,{n}}}" for n in range(2, 7)),
        f":((:{_H}){{1,7}}|:)",
    )
)
PREFIX: Spelt[Prefix] = Spelt(
    Text(
        rf"{_OCTET}(\.{_OCTET}){{3}}/(3[0-2]|[12]?[0-9])|({_IPV6})/(12[0-8]|1[01][0-9]|[1-9]?[0-9])",
        "an IPv4 or IPv6 prefix such as 192.0.2.0/24 or 2001:db8::/32",
        43,
    ),
    _prefix,
)
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
PORTS = Several(
    Spelt(
        Text(f"{_PORT}(-{_PORT})?", "a port from 1 to 65535 or a range such as 8000-8099", 11), _ports, Whole(1, 65535)
    ),
    8,
)
IP_PROTO = Several(
    Spelt(
        Text("|".join((*PROTOCOLS, _OCTET)), f"{', '.join(PROTOCOLS)} or a number from 0 to 255", 5),
        _protocol,
        Whole(0, 255),
    ),
    8,
)
DSCP = Several(Spelt(Text("[1-5]?[0-9]|6[0-3]", "a number from 0 to 63", 2), int, Whole(0, 63)), 8)
FILTER = Text("[!-~][ -~]{0,1023}", "a pcap filter expression: 1 to 1024 printable characters, no space first")
