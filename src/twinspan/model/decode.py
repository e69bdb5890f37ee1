"""Decode plain data (from YAML or JSON) into a declared struct, and say everything that is wrong, not the first thing.

Types, choices, ranges (those of the profile too), address formats, lengths and unknown fields all come from the
declarations in `fields.py` and their modules; nothing is restated here. Bad data is a finding, never an exception.

In: a struct type and plain data. Out: `Decoded`. Next: `engine.expand` fills the gaps, `engine.admission` judges.
"""

import difflib
import functools
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from msgspec import Struct
from msgspec import inspect as shapes

from twinspan.model import field_check
from twinspan.model.field_check import Problem, value_text
from twinspan.model.field_plan import Field, fields_of, without_none
from twinspan.model.field_rules import CHOICE, MISSING, SECRET, TYPE, UNKNOWN
from twinspan.model.fields import DEFAULT_LIMITS, Edge, Limits, Profile
from twinspan.model.finding import Finding, Path
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import SiteFile

StructT = TypeVar("StructT", bound=Struct)
_BROKEN: Any = object()


class Decoded(Struct, Generic[StructT], frozen=True, kw_only=True):
    """`value` is None if any finding is an error."""

    value: StructT | None
    findings: tuple[Finding, ...] = ()


@functools.cache
def profile_defaults(cls: type[Struct], profile: Profile, edge: Edge = "site_file") -> Mapping[str, Any]:
    """The defaults of a spec that are not the same in every profile, or at every edge."""
    found = {}
    for name, field in fields_of(cls).items():
        if edge == "alibaba" and "cloud_default" in field.extra:
            found[name] = field.extra["cloud_default"]
        elif profile in field.extra.get("defaults", {}):
            found[name] = field.extra["defaults"][profile]
        elif isinstance(field.default, Struct):
            found[name] = make(type(field.default), profile, edge)
    return found


def make(cls: type[StructT], profile: Profile, edge: Edge = "site_file", /, **given: object) -> StructT:
    """A spec with the profile's defaults for what is not given. The given values are the caller's promise."""
    return cls(**{**profile_defaults(cls, profile, edge), **given})


def decode(
    cls: type[StructT],
    plain: object,
    *,
    profile: Profile,
    path: Path = (),
    edge: Edge = "site_file",
    limits: Limits = DEFAULT_LIMITS,
) -> Decoded[StructT]:
    """Plain data to `cls`. `path` is where the data stands in something larger, `edge` where it came in, `limits`
    what the account's quotas allow."""
    decoder = _Decoder(profile, edge, limits, whole=cls is SiteFile)
    value = decoder.struct(cls, plain, path)
    return Decoded(value=None if value is _BROKEN else value, findings=tuple(decoder.findings))


