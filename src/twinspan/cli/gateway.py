"""`twinspan gateway`: what a gateway of another make must be told, and what is wrong with what it was told.

In: a site file and a vendor, or an existing configuration. Out: one configuration for both spans, or findings, as text
or JSON; exit code 0, 1 for findings, 2 for bad input. Next: `engine.peer_configuration` chooses what to say,
`wire.vendors.render` says it; `wire.gateway_text` reads, `engine.lint` judges.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from twinspan.cli.main import EXIT_NOT_AS_WISHED
from twinspan.cli.output import REMEDY, require_writable
from twinspan.cli.site import load_site, plan_deployment, read_keys
from twinspan.cli.site_file import read_file
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.engine.lint.lint import lint as lint_text
from twinspan.engine.peer_configuration import peer_configuration
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected
from twinspan.model.finding import Finding
from twinspan.model.peer_configuration import PeerText
from twinspan.model.site import Site
from twinspan.wire.gateway_text import read_gateway_text
from twinspan.wire.vendors.render import render
from twinspan.wire.vendors.vendor import VENDORS

ROLES = ("lan", "circuit", "isp")


@click.group()
def gateway() -> None:
    """Configure a gateway of another make for both spans, or check one.

    \b
    Examples:
      twinspan gateway config site.yaml --vendor cisco
      twinspan gateway lint running-config.txt
    """


@gateway.command()
@click.argument("site", type=click.Path(path_type=Path))
@click.option("--vendor", required=True, type=click.Choice(list(VENDORS)), help="Whose words to write.")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="ROLE=NAME",
    help="The device's name of a port: lan, circuit or isp. Repeat it.",
)
@click.option("--show-secrets", is_flag=True, help="Write keys in clear; else they are masked.")
@click.option("--json", "as_json", is_flag=True, help="Files and what is not expressed as one JSON object.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="A file, or a folder for vendors with several files."
)
def config(
    site: Path, vendor: str, ports: tuple[str, ...], show_secrets: bool, as_json: bool, output: Path | None
) -> int:
    """Print one complete configuration of the gateway of SITE: circuit, VPN, and the standby below BGP.

    What the vendor cannot express is listed in the comments at the top, and in --json. Nothing is touched.

    \b
    Examples:
      twinspan gateway config site.yaml --vendor h3c
      twinspan gateway config site.yaml --vendor cisco --port circuit=TenGigabitEthernet0/1/0 --show-secrets -o gw.txt
      twinspan gateway config site.yaml --vendor bird-strongswan --show-secrets -o folder/
    """
    names = _ports(ports)
    if output is not None and not output.is_dir():
        require_writable(output)
    admitted = load_site(site)
    deployment = _with_keys(admitted, site) if show_secrets else plan_deployment(admitted)
    peer = peer_configuration(deployment.configs["gateway"], admitted.gateway.isp_next_hop)
    written = render(peer, vendor, ports=names, show_secrets=show_secrets)
    if output is not None and output.is_dir():
        _write_folder(written, output)
        return 0
    text = _json(written) if as_json else written.text
    if output is None:
        click.echo(text, nl=as_json)
    else:
        _write(output, text)
    return 0


def _with_keys(site: Site, path: Path) -> Deployment:
    """With the keys of the file. One that nobody gave cannot be shown: the cloud's end would have another."""
    sources = wanted_keys(read_keys(site, path))
    keys = {name: source.value for name, source in sources.items() if source is not None and source.value is not None}
    missing = sorted(set(sources) - set(keys))
    if missing:
        raise Rejected(
            f"{path.name} gives no key for {', '.join(missing)}",
            remedy="write the cloud's keys into the site file (psk, auth_key), or leave --show-secrets out",
        )
    return compile_site(site, keys_from(keys))


def _ports(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        role, _, name = one.partition("=")
        if role not in ROLES or not name or any(c.isspace() for c in name):
            raise Rejected(f"--port {one}: it is no ROLE=NAME", remedy=f"ROLE is one of {', '.join(ROLES)}")
        found[role] = name
    return found


def _json(written: PeerText) -> str:
    value = {"vendor": written.vendor, "files": written.files, "not_expressed": written.not_expressed}
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _write_folder(written: PeerText, folder: Path) -> None:
    """Every file under `folder`, in the place that its path says; one without a path gets the vendor's name."""
    for file in written.files:
        place = folder / (file.path.lstrip("/") or f"{written.vendor}.txt")
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, file.text)


def _write(place: Path, text: str) -> None:
    """For the owner alone: there may be keys in it."""
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Rejected(f"cannot write {place}: {error.strerror}", remedy=REMEDY) from error


@gateway.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--vendor", default="auto", show_default=True, type=click.Choice(["auto", *VENDORS]), help="Whose words they are."
)
@click.option("--json", "as_json", is_flag=True, help="Findings as one JSON object.")
def lint(file: Path, vendor: str, as_json: bool) -> int:
    """Say what in an existing configuration will not work, or not when it is needed, and what to write instead.

    Exit code: 0 nothing to correct, 1 findings, 2 the file cannot be read.

    \b
    Examples:
      twinspan gateway lint running-config.txt
      twinspan gateway lint running-config.txt --vendor h3c --json
    """
    try:
        text = read_file(file).decode(errors="replace")
    except OSError as error:
        raise Rejected(
            f"cannot read {file}: {error.strerror}", remedy="give a text file with a configuration"
        ) from error
    facts = read_gateway_text(text, vendor)
    findings = lint_text(facts)
    click.echo(_findings_json(facts.vendor, findings) if as_json else _findings_text(file, facts.vendor, findings))
    return EXIT_NOT_AS_WISHED if any(one.severity != "info" for one in findings) else 0


def _findings_json(vendor: str, findings: tuple[Finding, ...]) -> str:
    rows = [
        {
            "rule": one.rule.id,
            "severity": one.severity,
            "line": one.line,
            "problem": one.problem,
            "sentence": one.rule.text,
            "remedy": one.remedy,
        }
        for one in findings
    ]
    return msgspec.json.format(msgspec.json.encode({"vendor": vendor, "findings": rows}), indent=2).decode()


def _findings_text(file: Path, vendor: str, findings: tuple[Finding, ...]) -> str:
    blocks = [
        f"{one.severity}[{one.rule.id}] {file.name}:{one.line or 1}\n"
        f"    problem: {one.problem}\n"
        f"    rule:    {one.rule.text} ({one.rule.source})\n"
        f"    way out: {_indented(one.remedy)}\n"
        for one in findings
    ]
    count = len(findings)
    last = f"{file.name}: read as {vendor}; {count or 'no'} finding{'' if count == 1 else 's'}"
    return "\n".join([*blocks, last])


def _indented(text: str) -> str:
    return text.replace("\n", "\n             ")
