"""SONiC's ``swsscommon`` Python API over redis-py, for machines without the C++ library.

``from sonic_telegen.swsscommon import swsscommon`` stands in for ``from swsscommon import swsscommon``. What the real
library does is kept, its oddities included; where ours does more (``transaction``, a time limit on replies, bytes that
are no UTF-8 written back as they were) the docstring says so. As there: one connector per thread, and a connector that
lost its server stays broken; make a new one.
"""
