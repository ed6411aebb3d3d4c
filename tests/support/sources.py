"""Small BPF programs for the loader's bad days, as C source."""

from __future__ import annotations

_HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");
"""

# Returns the frame's mark plus one and counts runs: enough to see test runs, maps and constants work.
GOOD = (
    _HEAD
    + """
const volatile __u32 first = 7;
const volatile struct { __u64 a; __u32 b[2]; } second = { 0x1122334455667788, { 1, 2 } };
SEC("tc") int good(struct __sk_buff *skb)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&numbers, &key);
	if (value)
		*value += first + second.b[1];
	skb->mark += 1;
	return skb->len;
}
"""
)

# Uses a looked-up pointer unchecked, after enough work for a log of many thousand lines.
REFUSED = (
    _HEAD
    + """
SEC("tc") int refused(struct __sk_buff *skb)
{
	volatile __u32 sum = 0;
	__u32 key = skb->mark;
	for (int i = 0; i < 2000; i++)
		sum += i;
	return *(__u64 *)bpf_map_lookup_elem(&numbers, &key) + sum;
}
"""
)

# Relocates against the kernel's types: needs BTF from the kernel or from a file.
RELOCATES = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
struct sk_buff { unsigned int len; } __attribute__((preserve_access_index));
SEC("tc") int relocates(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_core_field_exists(((struct sk_buff *)0)->len) ? 42 : 0;
}
"""
