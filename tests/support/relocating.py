"""The interface program as an object that does relocate against the kernel's types."""

from __future__ import annotations

from tests.support.objects import ROOT, TELEGEN, source_object


def relocating() -> str:
    """The interface program with one question to the kernel's types in it; the wrong answer changes its verdict."""
    text, last = (ROOT / TELEGEN).read_text(), "\ttg_count_frame(skb, TG_CTX(skb, tc_classid));\n"
    assert text.count(last) == 1
    ask = "\tif (!bpf_core_field_exists(((struct sk_buff *)0)->len))\n\t\treturn 7;\n"
    types = (
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include <bpf/bpf_core_read.h>\n"
        "struct sk_buff { unsigned int len; } __attribute__((preserve_access_index));\n"
    )
    return str(source_object(types + text.replace(last, ask + last), "relocating"))
