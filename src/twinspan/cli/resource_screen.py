"""How resources look in a terminal: a table, a page of one, the text that an editor gets.

In: answers of the native API. Out: text. Next: nothing; this is the edge.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import click
import msgspec
import yaml
from msgspec import Struct
from rich.table import Table
from rich.text import Text

from twinspan.cli.device_screen import console
from twinspan.model.kinds import STORED_KINDS, Kind

WIDTH = 200
"""A line of history is not broken."""


class Resource(Struct, frozen=True, kw_only=True):
    """A resource as the server shows it: keys in it are masked."""

    kind: str
    id: str
    account: str
    name: str
    site: str
    generation: int
    phase: str
    spec: dict[str, Any]
    status: dict[str, Any]
    created_ns: int
    updated_ns: int


class Use(Struct, frozen=True, kw_only=True):
    """Something that refers to it."""

    source_kind: str
    source_id: str
    field: str


class Change(Struct, frozen=True, kw_only=True):
    """A line of its history."""

    seq: int
    action: str
    generation: int
    at_ns: int
    by: str
    origin: str


def print_resources(kind: Kind, resources: Sequence[Resource], total: int) -> None:
    """One line each."""
    if not resources:
        click.echo(f"No {kind.label} here.")
        return
    table = Table("name", "id", "site", "phase", "seen", "generation", "changed", box=None, pad_edge=False)
    for one in resources:
        row = (one.name or "-", one.id, one.site or "-", one.phase, seen(one.status), str(one.generation),
               when(one.updated_ns))  # fmt: skip
        table.add_row(*(Text(text) for text in row))
    console().print(table)
    if total > len(resources):
        click.echo(f"{len(resources)} of {total}; give --limit for more.", err=True)


def print_resource(one: Resource, uses: Sequence[Use], history: Sequence[Change]) -> None:
    """Everything about one."""
    head = {"kind": one.kind, "id": one.id, "name": one.name, "site": one.site, "account": one.account,
            "phase": one.phase, "generation": one.generation,
            "created": when(one.created_ns), "changed": when(one.updated_ns)}  # fmt: skip
    page: dict[str, Any] = head | {
        "spec": one.spec,
        "status": one.status,
        "used by": [f"{STORED_KINDS[use.source_kind].label} {use.source_id} ({use.field})" for use in uses],
        "history": [line_of(change) for change in history],
    }
    click.echo(as_yaml(_without_gaps(page)), nl=False)


def _without_gaps(value: Any) -> Any:
    """What is empty says nothing."""
    if isinstance(value, dict):
        kept = {key: _without_gaps(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part not in ("", None, [], {})}
    return [_without_gaps(part) for part in value] if isinstance(value, list) else value


def line_of(change: Change) -> str:
    """One change, one line."""
    return f"{when(change.at_ns)}  generation {change.generation}  {change.action} by {change.by} ({change.origin})"


def editable(one: Resource) -> str:
    """What `edit` shows: name and spec. A mask means the key that is there."""
    head = (
        f"# {one.kind} {one.id}, generation {one.generation}. Save to change it; leave it as it is to change nothing.\n"
    )
    return head + as_yaml({"name": one.name, "spec": one.spec})


def as_yaml(value: Any) -> str:
    """Plain data as people read it."""
    plain = msgspec.to_builtins(value)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False)


def seen(status: dict[str, Any]) -> str:
    """The words of a status that matter most."""
    if status.get("problems"):
        return f"problems: {len(status['problems'])}"
    if "nodes" in status:
        late = sum(not node.get("converged") for node in status["nodes"].values())
        return f"{late} of {len(status['nodes'])} nodes not converged" if late else "converged"
    if "connections" in status:
        return f"{status.get('connections_up', 0)} of {status['connections']} up"
    words = [str(status[name]) for name in ("status", "bgp_state") if status.get(name)]
    if status.get("link_up") is False:
        words = ["link down"]
    if not words and "healthy" in status:
        words = ["healthy" if status["healthy"] else "not healthy"]
    return ", ".join(words) or "-"


def when(at_ns: int) -> str:
    """Local time, to the second."""
    return datetime.datetime.fromtimestamp(at_ns // 1_000_000_000).astimezone().isoformat(sep=" ", timespec="seconds")
