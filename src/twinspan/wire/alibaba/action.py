"""The row of a table that says what one action of the compatible API does here.

How to write a row::

    VBR = shape("VirtualBorderRouter", id="VbrId", absent="InvalidVbrId.NotFound", tags="Tags", ...)   # once per kind

    ACTIONS = (
        Action(name="CreateVirtualBorderRouter", does=Create(VBR), needs=("PhysicalConnectionId", "VlanId")),
        Action(name="DescribeVirtualBorderRouters",
               does=List(VBR, into="VirtualBorderRouterSet.VirtualBorderRouterType", keys={"VbrId": by_id()})),
        Action(name="ModifyVirtualBorderRouterAttribute", does=Update(VBR)),
        Action(name="TerminateVirtualBorderRouter", does=Perform(VBR, "terminate")),
        Action(name="DeleteVirtualBorderRouter", does=Delete(VBR)),
    )

- The **shape** gives parameters and answers; most follow from `api=` in the model. Only what differs is written.
- **needs**: parameters without which the action answers MissingParameter. A field that a site file fills by itself
  (`filled=`) but the cloud demands must stand here. RegionId is needed where the SDK says so: `region=True` (default).
- **ignored**: parameters that are accepted and change nothing, each with the reason, which the reference page shows.
- **refused**: parameters that the cloud has and that cannot be done here, with the reason. Anything else is refused,
  too: nobody shall believe that something was done. A test compares all of them with the SDK's request models.
- **reads** and **never**: parameters that a `prepare` reads, and those of the shape that this action has not.
- **does**: one of the structs below. `Compute` answers a question by a small named function, `Compose` plans changes by
  one; neither parses text: what they read are spellings, too. The first line of such a function's
  docstring is `NameOfAction: what it does.`, which the reference page shows.
- A table is a tuple called `ACTIONS` in the module of the noun; `table.py` joins them. `version` is the product's.

In: shapes. Out: `Action`s. Next: `decide.py`, which carries a row out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from twinspan.model.field_plan import fields_of
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.shape import Shape
from twinspan.wire.alibaba.spelling import Spelling
from twinspan.wire.alibaba.view import Selection, View

VPC = "2016-04-28"
CBN = "2017-09-12"
ECD = "2020-09-30"
EDS_USER = "2021-03-08"
PRODUCTS = {VPC: "Vpc", CBN: "Cbn", ECD: "ecd", EDS_USER: "eds-user"}
"""Version to product."""

Parameters = Mapping[str, Any]
"""Nested: see `parameters.nested`."""


class Call(Struct, frozen=True, kw_only=True):
    """One request whose parameters are known to be those of the action."""

    action: Action
    parameters: Parameters

    def text(self, name: str) -> str:
        """A parameter that is one text; empty if it is not given."""
        value = self.parameters.get(name, "")
        return value if isinstance(value, str) else ""


# ------------------------------------------------------------------------------------------------------ plans


class Step(Struct, frozen=True, kw_only=True):
    """One change, as the resource service takes it."""

    verb: str
    """create, patch, delete, or what is performed."""
    kind: str
    id: str = ""
    """Empty with create."""
    name: str = ""
    """With create."""
    spec: Mapping[str, Any] = {}
    """create: the spec. patch: a merge patch of name and spec. Else: arguments. A `Made` in it stands for an id."""
    account: str = ""
    """Whose resource it is, for a row that knows that this account agrees; empty: the caller's."""


class Made(Struct, frozen=True):
    """In the spec of a step: the id of what an earlier step of the plan has made."""

    step: int
    """Counted from 0."""


Done = tuple[Resource, ...]
"""The resources that the steps of a plan have come to, in order."""


class Plan(Struct, frozen=True, kw_only=True):
    """Steps that happen together or not at all, then the answer."""

    steps: tuple[Step, ...] = ()
    then: Callable[[Done, View], tuple[Step, ...]] | None = None
    """More steps, when the ids of what was made are known."""
    reply: Callable[[Done, View], dict[str, Any] | Fault]
    """The body of the answer without RequestId. `Done` has the first steps and the later ones."""


class Batch(Struct, frozen=True, kw_only=True):
    """Steps of which each happens or not, whatever becomes of the others, then the answer."""

    steps: tuple[Step, ...]
    reply: Callable[[tuple[Resource | Fault, ...], View], dict[str, Any]]
    """One outcome per step, in order."""


# ------------------------------------------------------------------------------------------------------ what a row does

Find = Callable[[Call, View], Resource | Fault]
"""The resource that a request means, where no id says it."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A spec, and what must come into being before it."""

    spec: dict[str, Any]
    """Mentions what `first` makes by `Made`."""
    first: tuple[Step, ...]


Prepare = Callable[[dict[str, Any], Call, View], dict[str, Any] | Prepared | Fault]
"""A last look at the plain spec (create) or the patch of it (update) before the service gets it."""


class Create(Struct, frozen=True):
    """A new resource."""

    shape: Shape
    replies: tuple[str, ...] = ()
    """Parts of the item that the answer has beside the id."""
    prepare: Prepare | None = None
    then: Callable[[Resource, View], tuple[Step, ...]] | None = None
    """What comes into being with it."""


class Get(Struct, frozen=True):
    """One resource by its id."""

    shape: Shape
    into: str = ""
    """Where the answer has it; empty: at the top."""
    find: Find | None = None
    found_by: tuple[str, ...] = ()
    """Parameters that `find` reads."""


class Filter(Struct, frozen=True):
    """What one parameter of a list means. One of the two is set."""

    choose: Callable[[Selection, tuple[str, ...]], Selection] | None = None
    """Asks the store for less."""
    keep: Callable[[Resource, tuple[str, ...], View], bool] | None = None
    """Looks at each resource."""


