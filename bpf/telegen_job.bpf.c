// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * telegen_job answers one job's question on every hook that the job asks about: it counts the frames that match in the
 * job's slot of that hook (the filter's classid) and, as the job wants, samples them into flows, captured frames and
 * clones that go out as ERSPAN, and keeps the millisecond in which most bytes came.
 *
 * It is loaded once for each job with a `config` of its own; from there on it does as telegen_if does: one program for
 * all hooks, nothing dropped, nothing changed, always TC_ACT_UNSPEC. Behind its deadline it does nothing at all, so that
 * a job ends when the agent that started it is gone.
 */
#include <linux/pkt_cls.h>
#include "count.h"
#include "match.h"
#include "flow.h"
#include "burst.h"
#include "capture.h"
#include "mirror.h"
#include "decap.h"
#include "session.h"

const volatile struct tg_job_config config __attribute__((used)) = { .version = TG_JOB_VERSION, .sample_rate = 1 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_job_live);
} job_live SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_job_percpu);
} job_percpu SEC(".maps");

/* One of sample_rate frames, from a place that is drawn once: each has the same chance. */
static __always_inline bool tg_sample(struct tg_job_percpu *mine)
{
	mine->frames++;
	if (config.sample_rate <= 1)
		return true;
	if (tg_unlikely(!mine->sample_at))
		mine->sample_at = 1 + bpf_get_prandom_u32() % config.sample_rate;
	if (mine->frames < mine->sample_at)
		return false;
	mine->sample_at += config.sample_rate;
	return true;
}

/*
 * Where the job's filter expression stands: user space puts translated code in the place of the one instruction in the
 * asm. It finds the context in r1 and scratch memory of TG_SCRATCH bytes at r2, may use r0 to r9, and leaves in r0
 * whether the frame matches. Of an inner frame the last words of the scratch memory say its tag, where it begins and
 * where it ends.
 */
#define TG_SCRATCH 128

static __always_inline bool tg_match_expression(const struct tg_cursor *frame)
{
	struct __sk_buff *skb = frame->skb;
	union {
		__u64 room[TG_SCRATCH / 8];
		__u32 words[TG_SCRATCH / 4];
	} scratch;
	register __u64 answer asm("r0");
	register void *ctx asm("r1") = skb;
	register void *room asm("r2") = &scratch;

	if (frame->inner) {
		scratch.words[29] = frame->tag;
		scratch.words[30] = frame->off;
		scratch.words[31] = frame->len;
	}

	asm volatile("r0 = 0x50434150"
		     : "=r"(answer), "+r"(ctx), "+r"(room)
		     :
		     : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "memory");
	return answer;
}

static __always_inline void tg_take(const struct tg_cursor *frame, __u32 features, struct tg_job_percpu *mine,
				    struct tg_found *f, __u32 slot, __u32 direction, __u32 mirror,
				    struct tg_total added)
{
	mine->sampled_frames++;
	mine->sampled_packets += added.packets;
	mine->sampled_bytes += added.bytes;
	if (features & TG_DO_FLOWS) {
		if (tg_track(mine, f, added)) {
			mine->tracked_packets += added.packets;
			mine->tracked_bytes += added.bytes;
		} else {
			mine->untracked_packets += added.packets;
			mine->untracked_bytes += added.bytes;
		}
	}
	if (features & TG_DO_CAPTURE) {
		if (tg_capture(frame, slot, direction))
			mine->captured++;
		else
			mine->capture_lost++;
	}
	if (features & TG_DO_MIRROR)
		tg_mirror(frame->skb, mine, mirror, added.packets);
}

