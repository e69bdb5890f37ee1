"""Registrations: what stands between a proved serial and its URL.

In: a login that asks to be registered. Out: a claimed epoch and the URL, or a refusal with its reason. Who owns the
serial is `engine.epoch`'s decision; where a predecessor may still live it is asked first, without holding anything up.
Next: `hub`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from twinspan.engine.admission_control import AdmissionControl, Admit, ComeBack, HandshakeBudget
from twinspan.engine.epoch import (
    PROBE_S,
    QUARANTINE_S,
    Grant,
    Ownership,
    ProbeFirst,
    ProbeResult,
    Quarantine,
    Refuse,
    Session,
    decide_owner,
)
from twinspan.engine.hardware import judge_hardware
from twinspan.model.errors import TwinspanError
from twinspan.server.clock import fresh_id, steady_ns, wall_ns
from twinspan.server.events import EventKind
from twinspan.server.front import Front
from twinspan.server.store import Claim, DeviceRow
from twinspan.wire.cloud_connection.liveness import NS_PER_S
from twinspan.wire.cloud_connection.messages import CloseCode, Verifier
from twinspan.wire.cloud_connection.scram import ITERATIONS
from twinspan.wire.cloud_connection.server import Credential, RegistrationAsked, ServerLogin, credential_id

if TYPE_CHECKING:
    from twinspan.server.hub import Hub


BROKEN_STORE_S = 5.0
"""When a device shall try again that came while nothing could be written."""


class KnownDevice(Credential, frozen=True, kw_only=True):
    """A credential, and the row that it stands in."""

    row: DeviceRow


class _Granted(NamedTuple):
    """Who gets an epoch as soon as it is claimed."""

    front: Front
    login: ServerLogin
    asked: RegistrationAsked
    row: DeviceRow
    rests_on: str
    """What the new resume ticket rests on."""


class Gate:
    """Admission in a storm: a budget of logins, a fair line for those who wait, a hint for those who cannot."""

    def __init__(self, budget: HandshakeBudget) -> None:
        self.control = AdmissionControl(budget)
        self._waiting: dict[str, tuple[Front, Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def pass_through(self, front: Front, source: str, go: Callable[[], None]) -> None:
        """Call `go` now or when it is this connection's turn; or send it away with a hint."""
        identity = str(id(front))
        for answer in self.control.arrive(identity, source, steady_ns()):
            if isinstance(answer, Admit):
                go()
            elif isinstance(answer, ComeBack):
                sent_away = front if answer.id == identity else self._waiting.pop(answer.id)[0]
                detail = "more devices connect than can be served: come back later"
                sent_away.refuse(503, "busy", detail, answer.retry_after_s)
            else:
                self._waiting[identity] = (front, go)
                self._arm()

    def left(self, front: Front) -> None:
        """The connection has gone."""
        if self._waiting and self._waiting.pop(str(id(front)), None) is not None:
            self.control.leave(str(id(front)))

    def _arm(self) -> None:
        next_ns = self.control.next_release_ns()
        if self._timer is None and next_ns is not None:
            delay_s = max(0.001, (next_ns - steady_ns()) / NS_PER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._release)

    def _release(self) -> None:
        self._timer = None
        for admitted in self.control.release(steady_ns()):
            _, go = self._waiting.pop(admitted.id)
            go()
        self._arm()


