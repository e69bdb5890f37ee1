"""The sentences of the rules about an existing gateway's text.

In: nothing. Out: `RULES`. Next: `lint.py` applies them.
"""

from __future__ import annotations

from twinspan.model.finding import Rule, Severity

SAMPLE = "seed 004, Step 4"


def _rule(id_: str, text: str, severity: Severity = "error") -> Rule:
    return Rule(id=id_, text=text, source=SAMPLE, severity=severity)


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        _rule("H001", "A line holds one command."),
        _rule("H002", "A command stands on one line."),
        _rule("H003", "A text is in one vendor's words."),
        _rule("H004", "An announced prefix has no host bits."),
        _rule("H005", "An announced prefix is in the routing table exactly so."),
        _rule("H006", "What the site announces and what is the cloud's do not overlap."),
        _rule("H007", "The standby's routes name the cloud's prefixes and nothing else."),
        _rule("H008", "The standby's routes lead into the tunnel."),
        _rule("H009", "The standby loses to BGP while BGP has a route, and is installed when it has none."),
        _rule("H010", "Where a route counts on a VPN there is a VPN."),
        _rule("H011", "The VPN gateway is reached by the Internet port, whatever the circuit brings."),
        _rule("H012", "A session over the circuit has BFD, timers and a key.", "warning"),
        _rule("H013", "TCP's segment size fits into the tunnel.", "warning"),
        _rule("H014", "A route for the health check is needed only where there is no BGP.", "info"),
    )
}
