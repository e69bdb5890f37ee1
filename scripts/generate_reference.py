"""Writes the reference pages that follow from the model and the rules, so that no page restates a range.

Comes in: the declarations of `twinspan.model`, the rules of `twinspan.engine` and its quotas. Goes out: five files in
`docs/reference`, and the tables and examples of a sixth; with `--check` nothing is written and the exit code is 1 if
one of them is stale.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alibaba_page import alibaba_page
from cloud_connection_page import with_parts
from msgspec import Struct
from msgspec import inspect as shapes

from twinspan.engine.admission.admit import GROUNDWORK, RULES
from twinspan.engine.admission.names import TAG_VALUE_LENGTH
from twinspan.engine.lifecycle import PHASE_RULES
from twinspan.engine.quotas import QUOTAS, limit_of
from twinspan.engine.resource_rules import SERVICE_RULES
from twinspan.model.decode import profile_defaults
from twinspan.model.field_plan import Field, fields_of, structs_in, without_none
from twinspan.model.field_rules import FIELD_RULES
from twinspan.model.fields import PROFILES
from twinspan.model.finding import Rule
from twinspan.model.kinds import KINDS, STORED_KINDS, Kind
from twinspan.model.schema import schema_text
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import SiteFile
from twinspan.wire.site_file_rules import DEPTH_LIMIT, FILE_RULES, SIZE_LIMIT

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = "<!-- Made by `scripts/generate_reference.py` from the declarations; do not edit. -->\n"

EXAMPLE = """\
site: my-site
data_center:
  prefixes: [192.168.1.0/24]
gateway:
  public_address: 198.18.0.154
  local_asn: 65001
vpcs:
  office:
    cidr_block: 172.16.0.0/12
  user:
    cidr_block: 192.168.0.0/24
"""
"""The shortest site that works; a test admits it."""


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "site.schema.json": schema_text(),
        "site-file.md": site_file_page(),
        "resources.md": resources_page(),
        "rules.md": rules_page(),
        "alibaba-api.md": alibaba_page(MADE),
        "cloud-connection.md": with_parts((FOLDER / "cloud-connection.md").read_text(encoding="utf-8")),
    }


def type_text(shape: shapes.Type, extra: dict[str, Any]) -> str:
    """A field's type as people say it."""
    shape = without_none(shape)
    if isinstance(shape, shapes.LiteralType):
        return " \\| ".join(f"`{value}`" for value in shape.values if value != "")
    if isinstance(shape, shapes.VarTupleType):
        return f"list of {type_text(shape.item_type, extra)}"
    if isinstance(shape, shapes.DictType):
        return f"names, each with {type_text(shape.value_type, extra)}"
    if isinstance(shape, shapes.StructType):
        return "key" if shape.cls is SecretSource else f"[{shape.cls.__name__}](#{shape.cls.__name__.lower()})"
    names = {shapes.BoolType: "true or false", shapes.IntType: "whole number", shapes.FloatType: "number"}
    return names.get(type(shape)) or extra.get("form", "").replace("-", " ").replace("ip", "IP") or "text"


def range_text(extra: dict[str, Any]) -> str:
    """A field's range, per profile where profiles differ."""
    parts = []
    if "range" in extra:
        parts.append("{} to {}".format(*extra["range"]))
    if "ranges" in extra:
        parts.append(", ".join(str(low) if low == high else f"{low} to {high}" for low, high in extra["ranges"]))
    if "limits" in extra:
        parts += [f"{profile}: {low} to {high}" for profile, (low, high) in sorted(extra["limits"].items())]
    if "quota" in extra:
        parts.append(f"cloud: more where the quota `{extra['quota']}` allows it")
    if "excluded" in extra:
        parts += [f"not {number} ({reason})" for number, reason in extra["excluded"].items()]
    if "length" in extra:
        low, high = extra["length"]
        parts.append(f"{low} or more" if high is None else f"at most {high}" if not low else f"{low} to {high}")
    return "; ".join(parts)


def default_text(field: Field) -> str:
    """A field's default in the site file, and the compatible API's where it differs."""
    if field.required:
        return "**required**"
    if "filled" in field.extra:
        shown = f"*{field.extra['filled']}*"
    elif "defaults" in field.extra:
        shown = ", ".join(f"{profile}: `{value}`" for profile, value in sorted(field.extra["defaults"].items()))
    else:
        shown = value_text(field.default)
    cloud = field.extra.get("cloud_default", field.default)
    differs = cloud != field.default or ("filled" in field.extra and "cloud_default" in field.extra)
    return f"{shown}; API: {value_text(cloud)}" if differs else shown


