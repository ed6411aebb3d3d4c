"""Addresses of TELEGEN_LISTEN: what is meant is taken, everything else is refused at start with the remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic_telegen.errors import ConfigError
from sonic_telegen.model.address import Address, parse_address
from sonic_telegen.settings import environment


@pytest.mark.parametrize(
    "text, address, local",
    [
        ("127.0.0.1:8080", Address(host="127.0.0.1", port=8080), True),
        ("localhost:80", Address(host="127.0.0.1", port=80), True),
        ("127.1.2.3:0", Address(host="127.1.2.3"), True),
        ("[::1]:8080", Address(host="::1", port=8080), True),
        ("0.0.0.0:8443", Address(host="0.0.0.0", port=8443), False),
        ("[::]:8443", Address(host="::", port=8443), False),
        ("[2001:db8::1]:65535", Address(host="2001:db8::1", port=65535), False),
        ("[::ffff:10.0.0.1]:1", Address(host="::ffff:a00:1", port=1), False),
        ("unix:/run/sonic-telegen/telegen.sock", Address(path="/run/sonic-telegen/telegen.sock"), True),
    ],
)
def test_an_address_is_read_and_spelt(text: str, address: Address, local: bool) -> None:
    found = parse_address(text)
    assert (found, found.local) == (address, local)
    assert parse_address(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:http",
        "127.0.0.1:-1",
        "127.0.0.256:80",
        "::1:8080",
        "[127.0.0.1]:80",
        "[::1]",
        "switch.example:80",
        "http://127.0.0.1:80",
        "unix:",
        "unix:telegen.sock",
        "unix:/" + "a" * 107,
        "/run/telegen.sock",
        "127.0.0.1:\N{FULLWIDTH DIGIT EIGHT}",
    ],
)
def test_a_wrong_address_names_variable_and_remedy(text: str) -> None:
    with pytest.raises(ConfigError, match="use ") as caught:
        environment({"TELEGEN_LISTEN": f"127.0.0.1:1, {text}"})
    assert (caught.value.field, caught.value.value) == ("TELEGEN_LISTEN", text)


def test_none_one_or_several_may_be_given() -> None:
    assert environment({}).listen == ("127.0.0.1:8080",)
    assert environment({"TELEGEN_LISTEN": ""}).listen == ()
    given_twice = " unix:/a , localhost:1,,127.0.0.1:1 "
    assert environment({"TELEGEN_LISTEN": given_twice}).listen == ("unix:/a", "127.0.0.1:1")


@given(st.text(max_size=40) | st.from_regex(r"\[?[0-9a-f:.%]{0,20}\]?:[0-9]{0,6}", fullmatch=True))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(found)) == found
