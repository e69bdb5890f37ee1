"""The door before an action is chosen: what cannot be a request, and what is not there."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from twinspan.model.errors import Retryable
from twinspan.model.secret import Secret
from twinspan.server.alibaba.authenticate import AccessKey
from twinspan.server.alibaba.door import AlibabaDoor, DoorAnswer
from twinspan.server.alibaba.nonces import Nonces
from twinspan.server.metrics import Metrics
from twinspan.server.resources.rate_limit import RateSettings
from twinspan.server.resources.writer import Writer

NOW = 1_800_000_000_000_000_000
KEY = AccessKey(id="key-1", secret=Secret("do-not-tell"), account="acme")


class Keys:
    def __init__(self, gone: bool = False) -> None:
        self.gone = gone

    def find_access_key(self, access_key_id: str, now_ns: int) -> AccessKey | None:
        if self.gone:
            raise Retryable("the database cannot be reached", delay_s=2.0)
        return KEY if access_key_id == KEY.id else None


def door(keys: Keys | None = None, metrics: Metrics | None = None) -> AlibabaDoor:
    """Its service is never reached."""
    return AlibabaDoor(
        cast("Writer", None),
        keys or Keys(),
        region="cn-hangzhou",
        names=lambda: (),
        nonces=Nonces(buckets=4),
        rate=RateSettings(per_s=0),
        metrics=metrics,
    )


def signed(action: str = "DescribeVpcs", version: str = "2016-04-28", **query: str) -> tuple[str, str, dict[str, str]]:
    headers = {
        "host": "cloud.test",
        "x-acs-version": version,
        "x-acs-action": action,
        "x-acs-date": "2027-01-15T08:00:00Z",
        "x-acs-signature-nonce": "nonce-1",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    request = DaraRequest()
    request.method, request.pathname, request.query, request.headers = "POST", "/", query, headers
    payload, secret = headers["x-acs-content-sha256"], KEY.secret.reveal()
    headers["authorization"] = Utils.get_authorization(request, "ACS3-HMAC-SHA256", payload, KEY.id, secret)
    return "POST", "/?" + "&".join(f"{name}={value}" for name, value in query.items()), headers


def asked(of: AlibabaDoor, method: str, path: str, headers: dict[str, str]) -> tuple[DoorAnswer, dict[str, Any]]:
    answer = asyncio.run(of.handle(method, path, headers, b"", NOW))
    return answer, msgspec.json.decode(answer.body)


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        (("DELETE", "/", {}), "UnsupportedHTTPMethod", 405),
        (("GET", "/?a=%", {}), "InvalidParameter", 400),
        (("GET", "/?Action=DescribeVpcs", {}), "MissingSignature", 400),
        (signed("NoSuchAction"), "InvalidAction.NotFound", 404),
        (signed("DescribeVpcs", "1999-01-01"), "InvalidVersion", 400),
        (signed(Format="XML"), "UnsupportedParameter", 400),
        (signed(**{"Tag": "a", "Tag.1.Key": "b"}), "InvalidParameter", 400),
    ],
)
def test_what_is_no_request_is_refused(request_: tuple[str, str, dict[str, str]], code: str, status: int) -> None:
    answer, body = asked(door(), *request_)

    assert (body["Code"], answer.status) == (code, status)
    assert body["RequestId"] == answer.headers["x-acs-request-id"]
    assert b"do-not-tell" not in answer.body


def test_the_action_is_the_one_that_was_signed() -> None:
    query = {
        "Action": "NoSuchAction",
        "Version": "2016-04-28",
        "Timestamp": "2027-01-15T08:00:00Z",
        "SignatureNonce": "nonce-1",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "AccessKeyId": KEY.id,
    }
    query["Signature"] = Utils.get_rpcsignature(query, "POST", KEY.secret.reveal())
    smuggled = {"x-acs-action": "DeleteVpc", "x-acs-version": "2016-04-28"}

    _, body = asked(door(), "POST", f"/?{urlencode(query)}", smuggled)

    assert (body["Code"], "NoSuchAction" in body["Message"]) == ("InvalidAction.NotFound", True)


def test_while_the_keys_cannot_be_reached_the_answer_is_come_again() -> None:
    answer, body = asked(door(Keys(gone=True)), *signed())

    assert (answer.status, body["Code"], answer.headers["retry-after"]) == (503, "ServiceUnavailable", "2")


def test_who_is_sent_away_is_counted() -> None:
    metrics = Metrics()
    asked(door(metrics=metrics), "GET", "/?Action=DescribeVpcs", {})

    text = metrics.text({})
    assert 'twinspan_refused_total{edge="alibaba",reason="MissingSignature"} 1' in text
    assert 'twinspan_requests_total{edge="alibaba",status="400"} 1' in text
