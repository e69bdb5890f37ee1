"""All commands of the device, in the order in which `?` and a saved text know them.

In: the lists of the `commands_*` modules. Out: `LANGUAGE`. Next: `resolving.py`.
"""

from __future__ import annotations

from twinspan.wire.comware import (
    commands_access,
    commands_bgp,
    commands_cloud,
    commands_display,
    commands_failover,
    commands_ike,
    commands_interface,
    commands_ipsec,
    commands_nqa,
    commands_route,
    commands_services,
    commands_system,
)
from twinspan.wire.comware.command import Language, parents_of

COMMANDS = (
    *commands_system.COMMANDS,
    *commands_display.COMMANDS,
    *commands_access.COMMANDS,
    *commands_cloud.COMMANDS,
    *commands_interface.COMMANDS,
    *commands_ike.COMMANDS,
    *commands_ipsec.COMMANDS,
    *commands_nqa.COMMANDS,
    *commands_route.COMMANDS,
    *commands_bgp.COMMANDS,
    *commands_failover.COMMANDS,
    *commands_services.COMMANDS,
)

LANGUAGE = Language(COMMANDS, parents_of(COMMANDS))
