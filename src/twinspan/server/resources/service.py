"""The resource service: units of work on resources, for every door.

A unit is one operation or several that happen together or not at all, with an idempotency key it happens once however
often it is asked for, and a dry run decides everything and writes nothing. Every method may be called from any thread;
on the event loop the writer (`writer.py`) does it.

In: actors, operations. Out: resources, or a `ServiceError`, `StaleWrite`, `Retryable`. Next: `operations.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from twinspan.engine.lifecycle import settled
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.model.resource import DELETED, DELETING, Actor, Resource
from twinspan.model.secret import decode_hook, encode_hook
from twinspan.server.resources.checks import limits_of, may_write
from twinspan.server.resources.error import ServiceError
from twinspan.server.resources.lookup import Lookup, may_see
from twinspan.server.resources.operations import Operations, ServiceSettings
from twinspan.server.resources.port import Page, Query, Reference, Remembered, ResourceStore, Work
from twinspan.server.resources.spec_text import masked

T = TypeVar("T")
DEFAULTS = ServiceSettings()
PAGE = 500
"""Deleted resources that are cleared away at once."""
MAX_KEY_LENGTH = 64
"""Of an idempotency key: as the compatible API's ClientToken."""


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """A request that shall happen once: its key, and what it asks for."""

    key: str
    request: Any
    """JSON data; the same key with other data is a mistake."""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self.request, order="sorted")).hexdigest()


