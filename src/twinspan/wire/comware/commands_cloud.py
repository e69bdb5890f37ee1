"""The cloud connection: commands as in seed 000, `CloudManagement` from their lines, their lines from it.

In: lines of system view, or a `CloudManagement`. Out: the other. What the seed's commands cannot say stands in lines
that begin with `twinspan cloud-management`. Next: `commands_system.py`.
"""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec import structs

from twinspan.model.cloud_management import CloudManagement, CloudServer, TrustPolicy
from twinspan.model.secret import Secret
from twinspan.wire.cloud_connection.server_order import check_servers
from twinspan.wire.comware.command import ANY, SYSTEM, USER, Command
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.effects import Display, ResetTunnel, UnbindingCode
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.words import quoted
from twinspan.wire.comware.writing import Export

_WHERE = "[ port <port:int:1-65535> ] [ vpn-instance <vpn:str:1-31> ] [ source-ip <source:ipv4> ]"
_SECRET = "{ cipher <cipher:secret:1-512> | simple <simple:secret:1-63> }"

COMMANDS = (
    Command(
        view=SYSTEM,
        id="cloud server",
        pattern=f"cloud-management server [ ipv6 ] domain <domain:str:1-253> {_WHERE}",
        undo=("cloud-management server domain", "cloud-management server ipv6 domain"),
        help={"domain": "Domain name of the primary cloud server", "server": "Cloud server"},
    ),
    Command(
        view=SYSTEM,
        id="cloud backup",
        pattern=f"cloud-management backup-server [ ipv6 ] domain <domain:str:1-253> {_WHERE}",
        key=("domain", "port"),
        undo=("cloud-management backup-server [ ipv6 ] domain [ <domain:str:1-253> [ port <port:int:1-65535> ] ]",),
        help={"domain": "Domain name of the backup cloud server"},
    ),
    Command(
        view=SYSTEM,
        id="cloud keepalive",
        pattern="cloud-management keepalive <interval:int:10-600>",
        undo=("cloud-management keepalive",),
        help={"interval": "Keepalive interval in seconds, 180 by default"},
    ),
    Command(
        view=SYSTEM,
        id="cloud ping",
        pattern="cloud-management ping <interval:int:10-600>",
        undo=("cloud-management ping",),
        help={"ping": "Ping interval", "interval": "Ping interval in seconds, 60 by default"},
    ),
    Command(
        view=SYSTEM,
        id="cloud port",
        pattern="cloud-management server port <port:int:1-65535>",
        undo=("cloud-management server port",),
        help={"port": "TCP port of the authentication, 19443 by default"},
    ),
    Command(
        view=SYSTEM,
        id="cloud password",
        pattern=f"cloud-management server password {_SECRET}",
        undo=("cloud-management server password",),
        help={"password": "Password for establishing cloud connections"},
    ),
    Command(
        view=SYSTEM,
        id="cloud token",
        pattern=f"twinspan cloud-management enrolment-token {_SECRET}",
        undo=("twinspan cloud-management enrolment-token",),
    ),
    Command(
        view=SYSTEM,
        id="cloud fingerprint",
        pattern="twinspan cloud-management fingerprint <fingerprint:hex:64-64>",
        undo=("twinspan cloud-management fingerprint",),
    ),
    Command(
        view=SYSTEM,
        id="cloud dead-after",
        pattern="twinspan cloud-management dead-after <seconds:decimal:1-1800>",
        undo=("twinspan cloud-management dead-after",),
        help={"seconds": "So long without a sign of life, and the path is dead"},
    ),
    Command(
        view=SYSTEM,
        id="cloud switch-back",
        pattern="twinspan cloud-management switch-back",
        undo=("twinspan cloud-management switch-back",),
    ),
    Command(
        view=SYSTEM,
        id="cloud certificate",
        pattern="twinspan cloud-management certificate",
        undo=("twinspan cloud-management certificate",),
    ),
    Command(
        view=SYSTEM,
        id="cloud dhcp-trust",
        pattern="twinspan cloud-management dhcp trust { always | first | never }",
        undo=("twinspan cloud-management dhcp trust",),
    ),
    Command(
        view=SYSTEM,
        id="cloud on",
        pattern="twinspan cloud-management enable",
        undo=("twinspan cloud-management enable",),
        help={"enable": "Managed over a cloud connection, be nothing else set"},
    ),
    Command(
        view=SYSTEM,
        pattern="cloud-management unbinding-code <code:str:1-31>",
        run=lambda said: UnbindingCode(said.args["code"]),
        help={"code": "Verification code from the cloud server"},
    ),
    Command(view=USER, pattern="reset cloud-management tunnel", run=lambda _said: ResetTunnel()),
    Command(
        view=ANY,
        pattern="display cloud-management { state | servers }",
        run=lambda said: Display(topic=f"cloud-management {said.keywords[-1]}"),
        piped=True,
        help={"state": "Cloud connection state", "servers": "Cloud servers in the order they are tried"},
    ),
)


