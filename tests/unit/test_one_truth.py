"""Names, values, defaults: the schema in code against the YANG model, the settings and the command line.

The schema (``db/schema.py``, ``model/values.py``) is what codec and doors go by; every other place that names a
field or a value is compared with it here. Documentation: test_one_truth_docs.py. Verdicts on rows: test_yang_codec.py.
"""

from __future__ import annotations

import re

import click
import pytest

from sonic_telegen.cli import config
from sonic_telegen.db import codec, ports, schema
from sonic_telegen.errors import ConfigError
from sonic_telegen.model import match
from sonic_telegen.model.job import ALL_PORTS, LATER_MODES, RECEIVES, MirrorMode, Owner
from sonic_telegen.model.values import IPV4, JOB_ID, NETDEV, Either, Several, Spelt, Text, ValueType, Whole, Words
from sonic_telegen.settings import DEFAULT, GLOBAL_ROW, resolve
from tests.support.yang_model import Leaf, leaves

GLOBAL_LEAVES = leaves(schema.GLOBAL_TABLE, schema.GLOBAL_KEY)
JOB_LEAVES = leaves(schema.JOB_TABLE, f"{schema.JOB_TABLE}_LIST")
JOB_KEY = JOB_LEAVES.pop("job_id")


def available(fields: dict[str, schema.Field]) -> dict[str, schema.Field]:
    return {name: field for name, field in fields.items() if field.available}


FIELDS = [
    *(
        pytest.param(field, GLOBAL_LEAVES.get(name), id=f"GLOBAL {name}")
        for name, field in schema.GLOBAL_FIELDS.items()
    ),
    *(pytest.param(field, JOB_LEAVES.get(name), id=f"job {name}") for name, field in schema.JOB_FIELDS.items()),
]


def allows(leaf: Leaf, kind: ValueType[object]) -> None:
    """Assert that the leaf says no more and no less than the value type, and the same remedy."""
    if isinstance(kind, Words):
        assert (leaf.base, leaf.enums) == ("enumeration", kind.choices)
        return
    assert leaf.messages == {f"use {kind.words}"}
    if isinstance(kind, Whole):
        assert re.fullmatch("uint(8|16|32)", leaf.base)
        assert (leaf.range, leaf.units) == (f"{kind.low}..{kind.high}", kind.unit)
        return
    assert leaf.base == "string"
    if isinstance(kind, Text):
        assert (leaf.patterns, leaf.length) == ((kind.pattern,), f"1..{kind.max_length}")
        assert leaf.forbidden == (("|".join(map(re.escape, kind.never)),) if kind.never else ())
    elif isinstance(kind, Either):
        number = kind.other
        assert isinstance(number, Whole)
        assert leaf.length == "1..9"
        (pattern,) = leaf.patterns
        numbers = [n for n in range(number.high + 1000) if re.fullmatch(pattern, str(n))]
        assert numbers == list(range(number.low, number.high + 1))
        assert re.fullmatch(pattern, kind.word)
    elif isinstance(kind, Spelt):
        assert (leaf.patterns, leaf.length) == ((kind.form.pattern,), f"1..{kind.form.max_length}")
    elif isinstance(kind, Several):
        assert isinstance(kind.item, Spelt)
        item = f"({kind.item.form.pattern})"
        assert leaf.patterns == (f"{item}(,{item}){{0,{kind.most - 1}}}",)
        assert leaf.length == f"1..{kind.most * (kind.item.form.max_length + 1) - 1}"
    else:
        pytest.fail(f"no comparison for {kind!r}")


def test_yang_has_a_leaf_for_each_available_field_in_its_order_and_no_other() -> None:
    assert list(GLOBAL_LEAVES) == list(available(schema.GLOBAL_FIELDS))
    assert list(JOB_LEAVES) == list(available(schema.JOB_FIELDS))


@pytest.mark.parametrize("field, leaf", FIELDS)
def test_a_leaf_allows_what_its_field_allows(field: schema.Field, leaf: Leaf | None) -> None:
    if leaf is None:
        assert not field.available
    elif field is not schema.JOB_FIELDS["port"]:
        allows(leaf, field.type)


def test_the_key_is_a_job_id() -> None:
    allows(JOB_KEY, JOB_ID)


def test_a_port_is_a_row_of_the_tables_that_the_doors_ask_or_one_of_two_words() -> None:
    assert schema.JOB_FIELDS["port"].type == NETDEV
    *tables, words = JOB_LEAVES["port"].members
    assert [re.findall(r":([A-Z]+)/", leaf.path) for leaf in tables] == [[table] for table in ports.TABLES]
    assert set(words.patterns[0].split("|")) == {ports.MANAGEMENT_PORT, ALL_PORTS}


@pytest.mark.parametrize("field, leaf", FIELDS)
def test_a_leaf_has_the_default_unless_the_environment_or_global_may_give_one(
    field: schema.Field, leaf: Leaf | None
) -> None:
    if leaf is None:
        assert not field.available
        return
    given_elsewhere = field.environment or leaf.conditions  # a default would be bound by the condition as a wish is
    assert leaf.default == (None if given_elsewhere else field.default or None)
    assert leaf.mandatory == field.mandatory
    told = re.sub(r"\s+", " ", leaf.description)
    assert ("environment of the agent decides" in told) == bool(field.environment)
    if field.environment and field.default:
        assert f"else {field.default.partition(':')[0]}" in told


