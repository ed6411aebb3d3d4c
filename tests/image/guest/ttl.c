/* How many frames of which TTL: an operator's program. */
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

BPF_PERCPU_ARRAY(ttl, u64, 256);

int count(struct __sk_buff *skb)
{
	u8 value = 0;
	int key;
	u64 *seen;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN + 8, &value, 1))
		return TC_ACT_UNSPEC;
	key = value;
	seen = ttl.lookup(&key);
	if (seen)
		*seen += 1;
	return TC_ACT_UNSPEC;
}
