"""``telegen capture``: the command; its work is done in ``capturing.py``, imported when it runs."""

from __future__ import annotations

import importlib

import click


@click.command("capture")
@click.argument("port", metavar="<port>")
@click.argument("words", metavar="[<filter>…]", nargs=-1)
@click.option("-w", "to", metavar="<file>", default="-", help="Where the pcapng goes; - (default): standard output")
@click.option("-c", "count", type=click.IntRange(1), metavar="<number>", help="End after so many frames")
@click.option("-s", "snaplen", metavar="<bytes>", help="What is kept of a frame (snaplen of the job)")
@click.option("-d", "direction", metavar="<direction>", help="ingress, egress or both (default)", default="both")
@click.option(
    "--duration", metavar="<seconds>", default="3600", help="The most that it takes, even when this command is killed"
)
@click.pass_context
def capture(
    ctx: click.Context,
    port: str,
    words: tuple[str, ...],
    to: str,
    count: int | None,
    snaplen: str | None,
    direction: str,
    duration: str,
) -> None:
    """Capture the frames of <port> that match <filter> (pcap syntax, all without one) as pcapng.

    A job is added for it and removed at the end: by Ctrl-C, when the reader goes, or by -c. Where nobody can remove
    it, it ends by itself after --duration. To watch from elsewhere:

    ssh switch telegen capture Ethernet0 -w - | wireshark -k -i -
    """
    asked = {
        "port": port,
        "direction": direction,
        "filter": " ".join(words) or None,
        "snaplen": snaplen,
        "duration_sec": duration,
    }
    importlib.import_module("sonic_telegen.cli.capturing").run(ctx, asked, to, count)
