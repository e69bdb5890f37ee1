"""What a command does at once, with its interface looked up: the shell knows Linux names only.

In: the reply of a command, the running config. Out: the reply with the link, or why there is none. Next:
`execution.py`.
"""

from __future__ import annotations

from msgspec import structs

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.command import Reply, Show
from twinspan.wire.comware.effects import Display, Ping
from twinspan.wire.comware.names import Names


def with_links(reply: Reply, config: DeviceConfig) -> Reply:
    """A display of an interface gets `link` or `tunnel` among its arguments; an interface that is not there says so."""
    if isinstance(reply, Display) and "interface" in reply.args:
        link, tunnel = _meant(reply.args["interface"], config)
        found = {"link": link} if link else {"tunnel": tunnel} if tunnel else None
        return _unknown(reply.args["interface"]) if found is None else structs.replace(reply, args=reply.args | found)
    if isinstance(reply, Ping) and reply.interface is not None and not any(_meant(reply.interface, config)):
        return _unknown(reply.interface)
    return reply


def _meant(interface: str, config: DeviceConfig) -> tuple[str | None, str | None]:
    names = Names(config)
    return names.link(interface), names.tunnel(interface)


def _unknown(interface: str) -> Show:
    return Show(f" % {interface} does not exist.\n")
