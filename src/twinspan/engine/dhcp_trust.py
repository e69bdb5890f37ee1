"""What DHCP options 253 and 252 may do to the cloud connection: name the server, give the password.

In: what a lease brought (`wire.dhcp_options` has read and checked it), the device's `CloudManagement`, what earlier
leases brought, and what the connection runs on. Out: a `DhcpDecision`: domain and password that count, where they come
from, keep or dial anew, and why. Next: `wire.cloud_connection.server_order` takes the domain, `agent` carries it out.

The seed: a value from DHCP wins over a manual one; if both are equal the connection stays, if they differ it is torn
down and made anew. Two things stand beside that rule. Whoever can answer DHCP on that link could move the device to a
server of its own, so `CloudManagement.dhcp_trust` may narrow it. And a lease that leaves an option out, or has a bad
one (252 also hands out proxy scripts, WPAD), does not take back what an earlier lease brought.

A device that has failed over does not return because a lease is renewed with the name it had before: only a change of
the value moves it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.cloud_management import CloudManagement
from twinspan.model.cloud_status import ValueSource
from twinspan.model.secret import Secret


class DhcpOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What one lease holds, checked. None: the option was missing, or `refused` says why it does not count."""

    domain: str | None = None
    password: Secret | None = None
    refused: tuple[str, ...] = ()


class DhcpValues(msgspec.Struct, frozen=True, kw_only=True):
    """The last good value of each option, over all leases of the link."""

    domain: str | None = None
    password: Secret | None = None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What the connection, or the attempt at one, runs on now."""

    domain: str | None
    """Of the server that it is connected to; None while it is not connected."""
    dhcp_domain: str | None
    """The name from DHCP that its order of servers was made with."""
    password: Secret | None


class DhcpDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What counts from now on."""

    action: Literal["keep", "reconnect", "ignore"]
    """`reconnect`: tear down what there is and dial from the first server on. `ignore`: the lease brought something,
    and nothing of it counts."""
    reason: str
    domain: str | None
    """The name from DHCP, for the order of servers; None: the manual servers alone."""
    domain_source: ValueSource
    password: Secret | None
    password_source: ValueSource
    learnt: DhcpValues
    """To be given to the next decision."""
    notes: tuple[str, ...] = ()
    """What somebody should know of although it changes nothing."""


def decide_dhcp(
    config: CloudManagement, offer: DhcpOffer, learnt: DhcpValues, running: Running | None = None
) -> DhcpDecision:
    """What a lease, new or renewed, means; also to be asked with an empty offer after the configuration changed.

    An option that is missing or refused leaves the value that an earlier lease brought. `running` None: nothing has
    been dialled yet.
    """
    learnt = DhcpValues(domain=offer.domain or learnt.domain, password=offer.password or learnt.password)
    domain_ban, password_ban = _bans(config)
    domain = None if domain_ban else learnt.domain
    from_dhcp = learnt.password is not None and not password_ban
    password = learnt.password if from_dhcp else config.password
    moves = (_domain_move(config, domain, running), _password_move(password, from_dhcp, running))
    action, reason = _action(offer, domain is not None or from_dhcp, moves, (domain_ban, password_ban))
    has_manual = config.primary is not None or bool(config.backups)
    return DhcpDecision(
        action=action,
        reason=reason,
        domain=domain,
        domain_source="dhcp" if domain is not None else "manual" if has_manual else "none",
        password=password,
        password_source="dhcp" if from_dhcp else "manual" if password is not None else "none",
        learnt=learnt,
        notes=_notes(config, offer, domain),
    )


Move = tuple[bool, str]
"""Whether to dial anew, and a sentence's half; an empty one has nothing to say."""


def _bans(config: CloudManagement) -> tuple[str, str]:
    """Why the policy refuses a domain and a password from DHCP; empty where it does not."""
    if config.dhcp_trust == "never":
        return "values from DHCP are never trusted here", "values from DHCP are never trusted here"
    if config.dhcp_trust == "always":
        return "", ""
    by_hand = config.primary is not None or config.backups
    proof = config.password is not None or config.enrolment_token is not None
    return (
        "a server is set by hand, and DHCP counts only where none is" if by_hand else "",
        "a password or token is set by hand, and DHCP counts only where none is" if proof else "",
    )


def _domain_move(config: CloudManagement, domain: str | None, running: Running | None) -> Move:
    before = running.dhcp_domain if running is not None else None
    if _same(domain, before):
        return False, f"the name {domain} is the one before" if domain else ""
    if running is None or running.domain is None:
        return True, f"DHCP names the server {domain}" if domain else "the name from DHCP no longer counts"
    if domain is not None:
        if _same(domain, running.domain):
            return False, f"DHCP names {domain}, the server it is connected to"
        return True, f"DHCP names {domain} instead of {running.domain}"
    manual = [entry.domain for entry in (config.primary, *config.backups) if entry is not None]
    stays = any(_same(name, running.domain) for name in manual)
    return not stays, f"{before} from DHCP no longer counts" + (", the server is also set by hand" if stays else "")


def _password_move(password: Secret | None, from_dhcp: bool, running: Running | None) -> Move:
    if running is None:
        return from_dhcp, "DHCP brings the password" if from_dhcp else ""
    if password is None or password == running.password:
        return False, "the password from DHCP is the one in use" if from_dhcp else ""
    return True, "DHCP brings another password" if from_dhcp else "the password set by hand is another"


def _action(
    offer: DhcpOffer, counts: bool, moves: tuple[Move, Move], bans: tuple[str, str]
) -> tuple[Literal["keep", "reconnect", "ignore"], str]:
    if any(move for move, _ in moves):
        return "reconnect", "; ".join(text for move, text in moves if move)
    if counts:
        return "keep", "; ".join(text for _, text in moves if text)
    offered = (offer.domain is not None, offer.password is not None)
    reasons = [*dict.fromkeys(ban for ban, there in zip(bans, offered, strict=True) if ban and there), *offer.refused]
    if reasons:
        return "ignore", "; ".join(reasons)
    return "keep", "; ".join(text for _, text in moves if text) or "DHCP brings neither a server nor a password"


def _notes(config: CloudManagement, offer: DhcpOffer, domain: str | None) -> tuple[str, ...]:
    if domain is None or config.fingerprint is not None:
        return offer.refused
    text = f"the server {domain} is known from DHCP alone and no fingerprint is set: whoever answers DHCP chooses it"
    return (*offer.refused, text)


def _same(one: str | None, other: str | None) -> bool:
    """RFC 4343: case does not matter in names."""
    if one is None or other is None:
        return one is other
    return one.removesuffix(".").lower() == other.removesuffix(".").lower()
