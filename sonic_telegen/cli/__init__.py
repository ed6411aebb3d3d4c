"""Command line: plug-ins for SONiC's ``config``, ``show`` and ``sonic-clear``, and the ``telegen`` command elsewhere.

``config.py``, ``show.py`` and ``clear.py`` are the plug-ins: self-contained files with ``register(cli)`` that import
click and the standard library only. SONiC imports every plug-in on every command, so all else is imported in bodies.
"""
