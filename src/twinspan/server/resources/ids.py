"""Ids of resources: as the seed's cloud makes them, and never the same twice.

In: a kind, the region. Out: an id. Next: `operations.py`.
"""

from __future__ import annotations

import secrets

from twinspan.model.kinds import Kind

LENGTH = 20
"""36 to the power of 20: no two are ever the same."""
OFFICE_DIGITS = 10
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_MANY = 10**OFFICE_DIGITS


def new_id(kind: Kind, region: str) -> str:
    """`vbr-` and twenty letters and digits; an office network's says its region: `cn-hangzhou+dir-0123456789`."""
    if kind.name == "OfficeNetwork":
        return f"{region}+dir-{secrets.randbelow(_MANY):0{OFFICE_DIGITS}}"
    number, letters = int.from_bytes(secrets.token_bytes(16)), []
    for _ in range(LENGTH):
        number, index = divmod(number, 36)
        letters.append(_LETTERS[index])
    return kind.id_prefix + "".join(letters)
