"""What a document's readers share: the cipher, the names met so far, and what they have to say.

In: lines. Out: `Notes`. A thing that cannot be is *refused*, one that only lacks lines yet is *pending*: it waits in
the document and is no part of the config. Next: `commands_cloud.py` and its neighbours, one noun each.
"""

from __future__ import annotations

from twinspan.model.secret import Secret
from twinspan.wire.comware.cipher import Cipher, opened
from twinspan.wire.comware.document import Line


class Notes:
    """Collects while a document is read."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self.refused: list[str] = []
        self.pending: list[str] = []
        self.links: dict[str, str] = {}
        """Interface to Linux link."""
        self.tunnels: dict[str, str] = {}
        """Tunnel interface to tunnel."""
        self.tracks: dict[str, str] = {}
        """Number of a track entry to probe."""

    def refuse(self, why: str) -> None:
        """Something cannot be; the edit that brings it is not made."""
        self.refused.append(why)

    def wait(self, what: str) -> None:
        """Something is not whole yet."""
        self.pending.append(what)

    def secret(self, line: Line | None) -> Secret | None:
        """The secret of a line; one that cannot be read is refused."""
        if line is None:
            return None
        secret = opened(line, self._cipher)
        if secret is None:
            self.refuse("The cipher text cannot be read here: it was made with another passphrase, or is damaged.")
        return secret
