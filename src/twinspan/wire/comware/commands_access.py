"""Who may log in: `ssh server`, `local-user`, and the device's own name.

In: lines of system view, or a config. Out: the other. Next: `language.py`.
"""

from __future__ import annotations

from twinspan.model.device_access import SSH_PORT, DeviceAccess, LocalUser
from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.commands_system import read_sysname
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.words import quoted
from twinspan.wire.comware.writing import Export

COMMANDS = (
    Command(
        view=SYSTEM,
        id="ssh server",
        pattern="ssh server enable",
        undo=("ssh server enable",),
        help={"enable": "Start the SSH service"},
    ),
    Command(
        view=SYSTEM,
        id="ssh port",
        pattern="ssh server port <port:int:1-65535>",
        undo=("ssh server port",),
        help={"port": "TCP port of the SSH service, 22 by default"},
    ),
    Command(
        view=SYSTEM,
        id="ssh address",
        pattern="twinspan ssh server address <address:ip>",
        key=("address",),
        undo=("twinspan ssh server address [ <address:ip> ]",),
        help={"address": "Address of this device that SSH is served on; without any, on all"},
    ),
    Command(
        view=SYSTEM,
        id="local-user",
        pattern="local-user <name:str:1-55> [ class manage ]",
        key=("name",),
        undo=("local-user <name:str:1-55> [ class manage ]",),
        opens="luser",
        prompt="-luser-manage-{name}",
        help={"name": "Name of the user"},
    ),
    Command(
        view="luser",
        id="user password",
        pattern="password { cipher <cipher:secret:1-512> | simple <simple:secret:1-63> }",
        undo=("password",),
    ),
    Command(
        view="luser",
        id="user service",
        pattern="service-type { ssh | terminal }",
        undo=("service-type [ ssh | terminal ]",),
    ),
    Command(
        view="luser",
        id="user role",
        pattern="authorization-attribute user-role <role:str:1-63>",
        undo=("authorization-attribute user-role [ <role:str:1-63> ]",),
        help={"role": "network-admin, or network-operator who may only look"},
    ),
    Command(
        view="luser",
        id="user key",
        pattern="twinspan public-key <key:str:16-4000>",
        key=("key",),
        undo=("twinspan public-key [ <key:str:16-4000> ]",),
        help={"key": "A line in OpenSSH's form, in double quotes"},
    ),
)


def read_access(document: Line, notes: Notes, node: str) -> DeviceAccess | None:
    """What the lines say; None: nothing but what every device has."""
    access = DeviceAccess(
        sysname=read_sysname(document, node),
        ssh=document.has("ssh server"),
        ssh_port=int(document.get("ssh port", "port", str(SSH_PORT))),
        ssh_addresses=tuple(line.args["address"] for line in document.every("ssh address")),
        users=tuple(_user(line, notes) for line in document.every("local-user")),
    )
    return None if access == DeviceAccess() else access


def _user(view: Line, notes: Notes) -> LocalUser:
    return LocalUser(
        name=view.args["name"],
        password=notes.secret(next(view.every("user password"), None)),
        public_keys=tuple(line.args["key"] for line in view.every("user key")),
        ssh=any(line.text.endswith("ssh") for line in view.every("user service")),
        role=view.get("user role", "role", "network-operator"),
    )


def write_access(config: DeviceConfig, export: Export) -> list[str]:
    """The lines of system view."""
    access = config.access or DeviceAccess()
    lines = [f"sysname {export.word(access.sysname or config.node)}"]
    if access.ssh:
        lines.append("ssh server enable")
    if access.ssh_port != SSH_PORT:
        lines.append(f"ssh server port {access.ssh_port}")
    lines += [f"twinspan ssh server address {address}" for address in access.ssh_addresses]
    for user in access.users:
        lines += _user_lines(user, export)
    return lines


def _user_lines(user: LocalUser, export: Export) -> list[str]:
    lines = [f"local-user {export.word(user.name)} class manage"]
    if user.password is not None:
        lines.append(f"password cipher {quoted(export.secret(user.password))}")
    if user.ssh:
        lines.append("service-type ssh")
    if user.role != LocalUser(name="x").role:
        lines.append(f"authorization-attribute user-role {export.word(user.role)}")
    return [*lines, *(f"twinspan public-key {export.word(key)}" for key in user.public_keys)]
