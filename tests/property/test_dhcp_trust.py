"""Properties of the DHCP decision: equal input keeps, the policy binds, no secret shows, any bytes are survived."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.dhcp_trust import DhcpOffer, DhcpValues, Running, decide_dhcp, read_offer
from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.secret import Secret

domains = st.none() | st.sampled_from(["a.example", "A.EXAMPLE", "b.example", "192.0.2.1"])
secrets = st.none() | st.sampled_from(["hush-1", "hush-2"]).map(Secret)
sites = st.builds(
    CloudManagement,
    primary=st.none() | st.sampled_from(["a.example", "m.example"]).map(lambda name: CloudServer(domain=name)),
    password=secrets,
    dhcp_trust=st.sampled_from(["always", "first", "never"]),
)
offers = st.builds(DhcpOffer, domain=domains, password=secrets, refused=st.just(()) | st.just(("bad",)))
learnt_values = st.builds(DhcpValues, domain=domains, password=secrets)
runnings = st.none() | st.builds(Running, domain=domains, dhcp_domain=domains, password=secrets)


@given(sites, offers, learnt_values, runnings)
def test_what_is_decided_and_followed_is_kept_at_the_next_renewal(site, offer, learnt, running):
    first = decide_dhcp(site, offer, learnt, running)
    connected = first.domain or (site.primary.domain if site.primary else None)
    now = Running(domain=connected, dhcp_domain=first.domain, password=first.password)
    again = decide_dhcp(site, offer, first.learnt, now)
    assert again.action != "reconnect"
    assert (again.domain, again.password) == (first.domain, first.password)


@given(sites, offers, learnt_values, runnings)
def test_the_policy_binds(site, offer, learnt, running):
    decision = decide_dhcp(site, offer, learnt, running)
    if site.dhcp_trust == "never":
        assert decision.domain is None
        assert "dhcp" not in (decision.domain_source, decision.password_source)
    if site.dhcp_trust == "first" and site.primary is not None:
        assert decision.domain is None
    if site.dhcp_trust == "first" and site.password is not None:
        assert decision.password == site.password
    if site.dhcp_trust == "always" and offer.domain is not None:
        assert decision.domain == offer.domain
    if site.dhcp_trust == "always" and offer.password is not None:
        assert decision.password == offer.password


@given(sites, offers, learnt_values, runnings)
def test_a_value_is_never_forgotten_and_every_decision_has_a_reason_without_secrets(site, offer, learnt, running):
    decision = decide_dhcp(site, offer, learnt, running)
    assert decision.learnt.domain == (offer.domain or learnt.domain)
    assert decision.learnt.password == (offer.password or learnt.password)
    assert decision.reason
    assert "hush" not in repr(decision)


@given(st.none() | st.binary(max_size=300), st.none() | st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(option_253, option_252):
    offer = read_offer(option_253, option_252)
    taken = (offer.domain is not None) + (offer.password is not None)
    given_options = (option_253 is not None) + (option_252 is not None)
    assert taken + len(offer.refused) == given_options
    if offer.domain is not None:
        assert 1 <= len(offer.domain) <= 253
        assert offer.domain.isascii()
        assert not set(offer.domain) & set(" /@?#%\"'$`;|&<>")
