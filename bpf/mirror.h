/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Clones of frames into a netdev of ours that sends them on as ERSPAN.
 *
 * What is ERSPAN already is never mirrored again, whoever sent it to whom: two jobs with two tunnels would mirror each
 * other's frames for ever. Nor is an ICMP error about such a frame: a far end that takes no ERSPAN answers each one. As
 * ERSPAN counts, behind the frame's tags, IPv4 with GRE of one of its three types, and any later fragment of GRE, which
 * names none.
 */
#ifndef TELEGEN_MIRROR_H
#define TELEGEN_MIRROR_H

#include "erspan.h"
#include "telegen_job_abi.h"

#define TG_ICMP_ERROR(type) ((type) == 3 || (type) == 4 || (type) == 5 || (type) == 11 || (type) == 12)

/* Whether the cursor stands on an IPv4 header of ERSPAN; if not it may have moved, with *proto what the header names. */
static __always_inline bool tg_is_erspan(struct tg_cursor *c, __u8 *proto, bool *end)
{
	__be16 type = 0;

	*proto = IPPROTO_NONE;
	if (!tg_pass_ipv4(c, proto, end) || *proto != IPPROTO_GRE)
		return false;
	if (*end)
		return true;
	return tg_far_be16(c, 2, &type) && tg_is_erspan_type(bpf_ntohs(type));
}

static __always_inline bool tg_is_mirrored(struct __sk_buff *skb)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	__u8 proto = IPPROTO_NONE, kind = 0;
	bool end = false;
	__be16 type = 0;

	if (!tg_pass_ethernet(&c, &type) || type != bpf_htons(ETH_P_IP))
		return false;
	if (tg_is_erspan(&c, &proto, &end))
		return true;
	if (proto != IPPROTO_ICMP || end || !tg_far_u8(&c, 0, &kind) || !TG_ICMP_ERROR(kind) || !tg_skip(&c, 8))
		return false;
	return tg_is_erspan(&c, &proto, &end);
}

/*
 * Clone the frame, last of all: its packet pointers are void behind it. Within the helper the clone runs through the
 * netdev and out of another one, where this very program may run again on this CPU: nothing that it counts may be half
 * done here.
 */
static __always_inline void tg_mirror(struct __sk_buff *skb, struct tg_job_percpu *mine, __u32 ifindex, __u64 packets)
{
	if (!ifindex || tg_is_mirrored(skb))
		return;
	if (bpf_clone_redirect(skb, ifindex, 0))
		mine->mirror_failed += packets;
	else
		mine->mirrored += packets;
}

#endif
