"""The web page as it looks: contrast in both schemes, a phone's width, focus that is seen; over the unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import frames
from tests.support.box import Box
from tests.support.web import WAIT_MS, job_cell, opened, reachable

expect.set_options(timeout=WAIT_MS)
LONGEST = "j" * 64
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0  # WCAG 2.2 AA: text; lines and edges of controls


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[Box, str]]:
    """A box with a job of every look."""
    with Box() as box, reachable(box, path=box.directory / "rest.sock") as address:
        box.start(TELEGEN_LISTEN=f"unix:{box.directory / 'rest.sock'}")
        box.job("running", port="Ethernet0", direction="both", owner="rest", duration_sec="3600")
        box.job("waiting", port="Ethernet8")
        box.job("wrong", port="Ethernet0", direction="sideways")
        box.job("over", port="Ethernet0", duration_sec="1", owner="rest")
        box.job(LONGEST, port="Ethernet4", owner="rest")
        box.job("placed", port="Ethernet0", mirror_mode="placeholder")
        box.config.hset("TELEGEN|GLOBAL", mapping={"max_jobs": "x" * 200})
        for job, status in (("running", "running"), ("waiting", "pending"), ("wrong", "rejected"), ("over", "done")):
            box.wait_status(job, status)
        box.switch.send("Ethernet0", [frames.arp()] * 100)
        yield box, address


def filled(page: Page) -> None:
    """Everything that the page can show is shown."""
    expect(page.locator(job_cell("running", "packets"))).to_have_text("100")
    page.fill("#field-duration_sec", "x" * 100)
    page.fill("#field-port", "Ethernet0")
    page.click("#start-button")
    expect(page.locator("#error-duration_sec")).not_to_be_empty()
    page.locator("#more").evaluate("node => node.open = true")
    page.locator(".panel summary").first.click()
    expect(page.locator(".panel tbody tr").first).to_be_visible()


CONTRASTS = """
() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    throw new Error("no background");
  };
  const texts = [];
  const marks = [];
  const shown = [...document.body.querySelectorAll("*")].filter((node) => node.checkVisibility());
  for (const node of shown) {
    const style = getComputedStyle(node);
    const says = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    const name = `${node.tagName}.${node.getAttribute("class") ?? ""}#${node.id} ${node.textContent.slice(0, 30)}`;
    if (says) texts.push([name, ratio(node instanceof SVGElement ? style.fill : style.color, ground(node))]);
    for (const end of ["::before", "::after"]) {
      const made = getComputedStyle(node, end);
      if (!["none", "normal", '""'].includes(made.content)) texts.push([name + end, ratio(made.color, ground(node))]);
    }
    if (node.matches("path.line")) marks.push([name, ratio(style.stroke, ground(node))]);
    if (node.matches("input[type=text], select, button")) {
      marks.push([name, ratio(style.borderTopColor, ground(node.parentElement))]);
    }
    if (node.matches(".bar")) marks.push([name, ratio(style.backgroundColor, ground(node.parentElement))]);
  }
  return { texts, marks };
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_enough_contrast(
    scene: tuple[Box, str], browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    with opened(browser, scene[1], scheme=scheme, refusals=True) as page:
        filled(page)
        found: dict[str, list[tuple[str, float]]] = page.evaluate(CONTRASTS)
        assert len(found["texts"]) > 150
        assert len(found["marks"]) > 20
        assert [one for one in found["texts"] if one[1] < TEXT_CONTRAST] == []
        assert [one for one in found["marks"] if one[1] < MARK_CONTRAST] == []
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) > 384) == (scheme == "light")


TOO_WIDE = """
() => [...document.body.querySelectorAll("*")]
  .filter((node) => node.checkVisibility() && !node.closest(".scroll > *, .skip, thead, svg *"))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 0.5)
  .map((node) => `${node.tagName}.${node.className}#${node.id} ${node.getBoundingClientRect().right}`)
"""


@pytest.mark.parametrize("width", [320, 360, 700, 1119, 1121, 1280])
def test_nothing_is_wider_than_the_screen(scene: tuple[Box, str], browser: Browser, width: int) -> None:
    with opened(browser, scene[1], width=width, height=740, refusals=True) as page:
        filled(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(TOO_WIDE) == []


def test_on_a_phone_a_job_is_a_card_that_still_is_a_row(scene: tuple[Box, str], browser: Browser) -> None:
    with opened(browser, scene[1], width=360, height=740) as page:
        row = page.get_by_role("row", name="running").filter(has=page.locator("th:text-is('running')"))
        expect(row.get_by_role("cell", name="Ethernet0")).to_be_visible()
        tops = {cell.bounding_box()["y"] for cell in row.get_by_role("cell").all() if cell.is_visible()}  # type: ignore[index]
        assert len(tops) >= 6
        stop = page.locator('[aria-label="Stop job running"]').bounding_box()
        assert stop is not None
        assert stop["height"] >= 40


FOCUSED = """
() => [...document.querySelectorAll(":focus")].map((node) => {
  const style = getComputedStyle(node);
  const name = node.id || node.ariaLabel || node.labels?.[0].textContent.trim() || node.textContent.trim();
  return [name, style.outlineStyle, parseFloat(style.outlineWidth)];
})
"""


def test_tab_goes_through_everything_with_a_focus_that_is_seen(scene: tuple[Box, str], browser: Browser) -> None:
    with opened(browser, scene[1]) as page:
        expect(page.locator(job_cell("running", "packets"))).to_have_text("100")
        reached: list[str] = []
        for _ in range(200):
            page.keyboard.press("Tab")
            found: list[Any] = page.evaluate(FOCUSED)
            if not found:  # out of the page: no trap
                break
            ((name, style, width),) = found
            assert style != "none", name
            assert width >= 2, name
            reached.append(name)
        else:
            raise AssertionError(f"Tab never leaves the page: {reached[-10:]}")
        assert len(reached) == len(set(reached)), "the same twice"
        for name in ("Stop job running", "field-port", "start-button", "sizes-hook", "sizes-class", "All routes"):
            assert name in reached


@pytest.mark.parametrize("job", ["running", "waiting", "wrong", "over", "placed"])
def test_a_status_is_told_by_its_word_and_a_mark_of_its_own(scene: tuple[Box, str], browser: Browser, job: str) -> None:
    marks = "node => getComputedStyle(node, '::before').content"
    with opened(browser, scene[1]) as page:
        status = page.locator(job_cell(job, "status")).locator(".status")
        expect(status).to_have_text(scene[0].told(job)["status"])
        assert status.evaluate(marks) not in ("none", '"○"')
