"""The doctor tells by which way the programs came, and what to do where it is the last one."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.cli.doctor import judge
from sonic_telegen.cli.findings import Mark
from tests.support.told import AGENT
from tests.unit.test_cli_doctor import WELL, agent, wrong


def test_programs_that_were_compiled_on_the_box_are_worth_a_look() -> None:
    reason = "the object did not load (open BPF object on telegen.bpf.o: No such file or directory): compiled here"
    (found,) = wrong(replace(WELL, agent=agent(replace(AGENT, loader="bcc", loader_reason=reason))))
    assert (found.check, found.mark) == ("loader", Mark.WARN)
    assert found.finding == f"the programs were loaded as bcc: {reason}"
    assert found.remedy == "install the package again, or unset TELEGEN_BPF_OBJ"


def test_a_kernel_without_btf_is_no_fault() -> None:
    facts = replace(WELL, agent=agent(replace(AGENT, btf=False, loader_reason="this kernel shows no BTF")))
    assert wrong(facts) == []
    assert ("loader", "the programs were loaded as core: this kernel shows no BTF") in [
        (found.check, found.finding) for found in judge(facts)
    ]
