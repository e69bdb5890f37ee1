"""Sites for the seed's promises: the examples, and a minimal site with something added."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.finding import Finding
from twinspan.model.secret import Secret
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[3] / "examples"
MINIMAL = {
    "site": "seed",
    "data_center": {"prefixes": ["192.168.1.0/24"]},
    "gateway": {"public_address": "198.18.0.154", "local_asn": 65001},
    "vpcs": {"office": {"cidr_block": "172.16.0.0/12"}, "user": {"cidr_block": "192.168.0.0/24"}},
}

Write = Callable[..., str]
Judge = Callable[..., tuple[Finding, ...]]
Complete = Callable[..., Site]
Deploy = Callable[[Site], Deployment]


@pytest.fixture
def judge() -> Judge:
    """What is said about the minimal site with these sections added or replaced."""

    def run(**sections: object) -> tuple[Finding, ...]:
        return check(yaml.safe_dump({**MINIMAL, **sections}).encode(), "site.yaml").findings

    return run


@pytest.fixture
def complete() -> Complete:
    """A complete site: an example by name, or the minimal site with sections added."""

    def run(example: str = "", **sections: object) -> Site:
        path = EXAMPLES / example
        text = path.read_bytes() if example else yaml.safe_dump({**MINIMAL, **sections}).encode()
        result = check(text, "site.yaml")
        assert result.site is not None, result.findings
        return result.site

    return run


@pytest.fixture
def deploy() -> Deploy:
    """A site compiled, with keys that name what they belong to."""

    def run(site: Site) -> Deployment:
        return compile_site(site, keys_from({name: Secret(f"key of {name}") for name in wanted_keys(site)}))

    return run
