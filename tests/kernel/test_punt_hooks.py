"""Real frames of every control protocol at a port, counted by the program that tells them apart; and its swaps."""

from __future__ import annotations

from sonic_telegen.kernel import libbpf
from sonic_telegen.kernel.apply import Kernel
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.model.action import Replace
from sonic_telegen.model.kernel import FilterName, QdiscKind
from sonic_telegen.model.sample import PUNT_PROTOCOLS
from tests.support.executor import Rig, rig
from tests.support.net import until
from tests.support.objects import telegen_object
from tests.support.punt_frames import EXAMPLES

FRAMES = {name: frame.ljust(60, b"\0") for name, frame in EXAMPLES.items()}


def counted(r: Rig) -> dict[str, tuple[int, int]]:
    """Packets and bytes by protocol on Ethernet0's ingress."""
    r.kernel.observe()
    (found,) = r.kernel.sample().punts
    pairs = zip(PUNT_PROTOCOLS, found.protocols, strict=True)
    return {name: (c.packets, c.bytes) for name, c in pairs if c.packets}


def replace(r: Rig, punt: bool) -> None:
    """Give the filter on Ethernet0's ingress the one or the other program, as a plan would."""
    item = next(f for f in r.own() if f.classid == 1)
    r.kernel.apply(Replace(item, "Ethernet0", QdiscKind.CLSACT, 1, punt))


def test_each_frame_of_a_port_is_in_exactly_one_protocol() -> None:
    with rig() as r:
        r.add_qdisc()
        r.attach(1)
        r.kernel.observe()
        assert r.kernel.sample().punts == ()
        replace(r, punt=True)
        (item,) = r.own(r.kernel.observe())
        assert item.own == FilterName(r.loaded.punt_program.digest)
        for times, frame in enumerate(FRAMES.values(), start=1):
            r.switch.send("Ethernet0", [frame] * times)
        assert until(lambda: r.packets(1) == sum(range(1, 16)))
        assert counted(r) == {name: (n, n * len(f)) for n, (name, f) in enumerate(FRAMES.items(), start=1)}

        replace(r, punt=False)
        r.switch.send("Ethernet0", [FRAMES["bgp"]] * 3)
        assert until(lambda: r.packets(1) == 123)
        r.kernel.observe()
        assert r.kernel.sample().punts == (), "it is not counted there any more, so nothing is told"
        replace(r, punt=True)
        r.switch.send("Ethernet0", [FRAMES["bgp"]] * 2)
        assert until(lambda: r.packets(1) == 125)
        assert counted(r)["bgp"][0] == 5 + 2, "what the plain program saw is not told apart"


def test_a_migration_gives_each_filter_the_program_of_its_kind() -> None:
    with rig() as r, Object.open(telegen_object(TG_BUILD=1)) as other:
        r.add_qdisc()
        r.add_qdisc(port="Ethernet4")
        r.attach(1)
        r.attach(2, port="Ethernet4")
        replace(r, punt=True)
        other.load()
        plain, punt = other.prog_fd("telegen_if"), other.prog_fd("telegen_if_punt")
        swapper = Kernel.swapper(r.netlink)
        others = {r.loaded.punt_program.prog_id: punt, libbpf.prog_info(punt).id: punt}
        for _ in range(2):  # killed and taken up again
            swapper.swap(plain, others)
            ids = {f.classid: (f.prog_id, f.own) for f in r.kernel.observe().filters}
            assert ids == {
                slot: (libbpf.prog_info(fd).id, FilterName(libbpf.prog_info(fd).tag))
                for slot, fd in ((1, punt), (2, plain))
            }
