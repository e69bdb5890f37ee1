"""A client of the native API that is not ours: http.client of the standard library, over TLS, in threads."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from tests.inprocess.site import Cloud

from twinspan.server.accounts import Accounts, NewToken


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    value: Any = field(init=False)

    def __post_init__(self) -> None:
        kind = self.headers.get("content-type", "")
        self.value = json.loads(self.body) if "json" in kind and self.body else None


def token(cloud: Cloud, account: str | None = "alice", label: str = "", **fields: Any) -> str:
    """A token of an account, which is made if need be."""
    accounts = Accounts(cloud.worker.store)
    if account is not None and account not in accounts.names():
        accounts.add(account, "", time.time_ns())
    label = label or f"t{time.time_ns()}"
    if account is None:
        fields.setdefault("role", "administrator")
    wish = NewToken(account=account, label=label, **fields)
    return accounts.add_token(wish, time.time_ns() - 10**12).reveal()


class Rest:
    """Requests with one token, each on a connection of its own unless `kept` is used."""

    def __init__(self, cloud: Cloud, token: str = "") -> None:
        self.cloud, self.token = cloud, token

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.cloud.folder / "authority.pem"))
        return http.client.HTTPSConnection(self.cloud.address, self.cloud.port, timeout=20, context=context)

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return ({"Authorization": f"Bearer {self.token}"} if self.token else {}) | (more or {})

    def ask_now(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        connection = self.connect()
        try:
            connection.request(method, path, body, self.headers(headers))
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, found, reply.read())
        finally:
            connection.close()

    async def ask(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        """`path` is below /api/v1 unless it begins with two slashes; underscores in header names become hyphens."""
        body = value if isinstance(value, bytes) else None if value is None else json.dumps(value).encode()
        path = path[1:] if path.startswith("//") else f"/api/v1{path}"
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await asyncio.to_thread(self.ask_now, method, path, body, named)
