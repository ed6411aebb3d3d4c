"""Takes docs/web.png: the page on a screen in light and on a phone in dark, of a real agent under traffic.

``python -m tests.support.screenshot docs/web.png``, as root.
"""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, expect

from sonic_telegen.demo.traffic import Traffic
from tests.support.box import Box
from tests.support.web import chromium, job_cell, opened, reachable

SAMPLES = 45
HEIGHT = 980
PAGE = "<body style='margin:0;display:flex;gap:16px;padding:16px;background:#8b95a1'>"
PICTURE = "<img src='data:image/png;base64,{}' style='width:{}px;height:{}px;border-radius:6px'>"

INDEXED = """
async (png) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const colors = new Uint32Array(data.buffer);
  const counts = new Map();
  for (const color of colors) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([color]) => color);
  const parts = (color) => [color & 255, (color >> 8) & 255, (color >> 16) & 255];
  const apart = (one, other) => parts(one).reduce((sum, part, at) => sum + (part - parts(other)[at]) ** 2, 0);
  const index = new Map();
  for (const color of counts.keys()) {
    let best = 0;
    palette.forEach((other, at) => { if (apart(color, other) < apart(color, palette[best])) best = at; });
    index.set(color, best);
  }
  let pixels = "";
  for (const color of colors) pixels += String.fromCharCode(index.get(color));
  return { palette: palette.flatMap(parts), pixels: btoa(pixels) };
}
"""


def main(path: Path) -> None:
    """Write the picture to ``path``."""
    with Box(TELEGEN_LISTEN="127.0.0.1:8080") as box, reachable(box) as address, chromium() as browser:
        box.start()
        box.job("all-ports", port="all", direction="both", owner="cli")
        box.job("5f0c4c1e-6a52-4f0e-9d3b-1f6f2f7f5b10", port="Ethernet4", owner="rest", duration_sec="3600")
        box.job("spare", port="Ethernet8", owner="automation")
        for port in box.switch.ports:
            box.config.hset(f"PORT|{port}", mapping={"lanes": "1"})
        box.wait_status("all-ports", "running")
        traffic = Traffic(box.switch, 400, seed=1)
        traffic.start()
        try:
            pictures = _pictures(browser, address)
        finally:
            traffic.stop()
        path.write_bytes(_beside(browser, pictures))


def _pictures(browser: Browser, address: str) -> list[tuple[int, bytes]]:
    looks: tuple[tuple[int, Literal["light", "dark"]], ...] = ((1280, "light"), (390, "dark"))
    found = []
    for width, scheme in looks:
        with opened(browser, address, width, HEIGHT, scheme) as page:
            expect(page.locator(job_cell("all-ports", "status"))).to_have_text("running")
            page.locator(".panel summary").first.click()
            expect(page.locator(".panel tbody tr")).to_have_count(SAMPLES, timeout=120_000)
            page.locator(".panel summary").first.click()
            if width < 1000:
                page.locator(".panel").first.evaluate("node => node.parentElement.scrollIntoView()")
            else:
                page.evaluate("scrollTo(0, 0)")
            found.append((width, page.screenshot()))
    return found


def _beside(browser: Browser, pictures: list[tuple[int, bytes]]) -> bytes:
    wide, high = sum(width for width, _ in pictures) + 16 * (len(pictures) + 1), HEIGHT + 32
    page = browser.new_page(viewport={"width": wide, "height": high})
    images = (PICTURE.format(base64.b64encode(data).decode(), width, HEIGHT) for width, data in pictures)
    page.set_content(PAGE + "".join(images))
    indexed = page.evaluate(INDEXED, base64.b64encode(page.screenshot()).decode())
    return _png(wide, high, bytes(indexed["palette"]), base64.b64decode(indexed["pixels"]))


def _png(wide: int, high: int, palette: bytes, pixels: bytes) -> bytes:
    """A PNG of one byte a pixel: a third of what Chromium makes."""
    rows = b"".join(b"\0" + pixels[wide * row : wide * (row + 1)] for row in range(high))
    head = struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
