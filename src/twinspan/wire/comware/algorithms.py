"""Cryptographic algorithms in two spellings: Comware's words and strongSwan's, which the model keeps.

In: a proposal such as "aes256-sha256-modp2048", or Comware's words for its parts. Out: the other. A proposal with parts
beyond cipher, hash and group has no Comware words; it is written whole, as an own line. Next: `commands_ike.py`.
"""

from __future__ import annotations

import msgspec

CIPHERS = {
    "aes128": "aes-cbc-128",
    "aes192": "aes-cbc-192",
    "aes256": "aes-cbc-256",
    "3des": "3des-cbc",
    "des": "des-cbc",
}
HASHES = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
GROUPS = {
    "modp768": "group1",
    "modp1024": "group2",
    "modp1536": "group5",
    "modp2048": "group14",
    "modp3072": "group15",
    "modp4096": "group16",
    "ecp256": "group19",
    "ecp384": "group20",
    "modp2048s256": "group24",
}
_BACK = {words: ours for table in (CIPHERS, HASHES, GROUPS) for ours, words in table.items()}


class Algorithms(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal in Comware's words."""

    cipher: str
    hash: str
    group: str | None
    """None: ESP without perfect forward secrecy."""


def comware_words(proposal: str) -> Algorithms | None:
    """The words of a strongSwan proposal; None: Comware has none for it."""
    cipher, hash_, group, *more = [*proposal.split("-"), "", ""]
    if cipher not in CIPHERS or hash_ not in HASHES or any(more) or (group and group not in GROUPS):
        return None
    return Algorithms(cipher=CIPHERS[cipher], hash=HASHES[hash_], group=GROUPS[group] if group else None)


def strongswan_words(cipher: str, hash_: str, group: str | None) -> str:
    """The proposal that the words mean."""
    return "-".join(_BACK[words] for words in (cipher, hash_, group) if words)


def words_of(table: dict[str, str]) -> str:
    """The words as a choice in a pattern."""
    return "{ " + " | ".join(table.values()) + " }"
