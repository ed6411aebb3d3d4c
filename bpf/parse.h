/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a frame is (its class) and how long its headers are.
 *
 * Contract. A cursor stands at an offset from the MAC header. A step reads the header it stands on, moves behind it
 * and returns true; it returns false and stays where it is unless the whole header lies within the frame. So c->off
 * is always the number of header bytes seen so far and never more than skb->len.
 *
 * Rules, the same for the linear part and what lies beyond it (bytes there are fetched by helper):
 *  - The class is that of the innermost ethertype. Up to TG_MAX_TAGS tags are passed, wherever the kernel keeps them;
 *    a frame with more, one that ends within a tag, LLC and SNAP are "other".
 *  - IPv4 is "ipv4" by its ethertype alone, however short or broken the rest.
 *  - IPv6 is "icmp6" when its Next Header, or the last one of at most TG_MAX_EXTS extension headers (hop-by-hop,
 *    routing, destination options, fragment, authentication), says ICMPv6. When the frame or the bound ends before
 *    that, or another header such as ESP comes first, it is "ipv6".
 *  - A fragment is what its fragment header says that the fragmented part begins with: all fragments of one ping are
 *    "icmp6". Behind the fragment header of a later fragment there are no headers, so nothing more is read.
 */
#ifndef TELEGEN_PARSE_H
#define TELEGEN_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "telegen_abi.h"

/*
 * Every field of the context is read through this. Without the volatile clang 14 merges two conditional loads into one
 * load from a computed address, and the verifier answers "dereference of modified ctx ptr".
 */
#define TG_CTX(skb, field) (*(volatile __u32 *)&(skb)->field)

/*
 * TG_PLAIN builds for a process without CAP_PERFMON. There the verifier guards every addition to a pointer against
 * speculation and refuses what it cannot guard: one to a packet pointer that is not a constant, one to a map's value that
 * has another range on another path. So headers are fetched by helper, and what an index would choose a switch does.
 */
#ifndef TG_PLAIN
#define TG_PLAIN 0
#endif
#if TG_PLAIN
#define TG_UNROLL _Pragma("unroll") /* what is speculated knows no bound of a loop */
typedef __u64 tg_key; /* its first half is the key: 5.10 and 6.1 take no shorter store where the stack holds a number */
#else
#define TG_UNROLL
typedef __u32 tg_key;
#endif

#define tg_unlikely(condition) __builtin_expect(!!(condition), 0)

#define TG_MAX_TAGS 3 /* one that the kernel took out of the frame and two in it, or three in it */
#define TG_MAX_EXTS 8

/* The TPIDs that a SONiC port can be set to; the kernel itself takes only the first two out of a frame. */
static __always_inline bool tg_is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD) || type == bpf_htons(0x9100) ||
	       type == bpf_htons(0x9200);
}

struct tg_cursor {
	struct __sk_buff *skb;
	__u32 len; /* skb->len, the whole frame; data_end - data is the linear part, 0.1 % of a TCP stream's bytes */
	__u32 off;
	bool inner; /* a constant: the frame is a part of what the skb holds, offsets are the skb's and len is its end */
	__u32 tag;  /* of an inner frame: the tag that is not in it, as TG_TAG and an id; 0: none */
};

#define TG_TAG 0x10000

/* Whether the frame has a tag that is not in it. */
static __always_inline bool tg_beside(const struct tg_cursor *c)
{
	return c->inner ? c->tag : TG_CTX(c->skb, vlan_present);
}

/* Where the frame ends the skb does too, but for an inner frame. */
static __always_inline bool tg_beyond(const struct tg_cursor *c, __u32 pos, __u32 size)
{
	return c->inner && tg_unlikely(c->off + pos + size > c->len);
}

/*
 * The place pos bytes behind the cursor, in the linear part. 5.10 forgets the bounds of a number that it saw on the
 * stack, so an offset that is none on every path gets them here; it is far below them.
 */
