"""The web page's files keep its rules: no outside resource, nothing inline, no text that becomes markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sonic_telegen.db import view
from sonic_telegen.model.status import Status

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "sonic_telegen" / "rest" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
PICTURE = ROOT / "docs" / "web.png"
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser|createContextualFragment"
CODE = r"\beval\b|new Function|javascript:|srcdoc"
NAMESPACE = "http://www.w3.org/2000/svg"


class Page(HTMLParser):
    """Every tag with its attributes, and the text within script and style."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inline = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            self.inline += data.strip()


def page() -> Page:
    found = Page()
    found.feed((STATIC / "index.html").read_text())
    return found


def test_nothing_is_inline() -> None:
    found = page()
    assert found.inline == ""
    attributes = {name for _, attributes in found.tags for name in attributes}
    assert not {name for name in attributes if name == "style" or name.startswith("on")}
    assert "style" not in {tag for tag, _ in found.tags}


def test_every_resource_is_a_file_of_ours() -> None:
    wanted = [given.get("src") or given["href"] for tag, given in page().tags if tag in ("script", "link")]
    imported = [f"/static/{name}" for path in SCRIPTS for name in re.findall(r'from "\./(.+)"', path.read_text())]
    assert len(wanted) == 3
    assert imported
    assert {path for path in [*wanted, *imported] if not (STATIC / path.removeprefix("/static/")).is_file()} == set()
    assert all(path.startswith("/static/") for path in wanted)


@pytest.mark.parametrize("path", [*SCRIPTS, *STATIC.glob("*.css"), STATIC / "index.html"], ids=lambda path: path.name)
def test_nobody_else_is_asked_for_anything(path: Path) -> None:
    text = path.read_text().replace(NAMESPACE, "")
    assert re.findall(r"https?:|//[a-z]|@import|url\(", text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_becomes_markup_or_code(path: Path) -> None:
    assert re.findall(f"{MARKUP}|{CODE}", path.read_text()) == []


def test_files_stay_small() -> None:
    assert {path.name for path in STATIC.iterdir() if len(path.read_text().splitlines()) > 300} == set()


def test_every_element_that_a_script_asks_for_is_there_once() -> None:
    ids = [attributes["id"] for _, attributes in page().tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    asked = {name for path in SCRIPTS for name in re.findall(r'byId\("([\w-]+)"\)', path.read_text())}
    assert asked
    assert asked - set(ids) == set()


def test_every_status_has_a_mark_and_a_different_one() -> None:
    style = (STATIC / "style.css").read_text()
    marks = dict(re.findall(r'\.status\[data-status="(\w+)"\]::before \{ content: "(.)"; \}', style))
    assert set(marks) == {status.value for status in Status}
    assert len(set(marks.values())) == len(marks)


def test_scripts_read_only_what_is_shown_to_doors() -> None:
    agent, jobs = ((STATIC / name).read_text() for name in ("agent.js", "jobs.js"))
    alerts = re.findall(r"(\w+): \"", agent.partition("ALERTS = {")[2].partition("}")[0])
    assert alerts
    assert {*alerts, *re.findall(r"\bagent\.(\w+)", agent)} - view.agent({}).keys() == set()
    read = set(re.findall(r"(?<!\.)\bjob\.(\w+)", jobs))
    assert len(read) > 10
    assert read - view.job("job", {"port": "eth0", "owner": "rest"}, {}).keys() == set()


def test_nothing_moves() -> None:
    assert re.findall("transition|animation|scroll-behavior", (STATIC / "style.css").read_text()) == []


def test_the_picture_in_the_docs_is_small() -> None:
    data = PICTURE.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert 10_000 < len(data) < 200_000
