/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Shared by a job's own program and user space (sonic_telegen/kernel/jobabi.py). Integers are in host byte order unless
 * they are __be; nothing here is scaled, and "packets" are those on the wire.
 *
 * `config` goes into .rodata before the object is loaded and is frozen there. The verifier then knows every value of it
 * and removes what the job does not use. What may change while the program runs is in `job_live`.
 */
#ifndef TELEGEN_JOB_ABI_H
#define TELEGEN_JOB_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>
#include "telegen_abi.h"

#define TG_JOB_VERSION 2 /* raised with every change below */
#define TG_MAX_RANGES 8
#define TG_FLOWS 16384 /* entries of job_flows when the loader sets no other number */

enum tg_do {
	TG_DO_PROTO = 1,
	TG_DO_SRC = 2,
	TG_DO_DST = 4,
	TG_DO_SPORT = 8,
	TG_DO_DPORT = 16,
	TG_DO_DSCP = 32,
	TG_DO_VLAN = 64,
	TG_DO_PCAP = 128,
	TG_DO_FLOWS = 256,
	TG_DO_BURST = 512,
	TG_DO_CAPTURE = 1024,
	TG_DO_MIRROR = 2048,
	/* of telegen_decap */
	TG_DO_REMOTE = 4096,
	TG_DO_LOCAL = 8192,
	TG_DO_SESSION = 16384,
};

/* An IPv4 prefix is in word 0. Bits of addr outside mask are 0. */
struct tg_prefix {
	__be32 addr[4];
	__be32 mask[4];
};

struct tg_range {
	__u16 low;
	__u16 high; /* inclusive */
};

struct tg_job_config {
	__u32 version;
	__u32 features;    /* enum tg_do; what follows is looked at when its bit is set */
	__u32 sample_rate; /* flows, capture and mirror take one of so many frames that match; 1: all */
	__u32 snaplen;     /* bytes of a frame that are captured, 1 to 9216 */
	__u64 protos[4];   /* one bit for each IP protocol */
	__u32 family;      /* of both prefixes: 4 or 6 */
	struct tg_prefix src;
	struct tg_prefix dst;
	__u32 sports; /* how many ranges are used */
	__u32 dports;
	struct tg_range sport[TG_MAX_RANGES];
	struct tg_range dport[TG_MAX_RANGES];
	__u32 vlan;
	__u64 dscps;         /* one bit for each value */
	__u32 flow_budget;   /* insertions into job_flows that a CPU may try in a window */
	__u32 budget_window; /* length of that window in jiffies */
	__be32 remote;       /* outer source, outer destination and session of what is stripped */
	__be32 local;
	__u32 session;
	__u32 pad;
};

/* job_live: ARRAY[1], written by user space */
struct tg_job_live {
	__u64 deadline; /* jiffies64 from which on nothing is done any more; 0: none */
	__u32 epoch;    /* of the peaks: they go to peak[epoch & 1] */
	__u32 mirror;   /* ifindex of the netdev that takes the clones; 0: none */
	char job[64];
	char digest[16];
	char build[16];
	char mode[16]; /* the mirror_mode that it was loaded for */
};

struct tg_peak {
	__u64 bytes;
	__u64 packets;
	__u64 at_ns; /* when the window began, by bpf_ktime_get_ns */
	__u32 epoch; /* whose peak it is; another epoch's is no peak of this one */
	__u32 pad;
};

struct tg_session_key {
	__be32 source; /* of the outer packet */
	__be32 dest;
	__u32 session; /* 0 where the header has none */
};

/* The frame within a mirrored one: handed on within a run, of no meaning behind it. */
struct tg_inner {
	__u32 at; /* in the skb */
	__u32 end;
	__u32 tag; /* as of tg_cursor */
	__u32 sequence;
	struct tg_session_key key;
	__u8 sequenced;
	__u8 foreign; /* no frame of Ethernet */
	__u8 pad[2];
};

/*
 * job_percpu: PERCPU_ARRAY[1]. A job that neither samples nor has flows, capture or bursts does not look at it.
 * Of the frames that match, sampled ones are in the flow table (tracked) or refused (untracked), and captured or lost.
 */
struct tg_job_percpu {
	__u64 frames;    /* that match; an aggregate is one */
	__u64 sample_at; /* value of frames at which the next one is sampled; 0: to be drawn */
	__u64 sampled_packets;
	__u64 sampled_bytes;
	__u64 sampled_frames;
	__u64 tracked_packets;
	__u64 tracked_bytes;
	__u64 untracked_packets; /* the insert budget was used up, or the table took no entry */
	__u64 untracked_bytes;
	__u64 captured; /* frames */
	__u64 capture_lost;
	__u64 mirrored; /* packets; an aggregate is sent as the packets that it stands for */
	__u64 mirror_failed;
	__u64 budget_at; /* jiffies64 at which the window began */
	__u64 budget_used;
	__u64 window; /* of bursts: when it began, a multiple of TG_WINDOW_NS */
	__u64 window_packets;
	__u64 window_bytes;
	struct tg_peak peak[2];
	__u64 beyond_packets; /* of telegen_decap: those of sessions for which job_sessions had no room */
	__u64 beyond_bytes;
	struct tg_inner inner;
};

#define TG_WINDOW_NS 1000000

/* job_sessions: HASH, of telegen_decap. A session is that of one sender and receiver; entries stay. */
#define TG_SESSIONS 256
#define TG_SEQUENCE_WINDOW 64
#define TG_SEQUENCE_JUMP (1 << 20)

struct tg_session {
	struct bpf_spin_lock lock;
	__u32 last;      /* the highest sequence number */
	__u64 seen;      /* of it and the 63 before it, one bit each; 0: there was none yet */
	__u64 lost;      /* that left `seen` and had not come */
	__u64 repeated;  /* that came again while in `seen` */
	__u64 restarts;  /* the number was far off: the sender began anew */
	__u64 first;     /* jiffies64 */
	__u64 at;        /* of the last packet */
	struct tg_total classes[TG_CLASSES]; /* of the frames that match */
};

/*
 * job_flows: LRU_HASH. All frames that are not IP, or whose IP header is cut, are one flow of their family and VLAN.
 * Without ports (later fragments, other protocols, cut frames) both are 0, and so is a protocol that is not in the frame.
 */
struct tg_flow_key {
	__be32 saddr[4]; /* IPv4 in word 0 */
	__be32 daddr[4];
	__be16 sport;
	__be16 dport;
	__u16 vlan;  /* id of the outermost tag, 0 without one */
	__u8 proto;  /* IPv6: behind the extension headers */
	__u8 dscp;
	__u8 family; /* 4, 6 or 0 */
	__u8 pad[3];
};

struct tg_flow {
	__u64 packets;
	__u64 bytes;
	__u64 first; /* jiffies64 */
	__u64 last;
	__u32 tcp_flags; /* all that were seen; one is missed if two CPUs set two new ones of a flow at the same time */
	__u32 pad;
};

/* job_ring: RINGBUF; a record is this, caplen bytes of the frame as the kernel has it, and room that is not used. */
struct tg_frame {
	__u64 at_ns; /* bpf_ktime_get_ns */
	__u32 ifindex;
	__u32 len;    /* of the frame, with the tag that the kernel keeps beside it and that is not among the bytes */
	__u32 caplen;
	__u16 vlan_tci;
	__u16 vlan_proto; /* host order; 0: no tag beside the frame */
	__u16 gso_size;
	__u16 direction; /* of the slot */
	__u32 slot;
};

#endif
