/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Shared by the BPF programs and (through struct tg_layout, which the object carries in .rodata) by user space.
 * All integers are host byte order. Values of the per-CPU maps are summed over CPUs by the reader.
 *
 * A change of anything below that moves or renumbers a counter raises TG_LAYOUT_VERSION: the agent then migrates the
 * pinned maps, counts kept, and never misreads them. Tests build other layouts by defining TG_LAYOUT_VERSION,
 * TG_SLOTS and TG_PAD on the command line.
 */
#ifndef TELEGEN_ABI_H
#define TELEGEN_ABI_H

#include <linux/types.h>

#ifndef TG_LAYOUT_VERSION
#define TG_LAYOUT_VERSION 1
#endif

#ifndef TG_SLOTS
#define TG_SLOTS 2048 /* 1,024 netdevs in two directions; slot 0 is never assigned (a test run without a filter sees it) */
#endif

#ifndef TG_PAD
#define TG_PAD 0 /* unused 8-byte words before the classes: makes another layout for the tests */
#endif

#define TG_LAYOUT_MAGIC 0x74656c67 /* "telg" */

/* The classes partition: every frame is in exactly one. */
enum tg_class { TG_IPV4, TG_IPV6, TG_ICMP6, TG_OTHER, TG_CLASSES };

/* Packet sizes in bytes without FCS, inclusive upper edges as RMON and SAI have them; the last bucket is above. */
#define TG_BOUNDS 64, 127, 255, 511, 1023, 1518, 2047, 4095, 9216
#define TG_BUCKETS 10

struct tg_counters {
	__u64 packets; /* on the wire: an aggregated frame counts its segments */
	__u64 bytes;   /* on the wire without FCS, tags and repeated headers included */
	__u64 histogram[TG_BUCKETS];
};

/* if_stats_percpu: PERCPU_ARRAY[TG_SLOTS], index = TCA_BPF_CLASSID of the filter */
struct tg_if_stats {
	__u32 ifindex;   /* written by user space when the slot is assigned */
	__u32 direction; /* 1 ingress, 2 egress, 0 not assigned */
	__u64 pad[TG_PAD];
	struct tg_counters classes[TG_CLASSES];
};

/* stats_percpu: PERCPU_ARRAY[TG_CLASSES], index = class */
struct tg_total {
	__u64 packets;
	__u64 bytes;
};

/* The control protocols partition likewise (punt.h). */
enum tg_punt {
	TG_PUNT_ARP,
	TG_PUNT_ND,
	TG_PUNT_LACP,
	TG_PUNT_LLDP,
	TG_PUNT_BGP,
	TG_PUNT_BFD,
	TG_PUNT_DHCP,
	TG_PUNT_DHCPV6,
	TG_PUNT_OSPF,
	TG_PUNT_SSH,
	TG_PUNT_SNMP,
	TG_PUNT_GNMI,
	TG_PUNT_ICMP,
	TG_PUNT_SFLOW,
	TG_PUNT_OTHER,
	TG_PUNTS
};

/*
 * punt_percpu: PERCPU_ARRAY[TG_PUNT_SLOTS], index = slot. No part of struct tg_layout: a migration of the other maps
 * leaves this one where it is. Another shape of it needs another name.
 */
#define TG_PUNT_SLOTS 2048
struct tg_punts {
	struct tg_total protocols[TG_PUNTS];
	__u64 start_ns; /* since when it counts (Unix ns); written by user space, in one CPU's value only */
	__u64 pad;
};

/* What a reader must know to read another build's maps; sizes and offsets in bytes. 25 words. */
struct tg_layout {
	__u32 magic;
	__u32 version;
	__u32 slots;
	__u32 classes;
	__u32 buckets;
	__u32 total_size;       /* sizeof(struct tg_total) */
	__u32 slot_size;        /* sizeof(struct tg_if_stats) */
	__u32 classes_offset;   /* of tg_if_stats.classes */
	__u32 class_size;       /* sizeof(struct tg_counters) */
	__u32 histogram_offset; /* in tg_counters; packets at 0, bytes at 8 */
	__u32 bounds[15];       /* TG_BUCKETS - 1 used, the rest 0 */
};

#endif
