"""Both signatures, made by the cloud's own SDK code and read by ours."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
from alibabacloud_tea_openapi.utils import Utils

from twinspan.model.secret import Secret
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.signature import Claim, check, in_time, read_claim

SECRET = Secret("a-secret-that-nobody-guesses")
NOW_NS = 1_800_000_000_000_000_000  # 2027-01-15T08:00:00Z
QUERY = {"RegionId": "cn-hangzhou", "Name": "Vermittlung süd /?&=+~*", "Tag.1.Key": "a", "Tag.1.Value": ""}


def acs3_headers(query: dict[str, str], body: bytes = b"", secret: Secret = SECRET) -> dict[str, str]:
    headers = {
        "host": "127.0.0.1:8443",
        "x-acs-version": "2016-04-28",
        "x-acs-action": "CreateVpc",
        "x-acs-date": "2027-01-15T08:00:00Z",
        "x-acs-signature-nonce": "nonce-1",
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        "accept": "application/json",
    }
    request = SimpleNamespace(pathname="/", query=query, headers=headers, method="POST")
    payload = headers["x-acs-content-sha256"]
    signed = Utils.get_authorization(request, "ACS3-HMAC-SHA256", payload, "key-1", secret.reveal())
    return headers | {"authorization": signed, "content-length": "0"}


def v1_query(secret: Secret = SECRET) -> dict[str, str]:
    query = QUERY | {
        "Action": "CreateVpc",
        "Version": "2016-04-28",
        "Format": "json",
        "Timestamp": "2027-01-15T08:00:00Z",
        "SignatureNonce": "nonce-1",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "AccessKeyId": "key-1",
    }
    return query | {"Signature": Utils.get_rpcsignature(query, "POST", secret.reveal())}


def claim_of(headers: dict[str, str], query: dict[str, str], body: bytes = b"") -> Claim:
    found = read_claim("POST", headers, query, {}, body)
    assert isinstance(found, Claim), found
    return found


def test_the_sdk_s_signature_is_right() -> None:
    claim = claim_of(acs3_headers(QUERY), QUERY)

    assert check(claim, SECRET) is None
    assert (claim.access_key_id, claim.nonce, claim.at_ns) == ("key-1", "nonce-1", NOW_NS)


def test_the_sdk_s_older_signature_is_right() -> None:
    claim = claim_of({}, v1_query())

    assert check(claim, SECRET) is None
    assert (claim.access_key_id, claim.nonce, claim.at_ns) == ("key-1", "nonce-1", NOW_NS)


@pytest.mark.parametrize("older", [False, True])
def test_another_secret_does_not_match_and_is_not_told(older: bool) -> None:
    other = Secret("another")
    claim = claim_of({}, v1_query(other)) if older else claim_of(acs3_headers(QUERY, secret=other), QUERY)

    fault = check(claim, SECRET)

    assert fault is not None
    assert fault.code == "SignatureDoesNotMatch"
    assert SECRET.reveal() not in fault.message


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("changed", ["RegionId", "Name", "Tag.1.Value"])
def test_one_changed_parameter_breaks_the_signature(older: bool, changed: str) -> None:
    headers, query = ({}, v1_query()) if older else (acs3_headers(QUERY), dict(QUERY))
    query[changed] += "x"

    assert check(claim_of(headers, query), SECRET) is not None


def test_an_added_parameter_breaks_the_signature() -> None:
    assert check(claim_of(acs3_headers(QUERY), {**QUERY, "DryRun": "true"}), SECRET) is not None


@pytest.mark.parametrize("name", ["host", "x-acs-action", "x-acs-date"])
def test_a_changed_header_breaks_the_signature(name: str) -> None:
    headers = acs3_headers(QUERY)
    headers[name] = "2027-01-15T08:01:00Z" if name == "x-acs-date" else "other"

    assert check(claim_of(headers, QUERY), SECRET) is not None


def fault_of(headers: dict[str, str], query: dict[str, str], body: bytes = b"") -> Fault:
    found = read_claim("POST", headers, query, {}, body)
    assert isinstance(found, Fault)
    return found


def test_another_body_than_the_signed_one_is_refused() -> None:
    assert fault_of(acs3_headers(QUERY, b"a=1"), QUERY, b"a=2").code == "SignatureDoesNotMatch"


def test_a_cloud_header_that_is_not_signed_is_refused() -> None:
    headers = acs3_headers(QUERY) | {"x-acs-security-token": "smuggled"}

    assert fault_of(headers, QUERY).code == "IncompleteSignature"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"authorization": "Bearer x"}, "IncompleteSignature"),
        (
            {"authorization": "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=host,Signature=abc"},
            "IncompleteSignature",
        ),
        ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
        ({"x-acs-date": "2027-13-41T99:00:00Z"}, "InvalidTimeStamp.Format"),
        ({"x-acs-signature-nonce": ""}, "IncompleteSignature"),
    ],
)
def test_what_is_not_signed_as_a_whole_is_refused(change: dict[str, str], code: str) -> None:
    assert fault_of(acs3_headers(QUERY) | change, QUERY).code == code


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Signature", "not base64!", "IncompleteSignature"),
        ("SignatureVersion", "2.0", "IncompleteSignature"),
        ("SignatureMethod", "HMAC-MD5", "IncompleteSignature"),
        ("Timestamp", "", "MissingParameter"),
        ("AccessKeyId", "", "MissingParameter"),
    ],
)
def test_the_older_signature_needs_all_of_its_parts(name: str, value: str, code: str) -> None:
    assert fault_of({}, v1_query() | {name: value}).code == code


def test_without_a_signature_nothing_goes() -> None:
    assert fault_of({}, {"Action": "DescribeVpcs"}).code == "MissingSignature"


@pytest.mark.parametrize(("off_s", "code"), [(0, None), (900, None), (-900, None), (901, "x"), (-901, "x")])
def test_the_clock_window_is_15_minutes_to_both_sides(off_s: int, code: str | None) -> None:
    claim = claim_of(acs3_headers(QUERY), QUERY)

    fault = in_time(claim, NOW_NS + off_s * 1_000_000_000)

    assert (fault is None) == (code is None)
    if fault is not None:
        assert fault.code == "InvalidTimeStamp.Expired"
