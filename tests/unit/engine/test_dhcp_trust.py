"""DHCP options 253 and 252: equal keeps the connection, different makes it anew, and the policy may refuse them."""

from __future__ import annotations

import pytest

from twinspan.engine.dhcp_trust import DhcpDecision, DhcpOffer, DhcpValues, Running, decide_dhcp, read_offer
from twinspan.model.cloud_management import CloudManagement, CloudServer, TrustPolicy
from twinspan.model.secret import Secret

MANUAL = Secret("by-hand")
OTHER = Secret("by-dhcp")
NOTHING = DhcpValues()
CONNECTED = Running(domain="cloud.example", dhcp_domain=None, password=MANUAL)


def config(policy: TrustPolicy = "always", domain: str | None = "cloud.example") -> CloudManagement:
    primary = None if domain is None else CloudServer(domain=domain)
    return CloudManagement(primary=primary, password=MANUAL, dhcp_trust=policy)


def bare(policy: TrustPolicy = "always") -> CloudManagement:
    """A device with nothing set by hand."""
    return CloudManagement(dhcp_trust=policy)


def follow(decision: DhcpDecision, connected: str | None) -> Running:
    return Running(domain=connected, dhcp_domain=decision.domain, password=decision.password)


# ---------------------------------------------------------------------------------------------- the seed's four cases


def test_an_equal_domain_keeps_the_connection() -> None:
    decision = decide_dhcp(config(), DhcpOffer(domain="Cloud.Example"), NOTHING, CONNECTED)
    assert decision.action == "keep"
    assert decision.domain_source == "dhcp"
    assert "connected to" in decision.reason


def test_a_different_domain_makes_the_connection_anew() -> None:
    decision = decide_dhcp(config(), DhcpOffer(domain="other.example"), NOTHING, CONNECTED)
    assert (decision.action, decision.domain) == ("reconnect", "other.example")
    assert decision.reason == "DHCP names other.example instead of cloud.example"
    assert (decision.password_source, decision.password) == ("manual", MANUAL)


def test_an_equal_password_keeps_the_connection() -> None:
    decision = decide_dhcp(config(), DhcpOffer(password=Secret("by-hand")), NOTHING, CONNECTED)
    assert (decision.action, decision.password_source) == ("keep", "dhcp")


def test_a_different_password_makes_the_connection_anew() -> None:
    decision = decide_dhcp(config(), DhcpOffer(password=OTHER), NOTHING, CONNECTED)
    assert (decision.action, decision.password, decision.password_source) == ("reconnect", OTHER, "dhcp")
    assert decision.reason == "DHCP brings another password"
    assert (decision.domain, decision.domain_source) == (None, "manual")


# ---------------------------------------------------------------------------------------------- renewals


def test_a_device_with_nothing_set_by_hand_dials_what_dhcp_brings() -> None:
    decision = decide_dhcp(bare(), DhcpOffer(domain="a.example", password=OTHER), NOTHING)
    assert (decision.action, decision.domain_source, decision.password_source) == ("reconnect", "dhcp", "dhcp")
    assert decision.reason == "DHCP names the server a.example; DHCP brings the password"


def test_a_renewal_with_the_same_values_changes_nothing() -> None:
    offer = DhcpOffer(domain="a.example", password=OTHER)
    first = decide_dhcp(bare(), offer, NOTHING)
    assert decide_dhcp(bare(), offer, first.learnt, follow(first, "a.example")).action == "keep"


def test_an_option_missing_in_a_renewal_keeps_its_last_value() -> None:
    first = decide_dhcp(bare(), DhcpOffer(domain="a.example", password=OTHER), NOTHING)
    second = decide_dhcp(bare(), DhcpOffer(domain="a.example"), first.learnt, follow(first, "a.example"))
    third = decide_dhcp(bare(), DhcpOffer(), second.learnt, follow(second, "a.example"))
    assert (second.action, third.action) == ("keep", "keep")
    assert (third.domain, third.password) == ("a.example", OTHER)


def test_a_refused_option_keeps_the_last_value_and_is_told() -> None:
    first = decide_dhcp(bare(), DhcpOffer(domain="a.example", password=OTHER), NOTHING)
    offer = read_offer(b"a.example", b"http://proxy.example/wpad.dat")
    second = decide_dhcp(bare(), offer, first.learnt, follow(first, "a.example"))
    assert (second.action, second.password) == ("keep", OTHER)
    assert any("WPAD" in note for note in second.notes)


def test_a_renewal_does_not_bring_a_device_back_from_a_backup() -> None:
    offer = DhcpOffer(domain="a.example")
    first = decide_dhcp(config(), offer, NOTHING, CONNECTED)
    assert decide_dhcp(config(), offer, first.learnt, follow(first, "cloud.example")).action == "keep"


def test_a_renewal_with_another_name_moves_even_a_device_on_a_backup() -> None:
    first = decide_dhcp(config(), DhcpOffer(domain="a.example"), NOTHING, CONNECTED)
    second = decide_dhcp(config(), DhcpOffer(domain="b.example"), first.learnt, follow(first, "cloud.example"))
    assert (second.action, second.domain) == ("reconnect", "b.example")


def test_an_attempt_that_is_not_connected_begins_anew_with_a_new_name() -> None:
    dialling = Running(domain=None, dhcp_domain=None, password=MANUAL)
    assert decide_dhcp(config(), DhcpOffer(domain="a.example"), NOTHING, dialling).action == "reconnect"
    assert decide_dhcp(config(), DhcpOffer(), NOTHING, dialling).action == "keep"


