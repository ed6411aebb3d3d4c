"""The web page as an operator uses it, by keyboard, before a real agent: rows, programs, frames and what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sonic_telegen.db.codec import parse_job
from sonic_telegen.db.schema import JOB_FIELDS
from sonic_telegen.errors import ConfigError
from sonic_telegen.model.sample import CLASSES, SIZE_BOUNDS
from sonic_telegen.model.values import Words
from tests.support import frames
from tests.support.box import Box, wait_for
from tests.support.web import WAIT_MS, job_cell, number, opened, reachable

expect.set_options(timeout=WAIT_MS)
CLOCK = re.compile(r"^\d\d:\d\d:\d\d$|^\d\d-\d\d \d\d:\d\d$")
FRAME = frames.ether(frames.IPV4, frames.ipv4(frames.UDP, frames.udp(bytes(472))))  # 514 bytes: ipv4, 512 to 1023


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[Box, str]]:
    with Box(TELEGEN_LISTEN="127.0.0.1:8080") as box, reachable(box) as address:
        for port in box.switch.ports:
            box.config.hset(f"PORT|{port}", mapping={"lanes": "1"})
        box.start()
        yield box, address


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(100):
        if page.locator(selector).evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector}")


def jobs(box: Box) -> dict[str, Any]:
    return {key.partition("|")[2]: box.config.hgetall(key) for key in box.config.scan_iter("TELEGEN_JOB|*")}


def test_a_job_is_started_watched_and_stopped_by_keyboard_alone(box: Box, browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        tab_to(page, "#field-port")
        page.keyboard.type("Ethernet0")
        page.keyboard.press("Escape")  # closes the list of names
        tab_to(page, "#field-direction")
        page.keyboard.type("both")
        tab_to(page, "#field-duration_sec")
        page.keyboard.type("600")
        page.keyboard.press("Enter")
        wait_for(lambda: jobs(box), what="a row")
        ((job, row),) = jobs(box).items()
        assert row == {"port": "Ethernet0", "direction": "both", "duration_sec": "600", "owner": "rest"}
        expect(page.locator("#said")).to_have_text(f"Job {job}: running")
        expect(page.locator(job_cell(job, "status"))).to_have_text("running")
        expect(page.locator(job_cell(job, "expires"))).to_have_text(CLOCK)

        sent = box.switch.send("Ethernet0", [FRAME] * 700)
        expect(page.locator(job_cell(job, "packets"))).to_have_text(str(sent))
        assert number(page.inner_text(job_cell(job, "bytes"))) == sent * len(FRAME)

        tab_to(page, f'[aria-label="Stop job {job}"]')
        page.keyboard.press("Enter")
        wait_for(lambda: not jobs(box), what="no row")
        expect(page.locator(job_cell(job, "status"))).to_have_text("stopped")
        expect(page.locator("#said")).to_contain_text(f"Job {job}: stopped")
        expect(page.locator(job_cell(job, "job"))).to_be_focused()  # its button is gone: the focus is not lost
        expect(page.locator(job_cell(job, "stop"))).to_have_text("")


def test_what_was_sent_is_drawn_under_its_port_and_class(box: Box, browser: Browser, address: str) -> None:
    box.job("drawn", port="Ethernet4")
    box.wait_status("drawn", "running")
    with opened(browser, address) as page:
        panel = page.locator('.panel[aria-label="Ethernet4 ingress"]')
        waiting = re.compile("^Ethernet4 ingress: (waiting for a second sample|ipv4 0 packets/s)")  # or it came already
        expect(panel.locator(".plot")).to_have_attribute("aria-label", waiting)
        panel.locator("summary").click()
        expect(panel.locator("tbody tr")).not_to_have_count(0)
        before = number(box.interface("Ethernet4")["ipv4_packets"])
        sent = box.switch.send("Ethernet4", [FRAME] * 500)
        heads = panel.locator("thead th")
        assert heads.all_inner_texts() == ["Time UTC", *(f"{name} packets/s" for name in CLASSES)]
        expect(panel.locator("tbody tr:has(td:nth-child(2):not(:text-is('0')))")).not_to_have_count(0)
        assert set(panel.locator("tbody td:not(:nth-child(2))").all_inner_texts()) == {"0"}
        heights = {name: _heights(panel.locator(f'path[data-class="{name}"]').get_attribute("d")) for name in CLASSES}
        floor = max(heights["other"])
        assert min(heights["ipv4"]) < floor - 20, "the line of ipv4 does not rise"
        assert all(set(heights[name]) == {floor} for name in CLASSES if name != "ipv4")

        page.get_by_label("bits/s", exact=True).check()
        expect(heads.nth(1)).to_have_text("ipv4 bits/s")
        expect(panel.locator("text", has_text="bits/s")).to_have_count(1)

        page.select_option("#sizes-hook", label="Ethernet4 ingress")
        page.select_option("#sizes-class", "ipv4")
        expect(page.locator("#sizes tbody tr:has(th:has-text('512')) td").first).to_have_text(str(before + sent))
        assert len(page.locator("#sizes tbody tr").all()) == len(SIZE_BOUNDS) + 1
        assert page.inner_text("#sizes tbody tr:first-child th") == f"≤ {SIZE_BOUNDS[0]}"
        assert page.inner_text("#sizes tbody tr:last-child th") == f"> {SIZE_BOUNDS[-1]}"

        page.get_by_label("Ethernet4 ingress", exact=True).and_(page.locator("input")).uncheck()
        expect(panel).to_have_count(0)
        expect(page.locator("#no-plots")).to_have_text("No port is chosen.")


def _heights(path: str | None) -> list[float]:
    """The y of every point of a path that is made of M, L and h."""
    points = (path or "").replace("h0", "").replace("M", "L").split("L")[1:]
    return [float(point.split()[1]) for point in points]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("port", "Ethernet999", id="a port that no table has"),
        pytest.param("port", "", id="no port"),
        pytest.param("duration_sec", "soon", id="no number"),
        pytest.param("erspan_key", "4096", id="a field that is folded away"),
        pytest.param("l4_dport", "443-80", id="a range that is reversed"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    box: Box, browser: Browser, address: str, field: str, value: str
) -> None:
    with opened(browser, address, refusals=True) as page:
        wrong = page.locator(f"#field-{field}")
        page.fill("#field-port", "Ethernet0")
        page.locator("#more").evaluate("node => node.open = true")
        wrong.fill(value)
        page.locator("#more").evaluate("node => node.open = false")
        page.click("#start-button")
        expect(page.locator(f"#error-{field}")).to_contain_text(f"{field}=" if value else field)
        expect(wrong).to_be_focused()
        expect(wrong).to_be_visible()
        expect(wrong).to_have_attribute("aria-invalid", "true")
        assert f"error-{field}" in (wrong.get_attribute("aria-describedby") or "").split()
        assert jobs(box) == {}
        page.fill("#field-port", "Ethernet0")
        if field != "port":
            wrong.fill("")
        page.click("#start-button")
        expect(page.locator(f"#error-{field}")).to_have_text("")
        wait_for(lambda: jobs(box), what="a row")
        assert wrong.get_attribute("aria-invalid") is None


def test_a_refusal_without_a_field_is_said_above_the_form(box: Box, browser: Browser, address: str) -> None:
    box.config.hset("TELEGEN|GLOBAL", mapping={"max_jobs": "1"})
    box.job("first", port="Ethernet0")
    box.wait_status("first", "running")
    with opened(browser, address, refusals=True) as page:
        page.fill("#field-port", "Ethernet4")
        page.click("#start-button")
        expect(page.locator("#start-error")).to_contain_text("max_jobs=1")
        expect(page.locator("#start-error")).to_be_focused()
    assert list(jobs(box)) == ["first"]


def test_the_form_offers_every_field_of_this_version_with_its_choices(box: Box, browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        page.locator("#more summary").click()
        names = page.locator("#start .field label").all_inner_texts()
        assert names[:4] == ["port", "direction", "duration_sec", "mirror_mode"]
        assert sorted(names) == sorted(
            {"job_id", *(n for n, field in JOB_FIELDS.items() if field.available)} - {"owner"}
        )
        for name in ("direction", "mirror_mode", "otlp_export"):
            offered = page.eval_on_selector_all(f"#field-{name} option", "all => all.map(option => option.value)")
            assert offered == ["", *choices(name)]
        expect(page.locator("#hint-duration_sec")).to_contain_text("0 to 604800")


def choices(name: str) -> list[str]:
    """The words that the codec takes."""
    kind = JOB_FIELDS[name].type
    assert isinstance(kind, Words)
    taken = []
    for word in kind.choices:
        with suppress(ConfigError):
            parse_job("job", {"port": "eth0", name: word})
            taken.append(word)
    return taken


def test_ports_are_offered_and_a_job_of_another_door_shows_the_command_that_ends_it(
    box: Box, browser: Browser, address: str
) -> None:
    box.job("theirs", port="Ethernet0", owner="cli")
    box.job("waiting", port="Ethernet8", owner="automation")
    box.wait_status("waiting", "pending")
    with opened(browser, address) as page:
        expect(page.locator(job_cell("theirs", "stop"))).to_have_text("config telegen job del theirs")
        expect(page.locator(job_cell("theirs", "port"))).to_have_text("Ethernet0 direct · cpu-path")
        expect(page.locator(job_cell("waiting", "why"))).to_contain_text("netdev_absent")
        expect(page.locator(job_cell("waiting", "why"))).to_contain_text(box.told("waiting")["message"])
        expect(page.locator("#cpu-path")).to_be_visible()
        for port in ("Ethernet0", "Ethernet8"):
            expect(page.locator(f'#ports option[value="{port}"]')).to_have_count(1)


def test_the_agent_is_told_in_a_line_and_its_troubles_below(box: Box, browser: Browser, address: str) -> None:
    box.job("one", port="Ethernet0")
    box.job("two", port="Ethernet8")
    box.wait_status("two", "pending")
    with opened(browser, address) as page:
        expect(page.locator("#agent")).to_contain_text("1 of 2 running")
        expect(page.locator("#agent")).to_contain_text(f"{box.about('version')}, up since ")
        expect(page.locator("#agent")).to_contain_text(f"{box.about('otlp_endpoint')}, last ")
        expect(page.locator("#alerts")).to_have_text("")
        box.config.hset("TELEGEN|GLOBAL", mapping={"max_jobs": "many"})
        expect(page.locator("#alerts [data-of=config_error]")).to_contain_text("max_jobs='many'")
        box.config.delete("TELEGEN|GLOBAL")
        expect(page.locator("#alerts")).to_have_text("")
