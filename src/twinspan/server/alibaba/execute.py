"""Carry out one action: decide in `wire.alibaba`, do it through the resource service, answer.

In: an actor, an action, its parameters. Out: the body of the answer, or a `Fault`. Next: `door.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twinspan.model.errors import Rejected, Retryable
from twinspan.model.resource import Actor, Resource
from twinspan.server.alibaba.view import Question, ServiceView
from twinspan.server.resources.error import ServiceError
from twinspan.server.resources.operations import Operations
from twinspan.server.resources.port import ReadView, StaleWrite
from twinspan.server.resources.service import Once
from twinspan.server.resources.writer import Writer
from twinspan.server.told import sentence
from twinspan.wire.alibaba.action import COMMON, PROTOCOL, Action, Batch, Done, Made, Plan, Step, writes
from twinspan.wire.alibaba.decide import decide
from twinspan.wire.alibaba.fault import DRY_RUN, Fault
from twinspan.wire.alibaba.refusals import fault_of
from twinspan.wire.alibaba.shape import Shape
from twinspan.wire.alibaba.table import ABSENT

Body = dict[str, Any]
_FORBIDDEN = Fault(
    code="Forbidden.RAM",
    status=403,
    message="Only the provider may do this (use an access key with the role administrator).",
)


class _Refused(Exception):
    """Undoes a unit of work that came to a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault


class Executor:
    """One per worker."""

    def __init__(self, writer: Writer, region: str, names: Callable[[], Iterable[str]]) -> None:
        """`names`: the accounts there are."""
        self._writer, self._region, self._names = writer, region, names

    async def execute(self, action: Action, parameters: Mapping[str, Any], actor: Actor, now_ns: int) -> Body | Fault:
        """One action. Never raises for what a client did."""
        if action.administrator and actor.role != "administrator":
            return _FORBIDDEN
        try:
            if writes(action):
                return await self._changed(action, parameters, actor)
            answer = await self._writer.ask(lambda: self._answered(action, parameters, actor, now_ns))
        except _Refused as refused:
            return refused.fault
        except ServiceError as error:
            return _joined([fault_of(one, error.why, _shape(action), ABSENT) for one in error.refusals])
        except StaleWrite as error:
            return Fault(code="OperationConflict", status=409, message=f"{error} by now (ask again).")
        except Retryable as error:
            busy = f"{sentence(error)}."
            return Fault(code="ServiceUnavailable", status=503, message=busy, retry_after_s=error.delay_s)
        except Rejected as error:
            return Fault(code="OperationDenied", message=f"{sentence(error)}.")
        return DRY_RUN if _is_dry(parameters) and not isinstance(answer, Fault) else answer

    # ------------------------------------------------------------------------------------------------- reading

    def _answered(self, action: Action, parameters: Mapping[str, Any], actor: Actor, now_ns: int) -> Body | Fault:
        def ask(stored: ReadView) -> Body | Fault:
            view = ServiceView(Question(stored, actor, now_ns), stored, actor, self._region, now_ns, self._names)
            plan = decide(action, parameters, view)
            return plan if isinstance(plan, Fault) else plan.reply((), view)  # a question has no steps

        return self._writer.service.store.read(ask)

    # ------------------------------------------------------------------------------------------------ changing

    async def _changed(self, action: Action, parameters: Mapping[str, Any], actor: Actor) -> Body | Fault:
        def work(tx: Operations) -> Body:
            view = ServiceView(tx, tx.work, actor, self._region, tx.now_ns, self._names)
            plan = decide(action, parameters, view)
            if isinstance(plan, Fault):
                raise _Refused(plan)
            answer = _each(plan, tx, view, _shape(action)) if isinstance(plan, Batch) else _carried_out(plan, tx, view)
            if isinstance(answer, Fault):
                raise _Refused(answer)
            return answer

        dry_run = _is_dry(parameters)
        token = parameters.get("ClientToken") or parameters.get("Token")
        once = None if not token or dry_run else Once(key=str(token), request=_asked(action, parameters))
        answer = await self._writer.run(actor, work, dry_run=dry_run, once=once)
        return DRY_RUN if dry_run else answer


def _carried_out(plan: Plan, tx: Operations, view: ServiceView) -> Body | Fault:
    done: Done = ()
    for step in plan.steps:
        done += (_step(step, tx, done),)
    if plan.then is not None:
        for step in plan.then(done, view):
            done += (_step(step, tx, done),)
    return plan.reply(done, view)


def _each(batch: Batch, tx: Operations, view: ServiceView, of: Shape | None) -> Body:
    results: list[Resource | Fault] = []
    for step in batch.steps:
        try:
            results.append(_step(step, tx, ()))
        except ServiceError as error:  # before anything was written
            results.append(_joined([fault_of(one, error.why, of, ABSENT) for one in error.refusals]))
    return batch.reply(tuple(results), view)


def _step(step: Step, tx: Operations, done: Done) -> Resource:
    spec = {name: _with_ids(part, done) for name, part in step.spec.items()}
    tx = tx.for_account(step.account) if step.account else tx
    if step.verb == "create":
        return tx.create(step.kind, spec, name=step.name)
    if step.verb == "patch":
        return tx.patch(step.kind, step.id, spec)
    if step.verb == "delete":
        return tx.delete(step.kind, step.id)
    return tx.perform(step.kind, step.id, step.verb, spec)


def _with_ids(part: Any, done: Done) -> Any:
    """What was made has an id by now."""
    if isinstance(part, Made):
        return done[part.step].id
    if isinstance(part, dict):
        return {name: _with_ids(inner, done) for name, inner in part.items()}
    return [_with_ids(inner, done) for inner in part] if isinstance(part, list) else part


def _is_dry(parameters: Mapping[str, Any]) -> bool:
    return str(parameters.get("DryRun", "")).lower() == "true"


def _asked(action: Action, parameters: Mapping[str, Any]) -> list[Any]:
    """What makes two requests the same: neither signature nor token."""
    asked = {name: value for name, value in parameters.items() if name not in PROTOCOL and name not in COMMON}
    return [action.name, asked]


def _shape(action: Action) -> Shape | None:
    return getattr(action.does, "shape", None)


def _joined(faults: list[Fault]) -> Fault:
    """Everything that is wrong, under the code of the first."""
    if len(faults) == 1:
        return faults[0]
    first = faults[0]
    return Fault(
        code=first.code,
        status=first.status,
        message=" ".join(fault.message for fault in faults),
        retry_after_s=first.retry_after_s,
    )
