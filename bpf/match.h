/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whether a frame is one that the job asks for, and which flow it belongs to.
 *
 * Rules. A header is looked at when it lies in the frame as a whole, of a transport header the four bytes of ports; what
 * is not there does not match. Which headers there are is as in parse.h, and so:
 *  - The VLAN may be that of any of the first TG_MAX_TAGS tags, beside the frame or in it.
 *  - Addresses and DSCP are those of the outermost IP header. The protocol of an IPv6 packet is what follows its
 *    extension headers; of a fragment, what its fragment header says.
 *  - Ports have TCP, UDP, UDP-Lite, DCCP and SCTP. A later fragment has none and matches no filter on ports.
 *
 * Each step is behind its bit of `features`, a constant for the verifier: a job pays for what it asks.
 */
#ifndef TELEGEN_MATCH_H
#define TELEGEN_MATCH_H

#include "parse.h"
#include "telegen_job_abi.h"

#define TG_DO_ADDRESS (TG_DO_SRC | TG_DO_DST)
#define TG_DO_PORTS (TG_DO_SPORT | TG_DO_DPORT)
#define TG_DO_IP (TG_DO_PROTO | TG_DO_ADDRESS | TG_DO_PORTS | TG_DO_DSCP)

extern const volatile struct tg_job_config config;

/* What is told about a frame that matches; the key and the flags only with TG_DO_FLOWS. */
struct tg_found {
	enum tg_class class;
	__u8 tcp_flags;
	struct tg_flow_key key;
};

struct tg_tag {
	__be16 type;
	__be16 tci;
};

TG_DEFINE_READERS(tag, struct tg_tag)

_Static_assert(TG_MAX_TAGS == 3, "tg_match_vlan looks at three places");

/* The tag at a place in the frame; whether another one behind it matters. */
static __always_inline bool tg_see_tag(const struct tg_cursor *c, int place, __u32 features, bool outermost,
				       struct tg_flow_key *key, bool *found)
{
	struct tg_tag tag = {};
	__u16 id;

	if (!tg_near_tag(c, 2 * ETH_ALEN + 4 * place, &tag) || !tg_is_tag(tag.type))
		return false;
	id = bpf_ntohs(tag.tci) & 0xfff;
	if (id == config.vlan)
		*found = true;
	if (features & TG_DO_FLOWS && outermost)
		key->vlan = id;
	return features & TG_DO_VLAN;
}

static __always_inline bool tg_match_vlan(const struct tg_cursor *c, __u32 features, struct tg_flow_key *key)
{
	bool beside = tg_beside(c), found = false;
	__u16 id;

	if (beside) {
		id = (c->inner ? c->tag : TG_CTX(c->skb, vlan_tci)) & 0xfff;
		found = id == config.vlan;
		if (features & TG_DO_FLOWS)
			key->vlan = id;
	}
	if (tg_see_tag(c, 0, features, !beside, key, &found) && tg_see_tag(c, 1, features, false, key, &found) &&
	    !beside)
		tg_see_tag(c, TG_MAX_TAGS - 1, features, false, key, &found);
	return found || !(features & TG_DO_VLAN);
}

static __always_inline bool tg_in_ranges(__be16 port, const volatile struct tg_range *ranges, __u32 count)
{
	__u32 value = bpf_ntohs(port);

#pragma unroll
	for (__u32 i = 0; i < TG_MAX_RANGES; i++)
		if (i < count && value >= ranges[i].low && value <= ranges[i].high)
			return true;
	return false;
}

static __always_inline bool tg_in_prefix(const __be32 *addr, const volatile struct tg_prefix *prefix, int words)
{
#pragma unroll
	for (int i = 0; i < words; i++)
		if (prefix->mask[i] && (addr[i] & prefix->mask[i]) != prefix->addr[i])
			return false;
	return true;
}

static __always_inline bool tg_is_asked_proto(__u8 proto)
{
	return config.protos[proto >> 6] >> (proto & 63) & 1;
}

static __always_inline bool tg_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP ||
	       proto == IPPROTO_UDPLITE;
}

/* The transport header is pos bytes behind the cursor; near: at a place that the verifier knows. */
static __always_inline bool tg_match_ports(const struct tg_cursor *c, __u32 pos, bool near, __u8 proto, __u32 features,
					   struct tg_found *f)
{
	struct tg_ports ports = {};

	if (!tg_has_ports(proto) || !(near ? tg_near_ports(c, pos, &ports) : tg_far_ports(c, pos, &ports)))
		return !(features & TG_DO_PORTS);
	if (features & TG_DO_SPORT && !tg_in_ranges(ports.source, config.sport, config.sports))
		return false;
	if (features & TG_DO_DPORT && !tg_in_ranges(ports.dest, config.dport, config.dports))
		return false;
	if (features & TG_DO_FLOWS) {
		f->key.sport = ports.source;
		f->key.dport = ports.dest;
		if (proto == IPPROTO_TCP)
			near ? tg_near_u8(c, pos + 13, &f->tcp_flags) : tg_far_u8(c, pos + 13, &f->tcp_flags);
	}
	return true;
}

