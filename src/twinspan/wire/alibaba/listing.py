"""Lists: which resources, which page, and the answer around them.

Pages by number (PageNumber, PageSize, TotalCount) or by token (NextToken, MaxResults). What the store can choose it
chooses; a filter that it cannot is applied to all resources of the kind that are left.

In: a `List` row, a call. Out: a `Plan`. Next: `decide.py`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import msgspec
from msgspec.structs import replace

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Call, Done, Filter, List, Plan
from twinspan.wire.alibaba.fault import Fault, malformed, missing, shown
from twinspan.wire.alibaba.shape import item, read_tags
from twinspan.wire.alibaba.spelling import Wrong, comma_list, put, spelled, whole
from twinspan.wire.alibaba.view import Selected, Selection, View

DEFAULT_SIZE = 10
DEFAULT_TOKEN_SIZE = 20
EVERYTHING = 1_000_000
MAX_FILTERS = 5


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Which page was asked for."""

    limit: int
    offset: int = 0
    after: tuple[str, str] | None = None
    number: int = 1


Kept = list[tuple[Callable[[Resource, tuple[str, ...], View], bool], tuple[str, ...]]]


# ------------------------------------------------------------------------------------------------------ filters


def by_ids() -> Filter:
    """The ids themselves, commas between them."""
    return Filter(choose=lambda selection, values: replace(selection, ids=values))


def by_name() -> Filter:
    """The exact name."""
    return Filter(choose=lambda selection, values: replace(selection, name=values[0]))


def by_reference() -> Filter:
    """Those that mention the id."""
    return Filter(choose=lambda selection, values: replace(selection, refers_to=(*selection.refers_to, values[0])))


def where(tell: Callable[[Resource, View], str]) -> Filter:
    """Those of which `tell` says one of the values; upper and lower case are the same."""

    def keep(resource: Resource, values: tuple[str, ...], view: View) -> bool:
        return tell(resource, view).lower() in {value.lower() for value in values}

    return Filter(keep=keep)


def anything() -> Filter:
    """True of every resource here: a filter that has nothing to choose between."""
    return Filter(keep=lambda _, __, ___: True)


# ------------------------------------------------------------------------------------------------------ made lists

PAGES = (spelled("page_number", "PageNumber", whole), spelled("page_size", "PageSize", whole))
"""What a `Compute` reads whose answer is a list with pages."""
TOKENS = (spelled("next_token", "NextToken"), spelled("max_results", "MaxResults", whole))
"""What a `Compute` reads whose answer is a list with tokens."""


def paged(rows: Sequence[Any], given: Mapping[str, Any], into: str, most: int = 50) -> dict[str, Any] | Fault:
    """A page by number of rows that were made."""
    number = _within("PageNumber", given.get("page_number", 1), EVERYTHING)
    size = _within("PageSize", given.get("page_size", DEFAULT_SIZE), most)
    if isinstance(number, Fault):
        return number
    if isinstance(size, Fault):
        return size
    answer: dict[str, Any] = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
    put(answer, into, list(rows[(number - 1) * size : number * size]))
    return answer


def tokened(rows: Sequence[Any], given: Mapping[str, Any], into: str, most: int = 100) -> dict[str, Any] | Fault:
    """A page by token of rows that were made."""
    size = _within("MaxResults", given.get("max_results", min(DEFAULT_TOKEN_SIZE, most)), most)
    after = read_token(given.get("next_token"))
    if isinstance(size, Fault):
        return size
    if isinstance(after, Fault):
        return after
    start = int(after[0]) if _is_offset(after) else 0
    end = start + size
    token = token_of((str(end), "")) if end < len(rows) else ""
    answer: dict[str, Any] = {"TotalCount": len(rows), "MaxResults": size, "NextToken": token}
    put(answer, into, list(rows[start:end]))
    return answer


# ------------------------------------------------------------------------------------------------------ the plan


def plan(does: List, call: Call, view: View) -> Plan | Fault:
    """The plan of a list."""
    cut = _cut(does, call)
    if isinstance(cut, Fault):
        return cut
    chosen = _chosen(does, call)
    if isinstance(chosen, Fault):
        return chosen
    selection, kept = chosen
    if does.only is not None:
        only = does.only
        kept.append((lambda resource, _, __: only(resource), ()))
    page = _page(selection, kept, cut, view)

    def reply(_: Done, view: View) -> dict[str, Any]:
        answer: dict[str, Any] = dict(does.also)
        put(answer, does.into, [item(does.shape, resource, view) for resource in page.resources])
        return answer | _around(does, cut, page)

    return Plan(reply=reply)


def _page(selection: Selection, kept: Kept, cut: Cut, view: View) -> Selected:
    if not kept:
        return view.select(replace(selection, limit=cut.limit, offset=cut.offset, after=cut.after))
    every = view.select(selection).resources
    fit = [one for one in every if all(keep(one, values, view) for keep, values in kept)]
    offset = int(cut.after[0]) if _is_offset(cut.after) else cut.offset
    end = offset + cut.limit
    return Selected(resources=tuple(fit[offset:end]), total=len(fit), next=(str(end), "") if end < len(fit) else None)


