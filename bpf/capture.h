/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Captured frames: the first snaplen bytes of each into a ring buffer that user space reads.
 *
 * A record's room must be a constant for the verifier (5.10), so there are rooms of a few sizes; those above snaplen are
 * removed. The bytes go straight into the ring. A frame that finds no room is counted as lost.
 */
#ifndef TELEGEN_CAPTURE_H
#define TELEGEN_CAPTURE_H

#include "count.h"
#include "telegen_job_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536); /* the least with pages of 64 KiB */
} job_ring SEC(".maps");

extern const volatile struct tg_job_config config;

static __always_inline void tg_describe(const struct tg_cursor *c, struct tg_frame *frame, __u32 slot, __u32 direction,
					__u32 caplen)
{
	struct __sk_buff *skb = c->skb;
	bool beside = tg_beside(c);

	frame->at_ns = bpf_ktime_get_ns();
	frame->ifindex = TG_CTX(skb, ifindex);
	frame->len = (c->inner ? c->len - c->off : TG_CTX(skb, len)) + (beside ? 4 : 0);
	frame->caplen = caplen;
	if (c->inner) {
		frame->vlan_tci = c->tag;
		frame->vlan_proto = beside ? ETH_P_8021Q : 0;
		frame->gso_size = 0;
	} else {
		frame->vlan_tci = beside ? TG_CTX(skb, vlan_tci) : 0;
		frame->vlan_proto = beside ? bpf_ntohs(TG_CTX(skb, vlan_proto)) : 0;
		frame->gso_size = TG_CTX(skb, gso_size);
	}
	frame->direction = direction;
	frame->slot = slot;
}

/* The frame's first `want` bytes, room at most, in a record of that room. */
static __always_inline bool tg_put(const struct tg_cursor *c, __u32 slot, __u32 direction, __u64 want, const __u64 room)
{
	struct tg_frame *frame = bpf_ringbuf_reserve(&job_ring, sizeof(*frame) + room, 0);
	__u64 more = want - 1;

	if (!frame)
		return false;
	/* 5.10 must see on the register itself that no more than room and no less than one byte is asked for. */
	asm volatile("" : "+r"(more));
	if (more >= room || bpf_skb_load_bytes(c->skb, c->off, frame + 1, more + 1)) {
		bpf_ringbuf_discard(frame, 0);
		return false;
	}
	tg_describe(c, frame, slot, direction, want);
	bpf_ringbuf_submit(frame, 0);
	return true;
}

/* The cursor stands on the frame's first byte. */
static __always_inline bool tg_capture(const struct tg_cursor *c, __u32 slot, __u32 direction)
{
	__u64 want = c->inner ? c->len - c->off : TG_CTX(c->skb, len), snaplen = config.snaplen;

	if (snaplen <= 128 || want <= 128)
		return tg_put(c, slot, direction, want < snaplen ? want : snaplen, 128);
	if (snaplen <= 512 || want <= 512)
		return tg_put(c, slot, direction, want < snaplen ? want : snaplen, 512);
	if (snaplen <= 1536 || want <= 1536)
		return tg_put(c, slot, direction, want < snaplen ? want : snaplen, 1536);
	return tg_put(c, slot, direction, want < snaplen ? want : snaplen, 9216);
}

#endif
