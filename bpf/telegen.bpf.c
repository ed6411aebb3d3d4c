// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * telegen_if counts every frame of a netdev's hook: packets, bytes and a histogram of packet sizes for each class.
 * telegen_if_punt tells the control protocols apart as well.
 *
 * Each is loaded once and serves all its hooks: the filter's classid is the slot. It is in nobody's way: it drops
 * nothing, changes nothing, and always returns TC_ACT_UNSPEC, so that the filters behind it run as if it were not
 * there (measured: with TC_ACT_OK a second filter saw 0 of 100 packets).
 *
 * What counts is what is on the wire, without FCS and without the padding that a NIC gives to short frames:
 *  - An aggregate (GSO on its way out, GRO on its way in) is gso_segs packets, each with a copy of the headers.
 *  - A tag that the kernel keeps beside the frame is 4 bytes more in every packet.
 *  - When gso_segs is 0 (tap and virtio senders until late 2025) it follows from gso_size.
 * What kind of aggregate it is cannot be known here. Packets are always exact; bytes are not where the headers of the
 * packets are not those in front: a tunnel's inner headers are not repeated in the sum, and of IPv6 BIG TCP (off unless
 * gso_max_size was raised above 65,536) the jumbo option is, 8 bytes a packet, which segmentation takes out.
 *
 * The object holds no CO-RE relocations: struct __sk_buff is UAPI, so the same bytes load on every kernel from 5.10
 * with or without BTF. Where not even that loads, bcc compiles this file on the box (TG_BCC, bcc.h).
 */
#include <linux/pkt_cls.h>
#include "count.h"
#include "punt.h"

/* No LIBBPF_PIN_BY_NAME: the loader pins, because it must look at a pin's layout before it uses it. */
TG_MAP(BPF_MAP_TYPE_PERCPU_ARRAY, stats_percpu, TG_CLASSES, __u32, struct tg_total);
TG_MAP(BPF_MAP_TYPE_PERCPU_ARRAY, punt_percpu, TG_PUNT_SLOTS, __u32, struct tg_punts);

/* What both programs do. Returns what was added, nothing where the frame could not be counted. */
static __always_inline struct tg_total tg_count_frame(struct __sk_buff *skb, __u32 classid)
{
	tg_key slot = classid, class;
	struct tg_if_stats *stats;
	struct tg_total *total;

#if TG_BUILD
	/* Another build for the tests: other instructions, so another tag, and the same behaviour. */
	asm volatile("r0 = %0" : : "i"(TG_BUILD) : "r0");
#endif
	class = tg_classify(skb);
	if (tg_unlikely(slot >= TG_SLOTS))
		slot = 0;
	total = bpf_map_lookup_elem(TG_AT(stats_percpu), &class);
	stats = bpf_map_lookup_elem(TG_AT(if_stats_percpu), &slot);
	if (tg_unlikely(!total || !stats || class >= TG_CLASSES))
		return (struct tg_total){};
	return tg_count(skb, total, tg_counters_of(stats, class));
}

SEC("tc")
int telegen_if(struct __sk_buff *skb)
{
	tg_count_frame(skb, TG_CTX(skb, tc_classid));
	return TC_ACT_UNSPEC;
}

/* The same, and which control protocol it was. Its walk is one of its own: telegen_if must not pay for it. */
SEC("tc")
int telegen_if_punt(struct __sk_buff *skb)
{
	tg_key slot = TG_CTX(skb, tc_classid);
	struct tg_total added = tg_count_frame(skb, slot);
	struct tg_punts *punts;
	__u32 protocol;

	if (tg_unlikely(slot >= TG_SLOTS))
		slot = 0;
	protocol = tg_punt_classify(skb);
	punts = bpf_map_lookup_elem(TG_AT(punt_percpu), &slot);
	if (tg_unlikely(!punts || protocol >= TG_PUNTS))
		return TC_ACT_UNSPEC;
	tg_add_punt(punts, protocol, added);
	return TC_ACT_UNSPEC;
}

#ifdef TG_BCC
int tg_layout(struct __sk_buff *skb)
{
	TG_TELL_LAYOUT;
}
#endif

char LICENSE[] SEC("license") = "GPL";
