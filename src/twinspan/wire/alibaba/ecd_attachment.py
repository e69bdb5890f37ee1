"""How an office network's VPC is attached to a CEN instance: its own account's, or another's with that one's code.

Nobody but the office network's owner knows its VPC, so who attaches it wants it to work: association, propagation and
publishing are on. A CEN instance of another account needs the code that its owner was sent (SendVerifyCode). In: the
kinds OfficeNetwork, CenVerification. Out: steps. Next: `ecd_office_site.py`, `ecd_cen.py`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from twinspan.model.cen_verification import VALID_MIN
from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Call, Made, Step
from twinspan.wire.alibaba.cbn import CEN, field
from twinspan.wire.alibaba.cbn_child_instance import Plug, attach_steps, detach_steps
from twinspan.wire.alibaba.fault import Fault, missing, not_found
from twinspan.wire.alibaba.view import View

NS_PER_MIN = 60_000_000_000
WRONG_CODE = "InvalidVerifyCode"


def attachment_of(office: Resource, view: View) -> Resource | None:
    """Where its VPC is attached, to whoever's CEN instance."""
    return next(iter(view.of("").users("Attachment", field(office, "vpc"))), None)


def unplugged(office: Resource, view: View) -> tuple[Step, ...]:
    """The steps that take an office network out of its CEN instance; a grant that was for this goes, too."""
    attachment = attachment_of(office, view)
    if attachment is None:
        return ()
    grants = [one for one in view.all("AttachmentGrant") if field(one, "instance") == field(office, "vpc")]
    gone = (Step(verb="delete", kind="AttachmentGrant", id=one.id) for one in grants)
    return (*detach_steps(attachment, view.of(attachment.account)), *gone)


def owner_of_cen(cen: str, number: Any, view: View) -> View | Fault:
    """The view of the account that has the CEN instance; the number may be left out where it is the caller's."""
    if number in (None, ""):
        return view if view.get("Cen", cen) is not None else not_found(CEN.absent, CEN.label, cen)
    account = view.account_named(str(number))
    owner = view.of(account) if account else view
    if account is None or owner.get("Cen", cen) is None:
        return not_found("InvalidCen.CenUidInvalid", f"CEN instance of account {number}", cen)
    return view if account == view.account else owner


def codes(cen: str, asked_by: str, owner: View) -> list[Resource]:
    """What the owner of a CEN instance was sent for an account, worth something or not."""
    asked = owner.all("CenVerification")
    return [one for one in asked if field(one, "cen") == cen and field(one, "asked_by") == asked_by]


def code_fault(cen: str, given: Mapping[str, Any], owner: View, view: View) -> Fault | None:
    """Whether the caller may use a CEN instance: it is its own, or it knows the newest code."""
    if owner.account == view.account:
        return None
    if not given.get("VerifyCode"):
        return missing("VerifyCode")
    valid = [one for one in codes(cen, view.account, owner) if view.now_ns - one.created_ns < VALID_MIN * NS_PER_MIN]
    if valid and hmac.compare_digest(field(valid[-1], "code").encode(), str(given["VerifyCode"]).encode()):
        return None
    remedy = f"ask for one with SendVerifyCode; the owner of the CEN instance reads it; it holds {VALID_MIN} minutes"
    return Fault(code=WRONG_CODE, message=f"VerifyCode: it is not the newest code of this CEN instance ({remedy}).")


def office_steps(call: Call, vpc: str | Made, name: str, view: View, before: int = 0) -> tuple[Step, ...] | Fault:
    """The steps that attach an office network's VPC to the CEN instance of the request."""
    cen = call.text("CenId")
    owner = owner_of_cen(cen, call.parameters.get("CenOwnerId"), view)
    if isinstance(owner, Fault):
        return owner
    fault = code_fault(cen, call.parameters, owner, view)
    if fault is not None:
        return fault
    foreign = view.account if owner.account != view.account else ""
    first: tuple[Step, ...] = ()
    if foreign:  # the code says that both agree: the network is granted, the code is used up
        grant = {"instance": vpc, "cen": cen, "cen_account": owner.account}
        used = (
            Step(verb="delete", kind="CenVerification", id=one.id, account=owner.account)
            for one in codes(cen, view.account, owner)
        )
        first = (Step(verb="create", kind="AttachmentGrant", spec=grant), *used)
    plug = Plug(
        kind="Vpc",
        network=vpc,
        account=foreign,
        name=f"{name}-attachment" if name else "",
        before=before + len(first),
    )
    steps = attach_steps(cen, plug, owner)
    return steps if isinstance(steps, Fault) else (*first, *steps)
