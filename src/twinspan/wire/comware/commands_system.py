"""Commands about the session and the device as a whole: views, save, paging, name, identity.

In: lines of system view, or a config. Out: the other. Next: `commands_display.py`.
"""

from __future__ import annotations

from typing import cast, get_args

from msgspec import structs

from twinspan.model.device_config import DeviceConfig, NodeRole
from twinspan.model.fields import Profile
from twinspan.wire.comware.command import ANY, SYSTEM, USER, Ask, Command, Show, Turn
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.effects import Save
from twinspan.wire.comware.writing import Export

_SURE = "The current configuration will be written to the device. Are you sure? [Y/N]:"

COMMANDS = (
    Command(view=USER, pattern="system-view", run=lambda _said: Turn(what="system-view")),
    Command(view=ANY, pattern="quit", run=lambda _said: Turn(what="quit")),
    Command(view=ANY, pattern="return", run=lambda _said: Turn(what="return")),
    Command(view=ANY, pattern="save", run=lambda _said: Ask(question=_SURE, then=Save())),
    Command(view=ANY, pattern="save force", run=lambda _said: Save(), help={"force": "Save without a question"}),
    Command(
        view=USER,
        pattern="screen-length disable",
        undo=(),
        run=lambda _said: Turn(what="screen-length", value="0"),
        help={"disable": "Show whole outputs in this session"},
    ),
    Command(
        view=USER,
        pattern="undo screen-length disable",
        run=lambda _said: Turn(what="screen-length", value="24"),
    ),
    Command(
        view=ANY,
        pattern="screen-length <lines:int:0-512>",
        run=lambda said: Turn(what="screen-length", value="2" if said.args["lines"] == "1" else said.args["lines"]),
        help={"lines": "Lines of a page in this session; 0: whole outputs"},
    ),
    Command(view=ANY, pattern="display history-command", run=lambda _said: Turn(what="history"), piped=True),
    Command(view=ANY, pattern="display twinspan pending", run=lambda _said: Turn(what="pending"), piped=True),
    Command(view=ANY, pattern="display this", run=lambda _said: Turn(what="this"), piped=True),
    Command(
        view=ANY,
        pattern="display current-configuration [ interface [ <name:interface> ] ]",
        run=lambda said: Turn(
            what="current-configuration",
            value=" ".join((*said.keywords[2:], *said.args.values())),
        ),
        piped=True,
    ),
    Command(
        view=SYSTEM,
        id="sysname",
        pattern="sysname <name:str:1-64>",
        undo=("sysname",),
        help={"name": "Name of the device in its prompt"},
    ),
    Command(
        view=SYSTEM,
        pattern="vlan <vlan:int:1-4094>",
        run=lambda said: Show(
            ""
            if said.args["vlan"] == "1"
            else f" % This device routes and has no switch ports. Tag a subinterface instead: interface "
            f"GigabitEthernet1/0/1.{said.args['vlan']}, vlan-type dot1q vid {said.args['vlan']}.\n"
        ),
    ),
    Command(
        view=SYSTEM,
        id="node",
        pattern=f"twinspan node <node:str:1-63> site <site:str:1-63> [ role {{ {' | '.join(get_args(NodeRole))} }} ] "
        "[ profile { edge | cloud } ] [ generation <generation:int:0-9223372036854775807> ]",
        help={"node": "Name of the node in its site", "site": "Name of the site"},
    ),
    Command(
        view=SYSTEM,
        id="no forwarding",
        pattern="twinspan forwarding disable",
        undo=("twinspan forwarding disable",),
        help={"disable": "Forward no packets"},
    ),
)


def read_node(document: Line, base: DeviceConfig) -> DeviceConfig:
    """Whose config it is: from its line, else as in `base`."""
    line = next(document.every("node"), None)
    config = structs.replace(base, forwarding=not document.has("no forwarding"))
    if line is None:
        return config
    words = line.text.split()
    return structs.replace(
        config,
        node=line.args["node"],
        site=line.args["site"],
        role=cast("NodeRole", _after(words, "role", "gateway")),
        profile=cast("Profile", _after(words, "profile", "edge")),
        generation=int(line.args.get("generation", 1)),
    )


def _after(words: list[str], word: str, default: str) -> str:
    """What follows a keyword; names come before all keywords, so the last one counts."""
    return next((words[at + 1] for at in range(len(words) - 2, 3, -1) if words[at] == word), default)


def read_sysname(document: Line, node: str) -> str | None:
    """The device's own name; None: it is the node's."""
    name = document.get("sysname", "name")
    return name if name and name != node else None


def write_node(config: DeviceConfig, export: Export) -> list[str]:
    """Identity of the config."""
    line = f"twinspan node {export.word(config.node)} site {export.word(config.site)}"
    if config.role != "gateway":
        line += f" role {config.role}"
    if config.profile != "edge":
        line += f" profile {config.profile}"
    if config.generation != 1:
        line += f" generation {config.generation}"
    return [line, *([] if config.forwarding else ["twinspan forwarding disable"])]
