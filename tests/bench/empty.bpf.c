// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What a tc program costs that does nothing: the zero of the per-packet bench. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
