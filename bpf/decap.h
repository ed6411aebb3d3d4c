/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The frame within a mirrored one: what switches send that mirror into ERSPAN.
 *
 * Rules. A packet is ERSPAN when it is IPv4 (behind at most TG_MAX_TAGS tags) and no later fragment, and its protocol is
 * GRE, of version 0 and without routing, whose type says so. It ends where its total length says, or with the frame. The
 * frame within begins behind these headers, each of which must lie in the packet as a whole:
 *  - GRE: 4 bytes, and 4 more for each of checksum, key and sequence number.
 *  - Type 0x88be: with a sequence number 8 bytes of version 1 (ERSPAN II), without one nothing (ERSPAN I).
 *  - Type 0x22eb: 12 bytes of version 2 (ERSPAN III), and 8 more when the last bit of them says so.
 *  - Type 0x8949: 22 bytes.
 * With a header that is cut or of another version the packet is ERSPAN still, of session 0 and without a sequence number;
 * what is behind the last whole header is then no frame and its class "other". So it is when ERSPAN III says that it
 * carries something else than Ethernet. The session of ERSPAN I and 0x8949 is 0.
 *
 * ERSPAN II may have the frame's outermost tag in its header, taken out of the frame (encapsulation 2): it is matched
 * and is the flow's VLAN, and does not count as bytes.
 */
#ifndef TELEGEN_DECAP_H
#define TELEGEN_DECAP_H

#include "erspan.h"
#include "match.h"

#define TG_GRE_CHECKSUM 0x8000
#define TG_GRE_ROUTING 0x4000
#define TG_GRE_KEY 0x2000
#define TG_GRE_SEQUENCE 0x1000
#define TG_GRE_VERSION 0x0007
#define TG_VENDOR_BYTES 22
#define TG_TAKEN_OUT 2 /* encapsulation of ERSPAN II */

/* The farthest that a frame within may begin: behind tags, IPv4 and GRE with all options, the longest ERSPAN header. */
#define TG_MOST_OUTER (2 * ETH_ALEN + 4 * TG_MAX_TAGS + 2 + 60 + 16 + TG_VENDOR_BYTES)

struct tg_gre {
	__be16 flags;
	__be16 type;
};

/* ERSPAN II is the first 8 bytes; in III `more` is a time. */
struct tg_erspan_header {
	__be16 version_vlan;
	__be16 session;
	__be32 more;
	__be16 group;
	__be16 kind; /* frame type in the bits 0x7c00, a further header when the last bit is set */
};

/* The session's header at c->off, of a GRE type; passes it. */
static __always_inline bool tg_pass_erspan(struct tg_cursor *c, __u16 type, bool sequenced, struct tg_inner *found)
{
	__u32 size = type == TG_TYPE_3 ? sizeof(struct tg_erspan_header) : 8;
	struct tg_erspan_header header = {};
	__u16 first, second;

	if (type == TG_TYPE_VENDOR)
		return tg_skip(c, TG_VENDOR_BYTES);
	if (type == TG_TYPE_12 && !sequenced)
		return true;
	if (c->off + size > c->len || bpf_skb_load_bytes(c->skb, c->off, &header, 8))
		return false;
	first = bpf_ntohs(header.version_vlan);
	second = bpf_ntohs(header.session);
	if (first >> 12 != (type == TG_TYPE_3 ? 2 : 1))
		return false;
	if (type == TG_TYPE_3) {
		if (bpf_skb_load_bytes(c->skb, c->off + 10, &header.kind, 2))
			return false;
		if (header.kind & bpf_htons(1))
			size += 8;
		found->foreign = !!(header.kind & bpf_htons(0x7c00));
	} else if ((second >> 11 & 3) == TG_TAKEN_OUT) {
		found->tag = TG_TAG | (first & 0xfff);
	}
	if (!tg_skip(c, size))
		return false;
	found->key.session = second & 0x3ff;
	return true;
}

/* The GRE header at c->off and what follows. False when it is not ERSPAN. */
static __always_inline bool tg_pass_gre(struct tg_cursor *c, struct tg_inner *found)
{
	struct tg_gre gre = {};
	__u32 size = sizeof(gre);
	__be32 sequence = 0;
	__u16 flags, type;

	if (c->off + size > c->len || bpf_skb_load_bytes(c->skb, c->off, &gre, sizeof(gre)))
		return false;
	flags = bpf_ntohs(gre.flags);
	type = bpf_ntohs(gre.type);
	if (flags & (TG_GRE_ROUTING | TG_GRE_VERSION) || !tg_is_erspan_type(type))
		return false;
	size += (flags & TG_GRE_CHECKSUM ? 4 : 0) + (flags & TG_GRE_KEY ? 4 : 0);
	if (flags & TG_GRE_SEQUENCE) {
		bpf_skb_load_bytes(c->skb, c->off + size, &sequence, sizeof(sequence));
		size += sizeof(sequence);
	}
	if (!tg_skip(c, size) || !tg_pass_erspan(c, type, flags & TG_GRE_SEQUENCE, found)) {
		found->foreign = true;
		return true;
	}
	found->sequenced = !!(flags & TG_GRE_SEQUENCE);
	found->sequence = bpf_ntohl(sequence);
	return true;
}

/*
 * Looks for the frame within; false when there is none. What is found goes through memory of this CPU: the verifier
 * forgets there on which of the paths it was found, and walks the inner headers once and not for each of them.
 */
static __always_inline bool tg_decap(struct __sk_buff *skb, struct tg_inner *found)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	struct iphdr ip = {};
	__be16 type = 0;
	__u32 size, end;

	if (!tg_pass_ethernet(&c, &type) || type != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, c.off, &ip, sizeof(ip)))
		return false;
	size = *(__u8 *)&ip & 0xf;
	if (*(__u8 *)&ip >> 4 != 4 || size < 5 || ip.protocol != IPPROTO_GRE || ip.frag_off & bpf_htons(0x1fff))
		return false;
	end = c.off + bpf_ntohs(ip.tot_len);
	if (end < c.len)
		c.len = end;
	*found = (struct tg_inner){ .key = { .source = ip.saddr, .dest = ip.daddr } };
	if (!tg_skip(&c, size * 4) || !tg_pass_gre(&c, found))
		return false;
	found->at = c.off;
	found->end = c.len;
	asm volatile("" : : : "memory");
	return true;
}

/* Whether the packet came from, to and of what the job asks. */
static __always_inline bool tg_match_outer(const struct tg_inner *found, __u32 features)
{
	if (features & TG_DO_REMOTE && found->key.source != config.remote)
		return false;
	if (features & TG_DO_LOCAL && found->key.dest != config.local)
		return false;
	return !(features & TG_DO_SESSION) || found->key.session == config.session;
}

#endif
