"""The audit's chain: each line carries the hash of the line before it, per account, so that no line can be altered,
taken out or put between unnoticed.

A chain alone does not show that its end was cut off: the store keeps its head apart (how many lines, the last hash).

In: what a line says, and the hash before it. Out: its hash; the first place where a chain is broken. Next:
`server.resources` writes it, `server.resources.verify` and the backup prove it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

GENESIS = "0" * 64
"""What the first line of an account has before it."""


class Line(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is hashed, in this order, as one JSON array."""

    previous_hash: str
    seq: int
    account: str
    kind: str
    id: str
    action: str
    generation: int
    at_ns: int
    by: str
    origin: str
    before: str
    """JSON as text; "null" where there was none."""
    after: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain of an account ends."""

    account: str
    lines: int
    hash: str


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is wrong with the chain of an account."""

    account: str
    seq: int
    """Of the line where it shows; 0: at the end, or there is no line at all."""
    problem: str


_encoder = msgspec.json.Encoder()


def line_hash(line: Line) -> str:
    """SHA-256 of the line with the hash before it, in hexadecimal digits."""
    return hashlib.sha256(_encoder.encode(line)).hexdigest()


class ChainProof:
    """Follows the lines of one account from its first to its last."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.lines = 0
        self.hash = GENESIS

    def follow(self, line: Line, claimed: str) -> Break | None:
        """The next line, and the hash that stands beside it."""
        if line.previous_hash != self.hash:
            return self._broken(line, "it does not follow the line before it: lines were taken out or put in")
        if line_hash(line) != claimed:
            return self._broken(line, "it is not what was written")
        self.lines += 1
        self.hash = claimed
        return None

    def end(self, head: Head | None) -> Break | None:
        """Whether the chain ends where its head says."""
        if head is None:
            return Break(account=self.account, seq=0, problem="nothing says where its chain ends")
        if (head.lines, head.hash) != (self.lines, self.hash):
            problem = f"its chain ends after {self.lines} lines, {head.lines} were written"
            return Break(account=self.account, seq=0, problem=problem)
        return None

    def _broken(self, line: Line, problem: str) -> Break:
        return Break(account=self.account, seq=line.seq, problem=problem)


def prove_chain(account: str, lines: Iterable[tuple[Line, str]], head: Head | None) -> Break | None:
    """The first break in the chain of an account; None: it is whole."""
    proof = ChainProof(account)
    for line, claimed in lines:
        if (broken := proof.follow(line, claimed)) is not None:
            return broken
    return proof.end(head)