class Registrar:
    """Decides who is registered on this worker."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._granted: list[tuple[_Granted, Claim]] = []

    def register(self, front: Front, login: ServerLogin, asked: RegistrationAsked) -> None:
        """Answer now, or after the predecessor was asked."""
        request, known = asked.request, login.credential
        # The row that was found for its proof: if it is an old one by now, its epoch cannot be claimed.
        row = known.row if isinstance(known, KnownDevice) else self._hub.store.find(request.serial)
        if row is None:
            front.answer(login.refused("removed", "the serial number is not added on this server"))
            return
        hardware = judge_hardware(request.platform or row.platform, request.module_type or row.module_type)
        if not hardware.admitted:
            self._hub.note(row.serial, "refused", hardware.reason)
            front.answer(login.refused("incompatible_hardware", hardware.reason, retry_after_s=3600.0))
            return
        note = "" if hardware.listed or not request.platform else hardware.reason
        self._decide(front, login, asked, (row, note), None)

    def _decide(
        self,
        front: Front,
        login: ServerLogin,
        asked: RegistrationAsked,
        found: tuple[DeviceRow, str],
        probe: ProbeResult | None,
    ) -> None:
        row = found[0]
        decision, after = decide_owner(ownership_of(row), asked.request.boot_id, probe, wall_ns())
        if isinstance(decision, Grant):
            self._grant(front, login, asked, found, after)
        elif isinstance(decision, ProbeFirst):
            self._hub.spawn(self._ask(front, login, asked, found), "takeover")
        elif isinstance(decision, Quarantine):
            self._quarantine(front, login, row, decision)
        else:
            self._refuse(front, login, row, decision)

    async def _ask(
        self, front: Front, login: ServerLogin, asked: RegistrationAsked, found: tuple[DeviceRow, str]
    ) -> None:
        """Give the predecessor its chance, then decide again on what is known then."""
        row, note = found
        alive = await self._hub.alive(row.serial, row.worker, PROBE_S)
        now = self._hub.store.find(row.serial)
        if now is None:
            front.answer(login.refused("removed", "the serial number is not added on this server"))
            return
        if not alive:
            why = "it did not answer, and a successor came"
            await self._hub.end(row.serial, row.worker, CloseCode.DEAD, why, row.epoch)
            now = self._hub.store.find(row.serial) or now
        self._decide(front, login, asked, (now, note), ProbeResult(epoch=row.epoch, alive=alive))

    def _refuse(self, front: Front, login: ServerLogin, row: DeviceRow, decision: Refuse) -> None:
        kind: EventKind = "duplicate" if decision.alarm else "refused"
        self._hub.note(row.serial, kind, f"{front.address}: {decision.detail}", epoch=row.epoch)
        front.answer(login.refused(decision.reason, decision.detail, retry_after_s=decision.retry_after_s, status=409))

    def _quarantine(self, front: Front, login: ServerLogin, row: DeviceRow, decision: Quarantine) -> None:
        self._hub.store.quarantine(row.serial, decision.detail, wall_ns())
        self._hub.note(row.serial, "quarantined", decision.detail, epoch=row.epoch)
        self._hub.spawn(
            self._hub.end(row.serial, row.worker, CloseCode.QUARANTINED, decision.detail), "end of the quarantined"
        )
        front.answer(login.refused("quarantined", decision.detail, retry_after_s=decision.retry_after_s, status=409))

    def _grant(
        self,
        front: Front,
        login: ServerLogin,
        asked: RegistrationAsked,
        found: tuple[DeviceRow, str],
        after: Ownership,
    ) -> None:
        request, now_ns, resume_id = asked.request, wall_ns(), fresh_id()
        row, note = found
        verifier = row.verifier
        if asked.by == "token":
            verifier = self._enrol(front, login, asked, row, now_ns)
            if verifier is None:
                return
        claim = Claim(
            serial=row.serial,
            expected_epoch=row.epoch,
            boot_id=request.boot_id,
            worker=self._hub.settings.worker,
            at_ns=now_ns,
            resume_id=resume_id,
            address=front.address,
            platform=request.platform,
            module_type=request.module_type,
            software=request.software,
            note=note,
            swaps=after.swaps,
        )
        kind = "password" if asked.by == "token" else row.credential
        self._granted.append((_Granted(front, login, asked, row, credential_id(kind, verifier)), claim))
        if len(self._granted) == 1:
            asyncio.get_running_loop().call_soon(self._claim_all)

    def _claim_all(self) -> None:
        """What this round of the event loop has granted, in one transaction; nobody is answered before it is done."""
        waiting, self._granted = self._granted, []
        try:
            epochs = self._hub.store.claim_all([claim for _, claim in waiting])
        except (sqlite3.Error, TwinspanError):
            for granted, _ in waiting:
                granted.front.refuse(503, "busy", "the server cannot write to its database", BROKEN_STORE_S)
            raise
        for (granted, claim), epoch in zip(waiting, epochs, strict=True):
            self._accept(granted, claim, epoch)

    def _accept(self, granted: _Granted, claim: Claim, epoch: int | None) -> None:
        front, login, asked, row, rests_on = granted
        if epoch is None:
            front.answer(login.refused("busy", "another login of this device was first", retry_after_s=1.0, status=409))
            return
        self._hub.supersede(row.serial, epoch)
        if row.worker is not None and row.worker != self._hub.settings.worker:
            why = "a newer connection took over"
            ending = self._hub.end(row.serial, row.worker, CloseCode.SUPERSEDED, why, row.epoch)
            self._hub.spawn(ending, "end of the superseded")
        url = self._hub.expect(asked.request, epoch, front.host)
        resume_id = claim.resume_id or ""
        front.answer(login.accepted(url, epoch, claim.at_ns, resume_id, credential_id=rests_on, note=claim.note))

    def _enrol(
        self, front: Front, login: ServerLogin, asked: RegistrationAsked, row: DeviceRow, now_ns: int
    ) -> Verifier | None:
        """Replace the one-time token; None after a refusal."""
        verifier = asked.request.enrolment
        if verifier is None or verifier.iterations != ITERATIONS:
            detail = f"enrolment: a verifier with {ITERATIONS} iterations is needed with a one-time token"
            front.answer(login.refused("session", detail, status=400))
            return None
        if not self._hub.store.enrol(row, verifier, fresh_id(), now_ns):
            front.answer(login.refused("session", "the one-time token is spent or expired", status=401))
            return None
        self._hub.note(row.serial, "enrolled", "one-time token replaced by the device's own secret")
        return verifier


def ownership_of(row: DeviceRow) -> Ownership:
    """The store's row as `engine.epoch` sees it."""
    session = None
    if row.boot_id is not None and row.epoch > 0:
        session = Session(epoch=row.epoch, boot_id=row.boot_id, live=row.worker is not None)
    until_ns = None
    if row.quarantined_at_ns is not None:
        until_ns = row.quarantined_at_ns + QUARANTINE_S * NS_PER_S
    return Ownership(epoch=row.epoch, session=session, swaps=row.swaps, quarantined_until_ns=until_ns)
