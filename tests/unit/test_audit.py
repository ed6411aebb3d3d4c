"""The supply chain's audit: what it finds, and that no answer is never told as nothing found."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from contrib.audit import __main__ as audit
from contrib.audit import advisories, locks, release

ROOT = Path(__file__).parents[2]
HASH = "--hash=sha256:" + "0" * 64


def tree(folder: Path, lock: str, asked: str = "thing>=1", setup: str = "thing") -> Path:
    place = folder / locks.REQUIREMENTS
    place.mkdir(parents=True)
    (place / "runtime.in").write_text(f"# why\n{asked}   # and why this\n")
    (place / "runtime.lock").write_text(lock)
    (folder / "setup.cfg").write_text(f"[options]\ninstall_requires =\n    {setup}\n")
    return folder


def test_every_dependency_of_this_tree_is_pinned_by_hash() -> None:
    assert locks.problems(ROOT) == []
    assert {path.stem for path in (ROOT / locks.REQUIREMENTS).glob("*.in")} == {"audit", "dev", "fleet", "runtime"}


def test_a_lock_that_holds_all_that_is_asked_for_has_no_problem(tmp_path: Path) -> None:
    lock = f'Thing==1.2 \\\n    {HASH} \\\n    {HASH}\nother==3 ; python_version < "3.12" \\\n    {HASH}\n'
    assert locks.problems(tree(tmp_path, lock)) == []


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        pytest.param("", "runtime.lock: empty", id="empty"),
        pytest.param("thing==1.2\n", "runtime.lock: thing has no sha256 hash", id="no hash"),
        pytest.param(f"thing==1.2 \\\n  {HASH[:-1]}\n", "runtime.lock: thing has no sha256 hash", id="short hash"),
        pytest.param(f"thing>=1.2 \\\n  {HASH}\n", "runtime.lock: thing is not pinned to one version", id="a range"),
        pytest.param(f"thing==1.* \\\n  {HASH}\n", "runtime.lock: thing is not pinned to one version", id="a pattern"),
        pytest.param(f"other==1 \\\n  {HASH}\n", "setup.cfg asks for thing, runtime.lock has none", id="not there"),
        pytest.param(
            f"thing==0.9 \\\n  {HASH}\n", "runtime.in asks for thing>=1, runtime.lock has 0.9", id="another version"
        ),
    ],
)
def test_what_is_not_pinned_is_named(tmp_path: Path, lock: str, problem: str) -> None:
    assert problem in locks.problems(tree(tmp_path, lock))


@pytest.mark.parametrize(
    ("line", "loose"),
    [
        ("\tpip install thing", True),
        ("RUN python3 -m pip3 install -r some.lock", True),
        ("\tpip install --require-hashes -r some.lock", False),
        ("# pip install thing", False),
    ],
)
def test_a_script_that_installs_without_hashes_is_named(tmp_path: Path, line: str, loose: bool) -> None:
    tree(tmp_path, f"thing==1.2 \\\n  {HASH}\n")
    (tmp_path / "contrib" / "docker").mkdir()
    (tmp_path / "contrib" / "docker" / "Dockerfile").write_text(f"FROM scratch\n{line}\n")
    named = f"contrib/docker/Dockerfile: {line.strip()}: without --require-hashes"
    assert locks.problems(tmp_path) == ([named] if loose else [])


def test_packages_of_npm_and_actions_of_others_are_pinned_as_well(tmp_path: Path) -> None:
    tree(tmp_path, f"thing==1.2 \\\n  {HASH}\n")
    (tmp_path / "contrib" / "lint").mkdir()
    packages = {"": {}, "node_modules/a": {"integrity": "sha512-x"}, "node_modules/b": {"resolved": "b.tgz"}}
    (tmp_path / "contrib" / "lint" / "package-lock.json").write_text(json.dumps({"packages": packages}))
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    steps = ("actions/checkout@" + "a" * 40 + " # v4", "actions/cache@v4", "./.github/actions/own")
    (workflows / "x.yml").write_text("".join(f"      - uses: {step}\n" for step in steps))
    assert locks.problems(tmp_path) == [
        "contrib/lint/package-lock.json: node_modules/b has no sha512 hash",
        ".github/workflows/x.yml: actions/cache@v4 is not pinned to a commit",
    ]


def test_a_line_that_is_no_requirement_is_a_problem(tmp_path: Path) -> None:
    assert locks.problems(tree(tmp_path, "-e ../thing\n"))[0].startswith("runtime.lock: ")


def test_what_the_agent_imports_is_named_and_not_merely_brought_by_another() -> None:
    named = {canonicalize_name(one.name) for one in locks.asked(ROOT, "runtime")}
    assert named == {canonicalize_name(one.name) for one in locks.installed(ROOT)}
    owners = importlib.metadata.packages_distributions()
    for path in (ROOT / "sonic_telegen").rglob("*.py"):
        if "demo" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"sonic_telegen"}:
                owning = {canonicalize_name(one) for one in owners.get(top, [])}
                assert not owning or owning & named, f"{path.relative_to(ROOT)} imports {top} of {sorted(owning)}"


KNOWN = {"name": "thing", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
CLEAN = {"name": "other", "version": "3", "vulns": []}
SKIPPED = {"name": "third", "skip_reason": "Dependency not found on PyPI and could not be audited: third (1)"}


def answer(*told: object, errors: str = "") -> advisories.Answer:
    return advisories.read("x.lock", "pypi", json.dumps({"dependencies": told}) if told else "", errors)


def report(*answers: advisories.Answer) -> dict[str, object]:
    told = [{**vars(one), "complete": one.complete} for one in answers]
    return {
        "tag": "dev",
        "commit": "0",
        "scan_time": "2026-01-02T03:04:05Z",
        "locks": {"problems": []},
        "vulnerabilities": told,
        "bandit": {"lines": 10, "findings": []},
    }


def test_a_known_vulnerability_is_a_finding() -> None:
    told = report(answer(KNOWN, CLEAN))
    assert audit.status(told, require_answer=False) == 1
    assert "x.lock: thing 1 PYSEC-1" in release.summary(told)


@pytest.mark.parametrize(
    "unanswered",
    [
        pytest.param(answer(SKIPPED, SKIPPED), id="no package is known"),
        pytest.param(answer(errors="Traceback\nConnectionError: no such host\n"), id="no connection"),
        pytest.param(answer(), id="no word"),
    ],
)
def test_a_service_that_does_not_answer_is_not_checked_and_never_clean(unanswered: advisories.Answer) -> None:
    told = report(unanswered)
    assert not unanswered.complete
    assert "not checked: no vulnerability service answered" in release.summary(told)
    assert "| **0** in what was checked |" in release.block(told, "dev", Path("x"))
    assert audit.status(told, require_answer=False) == 0
    assert audit.status(told, require_answer=True) == 3


def test_an_answer_about_some_packages_says_how_many_are_open() -> None:
    told = report(answer(CLEAN, SKIPPED), answer(CLEAN))
    assert release.vulnerabilities(told) == "0 in 2 packages; 1 not checked"
    assert audit.status(told, require_answer=True) == 3


def test_a_clean_answer_is_clean() -> None:
    told = report(answer(CLEAN), answer(CLEAN))
    assert release.vulnerabilities(told) == "0 in 2 packages"
    assert audit.status(told, require_answer=True) == 0


def test_a_release_keeps_the_report_and_replaces_what_readme_says(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{release.START}\nold\n{release.END}\nbelow\n")
    for tag in ("release/mark-v1-2-3", "release/mark-v1-2-4"):
        path = release.keep(tmp_path, report(answer(CLEAN)), tag)
    assert path == Path("reports/audit/release-mark-v1-2-4.json")
    assert json.loads((tmp_path / path).read_text())["tag"] == "release/mark-v1-2-4"
    text = readme.read_text()
    assert text.startswith(f"above\n{release.START}\n| Field | Value |") and text.endswith(f"{release.END}\nbelow\n")
    assert "old" not in text and "v1-2-3" not in text
    assert "| Scan time (UTC) | 2026-01-02T03:04:05Z |" in text and "| Findings | **0** |" in text


@pytest.mark.parametrize("text", ["", release.START, f"{release.END}{release.START}"])
def test_a_readme_without_the_two_marks_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        release.replaced(text, "")


def test_readme_and_the_report_that_it_names_agree() -> None:
    text = (ROOT / "README.md").read_text()
    table = text.split(release.START)[1].split(release.END)[0].strip()
    path = Path(table.rpartition("(")[2].partition(")")[0])
    told = json.loads((ROOT / path).read_text())
    assert table == release.block(told, told["tag"], path).strip()