static __always_inline void *tg_at(const struct tg_cursor *c, __u32 pos)
{
	__u64 from;

	if (!c->inner)
		return (void *)(long)TG_CTX(c->skb, data) + c->off + pos;
	from = c->off;
	asm volatile("" : "+r"(from));
	return (void *)(long)TG_CTX(c->skb, data) + (from & 0x3fff) + pos;
}

/* How an IPv6 extension header begins; the fragment header has its offset where the others have data. */
struct tg_extension {
	__u8 next;
	__u8 units; /* 8 bytes each and one more; in the authentication header 4 bytes each and two more */
	__be16 fragment;
};

/* How the headers begin that have ports. */
struct tg_ports {
	__be16 source;
	__be16 dest;
};

/*
 * Two readers of what lies pos bytes behind the cursor; false, and *value as it was, where the frame ends before.
 * tg_near_ is for the headers of every frame: direct access, and the helper only where the linear part ends before.
 * tg_far_ always asks the helper (27 ns): for extension headers and aggregates, whose offsets vary. As packet offsets
 * these cost the verifier 160,000 steps instead of 4,400.
 *
 * The helper writes to a variable of its own: were it the caller's, that would live on the stack in the fast path too.
 * Callers give *value a start: clang 14 computes with one that was not set before it tests whether it was.
 */
#define TG_DEFINE_READERS(name, type)                                                                                  \
	static __always_inline bool tg_far_##name(const struct tg_cursor *c, __u32 pos, type *value)                   \
	{                                                                                                              \
		type copy;                                                                                             \
                                                                                                                       \
		if (tg_beyond(c, pos, sizeof(copy)) ||                                                                 \
		    bpf_skb_load_bytes(c->skb, c->off + pos, &copy, sizeof(copy)))                                     \
			return false;                                                                                  \
		*value = copy;                                                                                         \
		return true;                                                                                           \
	}                                                                                                              \
                                                                                                                       \
	static __always_inline bool tg_near_##name(const struct tg_cursor *c, __u32 pos, type *value)                  \
	{                                                                                                              \
		void *at = tg_at(c, pos);                                                                              \
                                                                                                                       \
		if (tg_beyond(c, pos, sizeof(type)))                                                                   \
			return false;                                                                                  \
		if (TG_PLAIN || tg_unlikely(at + sizeof(type) > (void *)(long)TG_CTX(c->skb, data_end)))               \
			return tg_far_##name(c, pos, value);                                                           \
		*value = *(type *)at;                                                                                  \
		return true;                                                                                           \
	}

TG_DEFINE_READERS(u8, __u8)
TG_DEFINE_READERS(be16, __be16)
TG_DEFINE_READERS(extension, struct tg_extension)
TG_DEFINE_READERS(ports, struct tg_ports)

static __always_inline bool tg_skip(struct tg_cursor *c, __u32 size)
{
	if (tg_unlikely(c->off + size > c->len))
		return false;
	c->off += size;
	return true;
}

/* To the first byte behind the innermost ethertype. A tag that the kernel took out of the frame is one passed. */
static __always_inline bool tg_pass_ethernet(struct tg_cursor *c, __be16 *type)
{
	if (!tg_skip(c, 2 * ETH_ALEN))
		return false;
#pragma unroll
	for (int tags = 0; tags <= TG_MAX_TAGS; tags++) {
		if (!tg_near_be16(c, 0, type))
			return false;
		if (*type == bpf_htons(ETH_P_IP) || *type == bpf_htons(ETH_P_IPV6) || !tg_is_tag(*type))
			return tg_skip(c, sizeof(*type));
		if (tags == TG_MAX_TAGS || (tags == TG_MAX_TAGS - 1 && tg_beside(c)) || !tg_skip(c, 4))
			return false;
	}
	return false;
}

