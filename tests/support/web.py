"""The web page in Debian's Chromium: a browser, a way into the box's namespace, what must never happen on a page."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from sonic_telegen.demo.namespace import in_namespace
from tests.support.box import Box
from tests.support.relay import Relay

CHROMIUM = "/usr/bin/chromium"
WAIT_MS = 30_000  # machines are slow at times; nothing here waits for the clock
LISTEN = ("127.0.0.1", 8080)
REFUSAL = "Failed to load resource"  # what Chromium says of every answer that is no success


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; the test is skipped where there is none, which in CI is a failure."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"which {CHROMIUM}: not found; `make test` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-lcd-text"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def reachable(box: Box, path: Path | None = None) -> Iterator[str]:
    """The page's address, seen from outside the box's namespace, over loopback or the unix socket ``path``.

    It outlives the agent.
    """

    def loopback() -> socket.socket:
        return in_namespace(box.switch.namespace, lambda: socket.create_connection(LISTEN))

    def unix() -> socket.socket:
        found = socket.socket(socket.AF_UNIX)
        found.connect(str(path))
        return found

    with Relay(connect=unix if path else loopback) as relay:
        yield f"http://127.0.0.1:{relay.port}/"


@contextmanager
def opened(
    browser: Browser,
    address: str,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["dark", "light"] = "light",
    refusals: bool = False,
) -> Iterator[Page]:
    """The page, connected; at the end nothing may have been complained of, nor asked of anybody else.

    ``refusals``: answers other than success are part of the test.
    """
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(WAIT_MS)
    problems: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (refusals and message.text.startswith(REFUSAL)):
            problems.append(f"console: {message.text}")

    def asked(request: Request) -> None:
        if not request.url.startswith(address):
            problems.append(f"asked for {request.url}")

    try:
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("request", asked)
        page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        page.goto(address)
        page.wait_for_selector("body[data-connection=connected] #start-button:enabled")
        yield page
    finally:
        context.close()
    assert not problems, "\n".join(problems)


def job_cell(job: str, column: str) -> str:
    """Selector of a cell in the row of ``job`` (without quotes in its name)."""
    return f'#jobs tbody tr:has(th:text-is("{job}")) .col-{column}'


def number(text: str) -> int:
    """A whole number as the page writes it."""
    return int(text.replace(",", ""))
