"""From a site file on disk to a `Deployment`: read, check, read its keys or make them, compile.

In: the path of a site file. Out: a `Deployment`, or `Rejected` with every finding. Next: `engine.compile`.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from msgspec.structs import replace

from twinspan.cli.site_file import CheckResult, findings_text, read, read_file
from twinspan.engine.admission.bgp_group import AUTH_KEY_REMEDY, auth_key_problem
from twinspan.engine.admission.ipsec_connection import PSK_REMEDY, psk_problem
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import Keys, keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected
from twinspan.model.fields import DEFAULT_LIMITS, Limits
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site
from twinspan.server.resources.new_keys import new_key


class SiteRefused(Rejected):
    """The site file has errors; `text` is what to print."""

    def __init__(self, result: CheckResult) -> None:
        self.text = findings_text(result)
        super().__init__(f"{result.file_name} is not admitted", remedy="correct the errors above")


def load_site(path: Path, limits: Limits = DEFAULT_LIMITS) -> Site:
    """The complete, admitted site. Findings go to standard error; errors among them raise `SiteRefused`."""
    result = read(path, limits)
    if result.site is None:
        refused = SiteRefused(result)
        click.echo(refused.text, err=True)
        raise refused
    if any(f.severity == "warning" for f in result.findings):
        click.echo(findings_text(result), err=True)
    return result.site


def load_deployment(path: Path) -> Deployment:
    """The compiled site with its real keys; those nobody gave are made now."""
    site = load_site(path)
    return compile_site(site, _keys(site, path))


def plan_deployment(site: Site) -> Deployment:
    """The compiled site with placeholders for keys: for looking, not for running."""
    return compile_site(site, keys_from(dict.fromkeys(wanted_keys(site), Secret("placeholder"))))


def read_keys(site: Site, path: Path) -> Site:
    """The same site with every key that it names a place of read into it; those that nobody gave stay out."""
    groups = {n: replace(g, auth_key=_read(f"bgp:{n}", g.auth_key, path)) for n, g in site.bgp_groups.items()}
    gateways = {n: replace(g, auth_key=_read(f"bgp:{n}", g.auth_key, path)) for n, g in site.customer_gateways.items()}
    connections = {n: _with_keys(n, c, path) for n, c in site.ipsec_connections.items()}
    return replace(site, bgp_groups=groups, customer_gateways=gateways, ipsec_connections=connections)


def _with_keys(name: str, connection: IpsecConnectionSpec, path: Path) -> IpsecConnectionSpec:
    tunnels = tuple(replace(t, psk=_read(f"psk:{name}/{t.role}", t.psk, path)) for t in connection.tunnels)
    return replace(connection, psk=_read(f"psk:{name}", connection.psk, path), tunnels=tunnels)


def _read(name: str, source: SecretSource | None, path: Path) -> SecretSource | None:
    return None if source is None else SecretSource(value=_read_key(name, source, path))


def _keys(site: Site, path: Path) -> Keys:
    return keys_from({name: _read_key(name, source, path) for name, source in wanted_keys(site).items()})


def _read_key(name: str, source: SecretSource | None, site_file: Path) -> Secret:
    if source is None:
        return new_key()
    if source.value is not None:
        return source.value
    if source.env:
        if source.env not in os.environ:
            raise Rejected(
                f"key {name}: environment variable {source.env} is not set", remedy="set it, or leave the key out"
            )
        return _checked(name, os.environ[source.env])
    place = site_file.parent / source.file
    try:
        text = read_file(place).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(
            f"key {name}: cannot read {place}: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}",
            remedy="give a readable file whose first line is the key",
        ) from error
    return _checked(name, text.partition("\n")[0].strip())


def _checked(name: str, text: str) -> Secret:
    """A key from elsewhere keeps the rules of one in the site file."""
    of_bgp = name.startswith("bgp:")
    problem = auth_key_problem(text) if of_bgp else psk_problem(text)
    if problem:
        raise Rejected(f"key {name}: {problem}", remedy=AUTH_KEY_REMEDY if of_bgp else PSK_REMEDY)
    return Secret(text)