class _Decoder:
    def __init__(self, profile: Profile, edge: Edge, limits: Limits, *, whole: bool) -> None:
        """`whole`: what is decoded is a site file, not a part of one."""
        self.profile = profile
        self.edge = edge
        self.limits = limits
        self._whole = whole
        self.findings: list[Finding] = []

    def struct(self, cls: type[StructT], plain: object, path: Path) -> StructT:
        if plain is None:
            plain = {}
        if not isinstance(plain, dict):
            return cast("StructT", self._wrong_type("a mapping of fields", plain, path, {}))
        fields = fields_of(cls)
        values: dict[str, Any] = dict(profile_defaults(cls, self.profile, self.edge))
        for key, part in plain.items():
            if key in fields and fields[key].required and part is None:
                values[key] = self._missing(key, fields[key], path, "is empty")
            elif key in fields:
                values[key] = self.value(fields[key].shape, part, (*path, key), fields[key].extra)
            else:
                self._unknown(key, tuple(fields), path)
                values[key] = _BROKEN
        for name, field in fields.items():
            if field.required and name not in plain:
                values[name] = self._missing(name, field, path, "is missing")
        if any(value is _BROKEN for value in values.values()):
            return cast("StructT", _BROKEN)
        return cls(**values)

    def value(self, shape: shapes.Type, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if isinstance(shape, shapes.UnionType):
            if plain is None:
                return None
            shape = without_none(shape)
        if isinstance(shape, shapes.StructType):
            if shape.cls is SecretSource:
                return self._secret(plain, path, extra)
            return self.struct(shape.cls, plain, path)
        if isinstance(shape, shapes.VarTupleType):
            return self._list(shape.item_type, plain, path, extra)
        if isinstance(shape, shapes.DictType):
            return self._mapping(shape.value_type, plain, path, extra)
        return self._scalar(shape, plain, path, extra)

    def _list(self, item: shapes.Type, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if not isinstance(plain, list):
            return self._wrong_type("a list", plain, path, extra)
        rest = {key: value for key, value in extra.items() if key != "length"}
        values = [self.value(item, part, (*path, index), rest) for index, part in enumerate(plain)]
        wrong_length = self._report(field_check.length(len(plain), extra, "entries"), "", path, extra)
        return _BROKEN if wrong_length or any(value is _BROKEN for value in values) else tuple(values)

    def _mapping(self, item: shapes.Type, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if not isinstance(plain, dict):
            return self._wrong_type("a mapping of names", plain, path, extra)
        values = {
            key: _BROKEN
            if self._report(field_check.characters(str(key)), key, path, extra)
            else self.value(item, part, (*path, key), {})
            for key, part in plain.items()
        }
        return _BROKEN if any(value is _BROKEN for value in values.values()) else values

    def _scalar(self, shape: shapes.Type, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if isinstance(shape, shapes.LiteralType):
            return self._choice(shape.values, plain, path, extra)
        if isinstance(shape, shapes.BoolType):
            return plain if isinstance(plain, bool) else self._wrong_type("true or false", plain, path, extra)
        if isinstance(shape, shapes.IntType | shapes.FloatType):
            whole = isinstance(shape, shapes.IntType)
            if isinstance(plain, bool) or not isinstance(plain, int if whole else int | float):
                return self._wrong_type("a whole number" if whole else "a number", plain, path, extra)
            problem = field_check.number(plain, extra, self.profile, self.limits)
            return _BROKEN if self._report(problem, plain, path, extra) else plain
        if not isinstance(plain, str):
            return self._wrong_type("a text", plain, path, extra)
        problem = field_check.text(plain, extra) or field_check.length(len(plain), extra, "characters")
        return _BROKEN if self._report(problem, plain, path, extra) else plain

    def _choice(self, choices: tuple[Any, ...], plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if plain in choices and plain != "" and type(plain) in {type(choice) for choice in choices}:
            return plain
        shown = [str(choice) for choice in choices if choice != ""]
        near = difflib.get_close_matches(plain, shown, n=1) if isinstance(plain, str) else []
        remedy = f"write {_either(shown)}" if not near else f"did you mean {near[0]}? possible: {_either(shown)}"
        self._report(Problem(CHOICE, f"{value_text(plain)} is not a value of this field", remedy), plain, path, extra)
        return _BROKEN

    def _secret(self, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        if isinstance(plain, str) and plain:
            return SecretSource(value=Secret(plain))
        if isinstance(plain, dict) and len(plain) == 1:
            ((place, name),) = plain.items()
            if isinstance(name, str) and name and place in {"file", "env"}:
                return SecretSource(file=name) if place == "file" else SecretSource(env=name)
        what = "it is only digits" if isinstance(plain, int) else "it is neither a text nor the place of one"
        self._report(
            Problem(SECRET, what, "write the key in quotes, or {file: PATH}, or {env: NAME}, or leave it out"),
            "",
            path,
            extra,
        )
        return _BROKEN

    def _wrong_type(self, wanted: str, plain: object, path: Path, extra: dict[str, Any]) -> Any:
        problem = f"it is {_type_name(plain)}, not {wanted}"
        remedy = f"write {wanted}"
        if plain is None:
            remedy = f"write {wanted}, or leave the field out"
        elif wanted == "a text":
            remedy = "put it in quotes"
        elif "number" in wanted and "unit" in extra:
            remedy = f"write {wanted} alone; the unit is {extra['unit']}"
        self._report(Problem(TYPE, problem, remedy), "" if isinstance(plain, dict | list) else plain, path, extra)
        return _BROKEN

    def _unknown(self, key: str, known: tuple[str, ...], path: Path) -> None:
        near = difflib.get_close_matches(key, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        where = "at the top of a site file" if self._whole and not path else "here"
        problem = Problem(UNKNOWN, f"there is no field {value_text(key)} {where}", remedy)
        self._report(problem, "", (*path, key), {})

    def _missing(self, name: str, field: Field, path: Path, how: str) -> Any:
        form = f" ({field.extra['form']})" if "form" in field.extra else ""
        self._report(Problem(MISSING, f"{name} {how}", f"write {name}{form}"), "", (*path, name), field.extra)
        return _BROKEN

    def _report(self, problem: Problem | None, value: object, path: Path, extra: dict[str, Any]) -> bool:
        if problem is None:
            return False
        self.findings.append(
            Finding(
                rule=problem.rule,
                path=path,
                problem=problem.text,
                remedy=problem.remedy,
                value=value_text(value),
                source=extra.get("source", ""),
            )
        )
        return True


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _type_name(plain: object) -> str:
    if plain is None:
        return "empty"
    if isinstance(plain, bool):
        return "true or false"
    if isinstance(plain, int | float):
        return "a number"
    if isinstance(plain, str):
        return "a text"
    return "a list" if isinstance(plain, list) else "a mapping"
