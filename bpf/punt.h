/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Who is on the way to the CPU: the control protocol of a frame. A partition: every frame is in exactly one.
 *
 * Rules, on the innermost ethertype as parse.h has it:
 *  - ARP and LLDP by their ethertype; LACP is the slow protocols' ethertype with subtype 1.
 *  - OSPF and ICMP by the IP protocol, in fragments too; ICMPv6 of types 133 to 137 (RFC 4861) is ND.
 *  - The rest by ports, which a later fragment has not: it is "other". A service is where the destination port says.
 *    BGP and SSH, whose sessions a switch opens too, are also where the source port says and the destination port is
 *    no service's.
 *  - A header that the frame does not hold, or a broken IPv4 header, says nothing: what needed it is "other", an
 *    ICMPv6 message without its type ICMP.
 */
#ifndef TELEGEN_PUNT_H
#define TELEGEN_PUNT_H

#include "count.h"

#define TG_ETH_LLDP 0x88cc
#define TG_SLOW_LACP 1
#define TG_PROTO_OSPF 89
#define TG_ND_FIRST 133
#define TG_ND_LAST 137

static __always_inline enum tg_punt tg_punt_tcp(__u16 port)
{
	switch (port) {
	case 22:
		return TG_PUNT_SSH;
	case 179:
		return TG_PUNT_BGP;
	}
	return TG_PUNT_OTHER;
}

/* 8080 and 50051 are SONiC's gNMI server without and with a minigraph, 9339 is IANA's. */
/*
 * By the ports, pos bytes behind the cursor; near: at a place that the verifier knows. 8080 and 50051 are SONiC's gNMI
 * server without and with a minigraph, 9339 is IANA's.
 */
static __always_inline enum tg_punt tg_punt_ports(const struct tg_cursor *c, __u32 pos, bool near, __u8 proto,
						  bool six)
{
	struct tg_ports ports = {};
	enum tg_punt found;
	__u16 port;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return TG_PUNT_OTHER;
	if (!(near ? tg_near_ports(c, pos, &ports) : tg_far_ports(c, pos, &ports)))
		return TG_PUNT_OTHER;
	port = bpf_ntohs(ports.dest);
	if (proto == IPPROTO_TCP) {
		if (port == 8080 || port == 50051 || port == 9339)
			return TG_PUNT_GNMI;
		found = tg_punt_tcp(port);
		return found == TG_PUNT_OTHER ? tg_punt_tcp(bpf_ntohs(ports.source)) : found;
	}
	switch (port) {
	case 67:
	case 68:
		return six ? TG_PUNT_OTHER : TG_PUNT_DHCP;
	case 161:
	case 162:
		return TG_PUNT_SNMP;
	case 546:
	case 547:
		return six ? TG_PUNT_DHCPV6 : TG_PUNT_OTHER;
	case 3784: /* single hop, RFC 5881; 3785 is its echo, 4784 multihop (RFC 5883) */
	case 3785:
	case 4784:
		return TG_PUNT_BFD;
	case 6343:
		return TG_PUNT_SFLOW;
	}
	return TG_PUNT_OTHER;
}

static __always_inline enum tg_punt tg_punt_ipv4(const struct tg_cursor *c)
{
	const struct iphdr *ip = (void *)(long)TG_CTX(c->skb, data) + c->off;
	struct iphdr copy;
	__u32 size;

	if (TG_PLAIN || tg_unlikely((void *)(ip + 1) > (void *)(long)TG_CTX(c->skb, data_end))) {
		if (bpf_skb_load_bytes(c->skb, c->off, &copy, sizeof(copy)))
			return TG_PUNT_OTHER;
		ip = &copy;
	}
	size = (*(const __u8 *)ip & 0xf) * 4;
	if (size < sizeof(*ip) || c->off + size > c->len)
		return TG_PUNT_OTHER;
	if (ip->protocol == TG_PROTO_OSPF)
		return TG_PUNT_OSPF;
	if (ip->protocol == IPPROTO_ICMP)
		return TG_PUNT_ICMP;
	if (ip->frag_off & bpf_htons(0x1fff))
		return TG_PUNT_OTHER;
	if (size == sizeof(*ip))
		return tg_punt_ports(c, sizeof(*ip), true, ip->protocol, false);
	return tg_punt_ports(c, size, false, ip->protocol, false);
}

