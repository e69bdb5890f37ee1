"""The node's command line, whoever comes by which way: it opens shells, and keeps what they share.

In: terminals. Out: `Shell`s, at most `MAX_SHELLS`; new configs with the name of who made them. Nothing of the language
is loaded before the first shell is opened. Next: `agent.shell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected
from twinspan.model.secret import decode_hook, encode_hook

if TYPE_CHECKING:
    from twinspan.agent.cipher import DeviceCipher
    from twinspan.agent.node import Node
    from twinspan.agent.shell import Shell, Terminal, User
    from twinspan.wire.comware.cipher import Cipher
    from twinspan.wire.comware.effects import ChangeConfig

MAX_SHELLS = 32
"""At once, by all ways together."""


class CommandLine:
    def __init__(self, node: Node) -> None:
        self.node = node
        self._shells: list[Shell] = []
        self._draft: tuple[DeviceConfig, str] | None = None

    @property
    def cipher(self) -> DeviceCipher:
        """Of this device."""
        return self.node.journal.cipher

    def open(
        self,
        terminal: Terminal,
        user: User,
        *,
        patient: bool = False,
        idle_s: float | None = None,
        cipher: Cipher | None = None,
    ) -> Shell:
        """A shell that is still to be started. Raises Rejected if there are too many."""
        from twinspan.agent.shell import Shell  # noqa: PLC0415

        if len(self._shells) >= MAX_SHELLS:
            raise Rejected(f"{MAX_SHELLS} sessions are open already", remedy="end one of them first")
        shell = Shell(self, terminal, user, patient=patient, idle_s=idle_s, cipher=cipher)
        self._shells.append(shell)
        self.node.events.record("config", "command line opened", f"{user.name} ({user.way})")
        return shell

    def running(self) -> DeviceConfig:
        """The config that is edited; that of a blank gateway while there is none."""
        config = self.node.converger.config
        if config is not None:
            return config
        return DeviceConfig(node=self.node.events.node, role="gateway", site="site", forwarding=True)

    @property
    def draft(self) -> str:
        """Lines of earlier sessions, if the config they belong to is still the running one."""
        if self._draft is None:
            saved = self.node.journal.load_draft()
            self._draft = (self.running(), saved) if saved else None
        return self._draft[1] if self._draft is not None and self._draft[0] == self.running() else ""

    def change(self, shell: Shell, change: ChangeConfig) -> None:
        """Make it the running config at once. Raises Rejected if no node can be so."""
        _check_form(change.config)
        self.node.apply(change.config, source="cli")
        self.node.events.record("config", "changed by command", f"{shell.user.name} ({shell.user.way}): {change.text}")

    def save(self, shell: Shell) -> None:
        """The running config, and lines that are not whole yet, are what the next start of the machine begins with."""
        draft = shell.draft
        self.node.save(draft[1] if draft is not None else self.draft)
        self.node.events.record("config", "saved by command", f"{shell.user.name} ({shell.user.way})")

    def left(self, shell: Shell) -> None:
        """A shell is closed; its lines are kept for the next one."""
        if shell not in self._shells:
            return
        self._shells.remove(shell)
        if shell.user.may_change:
            self._draft = shell.draft or self._draft
        self.node.events.record("config", "command line closed", f"{shell.user.name} ({shell.user.way})")

    def config_changed(self, config: DeviceConfig) -> None:
        """The node has a new config: every session sees it."""
        for shell in self._shells:
            shell.update(config)


def _check_form(config: DeviceConfig) -> None:
    """Whether it can be read again once it is saved: values made in memory have not been measured yet."""
    try:
        msgspec.json.decode(msgspec.json.encode(config, enc_hook=encode_hook), type=DeviceConfig, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise Rejected(f"config refused: {error}", remedy="the running one stays") from None