def read_cloud(document: Line, notes: Notes, dhcp_link: str | None) -> CloudManagement | None:
    """What the lines say; None: the device is not managed over a cloud connection."""
    own = [line for line in document.lines if line.id.startswith("cloud ")]
    if not own and dhcp_link is None:
        return None
    by_id = {line.id: line for line in own}
    primary = by_id.get("cloud server")
    backups = tuple(_server(line) for line in document.every("cloud backup"))
    trust = by_id.get("cloud dhcp-trust")
    cloud = CloudManagement(
        primary=_server(primary) if primary else None,
        backups=backups,
        password=notes.secret(by_id.get("cloud password")),
        enrolment_token=notes.secret(by_id.get("cloud token")),
        switch_back="cloud switch-back" in by_id,
        certificate="cloud certificate" in by_id,
        dhcp_trust=cast("TrustPolicy", trust.text.rpartition(" ")[2]) if trust else "always",
        dhcp_link=dhcp_link,
    )
    cloud = _with_numbers(cloud, by_id)
    for finding in check_servers(cloud):
        notes.refuse(f"{finding.rule.text} Here {finding.problem}: {finding.remedy}.")
    return cloud


def _with_numbers(cloud: CloudManagement, by_id: dict[str, Line]) -> CloudManagement:
    for field, id_, name in (
        ("port", "cloud port", "port"),
        ("keepalive_s", "cloud keepalive", "interval"),
        ("ping_s", "cloud ping", "interval"),
        ("dead_after_s", "cloud dead-after", "seconds"),
    ):
        if id_ in by_id:
            number = by_id[id_].args[name]
            cloud = structs.replace(cloud, **{field: float(number) if field == "dead_after_s" else int(number)})
    if "cloud fingerprint" in by_id:
        cloud = structs.replace(cloud, fingerprint=by_id["cloud fingerprint"].args["fingerprint"])
    return cloud


def _server(line: Line) -> CloudServer:
    return CloudServer(
        domain=line.args["domain"],
        port=int(line.args["port"]) if "port" in line.args else None,
        vpn_instance=line.args.get("vpn"),
        source_ip=line.args.get("source"),
        ipv6=line.text.split()[2] == "ipv6",
    )


def write_cloud(cloud: CloudManagement | None, export: Export) -> list[str]:
    """The lines of system view."""
    if cloud is None:
        return []
    default = CloudManagement()
    lines = []
    if cloud.primary:
        lines.append(_server_line("server", cloud.primary, export))
    lines += [_server_line("backup-server", server, export) for server in cloud.backups]
    for field, words in (
        ("keepalive_s", "cloud-management keepalive"),
        ("ping_s", "cloud-management ping"),
        ("port", "cloud-management server port"),
        ("fingerprint", "twinspan cloud-management fingerprint"),
        ("dead_after_s", "twinspan cloud-management dead-after"),
        ("dhcp_trust", "twinspan cloud-management dhcp trust"),
    ):
        value = getattr(cloud, field)
        if value != getattr(default, field):
            lines.append(f"{words} {export.number(value) if isinstance(value, float) else value}")
    lines += _secret_line("cloud-management server password", cloud.password, export)
    lines += _secret_line("twinspan cloud-management enrolment-token", cloud.enrolment_token, export)
    if cloud.switch_back:
        lines.append("twinspan cloud-management switch-back")
    if cloud.certificate:
        lines.append("twinspan cloud-management certificate")
    silent = msgspec.structs.replace(cloud, dhcp_link=None) == default
    return lines if lines or not (silent and cloud.dhcp_link is None) else ["twinspan cloud-management enable"]


def _server_line(kind: str, server: CloudServer, export: Export) -> str:
    words = ["cloud-management", kind, *(["ipv6"] if server.ipv6 else []), "domain", export.word(server.domain)]
    for name, value in (("port", server.port), ("vpn-instance", server.vpn_instance), ("source-ip", server.source_ip)):
        if value is not None:
            words += [name, export.word(str(value))]
    return " ".join(words)


def _secret_line(words: str, secret: Secret | None, export: Export) -> list[str]:
    return [] if secret is None else [f"{words} cipher {quoted(export.secret(secret))}"]
