"""The actor as a daemon starts: what it does not need of packages is not imported. Without KVM that saves seconds."""

from __future__ import annotations

from sonic_telegen import lean


def main() -> None:
    """Run the actor."""
    for package in ("redis", "pyroute2"):
        lean.defer(package)
    from tests.vm import actor

    actor.main()


if __name__ == "__main__":
    main()
