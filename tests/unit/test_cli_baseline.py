"""A viewer's baseline: subtracted for that user only, void when the counters began anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sonic_telegen.cli import baseline
from sonic_telegen.db.codec import interface_row
from sonic_telegen.model.job import Direction
from sonic_telegen.model.sample import CLASSES, Counters, InterfaceSample

KEY = "Ethernet0|ingress"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SONIC_CLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def row(packets: int, ifindex: int = 7) -> dict[str, str]:
    """As the agent writes it: ``packets`` of 100 bytes in the first class, none in the others."""
    first = Counters(packets, packets * 100, (0, packets, 0, 0, 0, 0, 0, 0, 0, 0))
    nothing = Counters(0, 0, (0,) * 10)
    sample = InterfaceSample(1, ifindex, "Ethernet0", Direction.INGRESS, 0, (first, *[nothing] * (len(CLASSES) - 1)))
    return interface_row(sample, 1_700_000_000_000_000_000)


def test_what_was_saved_is_subtracted_from_every_counter() -> None:
    baseline.save({KEY: row(40)})

    since = baseline.subtract({KEY: row(100)})

    assert since.rows == {KEY: row(60)}
    assert list(since.cleared) == [KEY]
    assert since.reset == ()


def test_without_a_baseline_rows_are_as_they_were() -> None:
    assert baseline.subtract({KEY: row(3)}) == baseline.Since({KEY: row(3)})


def test_a_baseline_of_one_port_leaves_that_of_others() -> None:
    baseline.save({KEY: row(10), "Ethernet4|ingress": row(20)})
    baseline.save({KEY: row(30)})

    since = baseline.subtract({KEY: row(31), "Ethernet4|ingress": row(22)})

    assert since.rows == {KEY: row(1), "Ethernet4|ingress": row(2)}


@pytest.mark.parametrize("now", [row(9), row(11, ifindex=8)], ids=["smaller counters", "another netdev"])
def test_counters_that_began_anew_make_the_baseline_void(now: dict[str, str]) -> None:
    baseline.save({KEY: row(10)})
    assert baseline.subtract({KEY: now}) == baseline.Since({KEY: now}, reset=(KEY,))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a": 1}', '{"Ethernet0|ingress": [1, {"ifindex": ["x"]}]}', "\udcff"], ids=repr
)
def test_a_file_of_another_form_is_no_baseline(text: str) -> None:
    baseline.save({KEY: row(10)})
    baseline._file().write_bytes(text.encode("utf-8", "surrogateescape"))
    assert baseline.subtract({KEY: row(11)}) == baseline.Since({KEY: row(11)})


def test_rows_with_rubbish_are_subtracted_as_far_as_they_are_numbers() -> None:
    baseline.save({KEY: row(10)})
    rubbish = row(11) | {"ipv4_bytes": "many", "ipv4_histogram": "1,2"}
    assert baseline.subtract({KEY: rubbish}).rows == {KEY: rubbish | {"ipv4_packets": "1"}}


def test_a_link_in_place_of_the_users_folder_is_neither_followed_nor_read(cache: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    baseline.save({KEY: row(10)})
    own = baseline._file().parent
    own.rename(elsewhere / "moved")
    own.symlink_to(elsewhere / "moved")

    with pytest.raises(PermissionError, match="is not a directory of this user's"):
        baseline.save({KEY: row(20)})

    assert baseline.subtract({KEY: row(11)}).cleared == {}
    (kept,) = (elsewhere / "moved").iterdir()
    assert json.loads(kept.read_text())[KEY][1]["ipv4_packets"] == [10]


def test_the_folder_is_the_users_alone_and_its_parents_are_everybodys(cache: Path) -> None:
    baseline.save({KEY: row(1)})
    own = baseline._file().parent
    assert [path.stat().st_mode & 0o7777 for path in (own, own.parent, cache)] == [0o700, 0o1777, 0o1777]
    assert [path.name for path in own.iterdir()] == ["interfaces.json"]