class List(Struct, frozen=True):
    """Resources, a page at a time."""

    shape: Shape
    into: str
    """Where the answer has the list: Vpcs.Vpc."""
    by: Mapping[str, Filter] = {}
    """Parameters that choose."""
    keys: Mapping[str, Filter] = {}
    """Keys of Filter.N.Key that choose."""
    paging: Literal["pages", "tokens"] = "pages"
    max_size: int = 50
    only: Callable[[Resource], bool] | None = None
    """Which resources of the kind it is about at all."""
    also: Mapping[str, Any] = {}
    """Further parts of the answer, the same each time."""
    limit_parameter: str = "MaxResults"
    """With tokens."""
    limit_told: bool = True
    """Whether answers repeat it."""
    tags: str | None = None
    """Parameter of tags that choose, where it is not the shape's; empty: there is none."""


class Update(Struct, frozen=True):
    """Change a resource. What is not given stays; what cannot change later is no parameter."""

    shape: Shape
    id: str = ""
    """Parameter with the id; empty: the shape's."""
    find: Find | None = None
    found_by: tuple[str, ...] = ()
    """Parameters that `find` reads; they change nothing."""
    spellings: tuple[Spelling, ...] | None = None
    """What can be changed, where it is less or otherwise than in the shape."""
    prepare: Prepare | None = None
    replies: tuple[str, ...] = ()


class Delete(Struct, frozen=True):
    """A resource goes."""

    shape: Shape
    id: str = ""
    find: Find | None = None
    found_by: tuple[str, ...] = ()
    before: Callable[[Resource, View], tuple[Step, ...]] | None = None
    """What goes with it, first."""


class Perform(Struct, frozen=True):
    """Something that a kind has a verb for."""

    shape: Shape
    verb: str
    id: str = ""
    find: Find | None = None
    found_by: tuple[str, ...] = ()
    then: Callable[[Resource, View], tuple[Step, ...]] | None = None
    """What comes into being by it."""


class Compute(Struct, frozen=True):
    """An answer that is made, not stored."""

    reads: tuple[Spelling, ...]
    """Its parameters; `field` is the key under which the function gets the value."""
    answer: Callable[[dict[str, Any], View], dict[str, Any] | Fault]


class Compose(Struct, frozen=True):
    """Several changes, or one that is none of the above."""

    reads: tuple[Spelling, ...]
    plan: Callable[[dict[str, Any], View], Plan | Batch | Fault]
    shape: Shape | None = None
    """Whose names faults use."""


Does = Create | Get | List | Update | Delete | Perform | Compute | Compose


class Action(Struct, frozen=True, kw_only=True, eq=False):
    """One row."""

    name: str
    does: Does
    version: str = VPC
    needs: tuple[str, ...] = ()
    ignored: Mapping[str, str] = {}
    """Parameter to reason."""
    refused: Mapping[str, str] = {}
    """Parameters that the cloud has and that are not done here, with the reason."""
    reads: tuple[str, ...] = ()
    """Parameters that a `prepare` reads and no spelling has."""
    never: tuple[str, ...] = ()
    """Parameters that the shape has and this action has not."""
    ours: bool = False
    """The cloud's SDKs do not have it: it is called by name."""
    region: bool = True
    """Whether RegionId must be given."""
    administrator: bool = False
    """Only the provider may (the role administrator)."""


COMMON: Mapping[str, str] = {
    "RegionId": "this server is one region; another one is refused",
    "OwnerId": "the access key says whose resources they are",
    "OwnerAccount": "the access key says whose resources they are",
    "ResourceOwnerId": "the access key says whose resources they are",
    "ResourceOwnerAccount": "the access key says whose resources they are",
    "AcceptLanguage": "texts are in English",
    "ClientToken": "the same token within 24 hours gives the same answer and changes nothing twice",
    "Token": "as ClientToken",
    "DryRun": "everything is decided and nothing changed",
}
"""Parameters that every action takes."""

PROTOCOL = frozenset({
    "Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce",
    "Timestamp", "SignatureType", "SecurityToken",
})  # fmt: skip
"""Parameters that are about the request itself."""


def writes(action: Action) -> bool:
    """Whether it changes anything."""
    return not isinstance(action.does, Get | List | Compute)


@functools.cache
def parameters_of(action: Action) -> frozenset[str]:
    """Every parameter that the action takes and does something with."""
    return (_of_row(action) | frozenset(action.reads)) - frozenset(action.never)


def _of_row(action: Action) -> frozenset[str]:
    does = action.does
    if isinstance(does, Compute | Compose):
        return frozenset(spelling.parameter for spelling in does.reads)
    of = does.shape
    if isinstance(does, List):
        paging = {"PageNumber", "PageSize"} if does.paging == "pages" else {"NextToken", does.limit_parameter}
        group = {"ResourceGroupId"} if any(spelling.field == "resource_group" for spelling in of.spellings) else set()
        tags = set(filter(None, (of.tags if does.tags is None else does.tags,)))
        return frozenset({*does.by, *paging, *group, *tags, *(("Filter",) if does.keys else ())})
    if isinstance(does, Create):
        spelled = {spelling.parameter for spelling in of.spellings if spelling.parameter}
        return frozenset({*spelled, *filter(None, (of.name, of.tags))})
    found = frozenset(does.found_by) if does.find else frozenset({getattr(does, "id", "") or of.id})
    if isinstance(does, Update):
        fields = fields_of(STORED_KINDS[of.kind].spec)
        fixed = {name for name, field in fields.items() if field.extra.get("immutable")}
        spellings = of.spellings if does.spellings is None else does.spellings
        name = {of.name} if of.name else set()
        return found | {one.parameter for one in spellings if one.parameter and one.field not in fixed} | name
    return found