/* Over one extension header. *proto becomes what follows, *end is set where no header can follow. */
static __always_inline bool tg_pass_extension(struct tg_cursor *c, __u8 *proto, bool *end)
{
	struct tg_extension ext;
	__u32 size = 8;

	if (!tg_far_extension(c, 0, &ext))
		return false;
	if (*proto == IPPROTO_FRAGMENT)
		*end = ext.fragment & bpf_htons(0xfff8);
	else if (*proto == IPPROTO_AH)
		size = (ext.units + 2) * 4;
	else
		size = (ext.units + 1) * 8;
	if (!tg_skip(c, size))
		return false;
	*proto = ext.next;
	return true;
}

static __always_inline bool tg_is_extension(__u8 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_FRAGMENT || proto == IPPROTO_AH;
}

/*
 * Over the IPv6 header and its extension headers. *proto is then what the last of them names, *end set where that
 * header is not in this frame. False where the frame ends before; *proto then is no header that lies in it.
 */
static __always_inline bool tg_pass_ipv6(struct tg_cursor *c, __u8 *proto, bool *end)
{
	*end = false;
	if (!tg_near_u8(c, offsetof(struct ipv6hdr, nexthdr), proto) || !tg_skip(c, sizeof(struct ipv6hdr)))
		return false;
	TG_UNROLL
	for (int i = 0; i < TG_MAX_EXTS && !*end && tg_unlikely(tg_is_extension(*proto)); i++)
		if (!tg_pass_extension(c, proto, end))
			return false;
	return true;
}

static __always_inline bool tg_pass_ipv4(struct tg_cursor *c, __u8 *proto, bool *end)
{
	__be16 fragment;
	__u8 version_ihl;

	if (c->off + sizeof(struct iphdr) > c->len || !tg_far_u8(c, 0, &version_ihl) ||
	    !tg_far_be16(c, offsetof(struct iphdr, frag_off), &fragment) ||
	    !tg_far_u8(c, offsetof(struct iphdr, protocol), proto))
		return false;
	*end = fragment & bpf_htons(0x1fff);
	version_ihl &= 0xf;
	return version_ihl >= 5 && tg_skip(c, version_ihl * 4);
}

/* Over the transport headers that the kernel aggregates; any other ends the headers. */
static __always_inline bool tg_pass_transport(struct tg_cursor *c, __u8 proto)
{
	__u8 doff;

	switch (proto) {
	case IPPROTO_UDP:
		return tg_skip(c, 8);
	case IPPROTO_SCTP:
		return tg_skip(c, 12);
	case IPPROTO_TCP:
		if (!tg_far_u8(c, 12, &doff))
			return false;
		doff >>= 4;
		return doff >= 5 && tg_skip(c, doff * 4);
	}
	return false;
}

static __always_inline enum tg_class tg_classify(struct __sk_buff *skb)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	__u8 proto = IPPROTO_NONE;
	__be16 type = 0;
	bool end = true;

	if (!tg_pass_ethernet(&c, &type))
		return TG_OTHER;
	if (type == bpf_htons(ETH_P_IP))
		return TG_IPV4;
	if (type != bpf_htons(ETH_P_IPV6))
		return TG_OTHER;
	return tg_pass_ipv6(&c, &proto, &end) && proto == IPPROTO_ICMPV6 ? TG_ICMP6 : TG_IPV6;
}

/*
 * Bytes of headers in front of an aggregate's data. It walks the frame a second time: what the first walk would have
 * to keep for it burdens every other frame. Inlined, as all is: one BPF function call makes the verifier of 5.10 take
 * every number for one that matters, 83,600 steps instead of 4,400.
 */
static __always_inline __u32 tg_header_bytes(struct __sk_buff *skb)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	bool end = true, found = false;
	__u8 proto = IPPROTO_NONE;
	__be16 type = 0;

	if (!tg_pass_ethernet(&c, &type))
		return c.off;
	if (type == bpf_htons(ETH_P_IP))
		found = tg_pass_ipv4(&c, &proto, &end);
	else if (type == bpf_htons(ETH_P_IPV6))
		found = tg_pass_ipv6(&c, &proto, &end);
	if (found && !end)
		tg_pass_transport(&c, proto);
	return c.off;
}

#endif