# ---------------------------------------------------------------------------------------------- the policy


def test_never_ignores_both_values_and_says_so() -> None:
    decision = decide_dhcp(config("never"), DhcpOffer(domain="x.example", password=OTHER), NOTHING, CONNECTED)
    assert (decision.action, decision.domain, decision.password) == ("ignore", None, MANUAL)
    assert decision.reason == "values from DHCP are never trusted here"


def test_first_fills_only_what_is_not_set_by_hand() -> None:
    offer = DhcpOffer(domain="x.example", password=OTHER)
    assert decide_dhcp(config("first"), offer, NOTHING, CONNECTED).action == "ignore"
    no_server = decide_dhcp(config("first", domain=None), offer, NOTHING)
    assert (no_server.domain, no_server.password, no_server.action) == ("x.example", MANUAL, "reconnect")
    no_password = CloudManagement(primary=CloudServer(domain="cloud.example"), dhcp_trust="first")
    decision = decide_dhcp(no_password, offer, NOTHING)
    assert (decision.domain, decision.password_source) == (None, "dhcp")


def test_first_counts_a_backup_and_a_token_as_set_by_hand() -> None:
    site = CloudManagement(backups=(CloudServer(domain="b"),), enrolment_token=Secret("t"), dhcp_trust="first")
    decision = decide_dhcp(site, DhcpOffer(domain="x.example", password=OTHER), NOTHING)
    assert (decision.action, decision.domain, decision.password) == ("ignore", None, None)


def test_a_policy_that_becomes_never_returns_to_the_manual_values() -> None:
    first = decide_dhcp(config(), DhcpOffer(domain="a.example", password=OTHER), NOTHING, CONNECTED)
    second = decide_dhcp(config("never"), DhcpOffer(), first.learnt, follow(first, "a.example"))
    assert (second.action, second.domain, second.password) == ("reconnect", None, MANUAL)
    stays = Running(domain="cloud.example", dhcp_domain="a.example", password=MANUAL)
    assert decide_dhcp(config("never"), DhcpOffer(), first.learnt, stays).action == "keep"


def test_nothing_offered_and_nothing_set_is_said() -> None:
    decision = decide_dhcp(bare(), DhcpOffer(), NOTHING)
    assert (decision.action, decision.domain_source, decision.password_source) == ("keep", "none", "none")
    assert decision.reason == "DHCP brings neither a server nor a password"


def test_a_server_known_from_dhcp_alone_is_told_unless_its_authority_is_fixed() -> None:
    offer = DhcpOffer(domain="a.example")
    assert any("fingerprint" in note for note in decide_dhcp(bare(), offer, NOTHING).notes)
    assert decide_dhcp(CloudManagement(fingerprint="0" * 64), offer, NOTHING).notes == ()


# ---------------------------------------------------------------------------------------------- reading the options


@pytest.mark.parametrize(
    ("option", "domain"),
    [
        (b"cloud.example", "cloud.example"),
        (b"Cloud.Example.\0\0", "Cloud.Example"),
        (b"cloud", "cloud"),
        (b"192.0.2.7", "192.0.2.7"),
        (b"2001:DB8::1", "2001:db8::1"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"7.example", "7.example"),
        (b".".join([b"a" * 63] * 3 + [b"b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
    ],
)
def test_a_name_or_an_address_is_taken(option: bytes, domain: str) -> None:
    assert read_offer(option, None) == DhcpOffer(domain=domain)


@pytest.mark.parametrize(
    "option",
    [
        b"", b"\0", b"\xff\xfe", b"a..b", b"-a.example", b"a-.example", b"a_b.example", b"a b", b"cloud.example:443",
        b"https://cloud.example", b"cloud.example/x", b"10.0.0.300", b"1.2.3", b"0.0.0.0", b"224.0.0.1", b"::",
        b"255.255.255.255", "bücher.example".encode(), b"a" * 64, b".".join([b"a" * 63] * 4), b"a\nb", b"$(id)",
        b"fe80::1%$(id)",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_a_reason(option: bytes) -> None:
    offer = read_offer(option, None)
    assert offer.domain is None
    assert offer.refused[0].startswith("option 253 is no server name: ")


@pytest.mark.parametrize(
    "option", [b"s3cret", b"with space", b"x" * 63, "pässword".encode(), b"12345\0", b"wpad", b"a:b"]
)
def test_a_password_is_taken_without_its_trailing_nuls(option: bytes) -> None:
    assert read_offer(None, option) == DhcpOffer(password=Secret(option.rstrip(b"\0").decode()))


@pytest.mark.parametrize("option", [
    b"http://wpad.example/wpad.dat", b"HTTPS://10.0.0.1/proxy.pac\n", b"http:\\\\10.0.0.1\\wpad.dat", b"file://x",
    b"/wpad.dat", b"10.0.0.1/proxy.pac",
])  # fmt: skip
def test_the_address_of_a_proxy_script_is_no_password(option: bytes) -> None:
    offer = read_offer(None, option)
    assert offer.password is None
    assert "WPAD" in offer.refused[0]


@pytest.mark.parametrize("option", [b"", b"\n", b"  ", b"\0", b"\xff\xfe", b"top\nsecret", b"secret\x1b", b"s" * 64])
def test_a_bad_password_is_refused_and_never_shown(option: bytes) -> None:
    offer = read_offer(None, option)
    assert offer.password is None
    assert len(offer.refused) == 1
    assert "secret" not in repr(offer)
    assert "sss" not in repr(offer)


def test_missing_options_are_no_refusals() -> None:
    assert read_offer(None, None) == DhcpOffer()
