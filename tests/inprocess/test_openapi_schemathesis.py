"""Requests made from the OpenAPI document, good and bad: no error of ours, and every answer as the document says."""

from __future__ import annotations

import asyncio
import sys

import pytest
from tests.inprocess.rest import Rest, token
from tests.inprocess.site import Site

from twinspan.server.admin import DESCRIBED, ROUTES
from twinspan.server.resources.openapi import document

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,ignored_auth,unsupported_method"
)
PARTS = {
    "resources": r"^/api/v1/(ipsec-connections|physical-connections)",
    "tables": r"^/api/v1/(route-tables|sites|apply)",
    "devices": r"^/api/v1/(devices|events|accounts|whoami|openapi|tokens|access-keys|quotas)",
}
"""One generic implementation stands behind all kinds; these have every shape of field there is."""


def test_every_route_is_described() -> None:
    described = document(ROUTES, DESCRIBED)["paths"]
    assert all(f"/api/v1{path}" in described for _, path in DESCRIBED)
    operations = [operation for path in described.values() for operation in path.values()]
    identities = [operation["operationId"] for operation in operations]
    assert len(set(identities)) == len(identities)
    links = [link for one in operations for link in one["responses"].get("201", {}).get("links", {}).values()]
    assert {link["operationId"] for link in links} <= set(identities)


async def test_the_document_is_served_to_whoever_has_a_token(site: Site) -> None:
    cloud = await site.cloud()
    reply = await Rest(cloud, token(cloud, scopes=("vpcs",))).ask("GET", "/openapi.json")
    assert (reply.status, reply.value["openapi"]) == (200, "3.1.0")
    assert reply.value["components"]["schemas"]["VirtualBorderRouterSpec"]["properties"]["vlan_id"]["maximum"] == 2999


@pytest.mark.parametrize("part", PARTS)
async def test_schemathesis_finds_nothing(site: Site, part: str) -> None:
    cloud = await site.cloud(plain=True)
    secret = token(cloud, None)
    token(cloud, "alice")
    arguments = (
        "run", f"http://{cloud.netloc}/api/v1/openapi.json", "--header", f"Authorization: Bearer {secret}",
        "--include-path-regex", PARTS[part], "--checks", CHECKS, "--phases", "coverage,fuzzing,stateful",
        "--max-examples", "3", "--seed", "1", "--generation-database", "none", "--request-timeout", "10",
        "--no-color", "--continue-on-failure", "--workers", "1",
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=site.folder,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()[-6000:]
