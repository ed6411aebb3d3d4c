"""What mirroring costs: a clone for each packet, and the netdev of a tunnel made and deleted, beside forking ``ip``.

The clones go into a netdev that throws them away (ifb): what is measured is the program, the guard and the clone. Where
the kernel has ERSPAN a row more sends them through an erspan netdev and on to that ifb: the encapsulation and the route
too. On a kernel without it the netdev that is made and deleted is an ifb, by the same requests. Times in an emulated
guest compare with each other only: the factor over a frame that is only counted says more there.

``python -m tests.bench.bench_tunnel [--json] [--rounds N] [--repeat N]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from sonic_telegen.demo.namespace import create_namespace, in_namespace, remove_namespace
from sonic_telegen.errors import NotSupported
from sonic_telegen.kernel import erspan, libbpf
from sonic_telegen.kernel.erspan import Tunnels
from sonic_telegen.kernel.netlink import Netlink
from sonic_telegen.model.action import CreateTunnel, DeleteTunnel
from sonic_telegen.model.erspan import ErspanSpec
from sonic_telegen.model.job import MirrorMode
from sonic_telegen.model.match import EVERY_FRAME
from tests.support import frames as f
from tests.support.bpfobj import UNSPEC, sk_buff
from tests.support.jobprog import JobProgram, on_one_cpu, spec
from tests.support.net import run_in

STAND_IN, SINK = "ifb", "sink"
SPEC = ErspanSpec("mon0", "192.0.2.10", "192.0.2.1", 10, 2, 64)
PLAIN = f.ether(f.IPV4, f.ipv4(f.TCP, f.tcp(bytes(1448), bytes(12), (40000, 443))))
MIRRORED = f.ether(f.IPV4, f.ipv4(47, bytes.fromhex("100022eb00000007") + bytes(1400)))
ROWS = {  # name: rate of 1 in N, netdev for the clones (none yet is empty), frame
    "counted": (1, None, PLAIN),
    "mirrored, 1,514 bytes": (1, SINK, PLAIN),
    "mirrored, 1 in 1,024": (1024, SINK, PLAIN),
    "no netdev yet": (1, "", PLAIN),
    "ERSPAN already, not mirrored": (1, SINK, MIRRORED),
    "mirrored and encapsulated": (1, SPEC.name, PLAIN),
}


def packets(rounds: int, repeat: int) -> dict[str, float]:
    """ns a packet over one that is only counted; the minimum of interleaved rounds."""
    on_one_cpu()
    targets = {"": 0} | {link.name: index for index, link in Netlink().links().items()}
    rows = {name: row for name, row in ROWS.items() if row[1] is None or row[1] in targets}
    times: dict[str, list[int]] = {name: [] for name in rows}
    with ExitStack() as stack:
        programs = {}
        for name, (rate, netdev, _) in rows.items():
            mode = MirrorMode.DIRECT if netdev is None else MirrorMode.ERSPAN
            made = stack.enter_context(JobProgram(spec(EVERY_FRAME, sample_rate=rate), mode=mode))
            made.live(mirror=targets[netdev or ""])
            programs[name] = made
        for number in range(rounds + 1):
            for name, made in programs.items():
                ran = libbpf.prog_test_run(made.fd, rows[name][2], sk_buff(), repeat)
                if ran.retval != UNSPEC:
                    raise RuntimeError(f"{name} answered {ran.retval}")
                if number:
                    times[name].append(ran.duration_ns)
        if any(made.percpu.mirror_failed for made in programs.values()):
            raise RuntimeError("clones failed")
    return {name: min(of) for name, of in times.items()}


def tunnel(space: str) -> None:
    """An erspan netdev whose frames the route hands to the sink; nothing where the kernel has no such kind."""
    run_in(space, "ip", "address", "add", f"{SPEC.local}/24", "dev", SINK)
    run_in(space, *f"ip neighbour add {SPEC.remote} lladdr 02:00:00:00:00:01 nud permanent dev {SINK}".split())
    with suppress(NotSupported):
        Tunnels(Netlink(space)).apply(CreateTunnel(SPEC, SPEC.name))
        run_in(space, "ip", "link", "set", SPEC.name, "up")


def timed(rounds: int, *steps: Callable[[], object]) -> list[float]:
    """Median ms of each step, done one after the other in every round."""
    found: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for step, of in zip(steps, found, strict=True):
            began = time.perf_counter()
            step()
            of.append((time.perf_counter() - began) * 1000)
    return [statistics.median(of) for of in found]


def netdevs(space: str, rounds: int) -> dict[str, object]:
    """Median ms to make and to delete a netdev, by netlink and by ``ip``."""
    netlink = Netlink(space)
    tunnels, kind = Tunnels(netlink), "erspan"

    def make() -> None:
        tunnels.apply(CreateTunnel(SPEC, SPEC.name))

    def remove() -> None:
        index = next(index for index, link in netlink.links().items() if link.name == SPEC.name)
        tunnels.apply(DeleteTunnel(index, SPEC.name, SPEC.alias))

    try:
        make()
        remove()
    except NotSupported:
        kind = STAND_IN
        name, info = ("IFLA_IFNAME", SPEC.first_name), ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", kind)]})
        erspan.creation = lambda spec: erspan._message(0, 0, [name, info])
    more = f"seq key 10 local {SPEC.local} remote {SPEC.remote} erspan_ver 2" if kind == "erspan" else ""

    def fork() -> None:
        run_in(space, *f"ip link add mon1 type {kind} {more}".split())
        run_in(space, "ip", "link", "set", "mon1", "alias", SPEC.alias)

    ours = timed(rounds, make, remove)
    forked = timed(rounds, fork, lambda: run_in(space, "ip", "link", "del", "mon1"))
    return {"kind": kind, "make": ours[0], "delete": ours[1], "make by ip": forked[0], "delete by ip": forked[1]}


def main() -> None:
    """Measure in a namespace of its own and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=20_000)
    options = parser.parse_args()
    space = f"tgbench-{os.getpid()}"
    create_namespace(space)
    try:
        run_in(space, "ip", "link", "add", SINK, "txqueuelen", "0", "type", STAND_IN)
        run_in(space, "ip", "link", "set", SINK, "up")
        tunnel(space)
        cost = in_namespace(space, lambda: packets(options.rounds, options.repeat))
        remove_namespace(space)
        create_namespace(space)
        made = netdevs(space, options.rounds)
    finally:
        remove_namespace(space)
    if options.json:
        print(json.dumps({"packets": cost, "netdevs": made}))
        return
    counted = cost.pop("counted")
    print(f"ns a packet over the {counted} of one that is only counted, and the factor")
    for name, ns in cost.items():
        print(f"  {name:<32}{ns - counted:>7}{ns / counted:>7.1f}")
    print(f"ms for a netdev of kind {made.pop('kind')}, median")
    for name, ms in made.items():
        print(f"  {name:<32}{ms:>7.2f}")


if __name__ == "__main__":
    main()
