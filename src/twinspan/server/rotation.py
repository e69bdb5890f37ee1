"""How one authority follows another without a visit to any device.

    rotate   a next authority (made here, or somebody's own) exists and is announced; the current one goes on issuing
    switch   the next one issues; the one before is still announced, and has certified its successor's key
    retire   the one before is announced no more

In: a state directory, the time. Out: files. Between rotate and switch every device that connects learns the next one; a
device that was away all the time still trusts the leaf by the cross certificate, until the old authority expires or is
retired. Next: `admin.py`, and the command `twinspan server authority`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from twinspan.model.errors import Rejected
from twinspan.server.authority import CROSS, CURRENT, NEXT, PREVIOUS, fingerprint, issue_leaf
from twinspan.server.certificate import (
    cross_certify,
    load_authority,
    make_authority,
    not_after_ns,
    not_before_ns,
    read_own_authority,
    save_authority,
)
from twinspan.server.key_file import write_private

Role = Literal["current", "next", "previous"]
_STEMS: tuple[tuple[Role, str], ...] = (("current", CURRENT), ("next", NEXT), ("previous", PREVIOUS))


class AuthorityState(msgspec.Struct, frozen=True, kw_only=True):
    """One authority for people and JSON; no key."""

    role: Role
    name: str
    fingerprint: str
    not_before_ns: int
    not_after_ns: int


def authority_states(state_dir: Path) -> tuple[AuthorityState, ...]:
    """All that are announced, the issuing one first."""
    return tuple(
        AuthorityState(
            role=role,
            name=certificate.subject.rfc4514_string().removeprefix("CN="),
            fingerprint=fingerprint(certificate),
            not_before_ns=not_before_ns(certificate),
            not_after_ns=not_after_ns(certificate),
        )
        for role, stem in _STEMS
        if (certificate := _certificate(state_dir, stem)) is not None
    )


def rotate(state_dir: Path, now_ns: int, own: Path | None = None) -> str:
    """Makes the next authority, or takes somebody's own, to be announced. Its fingerprint.

    Raises Rejected while another rotation runs.
    """
    if _certificate(state_dir, NEXT) is not None:
        raise Rejected(
            "a next authority exists already",
            remedy="let it take over when all devices were connected since: twinspan server authority switch",
        )
    if _certificate(state_dir, PREVIOUS) is not None:
        raise Rejected(
            "the authority before the current one is still announced",
            remedy="end that rotation first: twinspan server authority retire",
        )
    load_authority(state_dir, CURRENT)
    authority = make_authority(now_ns) if own is None else read_own_authority(own, now_ns)
    save_authority(authority, state_dir, NEXT)
    return fingerprint(authority.certificate)


def switch(state_dir: Path, now_ns: int) -> str:
    """The next authority issues from now on; its fingerprint. The ports show the new leaf after a reload.

    A kill at any step leaves a state from which the same call goes on.
    """
    if _certificate(state_dir, NEXT) is None:
        raise Rejected("there is no next authority", remedy="make one first: twinspan server authority rotate")
    successor, current = load_authority(state_dir, NEXT), load_authority(state_dir, CURRENT)
    if fingerprint(current.certificate) != fingerprint(successor.certificate):  # else a switch was cut off below
        save_authority(current, state_dir, PREVIOUS)
        cross = cross_certify(current, successor, now_ns)
        write_private(state_dir / CROSS, cross.public_bytes(Encoding.PEM))
    save_authority(successor, state_dir, CURRENT)
    issue_leaf(state_dir, now_ns)
    _remove(state_dir, NEXT)
    return fingerprint(successor.certificate)


def retire(state_dir: Path, now_ns: int) -> str:
    """The previous authority is trusted no more; its fingerprint. Devices that never met its successor need a visit."""
    previous = _certificate(state_dir, PREVIOUS)
    if previous is None:
        raise Rejected("there is no previous authority", remedy="nothing to do: twinspan server authority show")
    (state_dir / CROSS).unlink(missing_ok=True)
    issue_leaf(state_dir, now_ns)
    _remove(state_dir, PREVIOUS)
    return fingerprint(previous)


def _certificate(state_dir: Path, stem: str) -> x509.Certificate | None:
    path = state_dir / f"{stem}.pem"
    return x509.load_pem_x509_certificate(path.read_bytes()) if path.exists() else None


def _remove(state_dir: Path, stem: str) -> None:
    (state_dir / f"{stem}.pem").unlink(missing_ok=True)
    (state_dir / f"{stem}.key").unlink(missing_ok=True)
