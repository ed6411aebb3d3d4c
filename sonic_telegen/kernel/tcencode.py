"""What a tc message carries behind its header, written by pyroute2 from a description of the bpf classifier alone.

Its own ``tcmsg`` describes every qdisc and classifier that there is: 1.4 MB, for the same bytes.
"""

from __future__ import annotations

from functools import lru_cache

from pyroute2.netlink import nla, nlmsg

_HEADER = 16  # struct nlmsghdr
_ACT_DIRECT = 1  # TCA_BPF_FLAG_ACT_DIRECT


class _Options(nla):  # type: ignore[misc]  # pyroute2 is untyped
    nla_map = (
        ("TCA_BPF_UNSPEC", "none"),
        ("TCA_BPF_ACT", "none"),
        ("TCA_BPF_POLICE", "none"),
        ("TCA_BPF_CLASSID", "uint32"),
        ("TCA_BPF_OPS_LEN", "none"),
        ("TCA_BPF_OPS", "none"),
        ("TCA_BPF_FD", "uint32"),
        ("TCA_BPF_NAME", "asciiz"),
        ("TCA_BPF_FLAGS", "uint32"),
    )


class _Attributes(nlmsg):  # type: ignore[misc]
    nla_map = (("TCA_UNSPEC", "none"), ("TCA_KIND", "asciiz"), ("TCA_OPTIONS", "bpf"))
    bpf = _Options


@lru_cache(maxsize=8)
def kind_attribute(kind: str) -> bytes:
    """TCA_KIND."""
    return _encoded([["TCA_KIND", str(kind)]])


def bpf_attributes(prog_fd: int, name: str, classid: int) -> bytes:
    """TCA_KIND and TCA_OPTIONS of a direct-action bpf classifier."""
    options = [
        ["TCA_BPF_CLASSID", classid],
        ["TCA_BPF_FD", prog_fd],
        ["TCA_BPF_NAME", name],
        ["TCA_BPF_FLAGS", _ACT_DIRECT],
    ]
    return _encoded([["TCA_KIND", "bpf"], ["TCA_OPTIONS", {"attrs": options}]])


def _encoded(attrs: list[list[object]]) -> bytes:
    message = _Attributes()
    message["attrs"] = attrs
    message.encode()
    return bytes(message.data)[_HEADER:]