static __always_inline bool tg_match_ipv4(const struct tg_cursor *c, __u32 features, struct tg_found *f)
{
	const struct iphdr *ip = tg_at(c, 0);
	struct iphdr copy;
	__u32 size;

	if (features & TG_DO_FLOWS)
		f->key.family = 4;
	if (features & TG_DO_ADDRESS && config.family != 4)
		return false;
	if (tg_beyond(c, 0, sizeof(*ip)))
		return !(features & TG_DO_IP);
	if (tg_unlikely((void *)(ip + 1) > (void *)(long)TG_CTX(c->skb, data_end))) {
		if (bpf_skb_load_bytes(c->skb, c->off, &copy, sizeof(copy)))
			return !(features & TG_DO_IP);
		ip = &copy;
	}
	if (features & TG_DO_DSCP && !(config.dscps >> (ip->tos >> 2) & 1))
		return false;
	if (features & TG_DO_PROTO && !tg_is_asked_proto(ip->protocol))
		return false;
	if (features & TG_DO_SRC && !tg_in_prefix(&ip->saddr, &config.src, 1))
		return false;
	if (features & TG_DO_DST && !tg_in_prefix(&ip->daddr, &config.dst, 1))
		return false;
	if (features & TG_DO_FLOWS) {
		f->key.saddr[0] = ip->saddr;
		f->key.daddr[0] = ip->daddr;
		f->key.proto = ip->protocol;
		f->key.dscp = ip->tos >> 2;
	}
	if (!(features & (TG_DO_PORTS | TG_DO_FLOWS)))
		return true;
	size = *(const __u8 *)ip & 0xf;
	if (ip->frag_off & bpf_htons(0x1fff) || size < 5)
		return !(features & TG_DO_PORTS);
	if (size == 5)
		return tg_match_ports(c, sizeof(*ip), true, ip->protocol, features, f);
	return tg_match_ports(c, size * 4, false, ip->protocol, features, f);
}

/* Sets the class, whatever the answer is. */
static __always_inline bool tg_match_ipv6(struct tg_cursor *c, __u32 features, struct tg_found *f)
{
	const struct ipv6hdr *ip = tg_at(c, 0);
	bool end = false, extended, whole;
	struct ipv6hdr copy;
	__u8 proto, dscp;

	f->class = TG_IPV6;
	if (features & TG_DO_FLOWS)
		f->key.family = 6;
	if (features & TG_DO_ADDRESS && config.family != 6)
		return false;
	if (tg_beyond(c, 0, sizeof(*ip)))
		return !(features & TG_DO_IP);
	if (tg_unlikely((void *)(ip + 1) > (void *)(long)TG_CTX(c->skb, data_end))) {
		if (bpf_skb_load_bytes(c->skb, c->off, &copy, sizeof(copy)))
			return !(features & TG_DO_IP);
		ip = &copy;
	}
	dscp = bpf_ntohs(*(const __be16 *)ip) >> 6 & 0x3f;
	if (features & TG_DO_DSCP && !(config.dscps >> dscp & 1))
		return false;
	if (features & TG_DO_SRC && !tg_in_prefix(ip->saddr.in6_u.u6_addr32, &config.src, 4))
		return false;
	if (features & TG_DO_DST && !tg_in_prefix(ip->daddr.in6_u.u6_addr32, &config.dst, 4))
		return false;
	if (features & TG_DO_FLOWS) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			f->key.saddr[i] = ip->saddr.in6_u.u6_addr32[i];
			f->key.daddr[i] = ip->daddr.in6_u.u6_addr32[i];
		}
		f->key.dscp = dscp;
	}
	proto = ip->nexthdr;
	extended = tg_is_extension(proto);
	if (tg_unlikely(extended)) {
		tg_skip(c, sizeof(*ip));
		whole = true;
		for (int i = 0; i < TG_MAX_EXTS && whole && !end && tg_is_extension(proto); i++)
			whole = tg_pass_extension(c, &proto, &end);
		if (!whole)
			return !(features & (TG_DO_PROTO | TG_DO_PORTS));
	}
	if (proto == IPPROTO_ICMPV6)
		f->class = TG_ICMP6;
	if (features & TG_DO_PROTO && !tg_is_asked_proto(proto))
		return false;
	if (features & TG_DO_FLOWS)
		f->key.proto = proto;
	if (!(features & (TG_DO_PORTS | TG_DO_FLOWS)))
		return true;
	if (end)
		return !(features & TG_DO_PORTS);
	if (extended)
		return tg_match_ports(c, 0, false, proto, features, f);
	return tg_match_ports(c, sizeof(*ip), true, proto, features, f);
}

/* The cursor stands on the frame's first byte. */
static __always_inline bool tg_match_at(struct tg_cursor *c, __u32 features, struct tg_found *f)
{
	__be16 type = 0;

	f->class = TG_OTHER;
	f->tcp_flags = 0;
	if (features & TG_DO_FLOWS)
		__builtin_memset(&f->key, 0, sizeof(f->key));
	if (features & (TG_DO_VLAN | TG_DO_FLOWS) && !tg_match_vlan(c, features, &f->key))
		return false;
	if (tg_pass_ethernet(c, &type)) {
		if (type == bpf_htons(ETH_P_IP)) {
			f->class = TG_IPV4;
			if (features & (TG_DO_IP | TG_DO_FLOWS))
				return tg_match_ipv4(c, features, f);
			return true;
		}
		if (type == bpf_htons(ETH_P_IPV6))
			return tg_match_ipv6(c, features, f);
	}
	return !(features & TG_DO_IP);
}

static __always_inline bool tg_match(struct __sk_buff *skb, __u32 features, struct tg_found *f)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };

	return tg_match_at(&c, features, f);
}

#endif