def _is_offset(after: tuple[str, str] | None) -> TypeGuard[tuple[str, str]]:
    """A cursor of ours, not the store's: it names no resource."""
    return after is not None and not after[1] and after[0].isdecimal() and len(after[0]) < 10


def _around(does: List, cut: Cut, page: Selected) -> dict[str, Any]:
    if does.paging == "pages":
        return {"PageNumber": cut.number, "PageSize": cut.limit, "TotalCount": page.total}
    token = "" if page.next is None else token_of(page.next)
    told = {"MaxResults": cut.limit} if does.limit_told else {}
    return {"TotalCount": page.total, **told, "NextToken": token}


def _cut(does: List, call: Call) -> Cut | Fault:
    return page_asked(does, call) if does.paging == "pages" else token_asked(does, call)


def page_asked(does: List, call: Call) -> Cut | Fault:
    """PageNumber from 1, PageSize up to the action's most."""
    number = _number(call.parameters, "PageNumber", 1, EVERYTHING)
    size = _number(call.parameters, "PageSize", DEFAULT_SIZE, does.max_size)
    if isinstance(number, Fault):
        return number
    return size if isinstance(size, Fault) else Cut(limit=size, offset=(number - 1) * size, number=number)


def token_asked(does: List, call: Call) -> Cut | Fault:
    """NextToken from the answer before, MaxResults up to the action's most."""
    default = min(DEFAULT_TOKEN_SIZE, does.max_size)
    size = _number(call.parameters, does.limit_parameter, default, does.max_size)
    if isinstance(size, Fault):
        return size
    after = read_token(call.parameters.get("NextToken", ""))
    return after if isinstance(after, Fault) else Cut(limit=size, after=after)


def token_of(after: tuple[str, str]) -> str:
    """A cursor as clients hand it back."""
    return base64.urlsafe_b64encode(msgspec.json.encode(after)).decode()


def read_token(text: object) -> tuple[str, str] | Fault | None:
    """A cursor that came back; None: the first page."""
    if not text:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(str(text)), type=tuple[str, str])
    except ValueError:
        return malformed("NextToken", f"{shown(text)} is not one of ours", "send that of the answer before, or none")


def _number(parameters: Mapping[str, Any], name: str, default: int, most: int) -> int | Fault:
    value = whole(parameters.get(name, default) or default)
    return malformed(name, value.problem, value.remedy) if isinstance(value, Wrong) else _within(name, value, most)


def _within(name: str, value: int, most: int) -> int | Fault:
    return value if 1 <= value <= most else malformed(name, f"{value} is outside 1 to {most}", f"write 1 to {most}")


def _chosen(does: List, call: Call) -> tuple[Selection, Kept] | Fault:
    selection, kept = Selection(kind=does.shape.kind, limit=EVERYTHING), Kept()
    asked = [(name, choose, call.parameters[name]) for name, choose in does.by.items() if call.parameters.get(name)]
    by_key = _by_key(does, call)
    if isinstance(by_key, Fault):
        return by_key
    for name, filter_, value in (*asked, *by_key):
        values = comma_list(value)
        if isinstance(values, Wrong):
            return malformed(name, values.problem, values.remedy)
        if not values:
            continue
        if filter_.choose is not None:
            selection = filter_.choose(selection, tuple(values))
        elif filter_.keep is not None:
            kept.append((filter_.keep, tuple(values)))
    group = call.text("ResourceGroupId")
    tags = _tags(does.shape.tags if does.tags is None else does.tags, call)
    if isinstance(tags, Fault):
        return tags
    return replace(selection, resource_group=group, tags=tags), kept


def _by_key(does: List, call: Call) -> list[tuple[str, Filter, Any]] | Fault:
    """Filter.N.Key and Filter.N.Value.M."""
    given = call.parameters.get("Filter", [])
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given) or len(given) > MAX_FILTERS:
        return malformed("Filter", f"it is not a list of up to {MAX_FILTERS}", "write Filter.1.Key, Filter.1.Value.1")
    found = []
    for number, part in enumerate(given, 1):
        key = part.get("Key")
        filter_ = next((one for name, one in does.keys.items() if name.lower() == str(key).lower()), None)
        if filter_ is None:
            problem = f"{shown(key)} is not a key of this list"
            return malformed(f"Filter.{number}.Key", problem, f"the keys are {', '.join(does.keys)}")
        if not part.get("Value"):
            return missing(f"Filter.{number}.Value.1")
        found.append((f"Filter.{number}.Value", filter_, part["Value"]))
    return found


def _tags(parameter: str, call: Call) -> dict[str, str | None] | Fault:
    """A tag without a value asks for the key alone."""
    given = call.parameters.get(parameter) if parameter else None
    if given is None:
        return {}
    tags = read_tags(parameter, given)
    if isinstance(tags, Fault):
        return tags
    valued = {part["Key"] for part in given if "Value" in part}
    return {key: value if key in valued else None for key, value in tags.items()}
