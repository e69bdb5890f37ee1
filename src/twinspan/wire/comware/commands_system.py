"""Commands about the session and the device as a whole: views, save, paging, name, identity.

In: lines of system view, or a config. Out: the other. Next: `commands_display.py`.
"""

from __future__ import annotations

from twinspan.wire.comware.command import ANY, SYSTEM, USER, Ask, Command, Show, Turn
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.effects import Save

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
    Command(view=ANY, pattern="display this", run=lambda _said: Turn(what="this"), piped=True),
    Command(
        view=ANY,
        pattern="display current-configuration [ interface [ <name:interface> ] ]",
        run=lambda said: Turn(
            what="current-configuration",
            value=f"interface {said.args['name']}"
            if "name" in said.args
            else "interface"
            if "interface" in said.keywords
            else "",
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
)


def read_sysname(document: Line, node: str) -> str | None:
    """The device's own name; None: it is the node's."""
    name = document.get("sysname", "name")
    return name if name and name != node else None