class _DryRun(Exception):
    """Undoes a unit of work that was only tried."""

    def __init__(self, answer: Any) -> None:
        super().__init__("dry run")
        self.answer = answer


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is remembered."""

    kind: str = ""
    resource: msgspec.Raw = msgspec.Raw(b"null")
    plain: Any = None


class ResourceService:
    def __init__(self, store: ResourceStore, clock: Callable[[], int], settings: ServiceSettings = DEFAULTS) -> None:
        """`clock`: nanoseconds of the wall clock."""
        self.store, self.clock, self.settings = store, clock, settings
        self._leaving: dict[str, int] = {}
        """Id to the end of its phase: what is deleted, and still in the store."""

    # ------------------------------------------------------------------------------------------- units of work

    def run(
        self, actor: Actor, work: Callable[[Operations], T], *, dry_run: bool = False, once: Once | None = None
    ) -> T:
        """Do `work` as one unit. With `once` it answers a Resource or JSON data."""
        return self.answer(self._tried(lambda: self.store.change(self.unit(actor, work, dry_run=dry_run, once=once))))

    def unit(
        self, actor: Actor, work: Callable[[Operations], T], *, dry_run: bool = False, once: Once | None = None
    ) -> Callable[[Work], T]:
        """`work` as the store takes it; what comes of it is for `answer`."""

        def do(stored: Work) -> T:
            now_ns = self.clock()
            if once is not None:
                may_write(actor)
                earlier = _recalled(stored, actor, once, now_ns)
                if earlier is not None:
                    return earlier.value  # type: ignore[no-any-return]
            operations = Operations(stored, actor, now_ns, self.settings)
            done = work(operations)
            if dry_run:
                raise _DryRun(done)
            self._leaving.update((gone.id, gone.phase_until_ns) for gone in operations.leaving)
            if once is not None:
                kept = Remembered(fingerprint=once.fingerprint, answer=_kept(done))
                stored.remember(actor.account, once.key, kept, now_ns)
            return done

        return do

    @staticmethod
    def answer(result: T | Exception) -> T:
        """What a unit of work has come to. Raises what it has raised, but for a dry run."""
        if isinstance(result, _DryRun):
            return result.answer  # type: ignore[no-any-return]
        if isinstance(result, Exception):
            raise result
        return result

    @staticmethod
    def _tried(work: Callable[[], T]) -> T | _DryRun:
        try:
            return work()
        except _DryRun as tried:
            return tried

    # ------------------------------------------------------------------------------------------ what is deleted

    def find_leaving(self) -> int:
        """Once at the start: what was being deleted when a server ended. How many there are."""
        for kind in STORED_KINDS:
            query: Query | None = Query(kind=kind, account=None, phase=DELETING, limit=PAGE)
            while query is not None:
                page = self.store.read(lambda view, query=query: view.list(query))  # type: ignore[misc]
                self._leaving.update((one.id, one.phase_until_ns) for one in page.resources)
                query = replace(query, after=page.next) if page.next is not None else None
        return len(self._leaving)

    def clear_away(self) -> int:
        """Take out of the store what was deleted and whose phase is over. How many; nobody sees them any more."""
        now_ns = self.clock()
        due = [one for one, until_ns in list(self._leaving.items()) if until_ns <= now_ns][:PAGE]
        if not due:
            return 0
        count = self.store.change(lambda work: sum(_cleared(work, one, now_ns) for one in due))
        for one in due:
            self._leaving.pop(one, None)
        return count

    # ---------------------------------------------------------------------------------------- single operations

    def create(  # noqa: PLR0913 - what may be said about one change, named
        self, actor: Actor, kind: str, plain_spec: dict[str, Any], *, name: str = "", site: str = "",
        dry_run: bool = False, key: str | None = None,
    ) -> Resource:  # fmt: skip
        """See Operations.create."""
        once = _once(key, ["create", kind, name, site, plain_spec])
        return self.run(actor, lambda tx: tx.create(kind, plain_spec, name=name, site=site), dry_run=dry_run, once=once)

    def patch(  # noqa: PLR0913 - what may be said about one change, named
        self, actor: Actor, kind: str, resource_id: str, merge: dict[str, Any], *, generation: int | None = None,
        dry_run: bool = False, key: str | None = None,
    ) -> Resource:  # fmt: skip
        """See Operations.patch."""
        once = _once(key, ["patch", kind, resource_id, generation, merge])
        work = _patch(kind, resource_id, merge, generation)
        return self.run(actor, work, dry_run=dry_run, once=once)

    def delete(
        self, actor: Actor, kind: str, resource_id: str, *, generation: int | None = None, dry_run: bool = False,
        key: str | None = None,
    ) -> Resource:  # fmt: skip
        """See Operations.delete."""
        once = _once(key, ["delete", kind, resource_id, generation])
        return self.run(
            actor, lambda tx: tx.delete(kind, resource_id, generation=generation), dry_run=dry_run, once=once
        )

    def perform(  # noqa: PLR0913 - what may be said about one change, named
        self, actor: Actor, kind: str, resource_id: str, verb: str, arguments: dict[str, Any], *,
        dry_run: bool = False, key: str | None = None,
    ) -> Resource:  # fmt: skip
        """See Operations.perform."""
        once = _once(key, ["perform", kind, resource_id, verb, arguments])
        return self.run(actor, lambda tx: tx.perform(kind, resource_id, verb, arguments), dry_run=dry_run, once=once)

    # ------------------------------------------------------------------------------------------------- reading

    def get(self, actor: Actor, kind: str, resource_id: str) -> Resource:
        """As it is now. Raises NotFound."""
        now_ns, found = self.clock(), self.store.get(resource_id)
        if found is not None and found.kind == kind and may_see(actor, found):
            now = settled(found, now_ns)
            if now.phase != DELETED:
                return now
        return self.store.read(lambda view: Lookup(view, actor, now_ns).get(kind, resource_id))

    def list(self, actor: Actor, query: Query) -> Page:
        """One page of what the actor may see."""
        return self.store.read(lambda view: Lookup(view, actor, self.clock()).page(query))

    def limits(self, account: str) -> dict[str, int]:
        """The quotas of an account that an operator has set."""
        return self.store.read(lambda view: limits_of(view, account))

    def uses(self, actor: Actor, kind: str, resource_id: str) -> tuple[Reference, ...]:
        """What refers to it. Raises NotFound."""

        def ask(lookup: Lookup) -> tuple[Reference, ...]:
            return lookup.users(lookup.get(kind, resource_id))

        return self.store.read(lambda view: ask(Lookup(view, actor, self.clock())))


def _cleared(work: Work, resource_id: str, now_ns: int) -> bool:
    resource = work.get(resource_id)
    if resource is None or settled(resource, now_ns).phase != DELETED:
        return False
    work.remove(resource, Actor(account=resource.account, label="twinspan", address="server"), "deleted")
    return True


class _Earlier(msgspec.Struct, frozen=True):
    value: Any


def _once(key: str | None, request: Any) -> Once | None:
    return None if key is None else Once(key=key, request=request)


def _patch(
    kind: str, resource_id: str, merge: dict[str, Any], generation: int | None
) -> Callable[[Operations], Resource]:
    return lambda tx: tx.patch(kind, resource_id, merge, generation=generation)


def _recalled(stored: Work, actor: Actor, once: Once, now_ns: int) -> _Earlier | None:
    """What was answered before. Raises ServiceError if the key went with another request."""
    if not 1 <= len(once.key) <= MAX_KEY_LENGTH or not once.key.isascii() or not once.key.isprintable():
        rule = f"A key has 1 to {MAX_KEY_LENGTH} printable ASCII characters."
        refusal = Refusal(code="key.form", field="key", rule=rule, problem="the key is no such text", remedy="send one")
        raise ServiceError("invalid", refusal)
    earlier = stored.recall(actor.account, once.key, now_ns)
    if earlier is None:
        return None
    if earlier.fingerprint != once.fingerprint:
        refusal = Refusal(
            code="key.reused",
            field="key",
            rule="A key stands for one request.",
            problem="the same key came with another request within 24 hours",
            remedy="send a new key with a new request",
        )
        raise ServiceError("key_reused", refusal)
    return _Earlier(_restored(earlier.answer))


def _kept(answer: Any) -> bytes:
    """For the memory of keys: without secrets."""
    if isinstance(answer, Resource):
        raw = msgspec.Raw(msgspec.json.encode(masked(answer), enc_hook=encode_hook))
        return msgspec.json.encode(_Kept(kind=answer.kind, resource=raw))
    return msgspec.json.encode(_Kept(plain=answer), enc_hook=encode_hook)


def _restored(answer: bytes) -> Any:
    kept = msgspec.json.decode(answer, type=_Kept)
    if not kept.kind:
        return kept.plain
    plain = msgspec.json.decode(kept.resource)
    spec = msgspec.convert(plain.pop("spec"), type=STORED_KINDS[kept.kind].spec, dec_hook=decode_hook)
    return Resource(spec=spec, **plain)
