/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Bursts: the millisecond with most bytes of each epoch, on each CPU.
 *
 * Windows begin at multiples of TG_WINDOW_NS, the same on every CPU. User space counts `epoch` up in job_live and then
 * reads the peaks of the epoch before, which nobody writes any more. A window that a change of epoch cuts counts in both.
 */
#ifndef TELEGEN_BURST_H
#define TELEGEN_BURST_H

#include "count.h"
#include "telegen_job_abi.h"

static __always_inline void tg_burst(struct tg_job_percpu *mine, __u32 epoch, struct tg_total added)
{
	struct tg_peak *peak = epoch & 1 ? &mine->peak[1] : &mine->peak[0];
	__u64 now = bpf_ktime_get_ns();

	if (now - mine->window >= TG_WINDOW_NS) {
		mine->window = now - now % TG_WINDOW_NS;
		mine->window_packets = 0;
		mine->window_bytes = 0;
	}
	mine->window_packets += added.packets;
	mine->window_bytes += added.bytes;
	if (peak->epoch == epoch && mine->window_bytes <= peak->bytes)
		return;
	peak->epoch = epoch;
	peak->bytes = mine->window_bytes;
	peak->packets = mine->window_packets;
	peak->at_ns = mine->window;
}

#endif
