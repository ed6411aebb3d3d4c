"""How a command is called: on a switch below SONiC's roots, elsewhere below ``telegen``."""

from __future__ import annotations

import click

STANDALONE = "sonic_telegen.cli.standalone"  # in ctx.meta below ``telegen``


def spell(ctx: click.Context, root: str, words: str) -> str:
    """The command line of ``words`` in the tree of ``root`` (config, show, sonic-clear), as this operator types it."""
    if not ctx.meta.get(STANDALONE):
        return f"{root} telegen {words}"
    return " ".join(("telegen", {"config": "", "sonic-clear": "clear"}.get(root, root), words)).replace("  ", " ")
