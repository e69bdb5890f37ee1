"""The site file's text: YAML to plain data, with the place of every key and value.

A strict part of YAML: one document, mappings, lists and scalars. Anchors, aliases, tags, merge keys, duplicate keys and
tabs are refused, because a site file is read by people and by schema-driven editors alike. Only `true`, `false`, `null`
and decimal numbers are special; everything else is text (`no`, `010`, `1:30` and dates mean what they say).

In: bytes. Out: `ParsedSite`. Next: `model.decode` gives the data its types.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from msgspec import Struct
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from twinspan.model.field_check import value_text
from twinspan.model.finding import Finding, Path, Rule
from twinspan.wire.site_file_rules import (
    ALIAS,
    DEPTH,
    DEPTH_LIMIT,
    DOCUMENT,
    DUPLICATE,
    ENCODING,
    KEY,
    SIZE,
    SIZE_LIMIT,
    SYNTAX,
    TABS,
    TAG,
)

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})\Z")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class ParsedSite(Struct, frozen=True, kw_only=True):
    """`data` is None if a finding made reading on pointless."""

    data: dict[str, Any] | None
    keys: dict[Path, Place] = {}
    """Where each key or list entry stands."""
    values: dict[Path, Place] = {}
    """Where each scalar value stands."""
    findings: tuple[Finding, ...] = ()


class _Refused(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


def parse(content: bytes) -> ParsedSite:
    """Read a whole site file. Never raises on bad input: what is wrong is in `findings`."""
    refusal = _refuse_bytes(content)
    if refusal is None:
        text = content.decode("utf-8-sig")
        refusal = _refuse_text(text)
        if refusal is None:
            return _parse_text(text)
    return ParsedSite(data=None, findings=(refusal,))


def place_of(parsed: ParsedSite, path: Path) -> Place:
    """Where `path` stands; for something that the text does not have, where its nearest surroundings stand."""
    if path in parsed.values:
        return parsed.values[path]
    while path and path not in parsed.keys:
        path = path[:-1]
    return parsed.keys.get(path, Place(1, 1))


def _refuse_bytes(content: bytes) -> Finding | None:
    if len(content) > SIZE_LIMIT:
        return _finding(SIZE, f"the file has more than {SIZE_LIMIT} bytes", "one site per file; split it")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        problem = f"byte 0x{content[error.start]:02x} is not UTF-8"
        return _finding(ENCODING, problem, "save the file as UTF-8", place)
    return None


def _refuse_text(text: str) -> Finding | None:
    for number, line in enumerate(text.split("\n"), start=1):
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" in indentation and line.strip():
            return _finding(TABS, "a tab indents this line", "use spaces", Place(number, indentation.index("\t") + 1))
        if not line.isprintable():
            for column, character in enumerate(line.rstrip("\r"), start=1):
                if not character.isprintable() and character not in "\t\u00a0\u3000":
                    problem = f"control character U+{ord(character):04X}"
                    return _finding(ENCODING, problem, "remove it", Place(number, column))
    return None


def _parse_text(text: str) -> ParsedSite:
    builder = _Builder(yaml.parse(text, Loader=_LOADER))
    try:
        data = builder.document()
    except _Refused as refused:
        return ParsedSite(data=None, keys=builder.keys, findings=(*builder.findings, refused.finding))
    except yaml.YAMLError as error:
        return ParsedSite(data=None, keys=builder.keys, findings=(*builder.findings, _syntax(error)))
    return ParsedSite(
        data=None if builder.findings else data,
        keys=builder.keys,
        values=builder.values,
        findings=tuple(builder.findings),
    )


def _syntax(error: yaml.YAMLError) -> Finding:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
    problem = getattr(error, "problem", None) or "the text cannot be read"
    return _finding(SYNTAX, str(problem), "look at this line and the one before: quotes, colons, brackets", place)


class _Builder:
    """Builds the data from parser events, so that nothing is constructed before it has been looked at."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.events = events
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.findings: list[Finding] = []

    def document(self) -> dict[str, Any]:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                break
            if isinstance(event, StreamEndEvent):
                raise _Refused(
                    _finding(DOCUMENT, "the file is empty", "write at least: site, data_center, gateway, vpcs")
                )
        event = next(self.events)
        data = self.node(event, ())
        if not isinstance(data, dict):
            raise _Refused(
                _finding(
                    DOCUMENT, "the file holds no mapping", "begin with a line such as: site: my-site", _place(event)
                )
            )
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                raise _Refused(_finding(DOCUMENT, "a second document begins here", "one site per file", _place(event)))
        return data

    def node(self, event: Event, path: Path) -> Any:
        self.check(event, path)
        if isinstance(event, ScalarEvent):
            self.values[path] = _place(event)
            return _scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self.sequence(path)
        return self.mapping(path)

    def sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                break
            here = (*path, len(items))
            self.keys[here] = _place(event)
            items.append(self.node(event, here))
        return items

    def mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                break
            key = self.key(event, path)
            here = (*path, key)
            if key in data:
                first = self.keys[here].line
                self.findings.append(
                    _finding(DUPLICATE, f"{value_text(key)} stands here again, first in line {first}",
                             "keep one of them", _place(event), here)
                )  # fmt: skip
            self.keys[here] = _place(event)
            data[key] = self.node(next(self.events), here)
        return data

    def key(self, event: Event, path: Path) -> str:
        self.check(event, path)
        if not isinstance(event, ScalarEvent):
            raise _Refused(_finding(KEY, "a list or mapping is used as a key", "write a name", _place(event), path))
        key = str(event.value)
        if key == "<<" and event.implicit[0]:
            raise _Refused(_finding(ALIAS, "a merge key (<<)", "write the fields out", _place(event), path))
        if not key:
            raise _Refused(_finding(KEY, "a key is empty", "write a name before the colon", _place(event), path))
        return key

    def check(self, event: Event, path: Path) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            sign = "*" if isinstance(event, AliasEvent) else "&"
            name = value_text(getattr(event, "anchor", ""))
            problem = f"{sign}{name} is an {'alias' if sign == '*' else 'anchor'}"
            raise _Refused(
                _finding(ALIAS, f"{problem}: one line would then change several places unseen",
                         "write the value out at each place", _place(event), path)
            )  # fmt: skip
        tag = getattr(event, "tag", None)
        if isinstance(event, NodeEvent) and tag is not None and tag != "!":
            raise _Refused(_finding(TAG, f"the tag {value_text(tag)}", "remove it", _place(event), path))
        if len(path) >= DEPTH_LIMIT:
            raise _Refused(
                _finding(DEPTH, f"more than {DEPTH_LIMIT} levels", "no field nests that deep", _place(event), path[:3])
            )


def _scalar(event: ScalarEvent) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def _place(event: Event) -> Place:
    mark = event.start_mark
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _finding(rule: Rule, problem: str, remedy: str, place: Place | None = None, path: Path = ()) -> Finding:
    return Finding(
        rule=rule,
        path=path,
        problem=problem,
        remedy=remedy,
        line=place.line if place else None,
        column=place.column if place else None,
    )
