"""Refusal: why the resource service does not do what was asked, and the way out.

In: nothing. Out: `Refusal`. Next: `engine.lifecycle`, `engine.quotas` and `engine.resource_rules` answer with it.
"""

from msgspec import Struct


class Refusal(Struct, frozen=True, kw_only=True):
    """One reason. Texts never carry secrets."""

    code: str
    """Stable name of the reason: VpnGateway.Configuring, DependencyViolation.BgpGroup, R-DBR-003."""
    field: str = ""
    """Where in the spec; empty: the resource as a whole."""
    value: str = ""
    """What stands there, as text; empty where showing it makes no sense."""
    rule: str
    """The rule, as a sentence that holds where nothing is refused."""
    problem: str = ""
    """What is wrong here."""
    remedy: str
    """The way out."""
    source: str = ""
    """Who asks for it."""
    retry_after_s: float | None = None
    """The same request may succeed after this many seconds; None: something in it must change first."""

    @property
    def text(self) -> str:
        """All of it as one sentence."""
        place = f"{self.field}: " if self.field else ""
        return f"{place}{self.problem or self.rule} ({self.remedy})"
