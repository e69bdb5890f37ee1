"""What a request comes to: the parameters of a row read, and a plan made of them.

One function per form of row, no function per action. In: an action, nested parameters, a view. Out: a `Plan`, or a
`Fault`. Next: `server.alibaba.execute` carries the plan out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba import listing
from twinspan.wire.alibaba.action import (
    COMMON,
    PROTOCOL,
    Action,
    Batch,
    Call,
    Compose,
    Compute,
    Create,
    Delete,
    Done,
    Get,
    List,
    Parameters,
    Perform,
    Plan,
    Prepared,
    Step,
    Update,
    parameters_of,
)
from twinspan.wire.alibaba.fault import Fault, malformed, missing, not_found, shown
from twinspan.wire.alibaba.shape import Shape, item, read_tags
from twinspan.wire.alibaba.spelling import Spelling, put
from twinspan.wire.alibaba.view import View


def decide(action: Action, parameters: Parameters, view: View) -> Plan | Batch | Fault:
    """The plan of one request."""
    fault = _admitted(action, parameters, view)
    if fault is not None:
        return fault
    call = Call(action=action, parameters=parameters)
    does = action.does
    if isinstance(does, Create):
        return _create(does, call, view)
    if isinstance(does, List):
        return listing.plan(does, call, view)
    if isinstance(does, Compute | Compose):
        return _computed(does, call, view)
    return _with_one(does, call, view)


def _with_one(does: Get | Update | Delete | Perform, call: Call, view: View) -> Plan | Fault:
    """What is done with one resource that is there."""
    found = _found(does, call, view)
    if isinstance(found, Fault):
        return found
    if isinstance(does, Get):
        return _get(does, found)
    if isinstance(does, Update):
        return _update(does, found, call, view)
    if isinstance(does, Delete):
        first = does.before(found, view) if does.before is not None else ()
        return Plan(steps=(*first, Step(verb="delete", kind=found.kind, id=found.id)), reply=_nothing)
    then = does.then
    return Plan(
        steps=(Step(verb=does.verb, kind=found.kind, id=found.id),),
        then=(lambda done, view: then(done[0], view)) if then else None,
        reply=_nothing,
    )


def _admitted(action: Action, parameters: Parameters, view: View) -> Fault | None:
    """Whether every parameter is one of the action's, and none is missing."""
    known = parameters_of(action)
    for name in parameters:
        if name not in known and name not in COMMON and name not in PROTOCOL and name not in action.ignored:
            reason = action.refused.get(name, f"its parameters are {', '.join(sorted(known))}")
            return Fault(
                code="UnsupportedParameter",
                message=f"{action.name} takes no parameter {shown(name)} here: {reason} (leave it out).",
            )
    for name in (*(("RegionId",) if action.region else ()), *action.needs):
        if parameters.get(name) in (None, ""):
            return missing(name)
    region = parameters.get("RegionId", view.region)
    if region != view.region:
        return Fault(
            code="InvalidRegionId.NotFound",
            status=404,
            message=f"RegionId: {shown(region)} is not here (this server is the region {view.region}).",
        )
    return None


# ------------------------------------------------------------------------------------------------------ rows


def _create(does: Create, call: Call, view: View) -> Plan | Fault:
    of = does.shape
    spec = read_fields(of.spellings, call.parameters)
    if isinstance(spec, Fault):
        return spec
    if of.tags and of.tags in call.parameters:
        tags = read_tags(of.tags, call.parameters[of.tags])
        if isinstance(tags, Fault):
            return tags
        spec["tags"] = tags
    ready = does.prepare(spec, call, view) if does.prepare is not None else spec
    if isinstance(ready, Fault):
        return ready
    name = _name(of, call)
    if isinstance(name, Fault):
        return name
    prepared = ready if isinstance(ready, Prepared) else Prepared(spec=ready, first=())
    step = Step(verb="create", kind=of.kind, name=name or "", spec=prepared.spec)
    then, own = does.then, len(prepared.first)

    def reply(done: Done, view: View) -> dict[str, Any]:
        more = _chosen(item(of, done[own], view), does.replies) if does.replies else {}
        return {of.id: done[own].id, **more} if of.id else more

    return Plan(
        steps=(*prepared.first, step),
        then=(lambda done, view: then(done[own], view)) if then else None,
        reply=reply,
    )


def _get(does: Get, found: Resource) -> Plan:
    def reply(_: Done, view: View) -> dict[str, Any]:
        shown_item = item(does.shape, found, view)
        if not does.into:
            return shown_item
        answer: dict[str, Any] = {}
        put(answer, does.into, shown_item)
        return answer

    return Plan(reply=reply)


def _update(does: Update, found: Resource, call: Call, view: View) -> Plan | Fault:
    of = does.shape
    spec = read_fields(of.spellings if does.spellings is None else does.spellings, call.parameters)
    if isinstance(spec, Fault):
        return spec
    ready = does.prepare(spec, call, view) if does.prepare is not None else spec
    if isinstance(ready, Fault):
        return ready
    prepared = ready if isinstance(ready, Prepared) else Prepared(spec=ready, first=())
    name = _name(of, call)
    if isinstance(name, Fault):
        return name
    merge: dict[str, Any] = {"spec": prepared.spec} if prepared.spec else {}
    if name is not None:
        merge["name"] = name

    def reply(done: Done, view: View) -> dict[str, Any]:
        return _chosen(item(of, done[-1], view), does.replies) if does.replies else {}

    return Plan(steps=(*prepared.first, Step(verb="patch", kind=found.kind, id=found.id, spec=merge)), reply=reply)


def _computed(does: Compute | Compose, call: Call, view: View) -> Plan | Batch | Fault:
    given = read_fields(does.reads, call.parameters)
    if isinstance(given, Fault):
        return given
    if isinstance(does, Compose):
        return does.plan(given, view)
    answer = does.answer(given, view)
    return answer if isinstance(answer, Fault) else Plan(reply=lambda _, __: answer)


# ------------------------------------------------------------------------------------------------------ parts


def read_fields(spellings: Sequence[Spelling], parameters: Parameters) -> dict[str, Any] | Fault:
    """The fields that the parameters set, by name."""
    found: dict[str, Any] = {}
    for spelling in spellings:
        if not spelling.parameter or spelling.parameter not in parameters:
            continue
        value = spelling.taken(parameters[spelling.parameter])
        if isinstance(value, Fault):
            return value
        found.update({spelling.field: value} if spelling.field else value)
    return found


def by_id(of: Shape, parameter: str, resource_id: object, view: View) -> Resource | Fault:
    """A resource whose id a parameter gives."""
    if not resource_id:
        return missing(parameter)
    if not isinstance(resource_id, str):
        return malformed(parameter, "it is a list or a structure", "write one id")
    found = view.get(of.kind, resource_id)
    return found if found is not None else not_found(of.absent, of.label, resource_id)


def _found(does: Get | Update | Delete | Perform, call: Call, view: View) -> Resource | Fault:
    if does.find is not None:
        return does.find(call, view)
    parameter = getattr(does, "id", "") or does.shape.id
    return by_id(does.shape, parameter, call.parameters.get(parameter), view)


def _name(of: Shape, call: Call) -> str | Fault | None:
    """None: it is not given."""
    if not of.name or of.name not in call.parameters:
        return None
    name = call.parameters[of.name]
    return name if isinstance(name, str) else malformed(of.name, "it is a list or a structure", "write one text")


def _chosen(whole: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: whole[name] for name in names if name in whole}


def _nothing(_: Done, __: View) -> dict[str, Any]:
    return {}
