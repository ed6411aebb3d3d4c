/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The flow table: what talks to what, bounded in memory and in what it may cost.
 *
 * A lookup costs 40 ns; an insertion into a full LRU map ten times as much and a lock that all CPUs share. So a CPU has a
 * budget of insertions in each window; what comes behind it is counted as untracked, packet by packet.
 */
#ifndef TELEGEN_FLOW_H
#define TELEGEN_FLOW_H

#include "match.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TG_FLOWS);
	__type(key, struct tg_flow_key);
	__type(value, struct tg_flow);
} job_flows SEC(".maps");

static __always_inline bool tg_may_insert(struct tg_job_percpu *mine, __u64 now)
{
	if (now - mine->budget_at >= config.budget_window) {
		mine->budget_at = now;
		mine->budget_used = 0;
	}
	if (mine->budget_used >= config.flow_budget)
		return false;
	mine->budget_used++;
	return true;
}

static __always_inline void tg_add_to_flow(struct tg_flow *flow, __u64 now, __u8 flags, struct tg_total added)
{
	__sync_fetch_and_add(&flow->packets, added.packets);
	__sync_fetch_and_add(&flow->bytes, added.bytes);
	flow->last = now;
	if (flags & ~flow->tcp_flags)
		flow->tcp_flags |= flags;
}

/* False when the frame has no entry and gets none. */
static __always_inline bool tg_track(struct tg_job_percpu *mine, struct tg_found *f, struct tg_total added)
{
	__u64 now = bpf_jiffies64();
	struct tg_flow *flow, fresh;

#if TG_CHURN
	f->key.saddr[1] = mine->frames; /* for the benchmark: each frame is a flow of its own */
#endif
	flow = bpf_map_lookup_elem(&job_flows, &f->key);
	if (flow) {
		tg_add_to_flow(flow, now, f->tcp_flags, added);
		return true;
	}
	if (!tg_may_insert(mine, now))
		return false;
	fresh = (struct tg_flow){ added.packets, added.bytes, now, now, f->tcp_flags, 0 };
	if (!bpf_map_update_elem(&job_flows, &f->key, &fresh, BPF_NOEXIST))
		return true;
	flow = bpf_map_lookup_elem(&job_flows, &f->key); /* another CPU may have been faster */
	if (!flow)
		return false;
	tg_add_to_flow(flow, now, f->tcp_flags, added);
	return true;
}

#endif
