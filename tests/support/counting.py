"""``sonic-telegen bcc`` as an operator runs it, in a side's namespace of a cable, and programs for it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sonic_telegen.demo.namespace import RUN
from tests.support.net import tc_json, until
from tests.support.objects import ROOT
from tests.support.patience import allowed

TTL = """
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
struct seen { u64 frames; u64 bytes; };
BPF_PERCPU_ARRAY(ttl, u64, 256);
BPF_HASH(by_size, u32, struct seen);
int count(struct __sk_buff *skb)
{
	u8 value = 0;
	int key;
	u64 *found;
	u32 size = skb->len;
	struct seen none = {}, *seen;

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN + 8, &value, 1))
		return TC_ACT_UNSPEC;
	key = value;
	found = ttl.lookup(&key);
	if (found)
		*found += 1;
	seen = by_size.lookup_or_try_init(&size, &none);
	if (seen) {
		__sync_fetch_and_add(&seen->frames, 1);
		__sync_fetch_and_add(&seen->bytes, size);
	}
	return TC_ACT_UNSPEC;
}
"""


def function(body: str) -> str:
    """A program of one function."""
    return f"#include <linux/pkt_cls.h>\nint count(struct __sk_buff *skb)\n{{\n{body}\n}}\n"


def command(namespace: str, *words: str) -> list[str]:
    """The command line, in a network namespace."""
    return ["nsenter", f"--net={RUN / namespace}", sys.executable, "-m", "sonic_telegen", "bcc", *words]


def told(namespace: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run to its end."""
    return subprocess.run(
        command(namespace, *words), cwd=ROOT, capture_output=True, text=True, check=False, timeout=allowed(100)
    )


def guests(namespace: str, netdev: str, direction: str = "ingress") -> list[str]:
    """Names of operators' filters on a hook as tc tells them, without the namespace behind the process."""
    rows = tc_json(namespace, f"filter show dev {netdev} {direction}")
    names = [str(row.get("options", {}).get("bpf_name", "")) for row in rows]
    return [name.rpartition("-")[0] for name in names if name.startswith("telegen-bcc/")]


@contextmanager
def running(namespace: str, netdev: str, file: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Attached at the beginning of the block; killed at its end if it still runs."""
    made = subprocess.Popen(
        command(namespace, str(file), "--iface", netdev, *(words or ("--json",))),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        mine = f"telegen-bcc/{made.pid}"
        way = "egress" if "egress" in words else "ingress"
        until(lambda: made.poll() is not None or mine in guests(namespace, netdev, way), 100)
        assert made.poll() is None, made.communicate()
        yield made
    finally:
        made.kill()
        made.communicate()


def finish(made: subprocess.Popen[str], number: int = signal.SIGINT) -> list[dict[str, Any]]:
    """End it as an operator does; its lines of JSON."""
    made.send_signal(number)
    said, error = made.communicate(timeout=allowed(60))
    assert made.returncode == 0, error
    return [json.loads(line) for line in said.splitlines()]
