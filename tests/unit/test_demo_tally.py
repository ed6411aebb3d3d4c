"""The demo's verdict: equal means to the byte, and a difference is told with its size."""

from __future__ import annotations

import json

import pytest

from sonic_telegen.demo.rates import HISTORY, Rates, plot
from sonic_telegen.demo.received import Histogram, SeriesKey, Value
from sonic_telegen.demo.run import Summary
from sonic_telegen.demo.tally import Count, Line, Series, compare, from_otlp, job_from_otlp, total

IPV4 = Series("Ethernet0", "ingress", "ipv4")


def point(name: str, value: int | Histogram, **attributes: str) -> dict[SeriesKey, Value]:
    labels = frozenset((key.replace("_", "."), text) for key, text in attributes.items())
    return {(name, labels): Value(1, 2, value)}


def hook(name: str, value: int | Histogram, port: str, direction: str, proto: str) -> dict[SeriesKey, Value]:
    return point(name, value, network_interface_name=port, network_io_direction=direction, proto=proto)


def test_equal_only_when_all_three_agree_on_packets_and_bytes() -> None:
    agreed = {IPV4: Count(3, 300)}
    (line,) = compare(agreed, agreed, agreed)
    assert (line.equal, line.difference) == (True, "")


@pytest.mark.parametrize(
    ("counted", "received", "says"),
    [
        pytest.param(Count(2, 300), Count(3, 300), "counted -1 packets +0 bytes", id="one packet less"),
        pytest.param(Count(3, 300), Count(3, 299), "OTLP +0 packets -1 bytes", id="one byte less over OTLP"),
        pytest.param(
            Count(1004, 300), Count(), "counted +1,001 packets +0 bytes, OTLP -3 packets -300 bytes", id="both"
        ),
    ],
)
def test_a_difference_is_told(counted: Count, received: Count, says: str) -> None:
    (line,) = compare({IPV4: Count(3, 300)}, {IPV4: counted}, {IPV4: received})
    assert (line.equal, line.difference) == (False, says)


def test_a_series_that_only_one_witness_knows_is_zero_elsewhere() -> None:
    lines = compare({}, {IPV4: Count(1, 60)}, {})
    assert lines == [Line(IPV4, Count(), Count(1, 60), Count())]
    assert not lines[0].equal


def test_ports_come_in_their_natural_order_ingress_first() -> None:
    series = [Series(f"Ethernet{n}", d, "ipv4") for n in (0, 4, 12) for d in ("ingress", "egress")]
    assert [line.series for line in compare(dict.fromkeys(reversed(series), Count(1, 1)), {}, {})] == series


def test_otlp_series_become_the_tables_series() -> None:
    sizes = Histogram(2, 120.0, (2, 0), (64.0,))
    latest = {
        **hook("bpf.packets", 2, "Ethernet0", "receive", "ipv4"),
        **hook("bpf.bytes", sizes, "Ethernet0", "receive", "ipv4"),
        **hook("bpf.packets", 7, "Ethernet4", "transmit", "other"),
        **point("telegen.agent.passes", 9),
    }
    assert from_otlp(latest) == {IPV4: Count(2, 120), Series("Ethernet4", "egress", "other"): Count(7, 0)}


def test_job_totals_are_summed_over_its_series_only() -> None:
    latest = {
        **point("telegen.job.packets", 2, telegen_job="demo", proto="ipv4"),
        **point("telegen.job.packets", 3, telegen_job="demo", proto="ipv6"),
        **point("telegen.job.packets", 50, telegen_job="other", proto="ipv4"),
        **point("telegen.job.bytes", 120, telegen_job="demo", proto="ipv4"),
    }
    assert job_from_otlp(latest, "demo") == Count(5, 120)


def test_summary_is_equal_only_with_traffic_and_without_problems() -> None:
    good = compare({IPV4: Count(1, 60)}, {IPV4: Count(1, 60)}, {IPV4: Count(1, 60)})
    assert Summary(good).equal
    assert not Summary([]).equal
    assert not Summary(compare({IPV4: Count()}, {}, {})).equal
    assert not Summary(good, problems=["left behind: /run/netns/x"]).equal
    assert not Summary([*good, Line(IPV4, Count(1, 60), Count(1, 60), Count(1, 61))]).equal


def test_summary_as_json_names_each_series() -> None:
    told = json.loads(json.dumps(Summary(compare({IPV4: Count(1, 60)}, {}, {})).as_json()))
    (series,) = told["series"]
    assert told["equal"] is False
    assert (series["port"], series["direction"], series["class"]) == IPV4
    assert (series["sent"], series["counted"]) == ({"packets": 1, "bytes": 60}, {"packets": 0, "bytes": 0})


def test_total_adds_packets_and_bytes() -> None:
    assert total([Count(1, 60), Count(2, 3000)]) == Count(3, 3060)


def test_rates_follow_the_clock_of_the_readings() -> None:
    rates = Rates()
    rates.note({"a": 100}, 10.0)
    assert rates.history("a") == ()
    rates.note({"a": 160, "b": 5}, 12.0)
    rates.note({"a": 999}, 12.0)  # the same reading seen again
    assert (rates.history("a"), rates.now("b")) == ((30.0,), 0.0)
    for second in range(HISTORY + 5):
        rates.note({"a": 160 + 10 * (second + 1)}, 13.0 + second)
    assert rates.history("a") == (10.0,) * HISTORY


@pytest.mark.parametrize(
    ("history", "bars"),
    [
        pytest.param((), "", id="nothing yet"),
        pytest.param((0.0, 0.0), "▁▁", id="silence"),
        pytest.param((0.0, 4.0, 8.0), "▁▅█", id="the highest fills its cell"),
    ],
)
def test_plot(history: tuple[float, ...], bars: str) -> None:
    assert plot(history) == bars
