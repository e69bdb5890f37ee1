"""The error tree of Twinspan.

    TwinspanError
    +-- Retryable      asking again later can help (carries delay_s)
    +-- Rejected       asking again cannot help; the message names field, value, rule and the way out
    +-- Unavailable    something the machine must offer is missing (daemon, permission, space)

What arrives from a network or from a file and is wrong is data (a finding, a decode failure), not an exception; these
classes are for callers that broke a promise and for a world that failed. Texts never carry secrets.

In: nothing. Out: exception classes for every room. Next: `finding.py`.
"""


class TwinspanError(Exception):
    """Root of everything Twinspan raises on purpose. `remedy` is one sentence that says what to do, or empty."""

    public = ""
    """What people elsewhere are told instead, where the message has places of this machine; empty: the message."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class Retryable(TwinspanError):
    """The same request may succeed later. `delay_s` is the shortest wait in seconds that makes sense."""

    def __init__(self, message: str, *, delay_s: float, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.delay_s = delay_s


class Rejected(TwinspanError):
    """The same request will fail again; something in it, or in what it refers to, must change first."""


class Unavailable(TwinspanError):
    """The machine lacks something: a daemon, a kernel feature, a permission, a free port or space."""
