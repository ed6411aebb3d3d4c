/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What came from whom: counters of each ERSPAN session, and how many of its frames never came.
 *
 * A sequence number counts the packets of one sender and session, so that makes an entry; how a sender uses it between
 * several receivers is his affair, so the receiver is part of it too. The last TG_WINDOW numbers are remembered one by
 * one: what has not come when it leaves the window is lost, so packets that overtake each other are none, and one that
 * comes twice is told. A number far off is a sender that began anew.
 *
 * Entries stay. Frames of a session for which there is no room count in what is kept beside the table.
 */
#ifndef TELEGEN_SESSION_H
#define TELEGEN_SESSION_H

#include "count.h"
#include "telegen_job_abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TG_SESSIONS);
	__type(key, struct tg_session_key);
	__type(value, struct tg_session);
} job_sessions SEC(".maps");

static __always_inline __u64 tg_ones(__u64 word)
{
	return __builtin_popcountll(word);
}

/* Under the entry's lock. */
static __always_inline void tg_sequence(struct tg_session *session, __u32 number)
{
	__s32 ahead = number - session->last;
	__u64 bit;

	if (!session->seen || ahead >= TG_SEQUENCE_JUMP || ahead <= -TG_SEQUENCE_WINDOW) {
		if (session->seen) {
			session->lost += tg_ones(~session->seen);
			session->restarts++;
		}
		session->seen = ~0ull;
		session->last = number;
	} else if (ahead > 0) {
		if (ahead < TG_SEQUENCE_WINDOW) {
			session->lost += tg_ones(~session->seen >> (TG_SEQUENCE_WINDOW - ahead));
			session->seen = session->seen << ahead | 1;
		} else {
			session->lost += tg_ones(~session->seen) + ahead - TG_SEQUENCE_WINDOW;
			session->seen = 1;
		}
		session->last = number;
	} else {
		bit = 1ull << -ahead;
		if (session->seen & bit)
			session->repeated++;
		session->seen |= bit;
	}
}

static __always_inline struct tg_session *tg_session_of(const struct tg_session_key *key, __u64 now)
{
	struct tg_session *session = bpf_map_lookup_elem(&job_sessions, key);
	struct tg_session fresh;

	if (session)
		return session;
	__builtin_memset(&fresh, 0, sizeof(fresh));
	fresh.first = now;
	bpf_map_update_elem(&job_sessions, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&job_sessions, key); /* another CPU may have been faster */
}

/* One packet of a session; `hit` when its frame is one that the job counts. */
static __always_inline void tg_count_session(struct tg_job_percpu *mine, const struct tg_inner *inner, bool hit,
					     __u32 class, __u64 bytes)
{
	struct tg_session_key key = inner->key;
	__u32 number = inner->sequence;
	bool sequenced = inner->sequenced;
	__u64 now = bpf_jiffies64();
	struct tg_session *session = tg_session_of(&key, now);

	if (!session) {
		if (hit) {
			mine->beyond_packets++;
			mine->beyond_bytes += bytes;
		}
		return;
	}
	if (class >= TG_CLASSES)
		return;
	bpf_spin_lock(&session->lock);
	if (sequenced)
		tg_sequence(session, number);
	session->classes[class].packets += hit;
	session->classes[class].bytes += hit ? bytes : 0;
	session->at = now;
	bpf_spin_unlock(&session->lock);
}

#endif
