"""``python -m sonic_telegen.cli``: the same as ``telegen``."""

from __future__ import annotations

from sonic_telegen.cli.standalone import main

if __name__ == "__main__":
    main()