def value_text(value: object) -> str:
    """A default as it is written in a site file."""
    if value is None or value == "" or isinstance(value, Struct):
        return "" if isinstance(value, Struct) else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple | dict):
        return f"`[{', '.join(map(str, value))}]`" if value else "none"
    return f"`{value}`"


def field_row(field: Field) -> str:
    """One row of a table of fields."""
    extra = field.extra
    meaning = field.description
    if "ref" in extra:
        meaning += f" Reference: {STORED_KINDS[extra['ref']].label}."
    if extra.get("immutable"):
        meaning += " Cannot change later."
    kind = type_text(field.shape, extra) + (f", {extra['unit']}" if "unit" in extra else "")
    source = extra.get("source", "") + (f"; API `{extra['api']}`" if "api" in extra else "")
    return f"| `{field.name}` | {kind} | {range_text(extra)} | {default_text(field)} | {meaning} | {source} |"


def field_table(cls: type[Struct], names: Iterable[str] | None = None) -> str:
    """The fields of a struct as a table."""
    wanted = fields_of(cls).values() if names is None else [fields_of(cls)[name] for name in names]
    head = "| field | type | range | default | meaning | source |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(map(field_row, wanted)) + "\n"


def site_file_page() -> str:
    """The site file as a whole, and the parts that are no resources."""
    sections = [name for name, field in fields_of(SiteFile).items() if isinstance(field.shape, shapes.DictType)]
    tops = [name for name in fields_of(SiteFile) if name not in sections]
    specs = {kind.spec for kind in KINDS.values()}
    from_tops = [cls for cls in structs_in(SiteFile) if cls not in specs and cls not in {SiteFile, SecretSource}]
    site_parts = [cls for cls in from_tops if not _belongs_to_resource(cls)]
    parts = "".join(f"\n### {cls.__name__}\n\n{_doc(cls)}\n\n{field_table(cls)}" for cls in site_parts)
    rows = "\n".join(f"| `{kind.section}` | {kind.label} | {_doc(kind.spec)} |" for kind in KINDS.values())
    return f"""{_introduction()}## Top level

{field_table(SiteFile, tops)}
Sections hold resources by name:

| section | kind | meaning |
|---|---|---|
{rows}

## Parts
{parts}"""


def _introduction() -> str:
    """What a site file is, before its fields."""
    return f"""# The site file
{MADE}
One YAML file describes one site. The shortest one that works:

```yaml
{EXAMPLE}```

Everything else has a default or is made: circuit, VBR, BGP, health check, VPN gateway, IPsec connection, transit
router, attachments, routes, DNS and DHCP. `twinspan plan` shows what was made; write it into the file to change it.
[resources.md](resources.md) lists every field of every resource, [rules.md](rules.md) every rule, and
[site.schema.json](site.schema.json) serves editors.

## What kind of YAML

One document in UTF-8, at most {SIZE_LIMIT} bytes, at most {DEPTH_LIMIT} levels deep, indented by spaces. Anchors,
aliases, merge keys and tags are refused: one line would then change places that its reader does not see. Only `true`,
`false`, `null` and decimal numbers are special; `yes`, `on`, `010` and `1:30` are texts.

## References

A reference is the name of a resource. Where only one resource can be meant it may be left out; where there are several,
it must be written.

## Keys

A pre-shared key or BGP key is a text, `{{file: PATH}}` or `{{env: NAME}}`. Left out, a lab makes one when it comes up.
Keys never appear in a plan, a finding or a log.

## Profiles

`profile: edge` (default) allows what Twinspan's own nodes can do, `profile: cloud` only what the seed's cloud can.
Ranges and defaults below name the profile where they differ.

## Findings

```
error[R-FIELD-004] site.yaml:12:14 virtual_border_routers.vbr.vlan_id: 3000
    problem: 3000 is outside 0 to 2999
    rule:    A number lies in the range of its field. (seed 004, Step 1)
    way out: write 0 to 2999
```

An error forbids going on; a warning does not. At most twenty are printed at once.

"""


def _belongs_to_resource(cls: type[Struct]) -> bool:
    return any(cls in list(structs_in(kind.spec))[1:] for kind in KINDS.values())


def _doc(cls: type[Struct]) -> str:
    return " ".join((cls.__doc__ or "").split())