SEC("tc")
int telegen_job(struct __sk_buff *skb)
{
	__u32 slot = TG_CTX(skb, tc_classid), features = config.features, zero = 0;
	struct tg_job_live *live = bpf_map_lookup_elem(&job_live, &zero);
	struct tg_job_percpu *mine;
	struct tg_if_stats *stats;
	struct tg_total added;
	struct tg_found found;

#if TG_BUILD
	/* Another build for the tests: other instructions, so another tag, and the same behaviour. */
	asm volatile("r0 = %0" : : "i"(TG_BUILD) : "r0");
#endif
	if (!live || (live->deadline && bpf_jiffies64() >= live->deadline))
		return TC_ACT_UNSPEC;
	if (features & TG_DO_PCAP && !tg_match_expression(&(struct tg_cursor){ .skb = skb }))
		return TC_ACT_UNSPEC;
	if (!tg_match(skb, features, &found))
		return TC_ACT_UNSPEC;
	if (tg_unlikely(slot >= TG_SLOTS))
		slot = 0;
	stats = bpf_map_lookup_elem(&if_stats_percpu, &slot);
	if (tg_unlikely(!stats || found.class >= TG_CLASSES))
		return TC_ACT_UNSPEC;
	added = tg_count(skb, NULL, &stats->classes[found.class]);
	if (!(features & (TG_DO_FLOWS | TG_DO_BURST | TG_DO_CAPTURE | TG_DO_MIRROR)) && config.sample_rate <= 1)
		return TC_ACT_UNSPEC;
	mine = bpf_map_lookup_elem(&job_percpu, &zero);
	if (tg_unlikely(!mine))
		return TC_ACT_UNSPEC;
	if (features & TG_DO_BURST)
		tg_burst(mine, live->epoch, added);
	if (tg_sample(mine))
		tg_take(&(struct tg_cursor){ .skb = skb }, features, mine, &found, slot, stats->direction, live->mirror, added);
	return TC_ACT_UNSPEC;
}

/*
 * The same for a job that is about the frames within mirrored ones: what is no ERSPAN is not the job's. A program of its
 * own, so that all others pay nothing for it. An aggregate of ERSPAN does not come about; it would count as one frame.
 */
SEC("tc")
int telegen_decap(struct __sk_buff *skb)
{
	__u32 slot = TG_CTX(skb, tc_classid), features = config.features, zero = 0, bytes;
	struct tg_job_live *live = bpf_map_lookup_elem(&job_live, &zero);
	struct tg_cursor frame = { .skb = skb, .inner = true }, walk;
	struct tg_job_percpu *mine;
	struct tg_if_stats *stats;
	struct tg_total added;
	struct tg_found found;
	bool hit;

#if TG_BUILD
	asm volatile("r0 = %0" : : "i"(TG_BUILD) : "r0");
#endif
	if (!live || (live->deadline && bpf_jiffies64() >= live->deadline))
		return TC_ACT_UNSPEC;
	mine = bpf_map_lookup_elem(&job_percpu, &zero);
	if (!mine || !tg_decap(skb, &mine->inner) || !tg_match_outer(&mine->inner, features))
		return TC_ACT_UNSPEC;
	frame.off = mine->inner.at;
	frame.len = mine->inner.end;
	frame.tag = mine->inner.tag;
	if (frame.off > TG_MOST_OUTER || frame.len < frame.off)
		return TC_ACT_UNSPEC;
	bytes = frame.len - frame.off;
	walk = frame;
	if (mine->inner.foreign)
		walk.len = walk.off;
	hit = !(features & TG_DO_PCAP) || tg_match_expression(&walk);
	found.class = TG_OTHER;
	hit = hit && tg_match_at(&walk, features, &found);
	tg_count_session(mine, &mine->inner, hit, found.class, bytes);
	if (!hit)
		return TC_ACT_UNSPEC;
	if (tg_unlikely(slot >= TG_SLOTS))
		slot = 0;
	stats = bpf_map_lookup_elem(&if_stats_percpu, &slot);
	if (tg_unlikely(!stats || found.class >= TG_CLASSES))
		return TC_ACT_UNSPEC;
	added = tg_add_one(NULL, &stats->classes[found.class], bytes);
	if (features & TG_DO_BURST)
		tg_burst(mine, live->epoch, added);
	if (tg_sample(mine))
		tg_take(&frame, features, mine, &found, slot, stats->direction, 0, added);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
