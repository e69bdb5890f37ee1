"""A request of the compatible API, signed as the cloud's SDKs do (ACS3-HMAC-SHA256), apart from our own check.

In: action, parameters, an access key. Out: a whole HTTP request. Next: `api.py` sends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from urllib.parse import quote

from twinspan.model.secret import Secret

EMPTY = hashlib.sha256(b"").hexdigest()
HOST = "127.0.0.1"


def signed(action: str, version: str, parameters: dict[str, str], key: tuple[str, Secret]) -> bytes:
    """One POST with an empty body, never to be sent twice."""
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(parameters.items()))
    headers = {
        "host": HOST,
        "x-acs-action": action,
        "x-acs-content-sha256": EMPTY,
        "x-acs-date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x-acs-signature-nonce": secrets.token_hex(16),
        "x-acs-version": version,
    }
    names = ";".join(sorted(headers))
    shown = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n{query}\n{shown}\n{names}\n{EMPTY}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key[1].reveal().encode(), text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"ACS3-HMAC-SHA256 Credential={key[0]},SignedHeaders={names},Signature={signature}"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /?{query} HTTP/1.1\r\n{head}content-length: 0\r\n\r\n".encode()
