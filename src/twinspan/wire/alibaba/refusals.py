"""What the resource service refuses, as the compatible API says it: code, parameter instead of field, HTTP status.

The sentence is that of the finding: problem, rule and way out. In: the parts of a refusal, the shape of what was asked
for. Out: a `Fault`. Next: `server.alibaba.execute`.
"""

from __future__ import annotations

import re

from twinspan.model.field_plan import fields_of
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.refusal import Refusal
from twinspan.wire.alibaba.fault import Fault
from twinspan.wire.alibaba.shape import Shape, parameter_of

_CLOUD_CODE = re.compile(r"[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)+|[A-Z][a-z]+[A-Z][A-Za-z]+")
"""A code that is the cloud's own already: VpnGateway.Configuring."""

_KIND_WORDS = {
    "VirtualBorderRouter": "Vbr",
    "PhysicalConnection": "PhysicalConnection",
    "IpsecConnection": "VpnConnection",
    "DestinationRoute": "VpnRouteEntry",
    "PolicyRoute": "VpnPbrRouteEntry",
    "Vswitch": "VSwitch",
    "Cen": "CenInstance",
    "TransitRouter": "TransitRouterInstance",
    "FailoverTestJob": "FailoverTestJob",
    "OfficeNetwork": "OfficeSite",
}
"""Kinds in the cloud's codes, where they are called otherwise there."""

_FORM_CODES = {
    "R-FIELD-001": "UnsupportedParameter",
    "R-FIELD-002": "MissingParameter",
    "R-PEER-002": "MissingParameter",
    "key.form": "InvalidClientToken.Malformed",
    "key.reused": "IdempotentParameterMismatch",
    "name.taken": "InvalidName.AlreadyExists",
    "field.immutable": "OperationFailed.ImmutableParameter",
}
_VALUE_CODES = {"R-FIELD-004", "R-FIELD-005", "R-FIELD-006", "R-FIELD-010"}
"""The value is of the right form, and none of those that are possible."""
_OF_A_FIELD = ("R-FIELD-", "R-NAME-", "R-TAG-", "R-USER-", "request.")
"""Rules about the form of one value; other rules look at several."""
_BY_WHY = {"forbidden": ("Forbidden.RAM", 403), "quota": ("Resource.QuotaFull", 400)}


def fault_of(refusal: Refusal, why: str, of: Shape | None, absent: dict[str, str]) -> Fault:
    """why: the service's word (invalid, conflict, quota, forbidden, absent, ...). of: what the action is about; None:
    nothing in particular. absent: the code of each kind that is not found."""
    parameter = parameter_of(of, refusal.field) if of is not None and refusal.field else refusal.field
    code, status = _code(refusal, why, parameter, of, absent)
    place = f"{parameter}: " if parameter and refusal.field != "phase" else ""
    problem = refusal.problem or refusal.rule
    return Fault(
        code=code,
        status=status,
        message=f"{place}{problem} ({refusal.remedy}).",
        retry_after_s=refusal.retry_after_s,
    )


def _code(refusal: Refusal, why: str, parameter: str, of: Shape | None, absent: dict[str, str]) -> tuple[str, int]:
    if why in _BY_WHY:
        return _BY_WHY[why]
    if why == "absent":
        return (of.absent if of is not None else "InvalidInstanceId.NotFound"), 404
    if refusal.code in _FORM_CODES:
        return _FORM_CODES[refusal.code], 400
    last = re.sub(r"\.\d+$", "", parameter).rpartition(".")[2]
    last = f"{last[:1].upper()}{last[1:]}" or "Parameter"
    if refusal.code == "reference.absent":
        kind = _kind_of_reference(of, refusal.field)
        return absent.get(kind, f"Invalid{last}.NotFound"), 404
    if _CLOUD_CODE.fullmatch(refusal.code):
        return _in_cloud_words(refusal.code), 400
    if refusal.code in _VALUE_CODES:
        return f"Invalid{last}.ValueNotSupported", 400
    if why != "invalid" or not parameter:
        return "OperationConflict", 400
    return f"Invalid{last}.{'Malformed' if refusal.code.startswith(_OF_A_FIELD) else 'NotAllowed'}", 400


def _in_cloud_words(code: str) -> str:
    return ".".join(_KIND_WORDS.get(part, part) for part in code.split("."))


def _kind_of_reference(of: Shape | None, path: str) -> str:
    if of is None:
        return ""
    from_field = re.split(r"[.\[]", path.removeprefix("spec."))[0]
    return _references(of.kind).get(from_field, "")


def _references(kind: str) -> dict[str, str]:
    fields = fields_of(STORED_KINDS[kind].spec)
    return {name: field.extra["ref"] for name, field in fields.items() if "ref" in field.extra}
