"""The attributes that we send are those of pyroute2's own description of tc."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from sonic_telegen.kernel.tcdecode import TCMSG
from sonic_telegen.kernel.tcencode import bpf_attributes, kind_attribute

U32 = st.integers(0, 2**32 - 1)


def pyroute2_s(attrs: list[list[object]]) -> bytes:
    message = tcmsg()
    message["attrs"] = attrs
    message.encode()
    return bytes(message.data)[16 + TCMSG.size :]


@given(U32, st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255), U32)
def test_a_filter_is_written_as_pyroute2_s_own_message_writes_it(prog_fd: int, name: str, classid: int) -> None:
    options = [["TCA_BPF_CLASSID", classid], ["TCA_BPF_FD", prog_fd], ["TCA_BPF_NAME", name], ["TCA_BPF_FLAGS", 1]]
    whole = pyroute2_s([["TCA_KIND", "bpf"], ["TCA_OPTIONS", {"attrs": options}]])
    assert bpf_attributes(prog_fd, name, classid) == whole


def test_a_qdisc_s_kind_is_written_as_pyroute2_s_own_message_writes_it() -> None:
    for kind in ("clsact", "ingress", "bpf"):
        assert kind_attribute(kind) == pyroute2_s([["TCA_KIND", kind]]) != b""
