"""DHCP options 253 and 252: equal keeps the connection, different makes it anew, and the policy may refuse them."""

from __future__ import annotations

from twinspan.engine.dhcp_trust import DhcpDecision, DhcpOffer, DhcpValues, Running, decide_dhcp
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
    offer = DhcpOffer(domain="a.example", refused=("option 252 is a URL, as for WPAD",))
    second = decide_dhcp(bare(), offer, first.learnt, follow(first, "a.example"))
    assert (second.action, second.password) == ("keep", OTHER)
    assert "option 252 is a URL, as for WPAD" in second.notes


def test_a_lease_with_nothing_but_refused_options_is_ignored_and_says_why() -> None:
    decision = decide_dhcp(config(), DhcpOffer(refused=("option 253 is empty",)), NOTHING, CONNECTED)
    assert (decision.action, decision.reason, decision.notes) == (
        "ignore",
        "option 253 is empty",
        ("option 253 is empty",),
    )


def test_a_domain_that_counts_keeps_the_connection_although_the_renewal_was_refused() -> None:
    learnt = DhcpValues(domain="a.example")
    running = Running(domain="a.example", dhcp_domain="a.example", password=MANUAL)
    decision = decide_dhcp(config(), DhcpOffer(refused=("option 253 is empty",)), learnt, running)
    assert (decision.action, decision.reason) == ("keep", "the name a.example is the one before")


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
