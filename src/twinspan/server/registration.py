"""Registrations: what stands between a proved serial and its URL.

In: a login that asks to be registered. Out: a claimed epoch and the URL, or a refusal with its reason. Where a
predecessor may still live it is asked first, without holding anything up. Next: `hub`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twinspan.server.clock import fresh_id, wall_ns
from twinspan.server.front import Front
from twinspan.server.store import Claim, DeviceRow
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.scram import ITERATIONS
from twinspan.wire.cloud_connection.server import RegistrationAsked, ServerLogin, credential_id

if TYPE_CHECKING:
    from twinspan.server.hub import Hub

PROBE_S = 5.0
"""So long a predecessor has to show that it lives."""


class Registrar:
    """Decides who is registered on this worker."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def admission(self, front: Front, now_ns: int) -> float | None:
        """Seconds to wait before trying again, in a storm; None: come in."""
        return None

    def register(self, front: Front, login: ServerLogin, asked: RegistrationAsked) -> None:
        """Answer now, or after the predecessor was asked."""
        row = self._hub.find(asked.request.serial)
        if row is None:
            front.answer(login.refused("removed", "the serial number is not added on this server"))
        elif row.worker is not None and row.boot_id != asked.request.boot_id:
            self._hub.spawn(self._ask_predecessor(front, login, asked, row), "takeover")
        else:
            self._grant(front, login, asked, row)

    async def _ask_predecessor(
        self, front: Front, login: ServerLogin, asked: RegistrationAsked, row: DeviceRow
    ) -> None:
        serial = row.serial
        if await self._hub.alive(serial, PROBE_S):
            detail = "another device with this serial number is connected and alive"
            self._hub.note(serial, "duplicate", f"refused {front.address}: {detail}", epoch=row.epoch)
            front.answer(login.refused("duplicate", detail, retry_after_s=60.0, status=409))
            return
        self._hub.close(serial, CloseCode.SUPERSEDED, "it did not answer, and a successor came")
        self._grant(front, login, asked, self._hub.find(serial) or row)

    def _grant(self, front: Front, login: ServerLogin, asked: RegistrationAsked, row: DeviceRow) -> None:
        request, now_ns, resume_id = asked.request, wall_ns(), fresh_id()
        verifier = row.verifier
        if asked.by == "token":
            if request.enrolment is None or request.enrolment.iterations != ITERATIONS:
                detail = f"enrolment: a verifier with {ITERATIONS} iterations is needed with a one-time token"
                front.answer(login.refused("session", detail, status=400))
                return
            verifier = request.enrolment
            if not self._hub.store.enrol(row, verifier, fresh_id(), now_ns):
                front.answer(login.refused("session", "the one-time token is spent or expired", status=401))
                return
            self._hub.note(row.serial, "enrolled", "one-time token replaced by the device's own secret")
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
            note="",
            swaps=row.swaps,
        )
        epoch = self._hub.store.claim(claim)
        if epoch is None:
            front.answer(login.refused("busy", "another login of this device was first", retry_after_s=1.0, status=409))
            return
        kind = "password" if asked.by == "token" else row.credential
        url = self._hub.expect(request, epoch)
        front.answer(login.accepted(url, epoch, now_ns, resume_id, credential_id=credential_id(kind, verifier)))
