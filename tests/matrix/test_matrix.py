"""ERSPAN, loading and the verifier's work on Debian's 5.10, 6.1 and 6.12: each test of the guests is one here.

The guests run beside the other tiers, from the end of the collection on; the tests here wait for them. JUnit, log,
dmesg and console of a guest are in ``build/vm/<series>`` afterwards, what the suite said in ``build/vm/suite.log``.
Where there is no QEMU, or no kernel can be fetched, the tests are skipped with that as the machine's answer.
"""

from __future__ import annotations

import pytest

from tests.matrix.guests import Guests, selected
from tests.vm.fetch_kernels import SUITES
from tests.vm.suite import Run, explanation

pytestmark = pytest.mark.timeout(2400)  # the first test waits for all; a guest has a limit of its own


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", selected())


@pytest.fixture(scope="module", params=SUITES)
def series(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def ran(series: str, guests: Guests) -> Run:
    return guests.ran(series)


def test_passed_there(ran: Run, guests: Guests, series: str, name: str) -> None:
    assert ran.outcomes.get(name, "absent") == "passed", explanation(guests.out / series / "junit.xml", name)


def test_all_ran_to_the_end_and_the_kernel_complained_of_nothing(ran: Run) -> None:
    assert ran.complaints == ()
    assert sorted(ran.outcomes) == sorted(selected())
    assert ran.good or "failed" in ran.outcomes.values(), f"exit code {ran.code}"
