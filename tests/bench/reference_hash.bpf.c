// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * Does what is common, to be timed beside telegen_if: two map lookups a packet, a per-CPU hash keyed by ifindex and
 * class, and a total by class. It counts skbs and their length: no aggregates, no offloaded tags, no histogram.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { IPV4, IPV6, ICMP6, OTHER, CLASSES };

struct key {
	__u32 ifindex;
	__u32 class;
};

struct count {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CLASSES);
	__type(key, __u32);
	__type(value, struct count);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct count);
} by_ifindex SEC(".maps");

static __always_inline __u32 classify(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__be16 *type = data + 2 * ETH_ALEN;
	struct ipv6hdr *ip6;

	for (int tags = 0; tags < 3; tags++) {
		if ((void *)(type + 1) > end)
			return OTHER;
		if (*type == bpf_htons(ETH_P_IP))
			return IPV4;
		if (*type == bpf_htons(ETH_P_IPV6)) {
			ip6 = (void *)(type + 1);
			return (void *)(ip6 + 1) <= end && ip6->nexthdr == IPPROTO_ICMPV6 ? ICMP6 : IPV6;
		}
		if (*type != bpf_htons(ETH_P_8021Q) && *type != bpf_htons(ETH_P_8021AD))
			return OTHER;
		type += 2;
	}
	return OTHER;
}

SEC("tc")
int reference_hash(struct __sk_buff *skb)
{
	struct count first = { .packets = 1, .bytes = skb->len }, *count;
	struct key key = { .ifindex = skb->ifindex, .class = classify(skb) };

	count = bpf_map_lookup_elem(&totals, &key.class);
	if (count) {
		count->packets += 1;
		count->bytes += skb->len;
	}
	count = bpf_map_lookup_elem(&by_ifindex, &key);
	if (count) {
		count->packets += 1;
		count->bytes += skb->len;
	} else {
		bpf_map_update_elem(&by_ifindex, &key, &first, BPF_NOEXIST);
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
