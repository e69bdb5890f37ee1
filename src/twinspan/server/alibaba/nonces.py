"""Nonces of signed requests: each once, in all workers of this machine and over restarts.

A table of fixed size in a file that every worker maps: a digest of key and nonce, and until when it counts. The file is
locked for the microseconds of one look. In: nonces. Out: whether one is new. Next: `authenticate.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
from pathlib import Path

from twinspan.model.errors import Unavailable

DIGEST_BYTES = 8
SLOT = struct.Struct("<8sI")
"""Digest, and until which second it counts."""
BUCKET_SLOTS = 32
BUCKET_BYTES = BUCKET_SLOTS * SLOT.size
BUCKETS = 1 << 16
"""Two million nonces: more than a thousand requests a second for as long as they count. 24 MiB of disk; of memory as it
fills."""
BLOCK_BYTES = 512
"""What `st_blocks` counts."""
NS_PER_S = 1_000_000_000


class Nonces:
    """One per worker; all that are given the same path are one."""

    def __init__(self, path: Path | None = None, buckets: int = BUCKETS, *, shared: bool = True) -> None:
        """Without a path: forgotten at the end. `shared`: other processes look at it as well, so that it is locked.

        Raises Unavailable where the disk has no room for the file, OSError where it cannot be made at all.
        """
        self._buckets, self._shared = buckets, shared and path is not None
        self._file = -1
        size = buckets * BUCKET_BYTES
        if path is None:
            self._map = mmap.mmap(-1, size)
            return
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _reserve(self._file, size, path)
        self._map = mmap.mmap(self._file, size)

    def is_new(self, access_key_id: str, nonce: str, until_ns: int, now_ns: int) -> bool | None:
        """Remember it. False: it was here before. None: there is no room for more."""
        digest = hashlib.blake2b(f"{access_key_id} {nonce}".encode(), digest_size=DIGEST_BYTES + 4).digest()
        start = int.from_bytes(digest[DIGEST_BYTES:]) % self._buckets * BUCKET_BYTES
        if self._shared:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            return self._put(start, digest[:DIGEST_BYTES], until_ns // NS_PER_S + 1, now_ns // NS_PER_S)
        finally:
            if self._shared:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """The file stays: a restart forgets nothing."""
        self._map.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _put(self, start: int, digest: bytes, until_s: int, now_s: int) -> bool | None:
        bucket = self._map[start : start + BUCKET_BYTES]
        if digest in bucket:
            slots = list(SLOT.iter_unpack(bucket))
            if any(one == digest and until >= now_s for one, until in slots):
                return False
        for number in range(BUCKET_SLOTS):
            if SLOT.unpack_from(bucket, number * SLOT.size)[1] < now_s:
                SLOT.pack_into(self._map, start + number * SLOT.size, digest, until_s)
                return True
        return None


def _reserve(file: int, size: int, path: Path) -> None:
    """All of it is on disk before it is mapped: a page that a full disk has no room for would be SIGBUS, which no
    program survives. Raises Unavailable."""
    there = os.fstat(file)
    if there.st_size > size:
        os.ftruncate(file, size)
    if there.st_size < size or there.st_blocks * BLOCK_BYTES < size:
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            os.close(file)
            raise Unavailable(
                f"no room for the nonces of signed requests, {path}: {error.strerror}",
                remedy=f"free {size} bytes there, then start again",
            ) from error
