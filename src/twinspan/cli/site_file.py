"""Read a site file: bytes -> data -> types -> complete site -> findings with line and column.

The one function that others call is `check`; `read` adds the file system, `findings_text` the form people read.

In: bytes or a path. Out: `CheckResult`. Next: `engine.compile`.
"""

import errno
import stat
from collections.abc import Iterator
from pathlib import Path as FilePath

from msgspec import Struct
from msgspec.structs import replace

from twinspan.engine.admission.admit import admit
from twinspan.engine.expand import expand
from twinspan.model.decode import decode
from twinspan.model.errors import Rejected
from twinspan.model.fields import DEFAULT_LIMITS, PROFILES, Limits, Profile
from twinspan.model.finding import Finding, has_errors, path_text
from twinspan.model.site import Site, SiteFile
from twinspan.wire import site_file as wire
from twinspan.wire.site_file_rules import SIZE_LIMIT

SHOWN_AT_ONCE = 20
"""Findings printed at once: what follows the twentieth is mostly its consequence."""

_NO_FILES = ((stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
_SEVERITIES = ("error", "warning", "info")


class CheckResult(Struct, frozen=True, kw_only=True):
    """`site` is None if any finding is an error. Findings are ordered by severity, then by place."""

    site: Site | None
    findings: tuple[Finding, ...]
    file_name: str


def check(text: bytes, file_name: str, limits: Limits = DEFAULT_LIMITS) -> CheckResult:
    """Everything there is to say about a site file. `limits`: see `model.fields`. Never raises on bad input."""
    parsed = wire.parse(text)
    if parsed.data is None:
        return CheckResult(site=None, findings=_located(parsed, parsed.findings), file_name=file_name)
    decoded = decode(SiteFile, parsed.data, profile=_profile(parsed.data), limits=limits)
    if decoded.value is None:
        return CheckResult(site=None, findings=_located(parsed, decoded.findings), file_name=file_name)
    site = expand(decoded.value)
    findings = _located(parsed, (*decoded.findings, *_noted(parsed, site, admit(site, limits))))
    return CheckResult(site=None if has_errors(findings) else site, findings=findings, file_name=file_name)


def read(path: FilePath, limits: Limits = DEFAULT_LIMITS) -> CheckResult:
    """`check` a file. Raises `Rejected` if it cannot be read at all."""
    try:
        content = read_file(path)
    except OSError as error:
        raise Rejected(f"cannot read {path}: {error.strerror}", remedy="give the path of a site file") from error
    return check(content, path.name, limits)


def read_file(path: FilePath) -> bytes:
    """A file's content, one byte more than a site file may have at most. Raises OSError.

    What is no file is not opened: reading a pipe waits for its writer, and some devices act when they are opened.
    """
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind):
        what = next((words for is_it, words in _NO_FILES if is_it(kind)), "a device")
        raise OSError(errno.EINVAL, f"it is {what} and no file")
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT + 1)


def _profile(data: dict[str, object]) -> Profile:
    return next((profile for profile in PROFILES if profile == data.get("profile")), PROFILES[0])


def _noted(parsed: wire.ParsedSite, site: Site, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Say so where a finding is about something that the file does not have."""
    for finding in findings:
        steps = (path_text(finding.path[:length]) for length in range(1, len(finding.path) + 1))
        if finding.path not in parsed.keys and any(step in site.made for step in steps):
            finding = replace(finding, note="not in the file; Twinspan adds it")
        yield finding


def _located(parsed: wire.ParsedSite, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    placed = []
    for finding in findings:
        if finding.line is None:
            place = wire.place_of(parsed, finding.path)
            finding = replace(finding, line=place.line, column=place.column)
        placed.append(finding)
    return tuple(sorted(placed, key=lambda one: (_SEVERITIES.index(one.severity), one.line or 0, one.column or 0)))


def findings_text(result: CheckResult) -> str:
    """The findings as people read them, at most twenty, and a last line that counts all."""
    shown = result.findings[:SHOWN_AT_ONCE]
    blocks = [_finding_text(finding, result.file_name) for finding in shown]
    left = len(result.findings) - len(shown)
    if left:
        blocks.append(f"... and {left} more\n")
    counts = [(severity, sum(finding.severity == severity for finding in result.findings)) for severity in _SEVERITIES]
    summary = ", ".join(
        f"{count} {name}{'s' if count > 1 and name != 'info' else ''}" for name, count in counts if count
    )
    return "\n".join([*blocks, f"{result.file_name}: {summary or 'nothing to report'}\n"])


def _finding_text(finding: Finding, file_name: str) -> str:
    where = path_text(finding.path)
    shown = f": {finding.value}" if finding.value else ""
    head = f"{finding.severity}[{finding.rule.id}] {file_name}:{finding.line}:{finding.column}"
    return (
        f"{head}{' ' if where else ''}{where}{shown}\n"
        f"    problem: {finding.problem}\n"
        f"    rule:    {finding.rule.text} ({finding.source or finding.rule.source})\n"
        f"    way out: {finding.remedy}\n" + (f"    note:    {finding.note}\n" if finding.note else "")
    )
