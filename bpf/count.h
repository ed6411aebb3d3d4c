/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the programs that count have in common: the layout that they tell, the slots, and how a frame is added to one.
 */
#ifndef TELEGEN_COUNT_H
#define TELEGEN_COUNT_H

#include "parse.h"

/* The layout's words but the bounds, which follow: what each is called and what it is. */
#define TG_LAYOUT(word)                                                                                                \
	word(magic, TG_LAYOUT_MAGIC) word(version, TG_LAYOUT_VERSION) word(slots, TG_SLOTS) word(classes, TG_CLASSES)  \
	word(buckets, TG_BUCKETS) word(total_size, sizeof(struct tg_total))                                            \
	word(slot_size, sizeof(struct tg_if_stats)) word(classes_offset, offsetof(struct tg_if_stats, classes))        \
	word(class_size, sizeof(struct tg_counters)) word(histogram_offset, offsetof(struct tg_counters, histogram))

#ifdef TG_BCC
#include "bcc.h"
#else

#define TG_FIELD(name, value) .name = value,

/* Read by user space from the object's .rodata (and from another build's) before it looks into the maps. */
const volatile struct tg_layout layout __attribute__((used)) = {
	TG_LAYOUT(TG_FIELD)
	.bounds = { TG_BOUNDS },
};

#define TG_MAP(map_type, name, entries, key_type, value_type)                                                          \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, entries);                                                                          \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")
#define TG_AT(map) (&map)

#endif

TG_MAP(BPF_MAP_TYPE_PERCPU_ARRAY, if_stats_percpu, TG_SLOTS, __u32, struct tg_if_stats);

static const __u32 bounds[] = { TG_BOUNDS };
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == 9 && TG_BUCKETS == 10, "tg_bucket is a tree over nine bounds");

/* A tree: three or four comparisons with constants (bounds[] is folded away), where a loop would take up to nine. */
static __always_inline __u32 tg_bucket(__u64 size)
{
	if (size <= bounds[3]) {
		if (size <= bounds[1])
			return size <= bounds[0] ? 0 : 1;
		return size <= bounds[2] ? 2 : 3;
	}
	if (size <= bounds[6]) {
		if (size <= bounds[4])
			return 4;
		return size <= bounds[5] ? 5 : 6;
	}
	if (size <= bounds[7])
		return 7;
	return size <= bounds[8] ? 8 : 9;
}

#if TG_PLAIN
/* What a switch is made of where an index may not choose; the asm keeps the compiler from making an index of it again. */
#define TG_CASE(n, what)                                                                                               \
	case n:                                                                                                        \
		what;                                                                                                  \
		asm volatile("");                                                                                      \
		break;
#define TG_COUNTERS_OF(n) TG_CASE(n, counters = &stats->classes[n]; asm volatile("" : "+r"(counters)))
#define TG_BUCKET_OF(n) TG_CASE(n, counters->histogram[n] += packets)

_Static_assert(TG_CLASSES == 4, "tg_counters_of knows four classes");

/* The counters of a class, which there is, in a slot. */
static __always_inline struct tg_counters *tg_counters_of(struct tg_if_stats *stats, __u32 class)
{
	struct tg_counters *counters = &stats->classes[0];

	switch (class) {
		TG_COUNTERS_OF(1)
		TG_COUNTERS_OF(2)
		TG_COUNTERS_OF(3)
	}
	return counters;
}

static __always_inline void tg_sized(struct tg_counters *counters, __u32 bucket, __u64 packets)
{
	switch (bucket) {
		TG_BUCKET_OF(0)
		TG_BUCKET_OF(1)
		TG_BUCKET_OF(2)
		TG_BUCKET_OF(3)
		TG_BUCKET_OF(4)
		TG_BUCKET_OF(5)
		TG_BUCKET_OF(6)
		TG_BUCKET_OF(7)
		TG_BUCKET_OF(8)
		TG_BUCKET_OF(9)
	}
}
#else
#define tg_counters_of(stats, class) (&(stats)->classes[class])
#define tg_sized(counters, bucket, packets) ((counters)->histogram[bucket] += (packets))
#endif

/*
 * Plain additions lose nothing: tc runs with bottom halves off, in NAPI or under rcu_read_lock_bh on the way out, so a
 * CPU finishes one run before it begins another, and no other CPU writes to this CPU's values. A reader copies whole
 * 64-bit words.
 */
static __always_inline void tg_add(struct tg_total *total, struct tg_counters *counters, __u64 packets, __u64 bytes)
{
	if (total) {
		total->packets += packets;
		total->bytes += bytes;
	}
	counters->packets += packets;
	counters->bytes += bytes;
}

static __always_inline struct tg_total tg_add_one(struct tg_total *total, struct tg_counters *counters, __u64 bytes)
{
	tg_add(total, counters, 1, bytes);
	tg_sized(counters, tg_bucket(bytes), 1);
	return (struct tg_total){ 1, bytes };
}

/*
 * An aggregate of `len` bytes with `headers` bytes of headers; `beside` is the tag's in each packet. All packets but
 * the last carry `size` (gso_size) bytes. Where that does not add up (SCTP's segments have sizes of their own and
 * gso_size is 0xffff, a guest may say anything) the mean stands for all.
 */
static __always_inline struct tg_total tg_add_aggregate(struct tg_total *total, struct tg_counters *counters, __u64 len,
							__u64 headers, __u64 beside, __u64 size, __u64 packets)
{
	__u64 payload = len - headers, last;

	if (!packets)
		packets = payload ? (payload + size - 1) / size : 1;
	if ((packets - 1) * size < payload && payload <= packets * size)
		last = payload - (packets - 1) * size;
	else
		last = size = payload / packets;
	headers += beside;
	tg_add(total, counters, packets, payload + packets * headers);
	tg_sized(counters, tg_bucket(headers + size), packets - 1);
	tg_sized(counters, tg_bucket(headers + last), 1);
	return (struct tg_total){ packets, payload + packets * headers };
}

/*
 * One frame into its class's counters of a slot, and into `total` (NULL: none). Returns what was added.
 *
 * The context is read here and not handed on from the classifier: its comparisons would leave the verifier another
 * range of len on each of its paths, and what follows would be walked for each of them: 40,000 steps, not 4,400.
 */
static __always_inline struct tg_total tg_count(struct __sk_buff *skb, struct tg_total *total,
						struct tg_counters *counters)
{
	__u64 len = TG_CTX(skb, len), size = TG_CTX(skb, gso_size);
	__u64 beside = TG_CTX(skb, vlan_present) ? 4 : 0;

	if (tg_unlikely(size))
		return tg_add_aggregate(total, counters, len, tg_header_bytes(skb), beside, size,
					TG_CTX(skb, gso_segs));
	return tg_add_one(total, counters, len + beside);
}

#endif
