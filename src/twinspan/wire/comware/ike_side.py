"""The IKE part of a tunnel, gathered from the objects that its IPsec profile names.

In: a document and the profile. Out: `IkeSide`, or what is lacking. Next: `commands_ipsec.py`.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec

from twinspan.model.secret import Secret
from twinspan.wire.comware.algorithms import strongswan_words
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes

_LIFETIME_S = 86400
"""Comware's default for both versions."""
_HASHES = {"sha": "sha1"}


class IkeSide(msgspec.Struct, frozen=True, kw_only=True):
    """What IKE needs to know of one tunnel."""

    ike_version: Literal["ikev1", "ikev2"]
    ike_mode: Literal["main", "aggressive"]
    psk: Secret
    local_id: str | None
    remote_id: str | None
    ike_proposal: str
    ike_lifetime_s: int
    dpd_delay_s: int


def read_ike(document: Line, ipsec_profile: Line, remote: str, notes: Notes) -> IkeSide | None:
    """The IKE side of the tunnel to `remote`; None: lines are missing, and the notes say which."""
    v2 = ipsec_profile.has("ikev2-profile")
    name = ipsec_profile.get("ikev2-profile" if v2 else "ike-profile", "profile")
    profile = find(document, "ikev2 profile" if v2 else "ike profile", "name", name)
    if profile is None:
        notes.wait(f"IPsec profile {ipsec_profile.args['name']}: it names no ike-profile or ikev2-profile that exists")
        return None
    chain_name = profile.get("ike keychain of", "keychain")
    chain = find(document, "ikev2 keychain" if v2 else "ike keychain", "name", chain_name)
    psk = notes.secret(_key(chain, remote)) if chain else None
    proposal = _proposal_v2(document, profile) if v2 else _proposal_v1(document, profile)
    if psk is None or proposal is None:
        lacking = "a keychain with a pre-shared key for its destination" if psk is None else "a proposal"
        notes.wait(f"IKE profile {profile.args['name']}: it lacks {lacking}")
        return None
    algorithms = _algorithms(proposal, notes)
    if algorithms is None:
        return None
    return IkeSide(
        ike_version="ikev2" if v2 else "ikev1",
        ike_mode="aggressive" if any("aggressive" in line.text for line in profile.every("ike mode")) else "main",
        psk=psk,
        local_id=profile.get("ike local", "id") or None,
        remote_id=profile.get("ike remote", "id") or None,
        ike_proposal=algorithms,
        ike_lifetime_s=int((profile if v2 else proposal).get("ike lifetime", "seconds", str(_LIFETIME_S))),
        dpd_delay_s=int(profile.get("ike dpd", "seconds", "0")),
    )


def find(document: Line, id_: str, name: str, value: str) -> Line | None:
    """The view of that command with that parameter."""
    return next((line for line in document.every(id_) if line.args.get(name) == value), None)


def _key(chain: Line, remote: str) -> Line | None:
    """The chain's key for an address: `pre-shared-key address` of IKEv1, a peer of IKEv2."""
    for line in chain.every("ike key"):
        if _covers(line.args.get("address"), line.args.get("mask"), remote):
            return line
    for peer in chain.every("ikev2 peer"):
        address = next(peer.every("peer address"), None)
        if address is not None and _covers(address.args.get("address"), address.args.get("mask"), remote):
            return next(peer.every("ike key"), None)
    return None


def _covers(address: str | None, mask: str | None, remote: str) -> bool:
    if address is None:
        return False
    network = ip_network(f"{address}/{mask}" if mask and ":" not in address else address, strict=False)
    return ip_address(remote) in network


def _proposal_v1(document: Line, profile: Line) -> Line | None:
    return find(document, "ike proposal", "number", profile.get("ike proposal of", "proposal"))


def _proposal_v2(document: Line, profile: Line) -> Line | None:
    """By the policy of the profile's name, else by the only policy there is."""
    policies = list(document.every("ikev2 policy"))
    named = [policy for policy in policies if policy.args["name"] == profile.args["name"]]
    chosen = named or (policies if len(policies) == 1 else [])
    return find(document, "ikev2 proposal", "name", chosen[0].get("ike proposal of", "proposal")) if chosen else None


def _algorithms(proposal: Line, notes: Notes) -> str | None:
    own = proposal.get("ike own", "algorithms")
    if own:
        return own
    words = [next((line.text.split()[1] for line in proposal.every(f"ike {part}")), "") for part in _PARTS]
    if not all(words):
        notes.wait(f"{proposal.text}: it needs cipher, hash and DH group")
        return None
    return strongswan_words(words[0], _HASHES.get(words[1], words[1]), words[2])


_PARTS = ("cipher", "hash", "group")
