"""The part of the admin API that sends commands to devices: /devices/{serial}/commands.

In: calls. Out: commands and their results. A command is on disk before it is sent; without a connection it waits for
one until its time is over. Next: `admin_accounts.py`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.commands import QueuedCommand
from twinspan.server.credentials import new_id
from twinspan.server.events import Event
from twinspan.server.problem import ProblemRaised, problem

MAX_WAIT_MS = 60_000
MAX_TTL_MS = 30 * 24 * 3600 * 1000


class NewCommand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command for a device."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9-]*$")]
    arguments: Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=4096)]], msgspec.Meta(max_length=32)] = {}
    ttl_ms: Annotated[int, msgspec.Meta(ge=1, le=MAX_TTL_MS)] = 30_000
    """So long from now it may begin; later it is not begun any more."""
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)] = 10_000
    """So long this request waits for the result; afterwards it is asked for by the command's id."""


async def run_command(call: Call) -> Result:
    """POST /devices/{serial}/commands: 200 with the result, or 202 if there is none yet"""
    serial, wish = call.device().serial, call.read(NewCommand)
    command = QueuedCommand(
        id=new_id(),
        serial=serial,
        name=wish.name,
        arguments=wish.arguments,
        account=call.principal.account,
        queued_at_ns=call.now_ns,
        expires_at_ns=call.now_ns + wish.ttl_ms * 1_000_000,
    )
    queue = call.office.commands
    queue.queue(command)
    detail = f"{wish.name}, by {call.principal.label}"
    account = call.principal.account
    call.office.events.note(Event(serial=serial, at_ns=call.now_ns, kind="command", detail=detail, account=account))
    await call.office.relay.deliver(command, wish.wait_ms / 1000)
    now = queue.find(serial, command.id) or command
    return Result(value=now, status=200 if now.outcome is not None else 202)


async def show_command(call: Call) -> Result:
    """GET /devices/{serial}/commands/{id}"""
    return Result(value=_command(call))


async def cancel_command(call: Call) -> Result:
    """DELETE /devices/{serial}/commands/{id}"""
    command = _command(call)
    if not call.office.commands.cancel(command.serial, command.id, call.now_ns):
        state = _command(call).state
        title = f"The command is {state} and cannot be cancelled"
        raise ProblemRaised(problem(409, "not-queued", title, remedy="only what was not sent yet can be taken back"))
    return Result(value=_command(call))


def _command(call: Call) -> QueuedCommand:
    found = call.office.commands.find(call.device().serial, call.names["id"])
    if found is None:
        title = "The device has no command with this id"
        raise ProblemRaised(problem(404, "no-such-command", title, field="id", remedy="results are kept for 30 days"))
    return found


ROUTES = (
    Route(method="POST", path="/devices/{serial}/commands", function=run_command),
    Route(method="GET", path="/devices/{serial}/commands/{id}", function=show_command),
    Route(method="DELETE", path="/devices/{serial}/commands/{id}", function=cancel_command),
)
