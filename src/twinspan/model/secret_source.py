"""Where a key comes from: the site file itself, a file beside it, or the environment.

A text in the site file means the key itself; `{file: path}` and `{env: NAME}` name a place; left out, a lab makes a key
when it comes up. Reading the place is I/O and happens in the command line, never here.

In: nothing. Out: `SecretSource`. Next: the nouns that hold one (`bgp_group.py`, `customer_gateway.py`, `ike.py`).
"""

from msgspec import Struct

from twinspan.model.secret import Secret


class SecretSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key or the one place to read it from; exactly one of the three is set."""

    value: Secret | None = None
    """The key itself, masked wherever it is printed."""
    file: str = ""
    """Path of a file whose first line is the key."""
    env: str = ""
    """Name of an environment variable that holds the key."""
