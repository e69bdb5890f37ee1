"""A site as the text of a site file: what `site_file.parse` reads back to the same site.

Fields that have their default are left out, keys are never written. In: a `SiteFile` or `Site`. Out: YAML, or plain
data for JSON. Next: `cli.apply`, `server.resources.apply`.
"""

from typing import Any

import msgspec
import yaml
from msgspec import Struct

from twinspan.model.decode import profile_defaults
from twinspan.model.field_plan import fields_of
from twinspan.model.fields import Profile
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import SiteFile

WIDTH = 110
HEAD = "# Site {}, as the server has it. Keys are not in it: applied again, those of the server stay."


def to_plain(site: SiteFile, *, keys: bool = True) -> dict[str, Any]:
    """Plain data that `decode` makes the same site of, with the keys in clear that the site has, or without any."""
    return _plain(site, site.profile, keys=keys)


def site_text(site: SiteFile) -> str:
    """A site file without its keys."""
    plain = _plain(site, site.profile, keys=False)
    head = {"site": plain.pop("site")}
    body = yaml.safe_dump(head | plain, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None)
    return f"{HEAD.format(site.site)}\n{body}"


def _plain(value: Struct, profile: Profile, *, keys: bool) -> dict[str, Any]:
    defaults = profile_defaults(type(value), profile)
    found: dict[str, Any] = {}
    for name, field in fields_of(type(value)).items():
        if name == "made":
            continue
        part = getattr(value, name)
        if not field.required and part == defaults.get(name, field.default):
            continue
        if isinstance(part, SecretSource) and not keys:
            continue
        found[name] = _part(part, profile, keys=keys)
    return found


def _part(part: Any, profile: Profile, *, keys: bool) -> Any:
    if isinstance(part, SecretSource):
        return part.value.reveal() if isinstance(part.value, Secret) else _place(part)
    if isinstance(part, Struct):
        return _plain(part, profile, keys=keys)
    if isinstance(part, dict):
        return {key: _part(one, profile, keys=keys) for key, one in part.items()}
    if isinstance(part, tuple):
        return [_part(one, profile, keys=keys) for one in part]
    return msgspec.to_builtins(part)


def _place(source: SecretSource) -> dict[str, str]:
    return {"file": source.file} if source.file else {"env": source.env}
