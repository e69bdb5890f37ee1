"""Properties of the DHCP decision: equal input keeps, the policy binds, no secret shows, any bytes are survived."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.dhcp_trust import DhcpOffer, DhcpValues, Running, decide_dhcp
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
