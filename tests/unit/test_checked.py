"""A filter expression that is none rejects its job, in the compiler's words, and disturbs no other job."""

from __future__ import annotations

from dataclasses import replace

from sonic_telegen.errors import ConfigError
from sonic_telegen.model.asked import Rejection
from sonic_telegen.model.job import JobSpec
from sonic_telegen.model.match import Match
from sonic_telegen.model.status import Reason, Status
from sonic_telegen.reconcile.checked import Checked
from sonic_telegen.reconcile.loop import Loop
from tests.unit.test_loop import Rig


def check(expression: str) -> None:
    if "src or" in expression:
        raise ConfigError("filter", expression, "libpcap says: syntax error")


def asking(job: str, expression: str) -> JobSpec:
    return JobSpec(job, "Ethernet0", match=Match(filter=expression))


def checked(rig: Rig) -> Loop:
    return Loop(Checked(rig, check), rig.open, rig.memory, rig.resolve, lambda: None, lambda: rig.now)


def test_a_bad_expression_rejects_its_job_and_no_other() -> None:
    rig = Rig(asking("bad", "src or"), asking("good", "tcp port 80"), JobSpec("plain", "Ethernet0"))
    told = checked(rig).run().jobs
    assert (told["bad"].status, told["bad"].reason) == (Status.REJECTED, Reason.INVALID_VALUE)
    assert told["bad"].message == "filter='src or': libpcap says: syntax error"
    assert {job: told[job].status for job in ("good", "plain")} == dict.fromkeys(("good", "plain"), Status.RUNNING)


def test_a_running_job_whose_expression_is_made_a_bad_one_ends() -> None:
    rig = Rig(asking("job", "tcp"))
    loop = checked(rig)
    assert loop.run().jobs["job"].status is Status.RUNNING
    rig.asked = replace(rig.asked, jobs={"job": asking("job", "src or")})
    assert loop.run().jobs["job"].status is Status.REJECTED
    assert rig.world.filters == []


def test_what_was_rejected_before_stays_as_it_was() -> None:
    rig, rejection = Rig(), Rejection("unknown_field", "no such field")
    rig.asked = replace(rig.asked, jobs={"other": rejection})
    assert Checked(rig, check).read().jobs == {"other": rejection}
