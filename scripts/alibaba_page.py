"""The reference page of the compatible API: what each action does here, made from the tables of actions.

In: `twinspan.wire.alibaba.table`. Out: Markdown. Next: `generate_reference.py` writes it.
"""

from twinspan.model.kinds import STORED_KINDS
from twinspan.wire.alibaba.action import (
    COMMON,
    PRODUCTS,
    Action,
    Compose,
    Compute,
    Create,
    Delete,
    Get,
    List,
    Perform,
    Update,
    parameters_of,
)
from twinspan.wire.alibaba.listing import DEFAULT_SIZE, DEFAULT_TOKEN_SIZE
from twinspan.wire.alibaba.signature import WINDOW_S
from twinspan.wire.alibaba.table import ACTIONS

INTRODUCTION = f"""# The compatible API

`twinspan server` answers the SDKs of the seed's cloud at the path `/`: RPC style, signed with ACS3-HMAC-SHA256 or with
the older signature (SignatureVersion 1.0). [How to](../how-to/alibaba-sdk.md) points an SDK at it. Every action below
is called by the cloud's own SDK in a test, and every answer is compared with the SDK's model.

- A request's time is within {WINDOW_S // 60} minutes of the server's, and its nonce is new.
- Parameters are those of the SDK. What has no effect here is accepted and listed as ignored, with the reason; what the
  cloud has and cannot be done here is refused, with the reason.
- Lists have pages: `PageNumber` from 1 and `PageSize` (default {DEFAULT_SIZE}), or `NextToken` and `MaxResults`
  (default {DEFAULT_TOKEN_SIZE}).
- An error is `RequestId`, `HostId`, `Code`, `Message`, `Recommend`; the message ends with the way out.
- What is created, changed or deleted is on its way for a moment where the cloud shows a status for it; callers poll.

## Parameters of every action

| parameter | what it does here |
|---|---|
"""


def alibaba_page(made: str) -> str:
    """The page; `made`: the note that it is made."""
    common = "\n".join(f"| `{name}` | {reason} |" for name, reason in COMMON.items())
    parts = [f"{made}\n{INTRODUCTION}{common}\n"]
    for version, product in PRODUCTS.items():
        actions = [action for action in ACTIONS.values() if action.version == version]
        if actions:
            parts.append(f"\n## {product} {version}\n\n{_table(actions)}{_notes(actions)}")
    return "".join(parts)


def _table(actions: list[Action]) -> str:
    rows = "\n".join(
        f"| `{action.name}` | {_does(action)} | {_names(_needed(action))} | {_names(_optional(action))} |"
        for action in actions
    )
    return f"| action | what it does here | needs | takes |\n|---|---|---|---|\n{rows}\n"


def _does(action: Action) -> str:
    does = action.does
    if isinstance(does, Compute):
        text = _told(does.answer)
    elif isinstance(does, Compose):
        text = _told(does.plan)
    else:
        label = STORED_KINDS[does.shape.kind].label
        words = {Create: "creates", Get: "shows", List: "lists", Delete: "deletes"}
        verb = f"does `{does.verb}` to" if isinstance(does, Perform) else words.get(type(does), "changes")
        text = f"{verb} {label}"
    notes = " (the provider's)" if action.administrator else ""
    return text + notes + (" (not in the SDK)" if action.ours else "")


def _told(function: object) -> str:
    """The first sentence of a docstring, without the action's name before it."""
    line = (getattr(function, "__doc__", "") or "").strip().partition("\n")[0]
    _, colon, rest = line.partition(": ")
    return (rest if colon else line).partition(". ")[0].rstrip(".") or "does several things in one step"


def _needed(action: Action) -> list[str]:
    """With the id of what it is about."""
    does, own_id = action.does, []
    if isinstance(does, Get | Update | Delete | Perform) and does.find is None:
        own_id = [getattr(does, "id", "") or does.shape.id]
    return sorted({*action.needs, *own_id, *(["RegionId"] if action.region else [])})


def _optional(action: Action) -> list[str]:
    return sorted(parameters_of(action) - set(_needed(action)))


def _names(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def _notes(actions: list[Action]) -> str:
    rows = [
        f"| `{action.name}` | `{name}` | {how} | {reason} |"
        for action in actions
        for how, given in (("ignored", action.ignored), ("refused", action.refused))
        for name, reason in given.items()
    ]
    if not rows:
        return ""
    head = "| action | parameter | here | why |\n|---|---|---|---|\n"
    return f"\nParameters without effect, and those that are refused:\n\n{head}" + "\n".join(rows) + "\n"
