"""The node's command line over SSH: who may log in, and terminals on channels.

In: connections, the users of the config. Out: shells. Keys or passwords; nothing but a terminal or one command is
served: no forwarding, no files. Guesses are counted by address (`agent.login_guard`), connections that have not logged
in yet are few. Next: `agent.ssh_terminal`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncssh

from twinspan.agent.command_line import CommandLine
from twinspan.agent.login_guard import LoginGuard
from twinspan.agent.password import matches
from twinspan.agent.shell import User
from twinspan.agent.ssh_host_key import load_host_key
from twinspan.agent.ssh_terminal import SshTerminal
from twinspan.model.device_access import DeviceAccess, LocalUser

MAX_STRANGERS = 16
"""Connections that have not logged in."""
MAX_CONNECTIONS = 32
MAX_GUESSES = 3
"""Passwords in one connection."""
MAX_KEYS = 10
"""Keys offered in one connection."""
LOGIN_S = 30.0
KEEPALIVE_S, KEEPALIVES = 60.0, 3
_ROLES_THAT_CHANGE = ("network-admin", "mdc-admin", "level-15")


class SshServer:
    """One listening port and all its connections."""

    def __init__(self, desk: CommandLine, node_dir: Path, access: Callable[[], DeviceAccess]) -> None:
        self.desk, self.access = desk, access
        self.guard = LoginGuard()
        self._key = load_host_key(node_dir)
        self.fingerprint = self._key.get_fingerprint()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.connections: set[_Login] = set()

    async def listen(self, addresses: tuple[str, ...], port: int) -> None:
        """In the node's namespace; without addresses on all, both families. Raises OSError where the port is taken or
        an address is not the node's."""
        self._acceptor = await asyncssh.create_server(
            lambda: _Login(self),
            list(addresses) or "",
            port,
            server_host_keys=[self._key],
            server_version="Comware-Twinspan",
            encoding=None,
            line_editor=False,
            login_timeout=LOGIN_S,
            keepalive_interval=KEEPALIVE_S,
            keepalive_count_max=KEEPALIVES,
            gss_host=None,
            host_based_auth=False,
            agent_forwarding=False,
            compression_algs=["none"],
        )

    def users_changed(self) -> None:
        """Whoever is not a user any more, or another one than before, has to leave."""
        for login in tuple(self.connections):
            login.check()

    async def close(self) -> None:
        """No listener and no connection is left."""
        if self._acceptor is not None:
            self._acceptor.close()
        for login in tuple(self.connections):
            login.hang_up("the SSH service is shut")
        if self._acceptor is not None:
            await self._acceptor.wait_closed()

    def user(self, name: str) -> LocalUser | None:
        """Who may come in by SSH under that name."""
        access = self.access()
        return next((user for user in access.users if user.name == name and user.ssh and access.ssh), None)

    def has_room(self) -> bool:
        """For one more that has not logged in."""
        strangers = sum(login.user is None for login in self.connections)
        return strangers < MAX_STRANGERS and len(self.connections) < MAX_CONNECTIONS


class _Login(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None
        self._address = ""
        self._name = ""
        self._keys = self._guesses = 0
        self.user: LocalUser | None = None
        """Who has logged in."""

    # ------------------------------------------------------------------------------------------------ asyncssh

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        peer = conn.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._server.guard.allows(self._address, _now_s()) or not self._server.has_room():
            conn.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)

    def begin_auth(self, username: str) -> bool:
        self._name = username
        return True

    def password_auth_supported(self) -> bool:
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        self._guesses += 1
        user = self._server.user(username)
        right = await matches(user.password if user is not None else None, password)
        if right and user is not None and user == self._server.user(username):
            return True
        shut_out = self._server.guard.failed(self._address, _now_s())
        self._record("login refused", f"{username[:64]!r} from {self._address}: wrong user or password")
        if shut_out or self._guesses >= MAX_GUESSES:
            raise asyncssh.PermissionDenied("Too many authentication failures")
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._keys += 1
        if self._keys > MAX_KEYS:
            raise asyncssh.PermissionDenied("Too many keys")
        user = self._server.user(username)
        return user is not None and any(_same(line, key) for line in user.public_keys)

    def auth_completed(self) -> None:
        self.user = self._server.user(self._name)
        self._server.guard.succeeded(self._address)
        self._record("login", f"{self._name} from {self._address}")

    def session_requested(self) -> asyncssh.SSHServerSession[bytes] | bool:
        if self.user is None:
            return False
        may_change = self.user.role in _ROLES_THAT_CHANGE
        user = User(name=self.user.name, way=f"ssh from {self._address}", may_change=may_change)
        return SshTerminal(self._server.desk, user)

    # ------------------------------------------------------------------------------------------------ ours

    def check(self) -> None:
        """Leave, if the user is not the same any more."""
        if self.user is not None and self._server.user(self.user.name) != self.user:
            self.hang_up("the user was changed")

    def hang_up(self, why: str) -> None:
        """Say why, and close."""
        if self._connection is not None:
            self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, why)

    def _record(self, what: str, detail: str) -> None:
        self._server.desk.node.events.record("config", what, detail)


def _same(line: str, key: asyncssh.SSHKey) -> bool:
    """Whether a configured line is that key; a line that is none is nobody's."""
    try:
        return asyncssh.import_public_key(line).public_data == key.public_data
    except (asyncssh.KeyImportError, ValueError):
        return False


def _now_s() -> float:
    return asyncio.get_running_loop().time()