def resources_page() -> str:
    """Every resource kind with every field."""
    in_files = "\n".join(_kind_part(kind) for kind in KINDS.values())
    stored = "\n".join(_kind_part(kind) for kind in STORED_KINDS.values() if kind.name not in KINDS)
    return f"""# Resources
{MADE}
Each kind has its section in the site file, or, where it says so, lives in the service alone. The service keeps all of
them under `/api/v1/` and the path beside the kind's name. A default is the site file's and the native API's; where the
compatible API has another one, `API:` says which.

{in_files}
{stored}
{_quotas_part()}"""


def _quotas_part() -> str:
    """What can be raised, from what, and who says so."""
    rows = "\n".join(f"| `{quota.name}` | {quota.limit} | {quota.text} | {quota.source} |" for quota in QUOTAS)
    return f"""## Quotas

The service counts these per account, and an operator can set another number. A site file that stands for itself is
judged by the defaults.

| quota | default | what holds | source |
|---|---|---|---|
{rows}
"""


def _kind_part(kind: Kind) -> str:
    form = kind.name_rule
    first = ", a letter first" if form.letter_first else ""
    marks = " ".join(f"`{mark}`" for mark in form.marks)
    in_file = kind.name in KINDS
    nested = [cls for cls in list(structs_in(kind.spec))[1:] if cls is not SecretSource]
    elsewhere = set() if in_file else {cls for cls in structs_in(SiteFile) if not _belongs_to_resource(cls)}
    here = [cls for cls in nested if cls not in elsewhere]
    parts = "".join(f"\n### {cls.__name__}\n\n{_doc(cls)}\n\n{field_table(cls)}" for cls in here)
    own = [name for name in fields_of(kind.spec) if name not in {"description", "tags"}]
    differs = ", ".join(f"`{name}`" for name in profile_defaults(kind.spec, PROFILES[0]))
    note = f"\nDefaults that differ by profile: {differs}.\n" if differs else ""
    table = field_table(kind.spec, own)
    for cls in elsewhere:
        table = table.replace(f"(#{cls.__name__.lower()})", f"(site-file.md#{cls.__name__.lower()})")
    where = f"Section `{kind.section}`." if in_file else "Only in the service, not in a site file."
    tags = limit_of("tags_per_resource")
    return f"""## {kind.label}

{_doc(kind.spec)}

{where} Path `{kind.path}`, ids `{kind.id_prefix}`.
Names: {form.min_length} to {form.max_length} letters, digits and {marks}{first}.
Every one may have a `description` and up to {tags} `tags`: keys of up to {kind.tag_key_length} characters,
values of up to {TAG_VALUE_LENGTH}.

{table}{note}{parts}"""


def rules_page() -> str:
    """Every rule with its identity, severity and source."""
    groups: Iterator[tuple[str, Iterable[Rule]]] = iter(
        (
            ("The text of the file", FILE_RULES),
            ("Every field", FIELD_RULES),
            ("References and names", (entry.rule for entry in GROUNDWORK)),
            ("The site as a whole", (entry.rule for entry in RULES)),
            ("Only in the service: resources", SERVICE_RULES),
            ("Only in the service: phases and uses", PHASE_RULES),
        )
    )
    parts = []
    for title, rules in groups:
        rows = "\n".join(f"| `{rule.id}` | {rule.severity} | {rule.text} | {rule.source} |" for rule in rules)
        parts.append(f"## {title}\n\n| rule | severity | what holds | source |\n|---|---|---|---|\n{rows}\n")
    return (
        f"# Rules\n{MADE}\nA finding names its rule. Each group is judged only when the one before has no errors, "
        "because it stands on it.\nA source that is one word is a call of the seed's cloud or this project's own "
        "decision (Twinspan).\nThe service judges a resource by the same rules among its neighbours, and by those that "
        "it alone has.\nIts quotas stand in [resources.md](resources.md#quotas).\n\n" + "\n".join(parts)
    )


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are stale."""
    stale = [name for name, text in pages().items() if not _is_fresh(name, text)]
    for name in stale:
        if "--check" in arguments:
            print(f"docs/reference/{name} is stale: run scripts/generate_reference.py")
        else:
            (FOLDER / name).write_text(pages()[name], encoding="utf-8")
            print(f"docs/reference/{name} written")
    return 1 if stale and "--check" in arguments else 0


def _is_fresh(name: str, text: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
