"""A site written as text is the same site when it is read."""

from pathlib import Path

import msgspec
import pytest

from twinspan.cli.site_file import check
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site
from twinspan.wire.site_file_text import site_text, to_plain

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("0*/*.yaml"))


def site_of(text: bytes) -> Site:
    found = check(text, "site.yaml")
    assert found.site is not None, found.findings
    return msgspec.structs.replace(found.site, made=frozenset())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_written_reads_back_as_the_same_site(path: Path) -> None:
    site = site_of(path.read_bytes())
    assert site_of(site_text(site).encode()) == site


def test_a_key_is_never_in_the_text_and_always_in_the_data() -> None:
    site = site_of(EXAMPLES[0].read_bytes())
    (name, connection), *_ = site.ipsec_connections.items()
    keyed: IpsecConnectionSpec = msgspec.structs.replace(connection, psk=SecretSource(value=Secret("hush-hush-hush")))
    site = msgspec.structs.replace(site, ipsec_connections={name: keyed})
    assert "hush" not in site_text(site)
    assert to_plain(site)["ipsec_connections"][name]["psk"] == "hush-hush-hush"
