"""The web page when the world is rough: hostile names, an agent that goes, Redis that goes, counters that go back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import frames
from tests.support.box import Box
from tests.support.web import WAIT_MS, job_cell, opened, reachable

expect.set_options(timeout=WAIT_MS)
HOSTILE_PORT = "\"'><u>x&lt;"
HOSTILE_JOB = "<img src=x onerror=document.title='owned'>"
SCRIPT = "<script>document.title='owned'</script>"
ELEMENTS = "node => [...node.querySelectorAll('img, script, u, b, style, iframe')].map(found => found.outerHTML)"


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[Box, str]]:
    with Box(("Ethernet0", HOSTILE_PORT), TELEGEN_LISTEN="127.0.0.1:8080") as box, reachable(box) as address:
        box.start()
        yield box, address


def test_names_and_messages_are_text_whatever_they_hold(box: Box, browser: Browser, address: str) -> None:
    box.job("good", port=HOSTILE_PORT)
    box.job(HOSTILE_JOB, port="Ethernet0", owner="rest")
    box.job("bad", port=SCRIPT, direction=SCRIPT, owner=SCRIPT)
    box.job("field", **{"port": "Ethernet0", SCRIPT: SCRIPT})
    box.wait_status("good", "running")
    with opened(browser, address, refusals=True) as page:
        expect(page.locator(job_cell("bad", "why"))).to_contain_text(SCRIPT)
        expect(page.locator(job_cell("field", "why"))).to_contain_text(SCRIPT)
        expect(page.locator(job_cell("good", "port"))).to_contain_text(HOSTILE_PORT)
        expect(page.locator(job_cell(HOSTILE_JOB, "status"))).to_have_text("rejected")
        expect(page.locator(".panel h3")).to_have_text(f"{HOSTILE_PORT} ingress")
        box.switch.send(HOSTILE_PORT, [frames.arp()] * 5)
        expect(page.locator(job_cell("good", "packets"))).to_have_text("5")
        page.locator(".panel summary").click()
        expect(page.locator(".panel tbody tr")).not_to_have_count(0)
        page.locator(job_cell(HOSTILE_JOB, "stop")).get_by_role("button").click()
        expect(page.locator("#said")).to_contain_text(HOSTILE_JOB)
        page.fill("#field-port", SCRIPT)
        page.click("#start-button")
        expect(page.locator("#error-port")).to_contain_text(SCRIPT)
        assert page.locator("body").evaluate(ELEMENTS) == []
        assert page.title() == "telegen-sonic"


def test_an_id_that_looks_like_a_path_stops_no_other_job(box: Box, browser: Browser, address: str) -> None:
    box.job("victim", port="Ethernet0", owner="rest")
    box.job("x/../victim", port="Ethernet0", owner="rest")
    box.wait_status("victim", "running")
    with opened(browser, address, refusals=True) as page:
        page.locator(job_cell("x/../victim", "stop")).get_by_role("button").click()
        expect(page.locator("#said")).to_contain_text("Job x/../victim")
    assert box.config.exists("TELEGEN_JOB|victim")


@pytest.mark.parametrize(
    "markup",
    [
        pytest.param("<img src='data:image/png;base64,!' onerror=document.title='owned'>", id="a handler"),
        pytest.param("<p style='color: red'>", id="a style"),
        pytest.param("<img src='http://192.0.2.1/x'>", id="somebody else's picture"),
    ],
)
def test_markup_that_got_in_all_the_same_would_do_nothing(
    browser: Browser, address: str, box: Box, markup: str
) -> None:
    """It also proves that a test notices when the policy is offended."""
    with pytest.raises(AssertionError, match="Content Security Policy"), opened(browser, address) as page:
        with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
            page.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", markup)
        assert page.title() == "telegen-sonic"


def test_an_agent_that_goes_is_told_and_one_that_comes_back_is_followed(
    box: Box, browser: Browser, address: str
) -> None:
    box.job("stays", port="Ethernet0")
    box.wait_status("stays", "running")
    with opened(browser, address, refusals=True) as page:
        sent = box.switch.send("Ethernet0", [frames.arp()] * 3)
        expect(page.locator(job_cell("stays", "packets"))).to_have_text(str(sent))
        box.kill()
        expect(page.locator("#connection")).to_have_text("not connected, trying again")
        expect(page.locator(job_cell("stays", "packets"))).to_have_text(str(sent))  # what was known stays readable
        page.fill("#field-port", "Ethernet0")
        page.click("#start-button")
        expect(page.locator("#start-error")).to_have_text("the agent does not answer")
        sent += box.switch.send("Ethernet0", [frames.arp()] * 4)
        box.start()
        expect(page.locator("#connection")).to_have_text("connected")
        expect(page.locator(job_cell("stays", "packets"))).to_have_text(str(sent))
        expect(page.locator(".panel h3")).to_have_text("Ethernet0 ingress")


def test_redis_that_goes_is_told_in_the_agents_words(box: Box, browser: Browser, address: str) -> None:
    with opened(browser, address, refusals=True) as page:
        box.redis.stop()
        page.fill("#field-port", "Ethernet0")
        page.click("#start-button")
        expect(page.locator("#start-error")).to_contain_text("Redis is not available")
        expect(page.locator("#alerts [data-of=trouble]")).to_contain_text("Redis is not available")
        expect(page.locator("#connection")).to_have_text("connected")
        box.redis.start()
        box.config.set("CONFIG_DB_INITIALIZED", "1")
        expect(page.locator("#alerts [data-of=trouble]")).to_have_count(0)


COUNT = """
async (steps) => {
  const { History } = await import("/static/rates.js");
  const history = new History();
  const hook = ([name, packets]) =>
    ({ interface: name, direction: "ingress", classes: { ipv4: { packets, bytes: 100 * packets } } });
  const told = [];
  for (const [time, hooks] of steps) {
    history.take(hooks.map(hook), time);
    told.push(history.points("a|ingress").map(({ rates }) => rates && [rates.ipv4.packets, rates.ipv4.bits]));
  }
  return told;
}
"""


def history(page: Page, *steps: tuple[int, dict[str, int]]) -> list[Any]:
    """The rates of netdev a after each step: a time in ms, and packets by netdev."""
    told: list[Any] = page.evaluate(COUNT, [[time, list(counts.items())] for time, counts in steps])
    return told


def test_rates_come_of_the_agents_times_and_counters(browser: Browser, address: str, box: Box) -> None:
    with opened(browser, address) as page:
        assert history(page, (0, {"a": 5}), (2000, {"a": 25}), (3000, {"a": 25})) == [
            [],
            [[10, 8000]],
            [[10, 8000], [0, 0]],
        ]
        # Two reports of nearly one moment are one point, and nothing is lost.
        assert history(page, (0, {"a": 0}), (10, {"a": 9}), (1000, {"a": 10}))[-1] == [[10, 8000]]
        # A counter that went back and a clock that was set back say nothing about a rate.
        assert history(page, (0, {"a": 9}), (1000, {"a": 3}), (2000, {"a": 4}))[-1] == [None, [1, 800]]
        assert history(page, (9000, {"a": 1}), (5000, {"a": 1}), (6000, {"a": 3}))[-1] == [[2, 1600]]
        # A port that went is forgotten.
        assert history(page, (0, {"a": 1}), (1000, {"a": 2}), (2000, {"b": 1}))[-1] == []


def test_no_more_than_120_samples_are_kept(browser: Browser, address: str, box: Box) -> None:
    with opened(browser, address) as page:
        told = history(page, *((1000 * second, {"a": second * second}) for second in range(300)))
        assert [len(points) for points in told[-2:]] == [120, 120]
        assert [packets for packets, _ in told[-1]] == [2 * second - 1 for second in range(180, 300)]


def test_eight_ports_are_drawn_at_most(browser: Browser, address: str, box: Box) -> None:
    for number in range(5):
        box.switch.add_port(f"Ethernet{100 + number}")
        box.job(f"job{number}", port=f"Ethernet{100 + number}", direction="both")
    with opened(browser, address) as page:
        boxes = page.locator("#hooks input")
        expect(boxes).to_have_count(10)
        for number in range(10):
            boxes.nth(number).check()
        expect(page.locator(".panel")).to_have_count(8)
        assert page.locator("#hooks input:checked").count() == 8
        assert [boxes.nth(number).is_checked() for number in range(10)] == [False, False, *[True] * 8]
