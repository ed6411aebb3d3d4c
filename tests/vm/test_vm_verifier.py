"""The verifier's work with each program is what the repository says that it is."""

from __future__ import annotations

import os

import pytest

from tests.support.pcap import need_libpcap
from tests.vm.fetch_kernels import SUITES
from tests.vm.verifier import PROGRAMS, Found, kept, steps

SERIES = next((name for name in SUITES if os.uname().release.startswith(f"{name}.")), "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_verifiers_work_is_what_the_file_says(name: str) -> None:
    need_libpcap()
    took = steps(name)
    print(f"verifier on {os.uname().release}: {name} {took} instructions")
    if not SERIES:
        pytest.skip(f"machine: uname -r: {os.uname().release}, whose counts are not kept; it took {took}")
    complaint = Found(name, SERIES, took, kept().get(name, {}).get(SERIES)).complaint()
    assert not complaint, complaint
