"""Hands dnsmasq a file with a secret in it, and takes it back once it has been read.

In: the options' text. Out: the path, valid for as long as the handing over lasts. dnsmasq has given up root by the time
it reads such a file, so it cannot enter the private directories of the agent; and what its user may read for ever, all
others who run as that user may. Next: `drivers.dnsmasq`.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from twinspan.drivers.daemon import write_private
from twinspan.wire.dnsmasq import GROUP

_ROOM = Path("/run")
"""Only root writes there, everyone may pass, and nothing of it survives a restart of the machine."""


class Handover:
    """The place of one dnsmasq, known by its run directory; the next agent finds the same one."""

    def __init__(self, run_dir: Path) -> None:
        name = hashlib.sha256(str(run_dir).encode()).hexdigest()[:16]
        self._dir = _ROOM / f"twinspan-dhcp-{name}"

    @contextlib.contextmanager
    def offer(self, text: str) -> Iterator[Path]:
        """The file, readable for root and dnsmasq's group, inside a directory that only they can enter; then gone."""
        group = grp.getgrnam(GROUP).gr_gid
        path = self._dir / "options"
        try:
            self._dir.mkdir(mode=0o700, exist_ok=True)
            write_private(path, text)
            for place, mode in ((path, 0o640), (self._dir, 0o710)):
                os.chown(place, -1, group)
                place.chmod(mode)
            yield path
        finally:
            shutil.rmtree(self._dir, ignore_errors=True)