@pytest.mark.parametrize("name", [name for name in available(schema.JOB_FIELDS) if name in schema.GLOBAL_FIELDS])
def test_a_field_of_both_tables_is_the_same_in_both(name: str) -> None:
    assert schema.JOB_FIELDS[name].type == schema.GLOBAL_FIELDS[name].type
    if name != "admin_state":  # switches both the job and all jobs
        assert schema.JOB_FIELDS[name].default == ""
        assert "TELEGEN|GLOBAL decides" in re.sub(r"\s+", " ", JOB_LEAVES[name].description)


CONDITIONS = {
    "ip_proto": {match.NEEDS_CARRIER},
    "dst_cidr": {match.NEEDS_ONE_VERSION},
    "l4_sport": {match.NEEDS_PORTS, match.REVERSED},
    "l4_dport": {match.NEEDS_PORTS, match.REVERSED},
    "mirror_mode": {RECEIVES},
    "snaplen": {codec.NEEDS_PACKETS},
}


@pytest.mark.parametrize("name", available(schema.JOB_FIELDS))
def test_yang_and_codec_have_one_remedy_for_fields_that_contradict_each_other(name: str) -> None:
    assert JOB_LEAVES[name].conditions == CONDITIONS.get(name, set())


def test_modes_and_owners_are_those_of_the_model() -> None:
    modes = schema.JOB_FIELDS["mirror_mode"].type
    assert isinstance(modes, Words)
    assert {*modes.choices, *modes.later} == {mode.value for mode in MirrorMode}
    assert set(modes.later) == {mode.value for mode in LATER_MODES}
    assert set(JOB_LEAVES["owner"].enums) == {owner.value for owner in Owner}


@pytest.mark.parametrize("name", available(schema.GLOBAL_FIELDS))
def test_settings_take_each_field_from_row_environment_and_default(name: str) -> None:
    field = schema.GLOBAL_FIELDS[name]
    text = resolve({}, {}).values[name].text
    assert (text, resolve({}, {}).values[name].origin) == (field.default, DEFAULT)
    value, unit = (good(field.type), 1000 if name == "export_interval" else 1)
    assert resolve({name: value}, {}).values[name].origin == GLOBAL_ROW
    if field.environment:
        given = str(int(value) * unit) if isinstance(field.type, Whole) else value
        told = resolve({}, {field.environment: given}).values[name]
        assert (told.text, told.origin) == (value, field.environment)


def good(kind: ValueType[object]) -> str:
    """A value that is no default."""
    if isinstance(kind, Words):
        return kind.choices[-1]
    if isinstance(kind, Whole):
        return str(kind.high)
    return (
        {IPV4: "192.0.2.7", NETDEV: "any0"}[kind] if kind in (IPV4, NETDEV) else "/0" if isinstance(kind, Text) else "7"
    )


@pytest.mark.parametrize("name", available(schema.GLOBAL_FIELDS))
def test_settings_judge_a_variable_as_the_codec_judges_the_field(name: str) -> None:
    field = schema.GLOBAL_FIELDS[name]
    if not field.environment or name.startswith("otlp_"):  # OpenTelemetry defines what these may hold
        return
    kind = field.type.other if isinstance(field.type, Either) else field.type
    edges = ["", "x y", "..", "192.0.2.256"]
    if isinstance(kind, Whole):
        edges = [str(n) for n in (kind.low - 1, kind.low, kind.high, kind.high + 1)]
    if isinstance(kind, Words):
        edges = [*kind.choices, *kind.later, "X"]
    for text in filter(None, edges):
        unit = "000" if name == "export_interval" and text != "0" else ""
        assert refused(name, text) == refused_variable(field.environment, f"{text}{unit}"), (name, text)


def refused(name: str, text: str) -> bool:
    try:
        codec.check_fields({name: text}, schema.GLOBAL_FIELDS, schema.GLOBAL_TABLE)
    except ConfigError:
        return True
    return False


def refused_variable(name: str, text: str) -> bool:
    try:
        resolve({}, {name: text})
    except ConfigError:
        return True
    return False


@pytest.mark.parametrize("command", [config.add, config.update], ids=lambda command: str(command.name))
def test_a_job_command_has_an_option_for_each_field_but_the_doors_own(command: click.Command) -> None:
    options = {param.name: param for param in command.params if isinstance(param, click.Option)}
    fields = {name: field for name, field in schema.JOB_FIELDS.items() if name != "owner"}
    assert set(fields) == set(options) - {"clear"}
    for name, field in fields.items():
        option = options[name]
        assert option.opts == [f"--{name.replace('_', '-')}"]
        assert option.hidden == (not field.available)
        assert field.values in (option.help or "")
        assert field.default in (option.help or "")


def test_global_has_a_command_for_each_field() -> None:
    group = config.global_group(click.Group)
    context = click.Context(group)
    commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    assert set(commands) - {"unset"} == {name.replace("_", "-") for name in available(schema.GLOBAL_FIELDS)}
    for name, field in available(schema.GLOBAL_FIELDS).items():
        command = commands[name.replace("_", "-")]
        assert command is not None
        for told in (field.values, field.default, field.environment):
            assert told in (command.help or "")
