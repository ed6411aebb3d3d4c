"""``load_spliced``: an object's program with the code of a filter expression in its marked place, in the kernel."""

from __future__ import annotations

import errno

from sonic_telegen.errors import ConfigError, VerifierRejected
from sonic_telegen.kernel import libbpf, pcap
from sonic_telegen.kernel.ebpf import TooLong
from sonic_telegen.kernel.failure import kernel_error
from sonic_telegen.kernel.libbpf_object import Object
from sonic_telegen.kernel.splice import splice

_REMEDY = "shorten the filter expression, or ask with two jobs"


def load_spliced(o: Object, program: str, expression: str, inner: bool = False) -> int:
    """Descriptor of ``program`` of the loaded object as it is with the expression in it; the caller's to close.

    With ``inner`` the expression is about the frame within a mirrored one.

    Raises ``VerifierRejected`` for an expression that is too complex for the kernel, ``NotSupported`` without libpcap.
    """
    try:
        instructions = splice(o.instructions(program), pcap.code(expression, inner))
    except ConfigError as wrong:
        raise kernel_error("compile", str(wrong), errno.EINVAL, problem="no program can be made of it") from None
    except TooLong as problem:
        raise VerifierRejected("load program", program, errno.E2BIG, f"filter: {problem}", _REMEDY) from None
    try:
        return libbpf.prog_load(instructions, program)[0]
    except VerifierRejected as refused:
        raise VerifierRejected("load program", program, refused.errno, refused.log, _REMEDY) from None
