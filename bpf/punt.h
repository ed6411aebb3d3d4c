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

#include "parse.h"

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
static __always_inline enum tg_punt tg_punt_ports(__u8 proto, bool six, __u16 source, __u16 destination)
{
	enum tg_punt found;

	if (proto == IPPROTO_TCP) {
		if (destination == 8080 || destination == 50051 || destination == 9339)
			return TG_PUNT_GNMI;
		found = tg_punt_tcp(destination);
		return found == TG_PUNT_OTHER ? tg_punt_tcp(source) : found;
	}
	switch (destination) {
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

static __always_inline enum tg_punt tg_punt_classify(struct __sk_buff *skb)
{
	struct tg_cursor c = { .skb = skb, .len = TG_CTX(skb, len) };
	__be16 type = 0, source = 0, destination = 0;
	__u8 proto = IPPROTO_NONE, kind = 0;
	bool end = true, six;

	if (!tg_pass_ethernet(&c, &type))
		return TG_PUNT_OTHER;
	switch (type) {
	case bpf_htons(ETH_P_ARP):
		return TG_PUNT_ARP;
	case bpf_htons(TG_ETH_LLDP):
		return TG_PUNT_LLDP;
	case bpf_htons(ETH_P_SLOW):
		return tg_far_u8(&c, 0, &kind) && kind == TG_SLOW_LACP ? TG_PUNT_LACP : TG_PUNT_OTHER;
	}
	six = type == bpf_htons(ETH_P_IPV6);
	if (six ? !tg_pass_ipv6(&c, &proto, &end) : type != bpf_htons(ETH_P_IP) || !tg_pass_ipv4(&c, &proto, &end))
		return TG_PUNT_OTHER;
	if (proto == TG_PROTO_OSPF)
		return TG_PUNT_OSPF;
	if (!six && proto == IPPROTO_ICMP)
		return TG_PUNT_ICMP;
	if (six && proto == IPPROTO_ICMPV6) {
		if (!end && tg_far_u8(&c, 0, &kind) && kind >= TG_ND_FIRST && kind <= TG_ND_LAST)
			return TG_PUNT_ND;
		return TG_PUNT_ICMP;
	}
	if (end || (proto != IPPROTO_TCP && proto != IPPROTO_UDP) || !tg_far_be16(&c, 0, &source) ||
	    !tg_far_be16(&c, 2, &destination))
		return TG_PUNT_OTHER;
	return tg_punt_ports(proto, six, bpf_ntohs(source), bpf_ntohs(destination));
}

#endif