/* What is behind the headers of IPv6, pos bytes behind the cursor; end: not in this frame. */
static __always_inline enum tg_punt tg_punt_in_ipv6(const struct tg_cursor *c, __u32 pos, bool near, __u8 proto,
						    bool end)
{
	__u8 kind = 0;

	if (proto == TG_PROTO_OSPF)
		return TG_PUNT_OSPF;
	if (proto != IPPROTO_ICMPV6)
		return end ? TG_PUNT_OTHER : tg_punt_ports(c, pos, near, proto, true);
	if (end || !(near ? tg_near_u8(c, pos, &kind) : tg_far_u8(c, pos, &kind)))
		return TG_PUNT_ICMP;
	return kind >= TG_ND_FIRST && kind <= TG_ND_LAST ? TG_PUNT_ND : TG_PUNT_ICMP;
}

static __always_inline enum tg_punt tg_punt_ipv6(struct tg_cursor *c)
{
	__u8 proto = IPPROTO_NONE;
	bool end = true;

	if (!tg_near_u8(c, offsetof(struct ipv6hdr, nexthdr), &proto) || c->off + sizeof(struct ipv6hdr) > c->len)
		return TG_PUNT_OTHER;
	if (!tg_unlikely(tg_is_extension(proto)))
		return tg_punt_in_ipv6(c, sizeof(struct ipv6hdr), true, proto, false);
	if (!tg_pass_ipv6(c, &proto, &end))
		return TG_PUNT_OTHER;
	return tg_punt_in_ipv6(c, 0, false, proto, end);
}

static __always_inline enum tg_punt tg_punt_classify(struct __sk_buff *skb)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	__be16 type = 0;
	__u8 kind = 0;

	if (!tg_pass_ethernet(&c, &type))
		return TG_PUNT_OTHER;
	switch (type) {
	case bpf_htons(ETH_P_IP):
		return tg_punt_ipv4(&c);
	case bpf_htons(ETH_P_IPV6):
		return tg_punt_ipv6(&c);
	case bpf_htons(ETH_P_ARP):
		return TG_PUNT_ARP;
	case bpf_htons(TG_ETH_LLDP):
		return TG_PUNT_LLDP;
	case bpf_htons(ETH_P_SLOW):
		return tg_near_u8(&c, 0, &kind) && kind == TG_SLOW_LACP ? TG_PUNT_LACP : TG_PUNT_OTHER;
	}
	return TG_PUNT_OTHER;
}

#if TG_PLAIN
#define TG_PUNT_OF(n) TG_CASE(n, punt->protocols[n].packets += added.packets; punt->protocols[n].bytes += added.bytes)

_Static_assert(TG_PUNTS == 15, "tg_add_punt knows fifteen protocols");

static __always_inline void tg_add_punt(struct tg_punts *punt, __u32 protocol, struct tg_total added)
{
	switch (protocol) {
		TG_PUNT_OF(0)
		TG_PUNT_OF(1)
		TG_PUNT_OF(2)
		TG_PUNT_OF(3)
		TG_PUNT_OF(4)
		TG_PUNT_OF(5)
		TG_PUNT_OF(6)
		TG_PUNT_OF(7)
		TG_PUNT_OF(8)
		TG_PUNT_OF(9)
		TG_PUNT_OF(10)
		TG_PUNT_OF(11)
		TG_PUNT_OF(12)
		TG_PUNT_OF(13)
		TG_PUNT_OF(14)
	}
}
#else
static __always_inline void tg_add_punt(struct tg_punts *punt, __u32 protocol, struct tg_total added)
{
	punt->protocols[protocol].packets += added.packets;
	punt->protocols[protocol].bytes += added.bytes;
}
#endif

#endif
