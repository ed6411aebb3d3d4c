"""Run tests on each kernel, all that touch a kernel when none are named, and print which test passed on which.

``python -m tests.vm.suite [--kernel SERIES ...] OUTDIR [PYTEST ARGUMENT ...]``. OUTDIR/<series> receives ``junit.xml``,
``run.json``, ``log``, ``dmesg`` and ``console``. The exit code is 0 only when on every kernel at least one test passed
and none failed, without a complaint of the kernel; 77 when QEMU or a kernel cannot be had here, the last line says why.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.vm.fetch_kernels import SUITES, fetch
from tests.vm.host import HostError, Lacking, cache_dir, require_root
from tests.vm.vmrun import COMPLAINT, NO_BOOT, TIMED_OUT, Machine, run, stop_on_signals, text

# Python is 15 to 30 times slower without KVM: what is not needed is not imported, and nobody is hurried.
_LEAN = ("PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", "PYTEST_PLUGINS=pytest_timeout", "TELEGEN_TEST_SLOWER=20")
_GUEST = (*_LEAN, "CI=true")  # a skip that the guest could have run is a failure
_WITHOUT = ("debugging", "doctest", "legacypath", "pastebin", "setuponly", "setupplan", "stepwise")
_TIERS = ("tests/vm", "tests/system", "tests/kernel")
# A browser, exporters in front of a receiver, the demo with its own deadlines: of these nothing is the kernel's.
_NOT_THE_KERNEL = (
    *("web", "test_demo.py"),
    *(f"test_otlp_{name}.py" for name in ("collector", "export", "processes", "proxy", "rotel", "tls", "wire")),
)
_TEST_SECONDS, _RUN_SECONDS = 900, 14400
_LONG = 200  # tests: a table with a line for each is for fewer
LACKING = 77
_WHY = {COMPLAINT: "kernel complaint", TIMED_OUT: "timed out", NO_BOOT: "no exit code", 5: "no tests"}


@dataclass(frozen=True, slots=True)
class Run:
    """One kernel's run: exit code, seconds of wall time, outcome by test name, what the kernel complained of."""

    release: str
    code: int
    seconds: float
    outcomes: dict[str, str]
    complaints: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Whether tests passed, all that this machine could run, and nothing else was wrong."""
        ended = set(self.outcomes.values())
        return self.code == 0 and "passed" in ended and ended <= {"passed", "skipped"}


def pytest_command(arguments: list[str]) -> list[str]:
    """The guest's command; the same interpreter that runs us."""
    plugins = [word for name in _WITHOUT for word in ("-p", f"no:{name}")]
    limits = ["-o", f"timeout={_TEST_SECONDS}", "--junitxml=/.vm/junit.xml"]
    named = any(Path(word.split("::")[0]).exists() for word in arguments)
    without = [f"--ignore=tests/system/{name}" for name in _NOT_THE_KERNEL]
    tests = [] if named else [*_TIERS, *without]
    return [sys.executable, "-m", "pytest", *plugins, *limits, "-v", "-s", *arguments, *tests]


def outcomes(report: Path) -> dict[str, str]:
    """Test name to passed, failed or skipped; empty when there is no report."""
    if not report.exists():
        return {}
    found: dict[str, str] = {}
    for name, case in _cases(report):
        kinds = {child.tag for child in case}
        bad = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found[name] = bad if found.get(name, "passed") == "passed" else found[name]
    return found


def explanation(report: Path, name: str) -> str:
    """What the report says of a test that did not pass."""
    if not report.exists():
        return "the guest left no report"
    said = [
        f"{child.get('message')}\n{child.text}"
        for case_name, case in _cases(report)
        if case_name == name
        for child in case
    ]
    return "\n".join(said) or "the guest did not run it"


def _cases(report: Path) -> Iterator[tuple[str, ElementTree.Element]]:
    for case in ElementTree.parse(report).iter("testcase"):
        yield f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}", case


def run_on(series: str, out: Path, arguments: list[str]) -> Run:
    """Boot one kernel, run the tests, show their output, and leave the ``Run`` in ``out`` for ``recall``."""
    machine = Machine(fetch(series, cache_dir()), timeout=_RUN_SECONDS)
    print(f"=== {series}: {machine.release}", flush=True)
    began = time.monotonic()
    result = run(machine, out, pytest_command(arguments), list(_GUEST))
    seconds = time.monotonic() - began
    print(result.log, flush=True)
    for line in result.complaints[:20]:
        print(f"kernel: {line}", flush=True)
    if result.code in (TIMED_OUT, NO_BOOT):
        print(text(out / "console")[-3000:], flush=True)
    ran = Run(machine.release, result.code, seconds, outcomes(out / "junit.xml"), result.complaints)
    (out / "run.json").write_text(json.dumps(asdict(ran), indent=1) + "\n")
    return ran


def recall(out: Path) -> Run | None:
    """The run that ``out`` tells of; None when it did not come to its end."""
    if not (out / "run.json").exists():
        return None
    told = json.loads((out / "run.json").read_text())
    return Run(**told | {"complaints": tuple(told["complaints"])})


def forget(out: Path) -> None:
    """Remove what an earlier run left to be read."""
    for name in ("junit.xml", "run.json"):
        (out / name).unlink(missing_ok=True)


def table(runs: dict[str, Run]) -> str:
    """One line a test, one column a kernel; of many tests one line a module (passed of all) and the exceptions."""
    names = sorted({name for one in runs.values() for name in one.outcomes})
    lines = {name: [one.outcomes.get(name, "absent") for one in runs.values()] for name in names}
    if len(names) > _LONG:
        modules = sorted({name.partition("::")[0] for name in names})
        summed = {module: [_passed(one, module) for one in runs.values()] for module in modules}
        lines = summed | {name: ends for name, ends in lines.items() if set(ends) != {"passed"}}
    width = max((len(name) for name in lines), default=4)
    said = [" ".join([name.ljust(width), *(end.rjust(9) for end in ends)]) for name, ends in lines.items()]
    for series, one in runs.items():
        how = "passed" if one.good else _WHY.get(one.code, f"exit code {one.code}")
        said.append(f"{series} ({one.release}): {how}, {len(one.outcomes)} tests, {one.seconds:.0f} s")
    return "\n".join([" ".join(["test".ljust(width), *(series.rjust(9) for series in runs)]), *said])


def _passed(run: Run, module: str) -> str:
    ends = [end for name, end in run.outcomes.items() if name.partition("::")[0] == module]
    return f"{ends.count('passed')}/{len(ends)}"


def main() -> int:
    """Command line entry."""
    summary, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter, prog="suite"
    )
    parser.add_argument("--kernel", action="append", choices=SUITES, help="repeat for several; default all")
    parser.add_argument("out", type=Path, help="directory for the results")
    asked, arguments = parser.parse_known_args()
    stop_on_signals()
    runs: dict[str, Run] = {}
    try:
        require_root("running a VM")
        outs = {series: asked.out.absolute() / series for series in asked.kernel or SUITES}
        for out in outs.values():
            forget(out)
        for series, out in outs.items():
            runs[series] = run_on(series, out, arguments)
    except Lacking as answer:
        print(f"suite: {answer}", file=sys.stderr)
        return LACKING
    except HostError as error:
        print(f"suite: {error}", file=sys.stderr)
        return NO_BOOT
    print(table(runs), flush=True)
    return 0 if all(one.good for one in runs.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
