"""All commands of the device, in the order in which `?` and a saved text know them.

In: the lists of the `commands_*` modules. Out: `LANGUAGE`. Next: `resolving.py`.
"""

from __future__ import annotations

from twinspan.wire.comware import commands_access, commands_cloud, commands_system
from twinspan.wire.comware.command import Language, parents_of

_COMMANDS = (*commands_system.COMMANDS, *commands_access.COMMANDS, *commands_cloud.COMMANDS)

LANGUAGE = Language(_COMMANDS, parents_of(_COMMANDS))
